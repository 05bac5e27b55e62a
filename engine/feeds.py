"""What the dashboards of a workspace are told, in order and numbered, and who listens to it now."""

from collections.abc import Callable
from typing import Protocol

import msgspec

from engine.causes import Cause
from engine.outbox.contents import PassingContent
from engine.outbox.dashboard import dashboard_events
from engine.stores.base import FeedPage, Store


class FeedRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """One event as a feed keeps it; `source` and `session` "" are those of no site and no session."""

    type: str
    at_ms: int
    data: msgspec.Raw
    source: str = ""
    session: str = ""


class FeedListener(Protocol):
    """Somebody who is told on the loop what is new; both return at once and raise nothing."""

    def hear_kept(self, record: FeedRecord, offset: int, size_bytes: int) -> None:
        """Learn that the feed holds one event more; it is read from the store."""
        ...

    def hear_passing(self, record: FeedRecord, key: str) -> None:
        """Take an event that is kept nowhere; a newer one of its type and key takes its place."""
        ...


BEYOND_ALL = 2**53
"""No event of a feed has so high an offset."""

_decode = msgspec.json.Decoder(FeedRecord).decode
_encode = msgspec.json.Encoder().encode


def decode_record(body: bytes) -> FeedRecord:
    """Read the body of a feed's event."""
    return _decode(body)


class LiveFeed:
    """The feeds of all workspaces over one store, and their listeners in this process."""

    def __init__(self, store: Store) -> None:
        """Keep feeds in `store`; nobody listens yet."""
        self._store = store
        self._listeners: dict[str, list[FeedListener]] = {}
        self._newest: dict[str, int] = {}
        self.on_change: Callable[[], None] | None = None
        """Called on the loop when the first listener of a workspace came or its last one left."""

    @property
    def workspaces(self) -> tuple[str, ...]:
        """Return the workspaces that are listened to."""
        return tuple(self._listeners)

    def listen(self, workspace: str, listener: FeedListener) -> Callable[[], None]:
        """Listen to a workspace; call what is returned to listen no more."""
        listeners = self._listeners.setdefault(workspace, [])
        listeners.append(listener)
        if len(listeners) == 1:
            self._changed()

        def leave() -> None:
            if listener in listeners:
                listeners.remove(listener)
                if not listeners:
                    del self._listeners[workspace]
                    self._changed()

        return leave

    async def place(self, workspace: str) -> tuple[str, int]:
        """Return the epoch of a workspace's feed and its newest offset."""
        page = await self._store.feed_after(workspace, None, BEYOND_ALL, 1)
        return page.epoch, page.offset

    async def after(self, workspace: str, epoch: str, offset: int) -> FeedPage:
        """Read a workspace's feed after an offset."""
        return await self._store.feed_after(workspace, epoch, offset)

    async def publish(self, cause: Cause) -> None:
        """Add the dashboard events of a cause to its workspace's feed; safe to do twice."""
        for event in dashboard_events(cause):
            record = FeedRecord(
                event.type,
                cause.at_ms,
                msgspec.Raw(_encode(event.content)),
                cause.source,
                cause.session,
            )
            body = _encode(record)
            name = f"{cause.id}|{event.type}"
            offset = await self._store.feed_add(cause.workspace, name, body)
            if offset > self._newest.get(cause.workspace, 0):
                self._newest[cause.workspace] = offset
                for listener in tuple(self._listeners.get(cause.workspace, ())):
                    listener.hear_kept(record, offset, len(body))

    def show(  # noqa: PLR0913  # one event's fields
        self,
        workspace: str,
        kind: str,
        key: str,
        content: PassingContent,
        at_ms: int,
        *,
        source: str = "",
        session: str = "",
    ) -> None:
        """Show what is so now to whoever listens; nothing of it is kept."""
        record = FeedRecord(kind, at_ms, msgspec.Raw(_encode(content)), source, session)
        for listener in tuple(self._listeners.get(workspace, ())):
            listener.hear_passing(record, key)

    def _changed(self) -> None:
        if self.on_change is not None:
            self.on_change()
