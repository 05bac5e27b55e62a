"""T3: a worker is killed under load; what it had acknowledged is there, and what is sent again counts once."""

import asyncio
from pathlib import Path
from random import Random

import pytest

from tests.faults.judge import held_in, judge, opened
from tests.faults.load import History, Load, Plan
from tests.faults.processes import SQLITE
from tests.faults.runs import SEED, Outcome, sized
from tests.faults.server import Single
from tests.faults.workers import Workers

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(sized(90, 600))]
KILLS = sized(2, 20)
PLAN = Plan(
    seed=SEED,
    sessions=sized(30, 200),
    events=sized(20, 200),
    seconds=sized(4.2, 80.0),
    deadline_s=sized(30.0, 240.0),
    is_own_widget=True,
)
DOWN_S = sized(0.4, 1.0)
# Bounds of STORES.md 10 and 12 for a machine that nobody else uses; tests allow three times as long.
BACK_S = {"sqlite": 3.0 * 3, "redis": 2.0 * 3}


async def under_kills(workers: Workers, plan: Plan, history: History, kills: int) -> list[float]:
    """Run a load, kill workers during it and start each again a little later.

    Answers how long after each kill, of the only worker after its start, a request succeeded.
    """
    random = Random(plan.seed)
    load = asyncio.create_task(Load(plan, workers.ports, history).run())
    since = []
    for kill in range(1, kills + 1):
        await asyncio.sleep(max(0.0, kill * plan.seconds / (kills + 1) - history.now()))
        victim = random.randrange(len(workers.workers))
        await asyncio.to_thread(workers.kill, victim)
        killed_s = history.now()
        await asyncio.sleep(DOWN_S)
        started_s = history.now()
        await asyncio.to_thread(workers.restart(victim).wait_ready)
        since.append(killed_s if len(workers.workers) > 1 else started_s)
    await load
    return [history.first_success_after(at_s) for at_s in since]


@pytest.mark.parametrize("kind", sized(["redis"], ["sqlite", "redis"]))
async def test_a_killed_worker_loses_nothing_and_doubles_nothing(
    tmp_path: Path, request: pytest.FixtureRequest, outcome: Outcome, kind: str
) -> None:
    count, store = place_of(request, kind)
    history = History(tmp_path / "history.jsonl")
    with Workers(tmp_path, count, store=store, durability="D1") as workers:
        back = await under_kills(workers, PLAN, history, KILLS)
        workers.drain()
    history.close()
    async with opened(workers.store_url) as kept:
        verdict = judge(history, held := await held_in(kept))
    outcome.acked, outcome.faults = verdict.acked, KILLS
    outcome.lost, outcome.doubled = len(verdict.lost), len(verdict.doubled)
    outcome.notes = f"back after {max(back):.2f} s"
    assert verdict.acked == PLAN.sessions * PLAN.events
    assert (verdict.lost, verdict.doubled, verdict.unasked, held.breaks) == ((), (), (), [])
    assert max(back) <= BACK_S[kind]


def place_of(request: pytest.FixtureRequest, kind: str) -> tuple[int, str]:
    """Say how many workers there are, and on which store."""
    if kind == "sqlite":
        return 1, SQLITE
    server: Single = request.getfixturevalue("redis")
    return sized(2, 3), server.url


async def test_the_control_that_tells_before_it_commits_loses_events(
    tmp_path: Path, outcome: Outcome
) -> None:
    history = History(tmp_path / "history.jsonl")
    plan = Plan(seed=SEED, sessions=30, events=20, seconds=1.2, deadline_s=3.0)
    with Workers(tmp_path, unsafe=["tell_before_commit"]) as workers:
        load = asyncio.create_task(Load(plan, workers.ports, history).run())
        await asyncio.sleep(0.6)
        workers.kill(0)
        load.cancel()
        await asyncio.gather(load, return_exceptions=True)
    history.close()
    async with opened(workers.store_url) as store:
        verdict = judge(history, await held_in(store))
    outcome.acked, outcome.control = verdict.acked, f"tell_before_commit lost {len(verdict.lost)}"
    assert verdict.lost
