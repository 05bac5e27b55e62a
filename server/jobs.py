"""Fixed periodic work of a running server: what retention no longer keeps goes, what was left half done is ended."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from engine.clock import Clock
from engine.errors import StoreUnavailable
from engine.stores.base import Store

SWEEP_EVERY_S = 60
CHORES_EVERY_S = 15
SLICES_MAX = 100
"""At most this many slices in one minute: a sweep never holds the loop, the rest waits a minute."""

LEASE_TURNS = 1.5
"""A job stays with the worker that has it while that comes back within so many of the job's turns."""

SWEEP, CHORES = "sweep", "chores"

Chore = Callable[[], Awaitable[None]]
"""Work that is safe to do at any time, and twice."""

_log = logging.getLogger("opportune.jobs")


class Jobs:
    """Starts and stops the periodic jobs of one worker; they run on its event loop.

    Of several workers over one store one at a time has each job, by a lease; another takes a dead one's
    jobs over at its first turn after the lease. No safety rests on it: every job may be done twice.
    """

    def __init__(
        self, store: Store, clock: Clock, chores: Sequence[Chore] = (), *, worker: str = "worker"
    ) -> None:
        """Sweep `store` by the time of `clock`; do the `chores` one after the other, more often."""
        self._store = store
        self._clock = clock
        self._chores = chores
        self._worker = worker
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._is_stopped = False

    def start(self) -> None:
        """Begin; needs a running event loop."""
        self._scheduler.add_job(
            self.sweep, "interval", seconds=SWEEP_EVERY_S, max_instances=1, coalesce=True
        )
        self._scheduler.add_job(
            self.do_chores, "interval", seconds=CHORES_EVERY_S, max_instances=1, coalesce=True
        )
        self._scheduler.start()

    async def stop(self) -> None:
        """Begin nothing any more, and let another worker have the jobs at once; twice is fine."""
        if self._is_stopped:
            return
        self._is_stopped = True
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        with suppress(StoreUnavailable):
            for name in (SWEEP, CHORES):
                await self._store.release(name, self._worker)

    async def sweep(self) -> None:
        """Remove what is kept no longer, slice by slice, while the job is this worker's."""
        with suppress(StoreUnavailable):
            for _ in range(SLICES_MAX):
                if not await self._has(SWEEP, SWEEP_EVERY_S):
                    return
                swept = await self._store.sweep(self._clock.now_ms())
                if not swept.more:
                    return

    async def do_chores(self) -> None:
        """Do each chore once; one that the store keeps from its work is done the next time."""
        for chore in self._chores:
            try:
                if not await self._has(CHORES, CHORES_EVERY_S):
                    return
                await chore()
            except StoreUnavailable:
                _log.warning("a chore waits for the next time: the store does not answer")

    async def _has(self, name: str, every_s: int) -> bool:
        """Take or prolong this worker's lease of a job."""
        if self._is_stopped:
            return False
        return await self._store.lease(name, self._worker, round(every_s * LEASE_TURNS * 1_000))
