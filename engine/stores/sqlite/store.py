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
from engine.stores.base import (
    Commit,
    CommitAnswer,
    DecisionFilter,
    DecisionFound,
    DecisionPage,
    Due,
    Entry,
    Health,
    Heard,
    History,
    Kept,
    Loaded,
    Retention,
    SessionRef,
    Swept,
)
from engine.stores.head import check_sizes
from engine.stores.sqlite import custody, reads, whole
from engine.stores.sqlite.promises import Promises
from engine.stores.sqlite.rows import NewAlias
from engine.stores.sqlite.strangers import alias_name, visitor_name
from engine.stores.sqlite.sweep import clear_files, sweep
from engine.stores.sqlite.workspace import SqliteWorkspace
from engine.stores.sqlite.writer import Operation


class SqliteStore(SqliteWorkspace):
    """The contract of `Store` over one SQLite file; D2 syncs the disk at every batch, D1 does not."""

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
        self._promises = Promises()

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

    async def confirm(self, ref: SessionRef, version: int) -> bool:
        """See `Store.confirm`; a batch is on the disk before anything of it is shown."""
        _, head = await self._read(lambda writer: writer.commits.head(ref))
        return head.version >= version

    async def commit(self, commit: Commit) -> CommitAnswer:
        """See `Store.commit`."""
        check_sizes(commit)
        self._check_causes(commit.causes)
        future: asyncio.Future[object] = self._loop.create_future()
        operation = Operation("commit", future, commit)
        if commit.profile is not None or commit.seen:
            name = visitor_name(commit.ref.workspace, commit.ref.visitor)
            operation.is_of_stranger = self._strangers.note(name)
        self._submit(operation)
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

    async def attach(self, ref: SessionRef, worker: str, conn: int) -> tuple[str, int, int]:
        """See `Store.attach`."""
        self._hints.attach(ref, worker, conn)
        _, head = await self._read(lambda writer: writer.commits.head(ref))
        return head.epoch, head.offset, self._hints.count(ref)

    async def detach(self, ref: SessionRef, worker: str, conn: int) -> None:
        """See `Store.detach`."""
        self._hints.detach(ref, worker, conn)

    async def presence(self, refs: Sequence[SessionRef]) -> list[int]:
        """See `Store.presence`."""
        gone = self._workers.gone(self._writer.tick())
        return [self._hints.count(ref, gone) for ref in refs]

    def hints(self, worker: str) -> AsyncIterator[Heard]:
        """See `Store.hints`."""
        return self._hints.listen(worker)

    async def whisper(self, ref: SessionRef, body: bytes) -> bool:
        """See `Store.whisper`; within one process there is no other worker."""
        self._check_open()
        return False

    async def resolve(
        self, alias: str, fresh: SessionRef, *, ended: str | None = None
    ) -> SessionRef:
        """See `Store.resolve`."""
        key, promises = (fresh.workspace, alias), self._promises
        found = promises.find(key)
        if found is None and not promises.is_missed(key):
            found = await self.find_alias(*key)
        # Another call may have promised it while this one read.
        found = promises.find(key) or found
        if found is not None and found.session != ended:
            return found
        self._promise(key, fresh)
        return fresh

    def _promise(self, key: tuple[str, str], ref: SessionRef) -> None:
        """Have an id written before all that is asked for from now on; nobody waits for it."""
        self._strangers.note(alias_name(*key))
        written = self._loop.create_future()
        alias = NewAlias(key[1], ref, self._writer.tick())
        self._submit(Operation("alias", written, alias=alias))
        self._promises.make(key, ref, written)

    async def find_alias(self, workspace: str, alias: str) -> SessionRef | None:
        """See `Store.find_alias`."""
        if self._strangers.is_new(alias_name(workspace, alias)):
            return None
        key = (workspace, alias)
        await self._promises.settled(key)
        found = self._promises.find(key)
        if found is None:
            found = await self._read(lambda writer: reads.find_alias(writer.db, workspace, alias))
        if found is None:
            self._promises.miss(key)
        return found

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

    async def erase(self, workspace: str, visitor: str) -> bool:
        """See `Store.erase`."""
        # From here on no commit of the visitor is accepted, so the rest may go slice by slice.
        await self._write(lambda writer: custody.bury(writer, workspace, visitor))
        found = False
        for session in await self._read(lambda w: custody.sessions(w.db, workspace, visitor)):
            await self._erase_session(workspace, session)
            self._hints.announce(SessionRef(workspace, visitor, session), "", 0)
            found = True
        for numbers in (await self._decisions_of(workspace, visitor)).values():
            await self._erase_decisions(numbers)
            found = True
        count = await self._write(lambda w: custody.erase_rest(w, workspace, visitor))
        await self._read(lambda writer: writer.checkpoints.empty_wal())
        return found or count > 0

    async def export(self, workspace: str, visitor: str) -> AsyncIterator[Kept]:
        """See `Store.export`."""
        for kept in await self._read(lambda w: custody.profile_of(w.db, workspace, visitor)):
            yield kept
        decided = await self._decisions_of(workspace, visitor)
        aliases = await self._read(lambda w: custody.aliases(w.db, workspace, visitor))
        sessions = await self._read(lambda w: custody.sessions(w.db, workspace, visitor))
        of_aliases = [session for session, _, _ in aliases]
        for session in sorted({*sessions, *decided, *of_aliases}):
            for kept in await self._kept_session(workspace, session, decided.get(session, [])):
                yield kept
            for name, at_ms in [(a, at_ms) for of_one, a, at_ms in aliases if of_one == session]:
                yield Kept("alias", session, name, at_ms, b"")
        for kept in await self._read(lambda w: custody.waiting_of(w.db, workspace, visitor)):
            yield kept

    async def sweep(self, now_ms: int) -> Swept:
        """See `Store.sweep`."""
        self._rates.sweep(now_ms)
        swept = await self._write(
            lambda w: sweep(w.commits, w.checkpoints, self._retention, now_ms)
        )
        await self._read(clear_files)
        return swept

    async def back_up(self, path: Path) -> int:
        """See `WholeFile.back_up`."""
        return await self._for_long(lambda writer: whole.back_up(writer, path))

    async def rewrite(self) -> None:
        """See `WholeFile.rewrite`."""
        await self._for_long(whole.rewrite)

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

    async def _decisions_of(self, workspace: str, visitor: str) -> dict[str, list[int]]:
        """Find the numbers of a visitor's decisions by session, a slice at a time."""
        first, end = await self._read(lambda writer: reads.decision_span(writer.db))
        found: dict[str, list[int]] = {}
        while first < end:
            for number, session in await self._decisions_from(workspace, visitor, first, end):
                found.setdefault(session, []).append(number)
            first += custody.DECISIONS_SLICE
        return found

    async def _decisions_from(
        self, workspace: str, visitor: str, first: int, end: int
    ) -> list[tuple[int, str]]:
        end = min(end, first + custody.DECISIONS_SLICE)
        return await self._read(lambda w: custody.decisions(w.db, workspace, visitor, first, end))

    async def _erase_session(self, workspace: str, session: str) -> None:
        await self._write(lambda writer: custody.erase_session(writer, workspace, session))

    async def _erase_decisions(self, numbers: list[int]) -> None:
        await self._write(lambda writer: custody.erase_decisions(writer.db, numbers))

    async def _kept_session(self, workspace: str, session: str, numbers: list[int]) -> list[Kept]:
        return await self._read(lambda w: custody.session_of(w, workspace, session, numbers))

    async def _scan_rows(self, first: int, end: int) -> list[tuple[int, int]]:
        return await self._read(lambda writer: reads.scan_rows(writer.db, first, end))

    async def _scan_session(
        self, workspace: str, num: int, rows: list[int]
    ) -> tuple[SessionRef, list[Entry]] | None:
        return await self._read(lambda w: reads.scan_session(w.db, workspace, num, rows))
