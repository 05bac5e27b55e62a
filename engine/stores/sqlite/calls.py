"""Calls to the thread of the SQLite file: bounded, answered in batches, never waited for in vain."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar, cast

from engine.errors import StoreUnavailable
from engine.limits import STORE_DEADLINE_MS, STORE_QUEUE_LEN_MAX
from engine.stores.base import Committed, Due, Durability, SessionRef
from engine.stores.hints import Hints
from engine.stores.sqlite.db import Db, DbFile, open_db
from engine.stores.sqlite.strangers import SOURCES, Name, Place, Source, Strangers, read_slice
from engine.stores.sqlite.writer import Operation, Writer

T = TypeVar("T")
_WATCH_S = STORE_DEADLINE_MS / 4_000
_LEARN_PAUSE_S = 0.01
_LEARN_AGAIN_S = 1.0


class SqliteCalls:
    """The thread and what waits for it; on the loop it tells of wake-ups and messages as they are durable."""

    partitions: int = 1
    is_shared: bool = False

    open_db: Callable[[Path], Db] = staticmethod(open_db)
    """How a connection is made: a test gives one over a disk of its own."""

    def __init__(
        self,
        path: Path,
        durability: Literal["D1", "D2"],
        clock: Callable[[], int],
        heads_len_max: int,
    ) -> None:
        """Open the file, to be used by the running loop.

        Raises:
            StoreRefused: the file or its folder cannot be used, or another process uses it.
        """
        self.durability: Durability = durability
        self.on_earlier_wake: Callable[[int, int], None] | None = None
        self.on_work: Callable[[int], None] | None = None
        synchronous = "FULL" if durability == "D2" else "NORMAL"
        file = DbFile(path, synchronous, self.open_db)
        self._writer = Writer(file, clock, self._settle, heads_len_max)
        self._loop = asyncio.get_running_loop()
        self._hints = Hints()
        self._next_ms: int | None = None
        self._waiting: deque[Operation] = deque()
        self._outgoing: list[Operation] = []
        self._queued = 0
        self._watch: asyncio.TimerHandle | None = None
        self._tick = 0
        self._closing: asyncio.Future[object] | None = None
        self._strangers = Strangers()
        self._writer.start(self._loop)
        self._learning = self._loop.create_task(self._learn(), name="sqlite-learning")

    def partition_of(self, workspace: str, visitor: str = "") -> int:
        """See `Store.partition_of`."""
        return 0

    async def lineages(self) -> tuple[str, ...]:
        """See `Store.lineages`."""
        return ("",)

    async def now(self) -> int:
        """See `Store.now`."""
        return self._writer.tick()

    async def close(self) -> None:
        """See `Store.close`."""
        self._learning.cancel()
        if self._closing is None:
            self._closing = self._loop.create_future()
            self._put(Operation("close", self._closing))
            self._hints.close()
        await asyncio.shield(self._closing)
        self._writer.join()
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    async def _learn(self) -> None:
        """Learn the names that the file has, beside all other work."""
        for source in SOURCES:
            if not await self._learn_source(source):
                return
        self._strangers.learnt_all()

    async def _learn_source(self, source: Source) -> bool:
        """Learn the names of one source; return whether there is room for more."""
        after: Place | None = source.first
        while after is not None:
            try:
                names, after = await self._read(partial(_read_names, source, after))
            except StoreUnavailable:
                await asyncio.sleep(_LEARN_AGAIN_S)
                continue
            if not self._strangers.learn(names):
                return False
            if after is not None:
                await asyncio.sleep(_LEARN_PAUSE_S)
        return True

    def _check_open(self) -> None:
        if self._closing is not None:
            raise StoreUnavailable("none", 1_000, "the store is closed")

    def _trouble(self) -> str:
        if self._closing is not None:
            return "the store is closed"
        if self._writer.down is not None:
            return self._writer.down
        return "" if self._writer.has_room else "disk_full"

    async def _read(self, call: Callable[[Writer], T]) -> T:
        future: asyncio.Future[object] = self._loop.create_future()
        self._submit(Operation("read", future, None, call))
        return cast("T", await future)

    async def _write(self, call: Callable[[Writer], T]) -> T:
        future: asyncio.Future[object] = self._loop.create_future()
        self._submit(Operation("write", future, None, call))
        return cast("T", await future)

    async def _for_long(self, call: Callable[[Writer], T]) -> T:
        """Wait for something of the thread however long it takes; what comes meanwhile waits, or is refused."""
        self._check_open()
        future: asyncio.Future[object] = self._loop.create_future()
        self._put(Operation("read", future, None, call))
        return cast("T", await future)

    def _submit(self, operation: Operation) -> None:
        self._check_open()
        if self._queued >= STORE_QUEUE_LEN_MAX:
            raise StoreUnavailable("none", 1_000, "too many operations wait for the disk")
        operation.tick = self._tick
        self._waiting.append(operation)
        if self._watch is None:
            self._watch = self._loop.call_later(_WATCH_S, self._expire)
        self._put(operation)

    def _put(self, operation: Operation) -> None:
        """Hand an operation over with all others of this turn of the loop, which could hear no answer before."""
        self._queued += 1
        self._outgoing.append(operation)
        if len(self._outgoing) == 1:
            self._loop.call_soon(self._hand_over)

    def _hand_over(self) -> None:
        for operation in self._outgoing:
            self._writer.put(operation)
        self._outgoing.clear()

    def _settle(self, results: Sequence[tuple[Operation, object]]) -> None:
        """Answer a batch; runs on the loop after the batch is durable."""
        self._queued -= len(results)
        for operation, answer in results:
            commit, future = operation.commit, operation.future
            if not future.done():
                if isinstance(answer, Exception):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)
            if commit is not None and type(answer) is Committed:
                if commit.wake_ms is not None:
                    self._tell_earlier(commit.wake_ms)
                if commit.messages:
                    self._announce(commit.ref)
            elif type(answer) is Due:
                self._next_ms = answer.next_ms
        waiting = self._waiting
        while waiting and waiting[0].future.done():
            waiting.popleft()

    def _tell_earlier(self, wake_ms: int) -> None:
        if self._next_ms is None or wake_ms < self._next_ms:
            self._next_ms = wake_ms
            if self.on_earlier_wake is not None:
                self.on_earlier_wake(0, wake_ms)

    def _announce(self, ref: SessionRef) -> None:
        """Hint those who listen; the head is read by the loop, as hints may be late but not wrong."""
        if self._hints.count(ref):
            head = self._writer.heads.peek(ref.workspace, ref.session)
            if head is not None:
                self._hints.announce(ref, head.epoch, head.offset)

    def _expire(self) -> None:
        """Answer operations that have waited too long: what they did is unknown."""
        self._tick += 1
        waiting = self._waiting
        while waiting and (waiting[0].future.done() or self._tick - waiting[0].tick > 4):
            future = waiting.popleft().future
            if not future.done():
                reason = "the disk did not answer in time"
                future.set_exception(StoreUnavailable("unknown", 1_000, reason))
        self._watch = self._loop.call_later(_WATCH_S, self._expire) if waiting else None


def _read_names(source: Source, after: Place, writer: Writer) -> tuple[list[Name], Place | None]:
    return read_slice(writer.db, source, after)
