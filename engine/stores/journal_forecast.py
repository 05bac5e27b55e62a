"""How much memory journals come to need in a store that keeps them there, told from those of the last day."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from msgspec import Struct


class JournalForecast(Struct, frozen=True):
    """Sessions that began in the last 24 h, and bytes: of a journal, and of all servers, 0 without a limit."""

    sessions: int
    journal_bytes: int
    memory_bytes_max: int

    def share(self, days: float) -> float:
        """Tell which part of all memory the journals of so many days are, 0 where memory has no limit."""
        if not self.memory_bytes_max:
            return 0.0
        return self.sessions * self.journal_bytes * days / self.memory_bytes_max


@runtime_checkable
class ForecastsJournals(Protocol):
    """A store that keeps journals in the memory of servers."""

    async def forecast(self, workspaces: Sequence[str]) -> JournalForecast:
        """Look at the sessions of these workspaces that began in the last 24 h."""
        ...
