"""Work that commits ask for: carried out beside the telling, in order within a session, at least once."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from engine.causes import Cause, FollowUp
from engine.errors import StoreUnavailable

OPEN_MAX = 512
"""Follow-ups begun and not done; with as many, the next cause waits to be told."""

AT_ONCE_MAX = 128
"""Follow-ups that run at once; the others wait for one to end."""

ATTEMPTS_MAX = 6
"""How often work is tried that fails; then it is given up, and logged. An absent store does not count."""

PAUSE_S_MAX = 10.0

CarryOut = Callable[[Cause], Awaitable[None]]

_log = logging.getLogger("opportune.outbox")


class FollowUps:
    """Runs follow-ups; each is settled once it is done, so a crash in between leads to one more run."""

    def __init__(self, settle: Callable[[str, int], None], *, retry_s: float) -> None:
        """Call `settle` with the id and partition of each cause that is done.

        Failures wait `retry_s`, doubling. What runs when its partition goes to another worker runs on.
        """
        self._settle = settle
        self._retry_s = retry_s
        self._works: dict[str, CarryOut] = {}
        self._open: dict[str, asyncio.Task[None]] = {}
        self._latest: dict[tuple[str, str, str], asyncio.Task[None]] = {}
        self._turn = asyncio.Semaphore(AT_ONCE_MAX)
        self._has_room = asyncio.Event()

    @property
    def count(self) -> int:
        """Return how many were begun and are not done."""
        return len(self._open)

    @property
    def works(self) -> frozenset[str]:
        """Return the names of the works that somebody does."""
        return frozenset(self._works)

    def add(self, work: str, carry_out: CarryOut) -> None:
        """Let `carry_out` do the work of this name."""
        self._works[work] = carry_out

    async def begin(self, cause: Cause, partition: int) -> None:
        """Begin the work of a cause, behind the earlier work of its session; waits while there is no room."""
        assert isinstance(cause.body, FollowUp)
        carry_out = self._works.get(cause.body.work)
        if cause.id in self._open:
            return
        if carry_out is None:
            _log.warning("nobody does the work %r: it is forgotten", cause.body.work)
            self._settle(cause.id, partition)
            return
        while len(self._open) >= OPEN_MAX:
            self._has_room.clear()
            await self._has_room.wait()
        place = (cause.workspace, cause.visitor, cause.session)
        before = self._latest.get(place)
        task = asyncio.create_task(self._run(cause, partition, carry_out, before))
        self._open[cause.id] = self._latest[place] = task
        task.add_done_callback(lambda ended: self._end(cause.id, place, ended))

    async def wait(self) -> None:
        """Wait until all that was begun is done."""
        while self._open:
            await asyncio.wait(self._open.values())

    async def stop(self) -> None:
        """Give up what runs; it is begun again after the next start."""
        tasks = tuple(self._open.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # ---- inside

    async def _run(
        self,
        cause: Cause,
        partition: int,
        carry_out: CarryOut,
        before: asyncio.Task[None] | None,
    ) -> None:
        if before is not None:
            await asyncio.wait((before,))
        failures, pause_s = 0, self._retry_s
        while failures < ATTEMPTS_MAX:
            try:
                async with self._turn:
                    await carry_out(cause)
                break
            except StoreUnavailable:
                _log.warning("follow-up %s waits: the store is unavailable", cause.id)
            except Exception:  # noqa: BLE001  # whatever it was, the others' work goes on
                failures += 1
                _log.exception("follow-up %s failed, attempt %d", cause.id, failures)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, PAUSE_S_MAX)
        else:
            _log.error("follow-up %s is given up", cause.id)
        self._settle(cause.id, partition)

    def _end(self, cause_id: str, place: tuple[str, str, str], ended: asyncio.Task[None]) -> None:
        self._open.pop(cause_id, None)
        if self._latest.get(place) is ended:
            del self._latest[place]
        self._has_room.set()
