"""T2: answers are lost between workers and Redis and between clients and workers: nothing counts twice."""

import asyncio
from contextlib import ExitStack
from pathlib import Path
from random import Random
from time import monotonic

import msgspec
import pytest

from tests.faults.http_line import HttpLine, NoAnswer
from tests.faults.judge import WORKSPACE, held_in, judge, opened
from tests.faults.load import AGAIN_S, History, Load, Plan
from tests.faults.proxy import Proxy
from tests.faults.runs import SEED, Outcome, sized
from tests.faults.server import Single
from tests.faults.workers import Workers

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(sized(90, 900))]
PLAN = Plan(
    seed=SEED,
    sessions=sized(75, 500),
    events=sized(4, 20),
    seconds=sized(2.0, 60.0),
    deadline_s=sized(40.0, 300.0),
)
KEYS = sized(10, 100)
DROPPED = sized(40, 100)
FAULTS = {"drop_reply": 0.15, "delay": 0.01, "delay_ms": sized(200, 2_000)}
OPEN = "/v1/live-chat/sessions"
PLATFORM = {"authorization": "Bearer test_key_0123456789abcdef", "x-workspace-id": WORKSPACE}
Opened = dict[str, set[str]]


async def open_once(ports: list[int], number: int, opened_by: Opened) -> None:
    """Open a session under one key, again until it is answered; notes each id that was answered."""
    random, key = Random(f"{SEED} key {number}"), f"key-{number}"
    body = {"source_id": "site_test", "visitor": {"id": f"keyed_{number}"}}
    # A key whose answer was lost on its way into the store is locked for 30 s.
    end_s = monotonic() + PLAN.deadline_s
    while monotonic() < end_s:
        async with HttpLine(random.choice(ports)) as line:
            try:
                answer = await line.post(OPEN, body, {**PLATFORM, "idempotency-key": key})
            except NoAnswer:
                continue
        if answer.status == 200:
            made = msgspec.json.decode(answer.body)["data"]["session_id"]
            opened_by.setdefault(key, set()).add(made)
            return
        assert answer.status in (409, 429, 503), answer
        await asyncio.sleep(AGAIN_S * random.uniform(1, 3))
    raise AssertionError(f"{key} was never answered")


async def stormy(folder: Path, redis: Single, *unsafe: str) -> tuple[History, Opened, int]:
    """Visit while answers are lost everywhere; answers what clients saw, and how many answers were lost."""
    history, opened_by = History(folder / "history.jsonl"), Opened()
    with ExitStack() as stack:
        inner = stack.enter_context(Proxy(redis.node.port, seed=SEED))
        store = f"redis://127.0.0.1:{inner.port}"
        workers = stack.enter_context(
            Workers(folder, 2, store=store, durability="D1", unsafe=unsafe)
        )
        outer = [stack.enter_context(Proxy(port, seed=SEED + port)) for port in workers.ports]
        ports = [proxy.port for proxy in outer]
        for proxy in (inner, *outer):
            proxy.set(**FAULTS)
        async with asyncio.TaskGroup() as group:
            group.create_task(Load(PLAN, ports, history).run())
            for number in range(0 if unsafe else KEYS):
                for _ in range(3):
                    group.create_task(open_once(ports, number, opened_by))
        dropped = sum(proxy.acts["drop_reply"] for proxy in (inner, *outer))
        for proxy in (inner, *outer):
            proxy.forward()
    history.close()
    return history, opened_by, dropped


async def test_lost_answers_lose_nothing_and_double_nothing(
    tmp_path: Path, redis: Single, outcome: Outcome
) -> None:
    history, opened_by, outcome.faults = await stormy(tmp_path, redis)
    async with opened(redis.url) as store:
        verdict = judge(history, held := await held_in(store))
        sessions = await store.list_sessions(WORKSPACE, None, 500)
    outcome.acked, outcome.lost = verdict.acked, len(verdict.lost)
    outcome.doubled = len(verdict.doubled)
    assert verdict.acked == PLAN.sessions * PLAN.events
    assert (verdict.lost, verdict.doubled, verdict.unasked, held.breaks) == ((), (), (), [])
    assert [len(made) for made in opened_by.values()] == [1] * KEYS
    keyed = [ref for ref in sessions if ref.visitor.startswith("keyed_")]
    assert len(keyed) == min(KEYS, len(keyed) if len(sessions) == 500 else KEYS)
    assert outcome.faults >= DROPPED


async def test_the_control_that_forgets_what_it_did_counts_events_twice(
    tmp_path: Path, redis: Single, outcome: Outcome
) -> None:
    history, _, outcome.faults = await stormy(tmp_path, redis, "no_op_id", "no_seen")
    async with opened(redis.url) as store:
        verdict = judge(history, await held_in(store))
    outcome.acked, outcome.control = verdict.acked, f"doubled {len(verdict.doubled)}"
    assert verdict.doubled
