"""`sqlite:`: the Store in one file, for one process; every answer is given after the disk has it."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Literal, TypeVar, cast

from engine.errors import StoreUnavailable
from engine.limits import (
    CLAIM_ROWS_MAX,
    DECISIONS_ROWS_MAX,
    HEADS_LEN_MAX,
    HISTORY_ROWS_MAX,
    JOURNAL_ROWS_MAX,
    STORE_DEADLINE_MS,
    STORE_QUEUE_LEN_MAX,
)
from engine.stores import sqlite_reads as reads
from engine.stores import sqlite_writes as writes
from engine.stores.base import (
    Commit,
    CommitAnswer,
    Committed,
    DecisionFilter,
    DecisionFound,
    DecisionPage,
    Doc,
    DocConflict,
    Due,
    Durability,
    Entry,
    Health,
    Hint,
    History,
    Loaded,
    Lost,
    Retention,
    SessionRef,
    Swept,
    VisitorRecord,
)
from engine.stores.head import check_sizes
from engine.stores.hints import Hints
from engine.stores.sqlite_sweep import sweep
from engine.stores.sqlite_writer import Operation, Writer

T = TypeVar("T")
_WATCH_S = STORE_DEADLINE_MS / 4_000


class SqliteStore:
    """The contract of `Store` over one SQLite file; D2 syncs the disk at every batch, D1 does not."""

    partitions = 1

    def __init__(
        self,
        path: Path,
        durability: Literal["D1", "D2"],
        clock: Callable[[], int],
        retention: Retention,
        heads_len_max: int,
    ) -> None:
        """Open the file; use `SqliteStore.open`."""
        self.durability: Durability = durability
        self.on_earlier_wake: Callable[[int], None] | None = None
        synchronous = "FULL" if durability == "D2" else "NORMAL"
        self._writer = Writer(path, synchronous, clock, self._settle, heads_len_max)
        self._loop = asyncio.get_running_loop()
        self._retention = retention
        self._hints = Hints()
        self._next_ms: int | None = None
        self._waiting: deque[Operation] = deque()
        self._queued = 0
        self._watch: asyncio.TimerHandle | None = None
        self._tick = 0
        self._closing: asyncio.Future[object] | None = None
        self._writer.start(self._loop)

    @classmethod
    async def open(
        cls,
        path: Path,
        durability: Literal["D1", "D2"],
        clock: Callable[[], int],
        retention: Retention = Retention(),  # noqa: B008 - a frozen value
        *,
        heads_len_max: int = HEADS_LEN_MAX,
    ) -> "SqliteStore":
        """Open the file for this process and recover what was committed.

        Raises:
            StoreRefused: the file or its folder cannot be used, or another process uses it.
        """
        return cls(path, durability, clock, retention, heads_len_max)

    async def load(self, ref: SessionRef) -> Loaded:
        """See `Store.load`."""
        return await self._read(lambda writer: writer.commits.load(ref))

    async def commit(self, commit: Commit) -> CommitAnswer:
        """See `Store.commit`."""
        check_sizes(commit)
        future: asyncio.Future[object] = self._loop.create_future()
        self._submit(Operation("commit", future, commit))
        return cast("CommitAnswer", await future)

    async def claim_due(self, partition: int = 0, *, limit: int = 64, lease_ms: int = 500) -> Due:
        """See `Store.claim_due`."""
        limit = min(limit, CLAIM_ROWS_MAX)
        return await self._read(lambda w: reads.claim_due(w.commits, w.tick(), limit, lease_ms))

    async def history(
        self, ref: SessionRef, epoch: str | None, after: int, *, limit: int = HISTORY_ROWS_MAX
    ) -> History:
        """See `Store.history`."""
        return await self._read(lambda w: reads.history(w.commits, ref, epoch, after, limit))

    async def attach(self, ref: SessionRef, worker: str, conn: int) -> tuple[str, int]:
        """See `Store.attach`."""
        self._hints.attach(ref, worker, conn)
        _, head = await self._read(lambda writer: writer.commits.head(ref))
        return head.epoch, head.offset

    async def detach(self, ref: SessionRef, worker: str, conn: int) -> None:
        """See `Store.detach`."""
        self._hints.detach(ref, worker, conn)

    async def presence(self, refs: Sequence[SessionRef]) -> list[int]:
        """See `Store.presence`."""
        return [self._hints.count(ref) for ref in refs]

    def hints(self, worker: str) -> AsyncIterator[Hint | Lost]:
        """See `Store.hints`."""
        return self._hints.listen(worker)

    async def visitor(self, workspace: str, visitor: str) -> VisitorRecord | None:
        """See `Store.visitor`."""
        return await self._read(lambda writer: reads.visitor(writer.db, workspace, visitor))

    async def resolve(
        self, alias: str, fresh: SessionRef, *, ended: str | None = None
    ) -> SessionRef:
        """See `Store.resolve`."""
        found = await self.find_alias(fresh.workspace, alias)
        if found is not None and found.session != ended:
            return found
        return await self._write(lambda writer: writes.resolve(writer, alias, fresh, ended))

    async def find_alias(self, workspace: str, alias: str) -> SessionRef | None:
        """See `Store.find_alias`."""
        return await self._read(lambda writer: reads.find_alias(writer.db, workspace, alias))

    async def find(self, workspace: str, name: str) -> SessionRef | None:
        """See `Store.find`."""
        return await self._read(lambda writer: reads.find(writer.db, workspace, name))

    async def journal(
        self, ref: SessionRef, after: int = 0, limit: int = JOURNAL_ROWS_MAX
    ) -> list[Entry]:
        """See `Store.journal`."""
        return await self._read(lambda writer: reads.journal(writer.commits, ref, after, limit))

    async def scan(
        self, workspace: str, since_ms: int, until_ms: int
    ) -> AsyncIterator[tuple[SessionRef, list[Entry]]]:
        """See `Store.scan`."""
        first, end = await self._read(lambda w: reads.rows_between(w.db, since_ms, until_ms))
        rows: dict[int, list[int]] = {}
        while found := await self._scan_rows(first, end):
            for row, num in found:
                rows.setdefault(num, []).append(row)
            first = found[-1][0] + 1
        while rows:
            num = next(iter(rows))
            session = await self._scan_session(workspace, num, rows.pop(num))
            if session is not None:
                yield session

    async def decisions(
        self, workspace: str, wanted: DecisionFilter, cursor: str | None = None, limit: int = 50
    ) -> DecisionPage:
        """See `Store.decisions`."""
        limit = min(limit, DECISIONS_ROWS_MAX)
        first, end = await self._read(lambda writer: reads.decision_span(writer.db))
        end = end if cursor is None else min(end, int(cursor))
        found: list[tuple[int, DecisionFound]] = []
        while end > first and len(found) <= limit:
            found += await self._decisions_before(workspace, wanted, end, limit + 1 - len(found))
            end -= reads.DECISIONS_SLICE
        page = found[:limit]
        more = str(page[-1][0]) if len(found) > limit else None
        return DecisionPage(tuple(decision for _, decision in page), more)

    async def get_doc(self, workspace: str, kind: str, name: str) -> Doc | None:
        """See `Store.get_doc`."""
        return await self._read(lambda writer: reads.get_doc(writer.db, workspace, kind, name))

    async def put_doc(
        self, workspace: str, kind: str, name: str, body: bytes | None, expect: int
    ) -> int | DocConflict:
        """See `Store.put_doc`."""
        return await self._write(
            lambda writer: writes.put_doc(writer.db, (workspace, kind, name), body, expect)
        )

    async def sweep(self, now_ms: int) -> Swept:
        """See `Store.sweep`."""
        return await self._write(lambda w: sweep(w.commits, w.checkpoints, self._retention, now_ms))

    async def now(self) -> int:
        """See `Store.now`."""
        return self._writer.tick()

    async def health(self) -> Health:
        """See `Store.health`."""
        heads, reason = self._writer.heads, self._trouble()
        return Health(
            not reason,
            reason,
            "sqlite",
            self.durability,
            self._queued,
            len(heads.wheel),
            heads.warm,
        )

    async def close(self) -> None:
        """See `Store.close`."""
        if self._closing is None:
            self._closing = self._loop.create_future()
            self._queued += 1
            self._writer.put(Operation("close", self._closing))
            self._hints.close()
        await asyncio.shield(self._closing)
        self._writer.join()
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def _trouble(self) -> str:
        if self._closing is not None:
            return "the store is closed"
        if self._writer.down is not None:
            return self._writer.down
        return "" if self._writer.has_room else "disk_full"

    async def _decisions_before(
        self, workspace: str, wanted: DecisionFilter, end: int, limit: int
    ) -> list[tuple[int, DecisionFound]]:
        return await self._read(
            lambda writer: reads.decisions_before(writer.db, workspace, wanted, end, limit)
        )

    async def _scan_rows(self, first: int, end: int) -> list[tuple[int, int]]:
        return await self._read(lambda writer: reads.scan_rows(writer.db, first, end))

    async def _scan_session(
        self, workspace: str, num: int, rows: list[int]
    ) -> tuple[SessionRef, list[Entry]] | None:
        return await self._read(lambda w: reads.scan_session(w.db, workspace, num, rows))

    async def _read(self, call: Callable[[Writer], T]) -> T:
        future: asyncio.Future[object] = self._loop.create_future()
        self._submit(Operation("read", future, None, call))
        return cast("T", await future)

    async def _write(self, call: Callable[[Writer], T]) -> T:
        future: asyncio.Future[object] = self._loop.create_future()
        self._submit(Operation("write", future, None, call))
        return cast("T", await future)

    def _submit(self, operation: Operation) -> None:
        if self._closing is not None:
            raise StoreUnavailable("none", 1_000, "the store is closed")
        if self._queued >= STORE_QUEUE_LEN_MAX:
            raise StoreUnavailable("none", 1_000, "too many operations wait for the disk")
        self._queued += 1
        operation.tick = self._tick
        self._waiting.append(operation)
        if self._watch is None:
            self._watch = self._loop.call_later(_WATCH_S, self._expire)
        self._writer.put(operation)

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
                self.on_earlier_wake(wake_ms)

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
