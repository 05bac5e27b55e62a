"""Periodic work: each chore is done, whatever became of the one before it."""

import pytest

from engine.errors import StoreUnavailable
from engine.stores.base import Swept
from engine.stores.memory.store import MemoryStore
from engine.stores.open import open_store
from engine.testing.manual_clock import ManualClock
from server.jobs import CHORES_EVERY_S, LEASE_TURNS, SLICES_MAX, Jobs

pytestmark = pytest.mark.anyio


async def test_a_store_that_does_not_answer_stops_no_other_chore() -> None:
    done: list[str] = []

    async def hung() -> None:
        done.append("hung")
        raise StoreUnavailable("none", 100)

    async def well() -> None:
        done.append("well")

    clock = ManualClock()
    jobs = Jobs(await open_store("memory:", clock=clock.now_ms), clock, (hung, well))
    await jobs.do_chores()
    await jobs.do_chores()
    assert done == ["hung", "well"] * 2


CHORES_LEASE_MS = round(CHORES_EVERY_S * LEASE_TURNS * 1_000)


class Workers:
    """Two workers over one store, each with one chore that says who did it."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.store = MemoryStore(self.clock.now_ms)
        self.done: list[str] = []
        self.first, self.second = self._jobs("first"), self._jobs("second")

    def _jobs(self, worker: str) -> Jobs:
        async def chore() -> None:
            self.done.append(worker)

        return Jobs(self.store, self.clock, (chore,), worker=worker)


async def test_one_worker_at_a_time_does_the_chores() -> None:
    workers = Workers()
    for _ in range(3):
        await workers.first.do_chores()
        await workers.second.do_chores()
        workers.clock.advance(CHORES_EVERY_S * 1_000)
    assert workers.done == ["first"] * 3


async def test_a_dead_worker_s_jobs_go_to_another_when_its_lease_ends() -> None:
    workers = Workers()
    await workers.first.do_chores()
    workers.clock.advance(CHORES_LEASE_MS - 1)
    await workers.second.do_chores()
    workers.clock.advance(1)
    await workers.second.do_chores()
    assert workers.done == ["first", "second"]


async def test_a_worker_that_stops_gives_its_jobs_away_and_does_none_any_more() -> None:
    workers = Workers()
    await workers.first.do_chores()
    await workers.first.stop()
    await workers.first.stop()
    await workers.second.do_chores()
    await workers.first.do_chores()
    assert workers.done == ["first", "second"]


async def test_a_sweep_ends_after_a_hundred_slices_and_when_another_worker_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workers, slices = Workers(), []

    async def sweep(now_ms: int) -> Swept:
        slices.append(now_ms)
        return Swept(0, 0, 1, more=True)

    monkeypatch.setattr(workers.store, "sweep", sweep)
    await workers.first.sweep()
    await workers.second.sweep()
    assert len(slices) == SLICES_MAX
