"""How many tokens an assistant's model has cost today, at all workers, against its limit of a day.

Days are of UTC, as all counters are. A reply's commit counts what it cost; this reads the counters, and
adds what this process has asked for since.
"""

from engine.clock import Clock
from engine.counts import tokens_count
from engine.errors import StoreUnavailable
from engine.stores.base import Store
from engine.stores.days import utc_day

READ_EVERY_MS = 10_000
"""How old the store's count may be: so long other workers may spend unseen."""


class TokenBudget:
    """The tokens of one assistant."""

    def __init__(
        self, store: Store, clock: Clock, workspace: str, assistant: str, *, per_day: int
    ) -> None:
        """Allow `per_day` tokens a UTC day, 0 = any number."""
        self._store = store
        self._clock = clock
        self._workspace = workspace
        self._name = tokens_count(assistant)
        self._per_day = per_day
        self._day = ""
        self._read_ms = -READ_EVERY_MS
        self._used = 0
        self._under_way = 0

    async def take(self, tokens: int) -> bool:
        """Reserve what an answer may cost; False, and nothing is reserved, once the day's are spent.

        The answer under which the limit is reached is still given.
        """
        if not self._per_day:
            return True
        now_ms = self._clock.now_ms()
        day = utc_day(now_ms)
        if day != self._day:
            self._day, self._used, self._read_ms = day, 0, now_ms - READ_EVERY_MS
        if now_ms - self._read_ms >= READ_EVERY_MS:
            await self._read(day, now_ms)
        if self._used + self._under_way >= self._per_day:
            return False
        self._under_way += tokens
        return True

    def settle(self, reserved: int, spent: int) -> None:
        """Replace what `take` reserved by what the answer cost."""
        if self._per_day:
            self._under_way -= reserved
            self._used += spent

    async def _read(self, day: str, now_ms: int) -> None:
        self._read_ms = now_ms
        try:
            counts = await self._store.counts(self._workspace, (day,), self._name)
        except StoreUnavailable:
            return
        # What was spent here and is not committed yet, or never will be, must not be forgotten.
        self._used = max(self._used, counts.get(self._name, 0))
