"""Fixed periodic work of a running server: what retention no longer keeps goes, what was left half done is ended."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from engine.clock import Clock
from engine.errors import StoreUnavailable
from engine.stores.base import Store

SWEEP_EVERY_S = 60
CHORES_EVERY_S = 15
SLICES_MAX = 100
"""At most this many slices in one minute: a sweep never holds the loop, the rest waits a minute."""

Chore = Callable[[], Awaitable[None]]
"""Work that is safe to do at any time, and twice."""

_log = logging.getLogger("opportune.jobs")


class Jobs:
    """Starts and stops the periodic jobs of one server; they run on its event loop."""

    def __init__(self, store: Store, clock: Clock, chores: Sequence[Chore] = ()) -> None:
        """Sweep `store` by the time of `clock`; do the `chores` one after the other, more often."""
        self._store = store
        self._clock = clock
        self._chores = chores
        self._scheduler = AsyncIOScheduler(timezone=UTC)

    def start(self) -> None:
        """Begin; needs a running event loop."""
        self._scheduler.add_job(
            self._sweep, "interval", seconds=SWEEP_EVERY_S, max_instances=1, coalesce=True
        )
        self._scheduler.add_job(
            self.do_chores, "interval", seconds=CHORES_EVERY_S, max_instances=1, coalesce=True
        )
        self._scheduler.start()

    def stop(self) -> None:
        """Begin nothing any more."""
        self._scheduler.shutdown(wait=False)

    async def _sweep(self) -> None:
        for _ in range(SLICES_MAX):
            swept = await self._store.sweep(self._clock.now_ms())
            if not swept.more:
                return

    async def do_chores(self) -> None:
        """Do each chore once; one that the store keeps from its work is done the next time."""
        for chore in self._chores:
            try:
                await chore()
            except StoreUnavailable:
                _log.warning("a chore waits for the next time: the store does not answer")
