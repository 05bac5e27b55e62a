"""What `memory:` finds and lists: sessions by their names, journals and decisions."""

import asyncio
from collections.abc import AsyncIterator

from engine.limits import DECISIONS_ROWS_MAX, JOURNAL_ROWS_MAX, SESSIONS_ROWS_MAX
from engine.stores.base import DecisionFilter, DecisionFound, DecisionPage, Entry, SessionRef
from engine.stores.memory.journal import NO_RECORD
from engine.stores.memory.state import MemoryPart
from engine.stores.memory.tables import Alias


class MemoryReads(MemoryPart):
    """The part of `Store` that looks for things."""

    async def resolve(
        self, alias: str, fresh: SessionRef, *, ended: str | None = None
    ) -> SessionRef:
        """See `Store.resolve`."""
        self._check_open()
        key, now_ms = (fresh.workspace, alias), self._state.tick()
        found = self._tables.aliases.get(key)
        if found is not None and found.ref.session != ended:
            return found.ref
        if not self._tables.is_erased(fresh.workspace, fresh.visitor, now_ms):
            self._tables.aliases[key] = Alias(fresh, now_ms)
        return fresh

    async def find_alias(self, workspace: str, alias: str) -> SessionRef | None:
        """See `Store.find_alias`."""
        self._check_open()
        found = self._tables.aliases.get((workspace, alias))
        return None if found is None else found.ref

    async def find(self, workspace: str, name: str) -> SessionRef | None:
        """See `Store.find`."""
        self._check_open()
        record = self._tables.sessions.get(workspace, {}).get(name)
        if record is not None:
            return SessionRef(workspace, record.visitor, record.session)
        return self._tables.ids.get((workspace, name))

    async def list_sessions(
        self, workspace: str, before: str | None, limit: int
    ) -> tuple[SessionRef, ...]:
        """See `Store.list_sessions`."""
        self._check_open()
        return self._tables.list_sessions(workspace, before, min(limit, SESSIONS_ROWS_MAX))

    async def journal(
        self, ref: SessionRef, after: int = 0, limit: int = JOURNAL_ROWS_MAX
    ) -> list[Entry]:
        """See `Store.journal`."""
        self._check_open()
        record = self._tables.session(ref) or self._tables.swept_session(ref)
        entries: list[Entry] = []
        for entry in self._tables.journal.chain(NO_RECORD if record is None else record.newest):
            if entry.number <= after:
                break
            entries.append(entry)
        entries.reverse()
        return entries[: min(limit, JOURNAL_ROWS_MAX)]

    async def scan(
        self, workspace: str, since_ms: int, until_ms: int
    ) -> AsyncIterator[tuple[SessionRef, list[Entry]]]:
        """See `Store.scan`."""
        self._check_open()
        journal = self._tables.journal
        places: dict[int, list[int]] = {}
        for count, (position, slot, at_ms) in enumerate(journal.walk(journal.end)):
            in_range = since_ms <= at_ms < until_ms
            if in_range and self._tables.records[slot].workspace == workspace:
                places.setdefault(slot, []).append(position)
            if count % 1_000 == 999:
                await asyncio.sleep(0)
        for slot, positions in places.items():
            record = self._tables.records[slot]
            # What was erased meanwhile is no longer of this slot.
            read = (journal.read(place, slot) for place in positions)
            if kept := [entry for entry in read if entry is not None]:
                yield SessionRef(record.workspace, record.visitor, record.session), kept
                await asyncio.sleep(0)

    async def decisions(
        self, workspace: str, wanted: DecisionFilter, cursor: str | None = None, limit: int = 50
    ) -> DecisionPage:
        """See `Store.decisions`."""
        self._check_open()
        before = len(self._tables.decisions) if cursor is None else int(cursor)
        limit = min(limit, DECISIONS_ROWS_MAX)
        page: list[DecisionFound] = []
        for place in range(before - 1, -1, -1):
            found = self._tables.decisions[place]
            if found is None or not _is_wanted(found, workspace, wanted):
                continue
            if len(page) == limit:
                return DecisionPage(tuple(page), str(place + 1))
            page.append(found)
        return DecisionPage(tuple(page), None)


def _is_wanted(found: DecisionFound, workspace: str, wanted: DecisionFilter) -> bool:
    line, ref = found.line, found.ref
    return (
        ref.workspace == workspace
        and wanted.rule in ("", line.rule)
        and wanted.outcome in ("", line.outcome)
        and wanted.session in ("", ref.session)
        and wanted.visitor in ("", ref.visitor)
        and (wanted.since_ms is None or line.at_ms >= wanted.since_ms)
        and (wanted.until_ms is None or line.at_ms < wanted.until_ms)
    )
