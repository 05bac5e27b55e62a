"""How many messages visitors of a workspace wrote in this month, for the limit of a month (API.md 5)."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from engine.clock import Clock
from engine.counts import CHAT_MESSAGES
from engine.errors import StoreUnavailable
from engine.stores.base import RateState, Store
from server.limits.budgets import Budget, Refused, Window
from server.limits.rate_windows import STORE_WAIT_S

READ_EVERY_MS = 10_000
"""How old the store's count may be; what this process let through since then is added."""


@dataclass(slots=True)
class _Month:
    """The messages of a workspace in a month: as read from the store, and since then."""

    name: str
    used: int = 0
    since_read: int = 0
    read_ms: int = -READ_EVERY_MS


class ChatMonths:
    """Counts the messages of months, one count a workspace."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Read the counters of commits in `store`."""
        self._store = store
        self._clock = clock
        self._months: dict[str, _Month] = {}

    async def take(self, workspace: str, limit: int) -> None:
        """Count a message that is about to be taken in.

        Raises Refused: chat_month.
        """
        now_ms = self._clock.now_ms()
        name, days, end_ms = month_of(now_ms)
        month = self._months.get(workspace)
        if month is None or month.name != name:
            month = self._months[workspace] = _Month(name)
        if now_ms - month.read_ms >= READ_EVERY_MS:
            await self._read(workspace, month, days, now_ms)
        if month.used + month.since_read >= limit:
            window = Window("month", RateState(limit, 0, end_ms), len(days) * 86_400, now_ms)
            text = f"Usage limit exceeded: {limit:,} messages a month"
            raise Refused("chat_month", text, Budget((window,)), 0)
        month.since_read += 1

    def give_back(self, workspace: str) -> None:
        """Count a message no more that was refused for another reason."""
        self._months[workspace].since_read -= 1

    async def _read(self, workspace: str, month: _Month, days: Sequence[str], now_ms: int) -> None:
        try:
            async with asyncio.timeout(STORE_WAIT_S):
                counts = await self._store.counts(workspace, days, CHAT_MESSAGES)
        except (TimeoutError, StoreUnavailable):
            return
        # What was let through and is not committed yet must not be forgotten: never count down.
        here = month.used + month.since_read
        month.used, month.since_read = max(counts.get(CHAT_MESSAGES, 0), here), 0
        month.read_ms = now_ms


def month_of(now_ms: int) -> tuple[str, list[str], int]:
    """Return the UTC month of an instant: its name, its days so far, and when it ends, in Unix ms."""
    today = datetime.fromtimestamp(now_ms / 1000, UTC)
    days = [today.strftime(f"%Y-%m-{day:02d}") for day in range(1, today.day + 1)]
    year, month = (today.year + 1, 1) if today.month == 12 else (today.year, today.month + 1)
    end = datetime(year, month, 1, tzinfo=UTC)
    return today.strftime("%Y-%m"), days, int(end.timestamp()) * 1000
