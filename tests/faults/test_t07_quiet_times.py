"""T7 while nothing goes wrong: a rule of 45 seconds fires in its quarter of a second, and waiting costs nothing."""

import asyncio
from pathlib import Path

import pytest

from engine.clock import SystemClock
from engine.stores.base import Commit, Committed, SessionRef, Store
from tests.faults.judge import held_in, opened
from tests.faults.load import History, Load, Plan, session_of
from tests.faults.runs import SEED, Outcome, sized
from tests.faults.server import Single
from tests.faults.waiting import until
from tests.faults.watching import watching
from tests.faults.workers import Workers

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(sized(90, 300))]
DWELL_S = 45.0
WINDOW_S = 0.25
PLAN = Plan(seed=SEED, sessions=100, events=1, deadline_s=30.0)
RULES = """
rule help "Pricing help" {
  on page "/pricing"
  when time_on_page >= 45s
  say "Questions about pricing plans?"
    reply "No"  -> dismiss
}
"""
PENDING = sized(2_000, 100_000)
IN_HAND = 500
DUE_IN_MS = 3_600_000
SETTLED_S = sized(1.0, 5.0)
WATCHED_S = sized(2.0, 30.0)
# A busy machine takes more of its core for the same work.
SHARE = sized(0.03, 0.01)


@pytest.mark.full_size
async def test_a_rule_of_45_seconds_fires_within_a_quarter_of_a_second(
    tmp_path: Path, redis: Single, outcome: Outcome
) -> None:
    history = History(tmp_path / "history.jsonl")
    names = [session_of(PLAN, number) for number in range(PLAN.sessions)]
    with Workers(tmp_path, 2, store=redis.url, durability="D1", rules=RULES) as workers:
        async with watching(history, workers.ports, names):
            await Load(PLAN, workers.ports, history, spread_s=10.0).run()
            await until(lambda: len(history.pushed) >= PLAN.sessions, DWELL_S + 15.0)
        workers.drain()
    history.close()
    async with opened(redis.url) as store:
        held = await held_in(store)
    late_ms = [now_ms - due_ms for wakes in held.wakes.values() for due_ms, now_ms in wakes]
    came = {push.session: push.at_s for push in history.pushed}
    # The page was seen between the sending of its view and the answer.
    after_s = [came[line.session] - line.end for line in history.lines if line.status == 200]
    before_s = [came[line.session] - line.start for line in history.lines if line.status == 200]
    outcome.acked, outcome.early = len(after_s), sum(late < 0 for late in late_ms)
    outcome.notes = f"on the page {min(before_s):.3f} to {max(after_s):.3f} s after the view"
    assert [len(shown) for shown in history.shown.values()] == [1] * PLAN.sessions
    assert min(before_s) >= DWELL_S
    assert max(after_s) <= DWELL_S + WINDOW_S
    assert (outcome.early, max(late_ms) <= WINDOW_S * 1_000) == (0, True)


async def test_a_worker_that_only_waits_costs_nothing(
    tmp_path: Path, redis: Single, outcome: Outcome
) -> None:
    async with opened(redis.url) as store:
        for first in range(0, PENDING, IN_HAND):
            await asyncio.gather(*(arm(store, number) for number in range(first, first + IN_HAND)))
        with Workers(tmp_path, store=redis.url, durability="D1") as workers:
            await asyncio.sleep(SETTLED_S)
            used_s = workers[0].cpu_s()
            await asyncio.sleep(WATCHED_S)
            share = (workers[0].cpu_s() - used_s) / WATCHED_S
            pending = (await store.health()).pending_wakeups
    outcome.notes = f"{100 * share:.2f} % of a core with {pending} wake-ups pending"
    assert pending == PENDING
    assert share < SHARE


async def arm(store: Store, number: int) -> None:
    """Keep a session that is to be woken in an hour."""
    ref = SessionRef("ws_test", f"visitor_{number}", f"chat_{number}")
    due_ms = SystemClock().now_ms() + DUE_IN_MS + number
    commit = Commit(ref, f"op_{number}", 0, b"state", b"entry", wake_ms=due_ms)
    assert isinstance(await store.commit(commit), Committed)
