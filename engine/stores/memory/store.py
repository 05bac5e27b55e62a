"""`memory:`: the Store in dicts. It survives nothing and is the reference of the conformance suite."""

from collections.abc import AsyncIterator, Callable

from engine.limits import MEMORY_JOURNAL_BYTES_MAX
from engine.stores.base import Health, Kept, Retention, SessionRef, Swept
from engine.stores.memory import custody
from engine.stores.memory.guards import MemoryGuards
from engine.stores.memory.reads import MemoryReads
from engine.stores.memory.sessions import MemorySessions
from engine.stores.memory.state import MemoryState
from engine.stores.memory.sweep import sweep


class MemoryView(MemorySessions, MemoryReads, MemoryGuards):
    """The contract of `Store` over a state in memory."""

    async def erase(self, workspace: str, visitor: str) -> bool:
        """See `Store.erase`."""
        self._check_open()
        sessions = custody.sessions_of(self._state, workspace, visitor)
        found = custody.erase(self._state, workspace, visitor)
        for session in sessions:
            self._tell_messages(SessionRef(workspace, visitor, session), "", 0)
        return found

    async def export(self, workspace: str, visitor: str) -> AsyncIterator[Kept]:
        """See `Store.export`."""
        self._check_open()
        state = self._state
        for kept in custody.profile_of(state, workspace, visitor):
            yield kept
        for session in custody.sessions_of(state, workspace, visitor):
            for kept in custody.session_of(state, workspace, visitor, session):
                yield kept
        for kept in custody.waiting_of(state, workspace, visitor):
            yield kept

    async def sweep(self, now_ms: int) -> Swept:
        """See `Store.sweep`."""
        self._check_open()
        state = self._state
        state.rates.sweep(now_ms)
        others = state.answers.sweep(now_ms) + state.deliveries.sweep(now_ms)
        swept = sweep(state.tables, state.retention, now_ms)
        return Swept(swept.sessions, swept.entries, swept.others + others, swept.more)

    async def health(self) -> Health:
        """See `Store.health`."""
        sessions = sum(len(of_one) for of_one in self._tables.sessions.values())
        reason = "the store is closed" if self._closed else ""
        wakeups = sum(len(wheel) for wheel in self._state.wheels)
        return Health(not self._closed, reason, "memory", "D0", 0, wakeups, sessions)

    async def close(self) -> None:
        """See `Store.close`."""
        self._closed = True
        self._hints.close()


class MemoryStore(MemoryView):
    """A store of one process's own, nothing durable."""

    def __init__(
        self,
        clock: Callable[[], int],
        retention: Retention = Retention(),  # noqa: B008 - frozen
        journal_bytes_max: int = MEMORY_JOURNAL_BYTES_MAX,
        *,
        partitions: int = 1,
    ) -> None:
        """Start empty; `clock` answers Unix milliseconds."""
        super().__init__(MemoryState(clock, retention, journal_bytes_max, partitions))
