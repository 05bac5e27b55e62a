"""Frames of the tenant socket (API.md 9.2): what a dashboard may send, and what it is sent."""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from engine.feeds import FeedRecord
from engine.shown import rfc3339
from server.access.jwt_tokens import TOKEN_BYTES_MAX
from server.access.scopes import Role
from server.wire.decoding import Reader
from server.wire.server_frames import ErrorOut, PongOut, ServerFrame
from server.wire.sockets import PingFrame, Resume

TOPICS_MAX = 32
TOPIC_CHARS_MAX = 64

Topic = Annotated[str, Meta(min_length=1, max_length=TOPIC_CHARS_MAX)]
Topics = Annotated[list[Topic], Meta(min_length=1, max_length=TOPICS_MAX)]
FilterId = Annotated[str, Meta(min_length=1, max_length=256)]


class Filter(Struct, frozen=True):
    """Of what belongs to a session or a site, only this is wanted."""

    source_id: FilterId | None = None
    session_id: FilterId | None = None


class TenantAuthFrame(Struct, frozen=True):
    """The first frame; one more before the token expires prolongs the socket.

    `topics` may hold `*`; with `filter` they are what a `subscribe` says, from the first event on.
    """

    token: Annotated[str, Meta(max_length=TOKEN_BYTES_MAX)]
    resume: Resume | None = None
    topics: Topics | None = None
    filter: Filter | None = None


class SubscribeFrame(Struct, frozen=True):
    """What the dashboard wants to hear from now on; it takes the place of what it wanted before."""

    topics: Topics
    filter: Filter = Filter()


class AuthOkContent(Struct, frozen=True):
    """What an authenticated dashboard is told: where its feed is now."""

    workspace_id: str
    role: Role
    epoch: str
    offset: int


class AuthOkOut(ServerFrame, frozen=True, tag="auth:ok"):
    """Answers `auth`; what was missed follows."""

    data: AuthOkContent


class SubscribeOkContent(Struct, frozen=True):
    """What is wanted from now on."""

    topics: list[str]
    filter: Filter


class SubscribeOkOut(ServerFrame, frozen=True, tag="subscribe:ok"):
    """Answers `subscribe`."""

    data: SubscribeOkContent


class ResyncOut(ServerFrame, frozen=True, tag="resync"):
    """Events are missing for good: load everything over HTTP; what follows begins after `offset`."""

    epoch: str
    offset: int


class TenantEventOut(Struct, frozen=True):
    """One event of the workspace; what is not kept carries the offset of the newest one that is."""

    type: str
    data: msgspec.Raw
    offset: int
    timestamp: str


ClientFrame = TenantAuthFrame | SubscribeFrame | PingFrame
TenantFrame = AuthOkOut | SubscribeOkOut | ResyncOut | TenantEventOut | PongOut | ErrorOut

READERS: dict[str, Reader[ClientFrame]] = {
    "auth": Reader(TenantAuthFrame),
    "subscribe": Reader(SubscribeFrame),
    "ping": Reader(PingFrame),
}


def event_out(record: FeedRecord, offset: int) -> TenantEventOut:
    """Show an event of a feed at its place, or something of the present beside it."""
    return TenantEventOut(record.type, record.data, offset, rfc3339(record.at_ms))
