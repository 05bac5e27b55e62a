"""Periodic work: each chore is done, whatever became of the one before it."""

import pytest

from engine.errors import StoreUnavailable
from engine.stores.open import open_store
from engine.testing.manual_clock import ManualClock
from server.jobs import Jobs

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
