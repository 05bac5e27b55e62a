"""T1: one message, many workers: whichever worker an event reaches, nobody is approached twice."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from tests.faults.approached import PAGES, WORDS, as_due, kind_of, rules, withdrawn_twice
from tests.faults.judge import Held, held_in, judge, opened, over_the_cap
from tests.faults.load import Body, History, Load, Plan, body_of, said_by, session_of
from tests.faults.runs import SEED, Outcome, sized
from tests.faults.server import Servers, Single
from tests.faults.watching import watching
from tests.faults.workers import Workers

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(sized(60, 600))]
WORKERS = sized(2, 8)
PLAN = Plan(
    seed=SEED,
    sessions=sized(51, 501),
    events=sized(12, 20),
    seconds=sized(3.0, 30.0),
    deadline_s=sized(20.0, 120.0),
    at_once=2,
)
WATCHED = sized(12, 51)
ELIGIBLE = 0.99
# Events come at the very instants at which a message is due and at which it expires.
DUE_S = sized(1, 3)
WORDS_AT = 6


def made(plan: Plan, session: str, number: int) -> Body:
    """Make an event: who answers writes once, who ignores reads another page."""
    if kind_of(session) == "answers" and number == WORDS_AT:
        return said_by(plan, session, number, WORDS)
    url = f"https://shop.test{PAGES[kind_of(session)]}"
    return {**body_of(plan, session, number), "page": {"url": url}}


async def visited(
    folder: Path, store: str, plan: Plan, count: int, *unsafe: str
) -> tuple[History, Held]:
    """Let everybody visit; answers what clients saw and what the store holds."""
    history = History(folder / "history.jsonl")
    with Workers(
        folder, count, store=store, durability="D1", rules=rules(DUE_S), unsafe=unsafe
    ) as workers:
        watched = [session_of(plan, number) for number in range(WATCHED)]
        async with watching(history, workers.ports, watched):
            await Load(plan, workers.ports, history, make=made).run()
            # What was pushed last is on its way.
            await asyncio.sleep(0.5)
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
    history, held = await visited(tmp_path, server.url, PLAN, WORKERS)
    verdict, well, again = judge(history, held), as_due(held), withdrawn_twice(held)
    outcome.acked, outcome.lost = verdict.acked, len(verdict.lost)
    outcome.doubled = len(over_the_cap(held)) + len(again) + len(history.repeated)
    outcome.notes = f"{len(well)} of {PLAN.sessions} as due, {len(held.withdrawn)} places came back"
    assert (verdict.acked, verdict.lost, verdict.doubled) == (PLAN.sessions * PLAN.events, (), ())
    assert (over_the_cap(held), again, history.repeated, held.breaks) == ([], [], [], [])
    assert max(held.granted.values()) == 1
    assert len(well) >= PLAN.sessions * ELIGIBLE
    check_sockets(history, held)


def check_sockets(history: History, held: Held) -> None:
    """See that each page was shown messages of its own visitor only, and none twice."""
    sent: dict[str, list[str]] = {}
    for (session, _), ids in held.messages.items():
        sent.setdefault(held.visitors[session], []).extend(ids)
    for name, shown in history.shown.items():
        assert set(shown) <= set(sent[f"visitor_{name}"])
        assert len(shown) == len(set(shown))
    assert sum(map(len, history.shown.values())) >= WATCHED


async def test_the_control_without_versions_and_cap_approaches_visitors_twice(
    tmp_path: Path, redis: Single, outcome: Outcome
) -> None:
    # A few visitors, for as long as the first message takes, show it.
    plan = sized(msgspec.structs.replace(PLAN, sessions=24, events=8, seconds=2.0), PLAN)
    _, held = await visited(tmp_path, redis.url, plan, 2, "no_cas", "no_cap_check")
    twice = over_the_cap(held)
    outcome.control = f"no_cas, no_cap_check: {len(twice)} approached twice"
    assert twice
