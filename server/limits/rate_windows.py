"""Windows counted in the store, and what is known of them while the store is silent."""

import asyncio
from collections.abc import Sequence

from engine.clock import Clock
from engine.errors import StoreUnavailable
from engine.stores.base import RateAnswer, RateAsk, RateState, Store
from server.limits.budgets import Budget, Window

MINUTE_MS = 60_000
STORE_WAIT_S = 0.05
"""A store that has not answered by then is not waited for: what is known locally decides. A window of which it
said that it is full is full until its end; any other lets the call pass."""

KNOWN_WINDOWS_MAX = 10_000
"""Windows whose latest state is remembered for when the store does not answer; the oldest leave."""

# No window has room for it, so nothing is counted: this is how a budget is looked at.
_LOOK = RateAsk("look", 0, MINUTE_MS)


class RateWindows:
    """Counts calls in windows; a silent store lets them pass, but for windows that it has called full."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Count in `store`; `clock` tells how long a window still lasts."""
        self._store = store
        self._clock = clock
        self._known: dict[str, RateState] = {}
        self._full_ms: dict[str, int] = {}

    async def count(self, asks: Sequence[RateAsk]) -> RateAnswer:
        """Count one call in every window, or in none; without an answer in time it passes, as an estimate."""
        try:
            answer = await self.count_surely(asks)
        except StoreUnavailable:
            return self._estimate(asks)
        for ask, state in zip(asks, answer.states, strict=True):
            self._remember(ask.bucket, state)
            if state.remaining == 0 and ask is not _LOOK:
                self._full_ms[ask.bucket] = state.reset_ms
            else:
                self._full_ms.pop(ask.bucket, None)
        return answer

    async def count_surely(self, asks: Sequence[RateAsk]) -> RateAnswer:
        """Count as `count` does; only the store decides.

        Raises:
            StoreUnavailable: the store did not answer in time.
        """
        try:
            async with asyncio.timeout(STORE_WAIT_S):
                return await self._store.rate(asks)
        except TimeoutError:
            raise StoreUnavailable("none", 1_000, "no answer in time") from None

    async def look(self, asks: Sequence[RateAsk]) -> RateAnswer:
        """Read the windows and count nothing."""
        return await self.count([*asks, _LOOK])

    def budget(self, names: Sequence[str], asks: Sequence[RateAsk], answer: RateAnswer) -> Budget:
        """Name the windows of an answer for its headers."""
        now_ms = self._clock.now_ms()
        # A look is answered with one window more than it has names.
        rows = zip(names, asks, answer.states, strict=False)
        return Budget(
            tuple(Window(name, state, ask.window_ms // 1000, now_ms) for name, ask, state in rows)
        )

    def _estimate(self, asks: Sequence[RateAsk]) -> RateAnswer:
        now_ms = self._clock.now_ms()
        refused = next((at for at, ask in enumerate(asks) if self._is_full(ask, now_ms)), None)
        cost = 0 if _LOOK in asks or refused is not None else 1
        states = []
        for ask in asks:
            known = self._known.get(ask.bucket)
            if known is None or known.reset_ms <= now_ms or known.limit != ask.limit:
                end_ms = now_ms - now_ms % ask.window_ms + ask.window_ms
                known = RateState(ask.limit, ask.limit, end_ms)
            known = RateState(known.limit, max(0, known.remaining - cost), known.reset_ms)
            self._remember(ask.bucket, known)
            states.append(known)
        return RateAnswer(refused, tuple(states))

    def _is_full(self, ask: RateAsk, now_ms: int) -> bool:
        """Tell whether the store said of a window that it is full, which it stays until its end."""
        known = self._known.get(ask.bucket)
        has_limit = known is not None and known.limit == ask.limit
        return has_limit and now_ms < self._full_ms.get(ask.bucket, 0)

    def _remember(self, bucket: str, state: RateState) -> None:
        self._known.pop(bucket, None)
        if len(self._known) >= KNOWN_WINDOWS_MAX:
            oldest = next(iter(self._known))
            del self._known[oldest]
            self._full_ms.pop(oldest, None)
        self._known[bucket] = state
