"""What `sqlite:` keeps of a workspace besides its sessions: visitors, documents, places, causes, counters."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from engine.errors import StoreUnavailable
from engine.limits import CAUSES_LEN_MAX
from engine.stores import sqlite_tables as tables
from engine.stores.base import (
    Begun,
    Doc,
    DocConflict,
    FeedPage,
    InProgress,
    KeyReused,
    NamedDoc,
    RateAnswer,
    RateAsk,
    Replayed,
    StoredCause,
    VisitorRecord,
)
from engine.stores.feed import Feeds
from engine.stores.head import check_profile_size
from engine.stores.locks import Locks
from engine.stores.rates import Rates
from engine.stores.sqlite_calls import SqliteCalls

_DAYS_A_READ = 31


class SqliteWorkspace(SqliteCalls):
    """The part of `Store` that no session is needed for; the feed, rates and locks are in memory."""

    def __init__(
        self,
        path: Path,
        durability: Literal["D1", "D2"],
        clock: Callable[[], int],
        heads_len_max: int,
    ) -> None:
        """Open the file, see `SqliteCalls`."""
        super().__init__(path, durability, clock, heads_len_max)
        self._feeds = Feeds(self._writer.tick())
        self._rates = Rates()
        # Only the thread looks at them, in the same breath as at the answers in the file.
        self._locks = Locks()

    async def visitor(self, workspace: str, visitor: str) -> VisitorRecord | None:
        """See `Store.visitor`."""
        return await self._read(lambda writer: tables.visitor(writer.db, workspace, visitor))

    async def put_profile(
        self, workspace: str, visitor: str, profile: bytes, expect: int
    ) -> int | VisitorRecord | None:
        """See `Store.put_profile`."""
        check_profile_size(profile)
        key = (workspace, visitor)
        return await self._write(lambda writer: tables.put_profile(writer, key, profile, expect))

    async def get_doc(self, workspace: str, kind: str, name: str) -> Doc | None:
        """See `Store.get_doc`."""
        return await self._read(lambda writer: tables.get_doc(writer.db, (workspace, kind, name)))

    async def put_doc(
        self,
        workspace: str,
        kind: str,
        name: str,
        body: bytes | None,
        expect: int,
        *,
        causes: tuple[StoredCause, ...] = (),
    ) -> int | DocConflict:
        """See `Store.put_doc`."""
        self._check_causes(causes)
        key = (workspace, kind, name)
        return await self._write(
            lambda writer: tables.put_doc(writer.commits, key, body, expect, causes)
        )

    async def list_docs(
        self, workspace: str, kind: str, before: str | None = None, limit: int = 100
    ) -> tuple[NamedDoc, ...]:
        """See `Store.list_docs`."""
        return await self._read(lambda w: tables.list_docs(w.db, workspace, kind, before, limit))

    async def book(self, workspace: str, place: str, booking: str, capacity: int) -> bool:
        """See `Store.book`."""
        key = (workspace, place, booking)
        return await self._write(lambda writer: tables.book(writer, key, capacity))

    async def unbook(self, workspace: str, place: str, booking: str) -> bool:
        """See `Store.unbook`."""
        return await self._write(lambda w: tables.unbook(w.db, (workspace, place, booking)))

    async def booked(self, workspace: str, first: str, last: str) -> dict[str, int]:
        """See `Store.booked`."""
        return await self._read(lambda writer: tables.booked(writer.db, workspace, first, last))

    async def keep_causes(self, causes: Sequence[StoredCause]) -> None:
        """See `Store.keep_causes`."""
        self._check_causes(causes)
        if causes:
            await self._write(lambda writer: writer.commits.keep_causes(causes))

    async def take_causes(self, limit: int = 256) -> list[StoredCause]:
        """See `Store.take_causes`."""
        return await self._read(lambda writer: tables.take_causes(writer.db, limit))

    async def settle_causes(self, ids: Sequence[str]) -> None:
        """See `Store.settle_causes`."""
        if ids:
            await self._write(lambda writer: writer.commits.settle_causes(ids))

    async def feed_add(self, workspace: str, event: str, body: bytes) -> int:
        """See `Store.feed_add`."""
        self._check_open()
        return self._feeds.add(workspace, event, body)

    async def feed_after(
        self, workspace: str, epoch: str | None, after: int, limit: int = 256
    ) -> FeedPage:
        """See `Store.feed_after`."""
        self._check_open()
        return self._feeds.after(workspace, epoch, after, limit)

    async def counts(self, workspace: str, days: Sequence[str], prefix: str) -> dict[str, int]:
        """See `Store.counts`."""
        sums: dict[str, int] = {}
        wanted = list(dict.fromkeys(days))
        while wanted:
            some, wanted = wanted[:_DAYS_A_READ], wanted[_DAYS_A_READ:]
            for name, number in await self._counts(workspace, some, prefix):
                sums[name] = sums.get(name, 0) + number
        return sums

    async def rate(self, asks: Sequence[RateAsk]) -> RateAnswer:
        """See `Store.rate`."""
        self._check_open()
        return self._rates.count(asks, self._writer.tick())

    async def idem_begin(
        self, key: bytes, body_sha256: bytes, *, lock_ms: int = 30_000
    ) -> Begun | InProgress | Replayed | KeyReused:
        """See `Store.idem_begin`."""
        locks = self._locks
        return await self._read(lambda w: tables.begin_key(w, locks, key, body_sha256, lock_ms))

    async def idem_end(
        self, key: bytes, body_sha256: bytes, answer: tuple[int, bytes] | None
    ) -> None:
        """See `Store.idem_end`."""
        if answer is not None and tables.is_kept(answer):
            await self._write(lambda w: tables.keep_answer(w, key, body_sha256, answer))
        # From here on a kept answer speaks before any lock, so that nobody begins in between.
        await self._read(lambda _: self._locks.end(key, body_sha256))

    async def _counts(
        self, workspace: str, days: Sequence[str], prefix: str
    ) -> list[tuple[str, int]]:
        return await self._read(lambda writer: tables.counts(writer.db, workspace, days, prefix))

    def _check_causes(self, causes: Sequence[StoredCause]) -> None:
        """Refuse more causes when too many wait; the thread's number is as of a moment ago."""
        if causes and self._writer.commits.causes_kept >= CAUSES_LEN_MAX:
            raise StoreUnavailable("none", 1_000, "too many causes wait to be told")
