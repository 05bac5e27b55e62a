"""T19: limits and Idempotency-Keys hold over all workers together."""

import asyncio
import json
from collections import Counter
from itertools import cycle
from pathlib import Path

import pytest

from tests.faults.http_line import Answer, HttpLine
from tests.faults.judge import WORKSPACE, opened
from tests.faults.runs import Outcome, sized
from tests.faults.server import Single
from tests.faults.workers import Workers

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(sized(60, 300))]
WORKERS = sized(2, 4)
LIMIT = sized(200, 1_000)
"""Calls of a key in a minute."""
CALLS = LIMIT + sized(100, 500)
AT_ONCE = 50
NEVER_S = 10.0
TOO_MANY = 429
OPEN = "/v1/live-chat/sessions"
ABUSIVE = {"authorization": "Bearer test_key_0123456789abcdef", "x-workspace-id": WORKSPACE}
OTHER = {"authorization": "Bearer test_key_of_another", "x-workspace-id": WORKSPACE}
KEYS = f"""
  [[workspaces.api_keys]]
  name = "other"
  key = "test_key_of_another"
  per_minute = {LIMIT}
"""


def limited(workers: Workers) -> Workers:
    """Give the key a limit of its own, and add another key."""
    for config in workers.configs:
        text = config.read_text()
        own = 'key = "test_key_0123456789abcdef"\n'
        text = text.replace(own, f"{own}  per_minute = {LIMIT}\n{KEYS}")
        config.write_text(text)
    return workers


async def asked(ports: list[int], count: int, headers: dict[str, str]) -> list[Answer]:
    """Ask for a session that does not exist, at one worker after the other, many times side by side."""
    lines = [HttpLine(port) for _, port in zip(range(8 * len(ports)), cycle(ports), strict=False)]
    turns = iter(range(count))

    async def ask(line: HttpLine) -> list[Answer]:
        path = f"{OPEN}/chat_nobody"
        return [await line.send("GET", path, b"", headers, NEVER_S) for _ in turns]

    try:
        return [answer for some in await asyncio.gather(*map(ask, lines)) for answer in some]
    finally:
        for line in lines:
            line.close()


def admitted(answers: list[Answer]) -> tuple[Counter[str], Counter[str]]:
    """Count by the minute, which each answer names: what was asked, and what was admitted."""
    minute = "x-ratelimit-reset"
    return (
        Counter(answer.headers[minute] for answer in answers),
        Counter(answer.headers[minute] for answer in answers if answer.status != TOO_MANY),
    )


async def test_a_limit_holds_exactly_over_all_workers_and_stops_nobody_else(
    tmp_path: Path, redis: Single, outcome: Outcome
) -> None:
    workers = Workers(tmp_path, WORKERS, store=redis.url, durability="D1")
    with limited(workers):
        first = await asked(workers.ports, CALLS, ABUSIVE)
        other = await asked(workers.ports, LIMIT // 2, OTHER)
        one_effect = await same_key(workers.ports)
        workers.drain()
    calls, passed = admitted(first)
    outcome.acked, outcome.notes = passed.total(), f"of {calls.total()}, {LIMIT} a minute"
    assert passed == {minute: min(count, LIMIT) for minute, count in calls.items()}
    assert {answer.status for answer in other} == {404}
    async with opened(redis.url) as store:
        sessions = await store.list_sessions(WORKSPACE, None, 500)
    assert [ref.session for ref in sessions] == [one_effect]


async def same_key(ports: list[int]) -> str:
    """Open a session many times at once under one key; answers the one session that was made."""
    lines = [HttpLine(port) for _, port in zip(range(AT_ONCE), cycle(ports), strict=False)]
    headers = {**OTHER, "idempotency-key": "once"}
    body = {"source_id": "site_test", "visitor": {"id": "keyed"}}
    try:
        calls = [line.post(OPEN, body, headers, NEVER_S) for line in lines]
        answers = await asyncio.gather(*calls)
    finally:
        for line in lines:
            line.close()
    good = {answer.body for answer in answers if answer.status == 200}
    assert len(good) == 1
    assert {answer.status for answer in answers} <= {200, 409}
    first = [a for a in answers if a.status == 200 and "idempotency-replayed" not in a.headers]
    assert len(first) == 1
    return str(json.loads(good.pop())["data"]["session_id"])


async def test_the_control_that_counts_at_each_worker_admits_too_many(
    tmp_path: Path, redis: Single, outcome: Outcome
) -> None:
    workers = Workers(tmp_path, 2, store=redis.url, durability="D1", unsafe=["count_alone"])
    with limited(workers):
        answers = await asked(workers.ports, 2 * LIMIT, ABUSIVE)
    calls, passed = admitted(answers)
    outcome.control = f"count_alone admitted {passed.total()}, {LIMIT} a minute"
    assert passed.total() > sum(min(count, LIMIT) for count in calls.values())
