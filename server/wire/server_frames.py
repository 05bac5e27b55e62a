"""Frames that the chat socket sends (API.md 9.1); the AsyncAPI document is made from them."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from engine.message import Message
from server.errors import ApiError
from server.wire.conversation_frames import EventFrame, MessageFrame
from server.wire.widgets import PROTOCOL, RejectedItem

Offset = Annotated[int, Meta(ge=1, description="1, 2, 3 … without gaps within an epoch")]
Instant = Annotated[str, Meta(description="RFC 3339, UTC, whole seconds")]


class ServerFrame(Struct, frozen=True, tag_field="type"):
    """What every frame has: its type."""


class HelloFrame(ServerFrame, frozen=True, tag="hello"):
    """Greets an authenticated client; what it missed follows."""

    session_id: str
    visitor_id: str
    status: Literal["active", "queued", "closed"]
    epoch: str
    offset: int
    recovered: bool
    visitor_token: str
    server_time: Instant
    protocol: int = PROTOCOL


class AckOut(ServerFrame, frozen=True, tag="message_ack"):
    """Tells a sender that its message is stored, in the message's place of the sequence."""

    client_id: str | None
    message_id: str
    offset: Offset
    epoch: str


class TypingOut(ServerFrame, frozen=True, tag="typing"):
    """The assistant began or stopped to write."""

    state: bool
    sender: Literal["assistant"] = field(name="from", default="assistant")


class DeltaOut(ServerFrame, frozen=True, tag="delta"):
    """The next piece of a message that is being written; the whole one follows under the same id."""

    id: str
    text: str


class TrackAckOut(ServerFrame, frozen=True, tag="track_ack"):
    """Answers a `track` frame."""

    accepted: int
    duplicates: int
    rejected: list[RejectedItem]


class PongOut(ServerFrame, frozen=True, tag="pong", omit_defaults=True):
    """Answers a `ping` with its id."""

    id: str | int | None = None


class ErrorOut(ServerFrame, frozen=True, tag="error"):
    """Tells what was wrong with a frame; the socket stays open."""

    code: str
    message: str
    details: dict[str, object]
    ref: str | None


SocketFrame = (
    HelloFrame
    | MessageFrame
    | EventFrame
    | AckOut
    | TypingOut
    | DeltaOut
    | TrackAckOut
    | PongOut
    | ErrorOut
)


def ack_out(message: Message, epoch: str, client_id: str | None) -> AckOut:
    """Acknowledge a visitor's message."""
    return AckOut(client_id, message.id, message.offset, epoch)


def error_out(error: ApiError, ref: str | None) -> ErrorOut:
    """Tell a client what was wrong, in the words of the API's errors."""
    details: dict[str, object] = {} if error.field is None else {"field": error.field}
    details |= {"reason": error.reason, **error.details}
    return ErrorOut(error.code, error.message, details, ref)
