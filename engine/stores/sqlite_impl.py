"""`sqlite:`: the Store in one file, for one process; every answer is given after the disk has it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Literal, cast

from engine.limits import (
    CLAIM_ROWS_MAX,
    DECISIONS_ROWS_MAX,
    HEADS_LEN_MAX,
    HISTORY_ROWS_MAX,
    JOURNAL_ROWS_MAX,
)
from engine.stores import sqlite_reads as reads
from engine.stores import sqlite_tables as tables
from engine.stores.base import (
    Commit,
    CommitAnswer,
    DecisionFilter,
    DecisionFound,
    DecisionPage,
    Due,
    Entry,
    Health,
    Hint,
    History,
    Loaded,
    Lost,
    Retention,
    SessionRef,
    Swept,
)
from engine.stores.head import check_sizes
from engine.stores.sqlite_sweep import sweep
from engine.stores.sqlite_workspace import SqliteWorkspace
from engine.stores.sqlite_writer import Operation


class SqliteStore(SqliteWorkspace):
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
        super().__init__(path, durability, clock, heads_len_max)
        self._retention = retention

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
        self._check_causes(commit.causes)
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

    async def resolve(
        self, alias: str, fresh: SessionRef, *, ended: str | None = None
    ) -> SessionRef:
        """See `Store.resolve`."""
        found = await self.find_alias(fresh.workspace, alias)
        if found is not None and found.session != ended:
            return found
        return await self._write(lambda writer: tables.resolve(writer, alias, fresh, ended))

    async def find_alias(self, workspace: str, alias: str) -> SessionRef | None:
        """See `Store.find_alias`."""
        return await self._read(lambda writer: reads.find_alias(writer.db, workspace, alias))

    async def find(self, workspace: str, name: str) -> SessionRef | None:
        """See `Store.find`."""
        return await self._read(lambda writer: reads.find(writer.db, workspace, name))

    async def list_sessions(
        self, workspace: str, before: str | None, limit: int
    ) -> tuple[SessionRef, ...]:
        """See `Store.list_sessions`."""
        return await self._read(lambda w: reads.list_sessions(w.db, workspace, before, limit))

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

    async def sweep(self, now_ms: int) -> Swept:
        """See `Store.sweep`."""
        self._rates.sweep(now_ms)
        return await self._write(lambda w: sweep(w.commits, w.checkpoints, self._retention, now_ms))

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
