"""T2: answers are lost between workers and Redis and between clients and workers: nothing counts twice."""

import asyncio
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from time import monotonic

import msgspec
import pytest
from redis.asyncio import Redis

from engine.causes import Cause, MessageMoved, Said, decode_cause
from engine.counts import CAMPAIGN, CHAT_MESSAGES
from engine.limits import CAUSES_ROWS_MAX
from engine.stores.base import Store
from tests.faults.approached import WORDS, rules
from tests.faults.http_line import HttpLine, NoAnswer
from tests.faults.judge import WORKSPACE, Held, held_in, judge, opened, over_the_cap
from tests.faults.load import AGAIN_S, Body, History, Load, Plan, body_of, said_by
from tests.faults.proxy import Proxy
from tests.faults.runs import SEED, Outcome, sized
from tests.faults.server import Single
from tests.faults.waiting import until
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
# Each visitor says something once.
WORDS_AT = 2
OPEN = "/v1/live-chat/sessions"
PLATFORM = {"authorization": "Bearer test_key_0123456789abcdef", "x-workspace-id": WORKSPACE}
Opened = dict[str, set[str]]


def made(plan: Plan, session: str, number: int) -> Body:
    """Make an event; one of each session is the visitor's words."""
    if number == WORDS_AT:
        return said_by(plan, session, number, WORDS)
    return body_of(plan, session, number)


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


async def stormy(
    folder: Path, redis: Single, plan: Plan, *unsafe: str
) -> tuple[History, Opened, int]:
    """Visit while answers are lost everywhere; answers what clients saw, and how many answers were lost."""
    history, opened_by = History(folder / "history.jsonl"), Opened()
    with ExitStack() as stack:
        inner = stack.enter_context(Proxy(redis.node.port, seed=SEED))
        store = f"redis://127.0.0.1:{inner.port}"
        workers = stack.enter_context(
            Workers(
                folder,
                2,
                store=store,
                durability="D1",
                rules=rules(1),
                unsafe=("keep_causes", *unsafe),
            )
        )
        outer = [stack.enter_context(Proxy(port, seed=SEED + port)) for port in workers.ports]
        ports = [proxy.port for proxy in outer]
        for proxy in (inner, *outer):
            proxy.set(**FAULTS)
        async with asyncio.TaskGroup() as group:
            group.create_task(Load(plan, ports, history, make=made).run())
            for number in range(0 if unsafe else KEYS):
                for _ in range(3):
                    group.create_task(open_once(ports, number, opened_by))
        dropped = sum(proxy.acts["drop_reply"] for proxy in (inner, *outer))
        for proxy in (inner, *outer):
            proxy.forward()
    history.close()
    return history, opened_by, dropped


async def causes_in(store: Store) -> list[Cause]:
    """Read all causes; nobody has settled any."""
    kept = [
        cause
        for partition in range(store.partitions)
        for cause in await store.take_causes(partition, limit=CAUSES_ROWS_MAX)
    ]
    return [decode_cause(cause.body) for cause in kept]


async def check_causes(store: Store, held: Held) -> int:
    """See that each thing that was said or sent left one cause and was counted once; answers how many."""
    bodies = [cause.body for cause in await causes_in(store)]
    said = [
        body.message.id
        for body in bodies
        if isinstance(body, Said) and body.message.author == "visitor"
    ]
    sent = [
        body.message.id
        for body in bodies
        if isinstance(body, MessageMoved) and body.state == "sent"
    ]
    now = datetime.now(UTC)
    days = [(now - timedelta(days=ago)).date().isoformat() for ago in range(2)]
    counted = await store.counts(WORKSPACE, days, "")
    assert (len(said), len(set(said))) == (PLAN.sessions, PLAN.sessions)
    assert sorted(sent) == sorted(name for ids in held.messages.values() for name in ids)
    assert counted[CHAT_MESSAGES] == PLAN.sessions
    by_campaign = {name: count for name, count in counted.items() if name.startswith(CAMPAIGN)}
    assert sum(by_campaign[name] for name in by_campaign if name.endswith("|sent")) == len(sent)
    return len(bodies)


async def test_lost_answers_lose_nothing_and_double_nothing(
    tmp_path: Path, redis: Single, outcome: Outcome
) -> None:
    history, opened_by, outcome.faults = await stormy(tmp_path, redis, PLAN)
    async with opened(redis.url) as store:
        verdict = judge(history, held := await held_in(store))
        sessions = await store.list_sessions(WORKSPACE, None, 500)
        causes = await check_causes(store, held)
    outcome.acked, outcome.lost = verdict.acked, len(verdict.lost)
    outcome.doubled = len(verdict.doubled)
    outcome.notes = f"{causes} causes"
    assert verdict.acked == PLAN.sessions * PLAN.events
    assert over_the_cap(held) == []
    assert (verdict.lost, verdict.doubled, verdict.unasked, held.breaks) == ((), (), (), [])
    assert [len(made) for made in opened_by.values()] == [1] * KEYS
    keyed = [ref for ref in sessions if ref.visitor.startswith("keyed_")]
    assert len(keyed) == min(KEYS, len(keyed) if len(sessions) == 500 else KEYS)
    assert outcome.faults >= DROPPED


async def test_the_control_that_forgets_what_it_did_counts_events_twice(
    tmp_path: Path, redis: Single, outcome: Outcome
) -> None:
    # Few visitors are enough to be counted twice.
    plan = msgspec.structs.replace(PLAN, sessions=sized(25, PLAN.sessions))
    history, _, outcome.faults = await stormy(tmp_path, redis, plan, "no_op_id", "no_seen")
    async with opened(redis.url) as store:
        verdict = judge(history, await held_in(store))
    outcome.acked, outcome.control = verdict.acked, f"doubled {len(verdict.doubled)}"
    assert verdict.doubled


async def test_the_control_of_a_client_that_repeats_by_itself_counts_one_call_twice(
    redis: Single, outcome: Outcome
) -> None:
    with Proxy(redis.node.port, seed=SEED) as proxy:
        client = Redis(port=proxy.port)
        assert await client.ping()
        proxy.set(drop_reply=1.0)
        call = asyncio.ensure_future(client.incr("counted"))
        await until(lambda: proxy.acts["drop_reply"] > 0, 5.0)
        proxy.forward()
        answered, counted = await call, await client.get("counted")
        await client.aclose()
    outcome.faults, outcome.control = 1, f"one INCR counted {answered} times"
    assert counted == str(answered).encode()
    assert answered > 1
