"""What `memory:` keeps of a workspace besides its sessions: visitors, documents, places, counters."""

from collections.abc import Iterable, Sequence

from engine.limits import DOCS_ROWS_MAX
from engine.stores.base import Count, Doc, DocConflict, NamedDoc, StoredCause, VisitorRecord
from engine.stores.head import check_profile_size
from engine.stores.memory.outbox import MemoryOutbox
from engine.stores.memory.tables import KeptProfile


class MemoryWorkspace(MemoryOutbox):
    """The part of `Store` that no session is needed for."""

    async def visitor(self, workspace: str, visitor: str) -> VisitorRecord | None:
        """See `Store.visitor`."""
        self._check_open()
        found = self._tables.profile(workspace, visitor)
        return None if found is None else VisitorRecord(found.version, found.profile)

    async def put_profile(
        self, workspace: str, visitor: str, profile: bytes, expect: int
    ) -> int | VisitorRecord | None:
        """See `Store.put_profile`."""
        self._check_open()
        check_profile_size(profile)
        now_ms = self._state.tick()
        if self._tables.is_erased(workspace, visitor, now_ms):
            return None
        found = self._tables.profile(workspace, visitor)
        if expect != (0 if found is None else found.version):
            return None if found is None else VisitorRecord(found.version, found.profile)
        of_one = self._tables.profiles.setdefault(workspace, {})
        of_one[visitor] = KeptProfile(expect + 1, profile, now_ms)
        return expect + 1

    async def get_doc(self, workspace: str, kind: str, name: str) -> Doc | None:
        """See `Store.get_doc`."""
        self._check_open()
        return self._tables.docs.get(workspace, kind, name)

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
        self._check_open()
        partition = self.partition_of(workspace)
        self._check_causes(partition, causes)
        version = self._tables.docs.put((workspace, kind, name), body, expect)
        if isinstance(version, int):
            self._keep_causes(partition, causes)
        return version

    async def list_docs(
        self, workspace: str, kind: str, before: str | None = None, limit: int = 100
    ) -> tuple[NamedDoc, ...]:
        """See `Store.list_docs`."""
        self._check_open()
        return self._tables.docs.below(workspace, kind, before, min(limit, DOCS_ROWS_MAX))

    async def changes(self, workspaces: Sequence[str]) -> dict[tuple[str, str], int]:
        """See `Store.changes`."""
        self._check_open()
        return self._tables.docs.changes(frozenset(workspaces))

    async def book(self, workspace: str, place: str, booking: str, capacity: int) -> bool:
        """See `Store.book`."""
        self._check_open()
        taken = self._tables.bookings.get((workspace, place), {})
        if booking not in taken and len(taken) >= capacity:
            return False
        taken.setdefault(booking, self._state.tick())
        self._tables.bookings[workspace, place] = taken
        return True

    async def unbook(self, workspace: str, place: str, booking: str) -> bool:
        """See `Store.unbook`."""
        self._check_open()
        taken = self._tables.bookings.get((workspace, place), {})
        if booking not in taken:
            return False
        del taken[booking]
        if not taken:
            del self._tables.bookings[workspace, place]
        return True

    async def booked(self, workspace: str, first: str, last: str) -> dict[str, int]:
        """See `Store.booked`."""
        self._check_open()
        return {
            place: len(taken)
            for (of_one, place), taken in self._tables.bookings.items()
            if of_one == workspace and first <= place <= last
        }

    async def counts(self, workspace: str, days: Sequence[str], prefix: str) -> dict[str, int]:
        """See `Store.counts`."""
        self._check_open()
        sums: dict[str, int] = {}
        for day in dict.fromkeys(days):
            for name, number in self._tables.counters.get((workspace, day), {}).items():
                if name.startswith(prefix):
                    sums[name] = sums.get(name, 0) + number
        return sums

    def _add_counts(self, workspace: str, counts: Iterable[Count]) -> None:
        for count in counts:
            of_day = self._tables.counters.setdefault((workspace, count.day), {})
            of_day[count.name] = of_day.get(count.name, 0) + count.number
