"""Fixed periodic work of a running server: removing what retention no longer keeps."""

from datetime import UTC

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from engine.clock import Clock
from engine.stores.base import Store

SWEEP_EVERY_S = 60
SLICES_MAX = 100
"""At most this many slices in one minute: a sweep never holds the loop, the rest waits a minute."""


class Jobs:
    """Starts and stops the periodic jobs of one server; they run on its event loop."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Sweep `store` by the time of `clock`."""
        self._store = store
        self._clock = clock
        self._scheduler = AsyncIOScheduler(timezone=UTC)

    def start(self) -> None:
        """Begin; needs a running event loop."""
        self._scheduler.add_job(
            self._sweep, "interval", seconds=SWEEP_EVERY_S, max_instances=1, coalesce=True
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
