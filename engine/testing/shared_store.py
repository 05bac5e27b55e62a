"""One store in memory that several workers of a test share, each through a view of its own, as over Redis."""

import asyncio
from collections.abc import Callable
from collections.abc import Set as AbstractSet

from engine.limits import MEMORY_JOURNAL_BYTES_MAX, WHISPER_BYTES_MAX
from engine.stores.base import Retention, SessionRef
from engine.stores.memory.state import MemoryState
from engine.stores.memory.store import MemoryView


class SharedMemory:
    """What the views share. A view that is closed is a worker that ended; what it kept stays.

    With `echoes` a view's hints also tell of what it did itself, as a channel of a server does.
    """

    def __init__(
        self,
        clock: Callable[[], int],
        retention: Retention = Retention(),  # noqa: B008 - frozen
        *,
        partitions: int = 4,
        echoes: bool = True,
    ) -> None:
        """Start empty; `clock` answers Unix milliseconds."""
        self.state = MemoryState(clock, retention, MEMORY_JOURNAL_BYTES_MAX, partitions)
        self.views: list[SharedView] = []
        self.echoes = echoes

    def view(self) -> "SharedView":
        """Open the store for one more worker."""
        opened = SharedView(self)
        self.views.append(opened)
        return opened


class SharedView(MemoryView):
    """The store as one worker sees it; it hears of what the others do in the loop's next round."""

    is_shared = True

    def __init__(self, shared: SharedMemory) -> None:
        """Look at what is shared, and hear of no partition yet."""
        super().__init__(shared.state)
        self.heard = self._hints
        """The hints that wait for the workers of this view."""
        self._shared = shared
        self._watched: AbstractSet[int] = frozenset()

    @property
    def is_closed(self) -> bool:
        """Tell whether its worker has ended."""
        return self._closed

    async def watch(self, worker: str, partitions: AbstractSet[int]) -> None:
        """See `Store.watch`."""
        self._check_open()
        self._watched = frozenset(partitions)

    async def pass_on(self, workspace: str, body: bytes) -> None:
        """See `Store.pass_on`."""
        self._check_open()
        for other in self._others():
            other.heard.pass_on(workspace, body)

    async def whisper(self, ref: SessionRef, body: bytes) -> bool:
        """See `Store.whisper`."""
        self._check_open()
        if len(body) > WHISPER_BYTES_MAX:
            return True
        told = [other.heard.whisper(ref, body) for other in self._others()]
        return any(told)

    async def leave(self, worker: str) -> None:
        """See `Store.leave`."""
        await super().leave(worker)
        for other in self._others():
            other.heard.leave(worker)

    def hear_earlier(self, partition: int, due_ms: int) -> None:
        """Take note of a wake-up before all that were known."""
        if partition in self._watched and not self._closed and self.on_earlier_wake is not None:
            self.on_earlier_wake(partition, due_ms)

    def hear_work(self, partition: int) -> None:
        """Take note of causes or deliveries that another worker kept."""
        if partition in self._watched and not self._closed and self.on_work is not None:
            self.on_work(partition)

    def _tell_earlier(self, partition: int, due_ms: int) -> None:
        self.hear_earlier(partition, due_ms)
        loop = asyncio.get_running_loop()
        for other in self._others():
            loop.call_soon(other.hear_earlier, partition, due_ms)

    def _tell_work(self, partition: int) -> None:
        loop = asyncio.get_running_loop()
        for other in self._others():
            loop.call_soon(other.hear_work, partition)

    def _tell_messages(self, ref: SessionRef, epoch: str, offset: int) -> None:
        for one in self._hearing():
            one.heard.announce(ref, epoch, offset)

    def _tell_feed(self, workspace: str, offset: int) -> None:
        for one in self._hearing():
            one.heard.announce_feed(workspace, offset)

    def _count_sockets(self, ref: SessionRef) -> int:
        gone = self._state.workers.gone(self._state.tick())
        return sum(view.heard.count(ref, gone) for view in self._shared.views)

    def _others(self) -> "list[SharedView]":
        return [view for view in self._shared.views if view is not self and not view.is_closed]

    def _hearing(self) -> "list[SharedView]":
        """Say whose hints tell of what this view does."""
        return [*self._others(), self] if self._shared.echoes else self._others()
