"""Frames that a client of the chat socket may send (API.md 9.1)."""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from server.wire.appointments import AppointmentBody
from server.wire.decoding import Reader
from server.wire.widgets import ContextBody, PageBody, Timestamp

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
    """The first frame. `load` is the page load's eight characters, as in the ids of its events.

    `sent_at` is what the client's clock shows: timestamps of one that is more than two seconds off are corrected.
    """

    token: Annotated[str, Meta(max_length=4_096)]
    visitor_token: Annotated[str, Meta(max_length=4_096)] | None = None
    resume: Resume | None = None
    page: PageBody | None = None
    context: ContextBody | None = None
    visible: bool | None = None
    load: Annotated[str, Meta(min_length=8, max_length=8)] | None = None
    sent_at: Timestamp | None = None


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


class BookFrame(AppointmentBody, frozen=True, kw_only=True):
    """A slot was chosen for this session; `client_id` makes a repeat the same booking."""

    client_id: Annotated[str, Meta(min_length=1, max_length=256)] | None = None


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
    | BookFrame
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
    "book": Reader(BookFrame),
    "ping": Reader(PingFrame),
}


def frame_type(raw: bytes) -> str:
    """Read a frame's type; raises ApiError when it is no object with a `type`."""
    return _type_reader.read(raw).type
