"""What `sqlite:` keeps of a workspace besides its sessions: visitors, documents, places, counters."""

from collections.abc import Sequence

from engine.stores.base import (
    Doc,
    DocConflict,
    NamedDoc,
    StoredCause,
    VisitorRecord,
)
from engine.stores.head import check_profile_size
from engine.stores.sqlite import tables
from engine.stores.sqlite.outbox import SqliteOutbox
from engine.stores.sqlite.strangers import visitor_name

_DAYS_A_READ = 31


class SqliteWorkspace(SqliteOutbox):
    """The part of `Store` that no session is needed for."""

    async def visitor(self, workspace: str, visitor: str) -> VisitorRecord | None:
        """See `Store.visitor`."""
        if self._strangers.is_new(visitor_name(workspace, visitor)):
            return None
        return await self._read(lambda writer: writer.commits.visitor(workspace, visitor))

    async def put_profile(
        self, workspace: str, visitor: str, profile: bytes, expect: int
    ) -> int | VisitorRecord | None:
        """See `Store.put_profile`."""
        check_profile_size(profile)
        key = (workspace, visitor)
        self._strangers.note(visitor_name(*key))
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
        return await self._write(lambda writer: tables.put_doc(writer, key, body, expect, causes))

    async def list_docs(
        self, workspace: str, kind: str, before: str | None = None, limit: int = 100
    ) -> tuple[NamedDoc, ...]:
        """See `Store.list_docs`."""
        return await self._read(lambda w: tables.list_docs(w.db, workspace, kind, before, limit))

    async def changes(self, workspaces: Sequence[str]) -> dict[tuple[str, str], int]:
        """See `Store.changes`."""
        wanted = list(dict.fromkeys(workspaces))
        found = [await self._changes(workspace) for workspace in wanted]
        return {key: number for of_one in found for key, number in of_one}

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

    async def counts(self, workspace: str, days: Sequence[str], prefix: str) -> dict[str, int]:
        """See `Store.counts`."""
        sums: dict[str, int] = {}
        wanted = list(dict.fromkeys(days))
        while wanted:
            some, wanted = wanted[:_DAYS_A_READ], wanted[_DAYS_A_READ:]
            for name, number in await self._counts(workspace, some, prefix):
                sums[name] = sums.get(name, 0) + number
        return sums

    async def _counts(
        self, workspace: str, days: Sequence[str], prefix: str
    ) -> list[tuple[str, int]]:
        return await self._read(lambda writer: tables.counts(writer.db, workspace, days, prefix))

    async def _changes(self, workspace: str) -> list[tuple[tuple[str, str], int]]:
        return await self._read(lambda writer: tables.changes(writer.db, workspace))
