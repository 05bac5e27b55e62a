"""What the dashboards of a workspace are told, in order and numbered, and who listens to it now."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import msgspec

from engine.causes import Cause, VisitorErased
from engine.errors import StoreUnavailable
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


class Shown(msgspec.Struct, frozen=True):
    """An event of the present on its way to another worker."""

    key: str
    record: FeedRecord


class FeedListener(Protocol):
    """Somebody who is told on the loop what is new; all return at once and raise nothing."""

    def hear_kept(self, record: FeedRecord, offset: int, size_bytes: int) -> None:
        """Learn that the feed holds one event more; it is read from the store."""
        ...

    def hear_passing(self, record: FeedRecord, key: str) -> None:
        """Take an event that is kept nowhere; a newer one of its type and key takes its place."""
        ...

    def look_again(self) -> None:
        """Learn that the feed may hold more, or has begun anew."""
        ...


BEYOND_ALL = 2**53
"""No event of a feed has so high an offset."""

PASSED_AT_ONCE_MAX = 64
"""Events of the present in one message to the other workers."""

TO_PASS_LEN_MAX = 10_000
"""Events of the present that wait to be passed to other workers; beyond, the oldest are left out."""

RETRY_S = 0.25
"""How long it is waited when the store does not answer."""

_decode = msgspec.json.Decoder(FeedRecord).decode
_encode = msgspec.json.Encoder().encode
_decode_shown = msgspec.json.Decoder(list[Shown]).decode
_log = logging.getLogger("opportune.feeds")


def decode_record(body: bytes) -> FeedRecord:
    """Read the body of a feed's event."""
    return _decode(body)


def _is_everywhere(_: str) -> bool:
    """Suppose that somebody listens at another worker."""
    return True


def _take_none(_: str, __: FeedRecord, ___: str) -> bool:
    """Keep nothing of what other workers show for later."""
    return False


class LiveFeed:
    """The feeds of all workspaces over one store, and their listeners in this process."""

    def __init__(self, store: Store) -> None:
        """Keep feeds in `store`; nobody listens yet."""
        self._store = store
        self._listeners: dict[str, list[FeedListener]] = {}
        # By workspace: the epoch, "" for an unknown one, and the newest offset that listeners heard of.
        self._newest: dict[str, tuple[str, int]] = {}
        self._hinted: set[str] = set()
        self._to_pass: deque[tuple[str, Shown]] = deque(maxlen=TO_PASS_LEN_MAX)
        self._watched = frozenset[str]()
        self._has_work = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.worker = ""
        """Names this worker in a shared store."""
        self.on_change: Callable[[], None] | None = None
        """Called on the loop when the first listener of a workspace came or its last one left."""
        self.is_heard_elsewhere: Callable[[str], bool] = _is_everywhere
        """Tells whether somebody listens to a workspace at another worker."""
        self.take_passed: Callable[[str, FeedRecord, str], bool] = _take_none
        """Asked with what another worker shows; True when it tells the listeners of it itself."""

    @property
    def workspaces(self) -> tuple[str, ...]:
        """Return the workspaces that are listened to."""
        return tuple(self._listeners)

    def start(self) -> None:
        """Begin to hear other workers and to be heard; in a store of one process there are none."""
        if self._store.is_shared:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="feeds")

    async def stop(self) -> None:
        """Hear no more of other workers."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

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
        if isinstance(cause.body, VisitorErased):
            # The feed has begun anew, because it named the visitor.
            self._newest.pop(cause.workspace, None)
            self._look_again(cause.workspace)
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
            epoch, newest = self._newest.get(cause.workspace, ("", 0))
            if offset > newest:
                self._newest[cause.workspace] = (epoch, offset)
                self._tell_kept(cause.workspace, record, offset, len(body))

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
        is_for_all: bool = True,
    ) -> None:
        """Show what is so now to whoever listens, at other workers too; nothing of it is kept.

        With `is_for_all` False only those here are shown it, because each worker has its own.
        """
        record = FeedRecord(kind, at_ms, msgspec.Raw(_encode(content)), source, session)
        self.tell_passing(workspace, record, key)
        if is_for_all and self._task is not None and self.is_heard_elsewhere(workspace):
            self._to_pass.append((workspace, Shown(key, record)))
            self._has_work.set()

    def tell_passing(self, workspace: str, record: FeedRecord, key: str) -> None:
        """Tell those who listen here of an event of the present."""
        for listener in tuple(self._listeners.get(workspace, ())):
            listener.hear_passing(record, key)

    # ---- engine.hearing.FeedHearer

    def hear_newer(self, workspace: str, offset: int) -> None:
        """Learn that a workspace's feed has events up to `offset`."""
        if workspace in self._listeners and self._newest.get(workspace, ("", 0))[1] != offset:
            self._hinted.add(workspace)
            self._has_work.set()

    def hear_passed(self, workspace: str, body: bytes) -> None:
        """Take what another worker shows."""
        if workspace not in self._listeners:
            return
        try:
            shown = _decode_shown(body)
        except msgspec.DecodeError:
            _log.warning("another worker shows what cannot be read here")
            return
        for one in shown:
            if not self.take_passed(workspace, one.record, one.key):
                self.tell_passing(workspace, one.record, one.key)

    def look_again(self) -> None:
        """Learn that something may be new in every feed."""
        for workspace in self.workspaces:
            self._look_again(workspace)

    # ---- inside

    def _changed(self) -> None:
        self._has_work.set()
        if self.on_change is not None:
            self.on_change()

    def _tell_kept(self, workspace: str, record: FeedRecord, offset: int, size_bytes: int) -> None:
        for listener in tuple(self._listeners.get(workspace, ())):
            listener.hear_kept(record, offset, size_bytes)

    def _look_again(self, workspace: str) -> None:
        for listener in tuple(self._listeners.get(workspace, ())):
            listener.look_again()

    async def _run(self) -> None:
        while True:
            await self._has_work.wait()
            self._has_work.clear()
            try:
                await self._watch()
                await self._read_hinted()
                await self._pass_on()
            except StoreUnavailable:
                await self._wait_for_store()
            except Exception:  # noqa: BLE001  # whatever it was, the next work comes
                _log.exception("feeds could not be heard")
                await self._wait_for_store()

    async def _wait_for_store(self) -> None:
        await asyncio.sleep(RETRY_S)
        self._has_work.set()

    async def _watch(self) -> None:
        """Hear of the feeds that are listened to; who listens to a new one looks at it once more."""
        wanted = frozenset(self._listeners)
        if wanted == self._watched:
            return
        await self._store.watch_feeds(self.worker, wanted)
        fresh, self._watched = wanted - self._watched, wanted
        for workspace in self._newest.keys() - wanted:
            del self._newest[workspace]
        for workspace in fresh:
            self._look_again(workspace)

    async def _read_hinted(self) -> None:
        """Tell the listeners of each hinted feed what is new in it."""
        while self._hinted:
            workspace = next(iter(self._hinted))
            if workspace in self._listeners:
                await self._read_newer(workspace)
            self._hinted.discard(workspace)

    async def _read_newer(self, workspace: str) -> None:
        epoch, newest = self._newest.get(workspace, ("", 0))
        page = await self._store.feed_after(workspace, epoch or None, newest)
        if not page.recovered or not epoch:
            # What is before is not known here: the listeners read on from where each of them is.
            self._newest[workspace] = (page.epoch, page.offset)
            self._look_again(workspace)
            return
        for event in page.events:
            self._newest[workspace] = (page.epoch, event.offset)
            self._tell_kept(workspace, decode_record(event.body), event.offset, len(event.body))

    async def _pass_on(self) -> None:
        """Send what waits to those at other workers who listen, some events at a time."""
        while self._to_pass:
            by_workspace: dict[str, list[Shown]] = {}
            for _ in range(min(PASSED_AT_ONCE_MAX, len(self._to_pass))):
                workspace, shown = self._to_pass.popleft()
                by_workspace.setdefault(workspace, []).append(shown)
            for workspace, some in by_workspace.items():
                await self._store.pass_on(workspace, _encode(some))
