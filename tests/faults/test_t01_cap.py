"""T1: one message, many workers: whichever worker an event reaches, nobody is approached twice."""

import asyncio
from pathlib import Path

import pytest

from tests.faults.judge import Held, held_in, judge, opened, over_the_cap, shown_twice
from tests.faults.load import History, Load, Plan, session_of, watching
from tests.faults.runs import SEED, Outcome, sized
from tests.faults.server import Servers, Single
from tests.faults.workers import Workers

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(sized(60, 600))]
WORKERS = sized(2, 8)
PLAN = Plan(
    seed=SEED,
    sessions=sized(50, 500),
    events=sized(10, 20),
    seconds=sized(1.6, 30.0),
    deadline_s=sized(20.0, 120.0),
)
WATCHED = sized(10, 50)
ELIGIBLE = 0.99
# It is due at the same instant by an event and by a wake-up, on whichever worker.
RULES = """
policy {
  first message after 1s
  allow OP301 because "a test does not wait half a minute"
}
rule help "Pricing help" {
  on page "/pricing"
  when time_on_page >= 1s
  say "Questions about pricing plans?"
    reply "Yes" -> ask "Which one?"
    reply "No"  -> dismiss
}
"""


async def visited(folder: Path, store: str, count: int, *unsafe: str) -> tuple[History, Held]:
    """Let everybody visit; answers what clients saw and what the store holds."""
    history = History(folder / "history.jsonl")
    with Workers(
        folder, count, store=store, durability="D1", rules=RULES, unsafe=unsafe
    ) as workers:
        watched = [session_of(PLAN, number) for number in range(WATCHED)]
        load = asyncio.create_task(Load(PLAN, workers.ports, history).run())
        # A socket opens on a page that the visitor has come to.
        await asyncio.sleep(0.5)
        async with watching(history, workers.ports, watched):
            await load
            # Some visitors came only just now.
            await asyncio.sleep(1.0)
        workers.drain()
    history.close()
    async with opened(store) as kept:
        return history, await held_in(kept)


@pytest.mark.parametrize("kind", sized(["redis"], ["redis", "redis+cluster"]))
async def test_however_many_workers_decide_a_visitor_is_approached_once(
    tmp_path: Path, request: pytest.FixtureRequest, outcome: Outcome, kind: str
) -> None:
    name = {"redis": "valkey", "redis+cluster": "valkey_cluster"}[kind]
    server: Servers = request.getfixturevalue(name)
    server.flush()
    history, held = await visited(tmp_path, server.url, WORKERS)
    verdict = judge(history, held)
    outcome.acked, outcome.lost = verdict.acked, len(verdict.lost)
    outcome.doubled = len(over_the_cap(held)) + len(shown_twice(history))
    approached = {session for session, _ in held.messages}
    outcome.notes = f"approached {len(approached)} of {PLAN.sessions}"
    assert (verdict.acked, verdict.lost, verdict.doubled) == (PLAN.sessions * PLAN.events, (), ())
    assert (over_the_cap(held), shown_twice(history), held.breaks) == ([], [], [])
    assert max(held.granted.values()) == 1
    assert len(approached) >= PLAN.sessions * ELIGIBLE
    seen = {message for ids in history.shown.values() for message in ids}
    assert seen <= {message for ids in held.messages.values() for message in ids}
    assert seen


async def test_the_control_without_versions_and_cap_approaches_visitors_twice(
    tmp_path: Path, redis: Single, outcome: Outcome
) -> None:
    _, held = await visited(tmp_path, redis.url, 2, "no_cas", "no_cap_check")
    twice = over_the_cap(held)
    outcome.control = f"no_cas, no_cap_check: {len(twice)} approached twice"
    assert twice
