"""T4 at level D3: the replica that takes over never got what was answered; who accepted it sends it again."""

import asyncio
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.judge import Held, held_in, judge, opened, over_the_cap, shown_twice
from tests.faults.load import History, Load, Plan, session_of
from tests.faults.runs import SEED, Outcome, sized
from tests.faults.trio import Trio
from tests.faults.watching import watching
from tests.faults.workers import Workers
from tests.servers import need_server

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(sized(90, 600))]
RUNS = sized(1, 5)
BEFORE_S = 1.5
CUT_OFF_S = sized(1.5, 3.5)
PLAN = Plan(
    seed=SEED,
    sessions=sized(30, 100),
    events=sized(20, 50),
    seconds=BEFORE_S + CUT_OFF_S + 1.0,
    deadline_s=sized(40.0, 60.0),
)
WATCHED = 5
SENT_AGAIN_S = sized(15.0, 30.0)
LOST_MIN = sized(20, 100)
# What is left alone in the end keeps the level by its disk: a worker that comes back asks for no less.
ALWAYS = ("--appendonly", "yes", "--appendfsync", "always")


async def held_after(trio: Trio, history: History, within_s: float) -> Held:
    """Read what there is, until nothing that was answered is missing or the time is up."""
    end_s = history.now() + within_s
    async with opened(trio.nodes[2].url) as store:
        while True:
            held = await held_in(store)
            if not judge(history, held).lost or history.now() > end_s:
                return held
            await asyncio.sleep(0.2)


async def run(folder: Path, durability: str, within_s: float) -> tuple[History, Held]:
    """Let the stale replica take over under load, and kill and restart one of two workers meanwhile."""
    need_server()
    history = History(folder.with_suffix(".jsonl"))
    with ExitStack() as stack:
        trio = stack.enter_context(Trio.start(folder / "trio", *ALWAYS))
        workers = stack.enter_context(Workers(folder, 2, store=trio.url, durability=durability))
        load = asyncio.create_task(Load(PLAN, workers.ports, history).run())
        watched = [session_of(PLAN, number) for number in range(WATCHED)]
        async with watching(history, workers.ports, watched):
            await asyncio.sleep(BEFORE_S)
            await asyncio.to_thread(trio.cut_off)
            await asyncio.sleep(CUT_OFF_S)
            await asyncio.to_thread(trio.lose)
            workers.kill(1)
            await asyncio.to_thread(trio.promote)
            await asyncio.to_thread(workers.restart(1).wait_ready)
            await load
            held = await held_after(trio, history, within_s)
        history.close()
    return history, held


@pytest.mark.parametrize("number", range(RUNS))
async def test_what_was_answered_is_there_again_after_a_stale_replica_took_over(
    tmp_path: Path, outcome: Outcome, number: int
) -> None:
    history, held = await run(tmp_path / f"run{number}", "D3", SENT_AGAIN_S)
    verdict = judge(history, held)
    outcome.acked, outcome.lost, outcome.faults = verdict.acked, len(verdict.lost), 2
    doubled = [*verdict.doubled, *over_the_cap(held), *shown_twice(history)]
    outcome.doubled = len(doubled)
    assert (verdict.lost, doubled, held.breaks) == ((), [], [])
    assert outcome.acked == PLAN.sessions * PLAN.events


async def test_the_control_that_keeps_nothing_beside_the_store_loses_events(
    tmp_path: Path, outcome: Outcome
) -> None:
    history, held = await run(tmp_path / "run", "D2", 1.0)
    lost = judge(history, held).lost
    outcome.control = f"D2 lost {len(lost)}"
    assert len(lost) > LOST_MIN
