"""Frames of the chat socket (API.md 9.1): what a client may send, and what it is sent."""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from engine.message import Message
from server.errors import ApiError
from server.wire.decoding import Reader
from server.wire.envelope import rfc3339
from server.wire.widgets import PROTOCOL, ContextBody, PageBody, RejectedItem

FRAME_BYTES_MAX = 65_536
TRACK_EVENTS_MAX = 50
SUBPROTOCOL = "opportune.v1"

MessageId = Annotated[str, Meta(min_length=1, max_length=64)]


class FrameType(Struct, frozen=True):
    """What every frame has."""

    type: str


class Resume(Struct, frozen=True):
    """Where a client stopped reading."""

    epoch: Annotated[str, Meta(max_length=64)]
    offset: Annotated[int, Meta(ge=0, le=2**53)]


class AuthFrame(Struct, frozen=True):
    """The first frame. `load` is the page load's eight characters, as in the ids of its events."""

    token: Annotated[str, Meta(max_length=4_096)]
    visitor_token: Annotated[str, Meta(max_length=4_096)] | None = None
    resume: Resume | None = None
    page: PageBody | None = None
    context: ContextBody | None = None
    visible: bool | None = None
    load: Annotated[str, Meta(min_length=8, max_length=8)] | None = None


class MessageFrame(Struct, frozen=True):
    """What the visitor wrote."""

    text: str
    client_id: Annotated[str, Meta(min_length=1, max_length=256)] | None = None


class AboutMessageFrame(Struct, frozen=True):
    """A message was displayed, read or dismissed."""

    message_id: MessageId


class ReplyFrame(Struct, frozen=True):
    """A quick reply was clicked."""

    message_id: MessageId
    value: Annotated[str, Meta(min_length=1, max_length=64)]


class TypingFrame(Struct, frozen=True):
    """The visitor began or stopped to type."""

    state: bool


class TrackFrame(Struct, frozen=True):
    """Events, as items of a batch."""

    events: Annotated[list[msgspec.Raw], Meta(min_length=1, max_length=TRACK_EVENTS_MAX)]


class PageFrame(Struct, frozen=True):
    """The page changed without a load."""

    url: str
    title: str | None = None


class VisibilityFrame(Struct, frozen=True):
    """The tab was hidden or shown."""

    visible: bool


class PingFrame(Struct, frozen=True):
    """A sign of life that the application wants answered."""

    id: str | int | None = None


ClientFrame = (
    AuthFrame
    | MessageFrame
    | ReplyFrame
    | TypingFrame
    | TrackFrame
    | PageFrame
    | VisibilityFrame
    | PingFrame
    | AboutMessageFrame
)

_type_reader = Reader(FrameType)
READERS: dict[str, Reader[ClientFrame]] = {
    "auth": Reader(AuthFrame),
    "message": Reader(MessageFrame),
    "displayed": Reader(AboutMessageFrame),
    "read": Reader(AboutMessageFrame),
    "dismissed": Reader(AboutMessageFrame),
    "reply_clicked": Reader(ReplyFrame),
    "typing": Reader(TypingFrame),
    "track": Reader(TrackFrame),
    "page": Reader(PageFrame),
    "visibility": Reader(VisibilityFrame),
    "ping": Reader(PingFrame),
}


def frame_type(raw: bytes) -> str:
    """Read a frame's type; raises ApiError when it is no object with a `type`."""
    return _type_reader.read(raw).type


def hello_frame(  # noqa: PLR0913  # one frame's fields
    *,
    session_id: str,
    visitor_id: str,
    status: str,
    epoch: str,
    offset: int,
    recovered: bool,
    visitor_token: str,
    now_ms: int,
) -> dict[str, object]:
    """Greet an authenticated client."""
    return {
        "type": "hello",
        "protocol": PROTOCOL,
        "session_id": session_id,
        "visitor_id": visitor_id,
        "status": status,
        "epoch": epoch,
        "offset": offset,
        "recovered": recovered,
        "visitor_token": visitor_token,
        "server_time": rfc3339(now_ms),
    }


def ack_frame(message: Message, epoch: str, client_id: str | None) -> dict[str, object]:
    """Tell a sender that its message is stored, in the message's place of the sequence."""
    return {
        "type": "message_ack",
        "client_id": client_id,
        "message_id": message.id,
        "offset": message.offset,
        "epoch": epoch,
    }


def track_ack_frame(
    accepted: int, duplicates: int, rejected: list[RejectedItem]
) -> dict[str, object]:
    """Answer a `track` frame."""
    return {
        "type": "track_ack",
        "accepted": accepted,
        "duplicates": duplicates,
        "rejected": rejected,
    }


def error_frame(error: ApiError, ref: str | None) -> dict[str, object]:
    """Tell what was wrong with a frame; the socket stays open."""
    details: dict[str, object] = {} if error.field is None else {"field": error.field}
    details |= {"reason": error.reason, **error.details}
    return {
        "type": "error",
        "code": error.code,
        "message": error.message,
        "details": details,
        "ref": ref,
    }
