"""T7: wake-ups come once, on time and never early, while workers die and stand still."""

import asyncio
import os
import time
from pathlib import Path

import msgspec
import pytest

from tests.faults.judge import Held, early, held_in, judge, opened, over_the_cap
from tests.faults.load import Body, History, Load, Plan, body_of
from tests.faults.runs import SEED, Outcome, sized
from tests.faults.server import Single
from tests.faults.workers import Workers

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(sized(90, 400))]
SESSIONS = sized(300, 10_000)
# They come over so many seconds, in batches that wait longer the earlier they come, and are due in fewer.
OVER_S = sized(1.5, 50.0)
# 250 a second: two cores do not decide, commit and load 1,000 of them; then all would be late alike.
DUE_OVER_S = sized(1.5, 40.0)
BATCHES = sized(1, 50)
FIRST_DUE_S = sized(1.5, 60.0)
# A wake-up that is taken over late comes before the session's end all the same.
IDLE_S = sized(5, 80)
HANG_S = sized(0.0, 3.0)
# A worker's life of 1.25 s, 0.25 s until the others hear of its end; a busy machine adds to it.
LATE_MS = 2_000 * 3
# The small size shares its cores with other tests.
P99_MS = sized(LATE_MS, 100 * 3)
# What falls due so long before or after a fault does not feel it.
STEP_MS, FELT_MS = 200, 2_500
PLAN = Plan(seed=SEED, sessions=SESSIONS, events=1, deadline_s=sized(20.0, 150.0))
POLICY = """
policy {
  first message after 1s
  allow OP301 because "a test does not wait half a minute"
}
"""
RULE = """
rule help_NUMBER "Help NUMBER" {
  on page "/batch-NUMBER"
  when time_on_page >= DWELLms
  say "Questions about pricing plans?"
    reply "No"  -> dismiss
}
"""


class Woken(msgspec.Struct):
    """What a run left: its history, what the store holds, and when a fault could be felt (Unix ms)."""

    history: History
    held: Held
    faults: list[tuple[int, int]]

    def late_ms(self, *, is_end: bool, is_calm: bool = False) -> list[int]:
        """List how late wake-ups were, in order: messages, or ends of sessions; calm ones felt no fault."""
        return sorted(
            now_ms - due_ms
            for wakes in self.held.wakes.values()
            for place, (due_ms, now_ms) in enumerate(wakes)
            if is_end == (place == 1)
            if not (is_calm and any(begin <= due_ms <= end for begin, end in self.faults))
        )


def rules() -> str:
    """Write a rule for each batch: the later it comes, the shorter it waits."""
    texts = []
    for number in range(BATCHES):
        dwell_s = FIRST_DUE_S - number * (OVER_S - DUE_OVER_S) / BATCHES
        text = RULE.replace("NUMBER", str(number))
        texts.append(text.replace("DWELL", str(round(dwell_s * 1_000))))
    return POLICY + "".join(texts)


def made(plan: Plan, session: str, number: int) -> Body:
    """Make the view of the batch's page."""
    batch = int(session.rpartition("-")[2]) * BATCHES // plan.sessions
    url = f"https://shop.test/batch-{batch}"
    return {**body_of(plan, session, number), "page": {"url": url}}


async def woken(folder: Path, redis: Single, count: int, *unsafe: str) -> Woken:
    """Arm wake-ups over some seconds; one worker stands still while they come, another is killed."""
    history, faults = History(folder / "history.jsonl"), list[tuple[int, int]]()
    names = unsafe or (f"idle_after={IDLE_S}",)
    with Workers(
        folder, count, store=redis.url, durability="D1", rules=rules(), unsafe=names
    ) as workers:
        load = Load(PLAN, workers.ports, history, spread_s=OVER_S, make=made)
        loading = asyncio.create_task(load.run())
        began_s = history.now()
        await asyncio.sleep(FIRST_DUE_S + DUE_OVER_S / 5)
        if HANG_S and not unsafe:
            stopped_ms = unix_ms()
            workers[1].stop_it()
            await asyncio.sleep(HANG_S)
            workers[1].go_on()
            faults.append((stopped_ms - STEP_MS, unix_ms() + FELT_MS))
        await asyncio.sleep(began_s + FIRST_DUE_S + DUE_OVER_S * 0.7 - history.now())
        faults.append((unix_ms() - STEP_MS, unix_ms() + FELT_MS))
        await asyncio.to_thread(workers.kill, 0)
        await loading
        # What the control is to show is seen by then.
        await (asyncio.sleep(DUE_OVER_S / 2) if unsafe else none_pending(redis.url))
        for worker in workers.workers[1:]:
            assert worker.stop() == 0
    history.close()
    async with opened(redis.url) as store:
        return Woken(history, await held_in(store), faults)


async def none_pending(url: str) -> None:
    """Wait until every session has ended, whose end is its last wake-up."""
    async with opened(url) as store, asyncio.timeout(OVER_S + IDLE_S + LATE_MS / 1_000):
        while True:
            health = await store.health()
            if health.ok and not health.primaries_down and not health.pending_wakeups:
                return
            await asyncio.sleep(0.1)


def unix_ms() -> int:
    """Tell the time as the server on this machine does."""
    return time.time_ns() // 1_000_000


def at_share(late_ms: list[int], share: float) -> int:
    """Return the value that a share of the ordered ones does not pass."""
    return late_ms[int((len(late_ms) - 1) * share)]


async def test_wake_ups_come_once_and_never_early_although_a_worker_dies(
    tmp_path: Path, redis: Single, outcome: Outcome
) -> None:
    run = await woken(tmp_path, redis, sized(2, 3))
    held, again = run.held, sum(len(each) - len(set(each)) for each in dues(run.held))
    outcome.acked, outcome.early = sum(map(len, held.wakes.values())), early(held)
    outcome.doubled = len(over_the_cap(held)) + again
    outcome.lost = 2 * SESSIONS - len(held.messages) - len(held.closed)
    outcome.faults = len(run.faults)
    ends, messages = run.late_ms(is_end=True), run.late_ms(is_end=False)
    calm = run.late_ms(is_end=False, is_calm=True)
    outcome.notes = (
        f"late by {at_share(calm, 0.5)} ms at p50, {at_share(calm, 0.99)} ms at p99 of {len(calm)} calm ones,"
        f" {messages[-1]} ms at most, ends {ends[-1]} ms at most, load average {os.getloadavg()[0]:.1f}"
    )
    assert judge(run.history, held).acked == SESSIONS
    assert (outcome.lost, outcome.doubled, outcome.early) == (0, 0, 0)
    assert held.breaks == []
    assert len(messages) == len(ends) == SESSIONS
    assert max(messages[-1], ends[-1]) <= LATE_MS
    assert at_share(calm, 0.99) <= P99_MS


def dues(held: Held) -> list[list[int]]:
    """List the instants at which each session's wake-ups were due."""
    return [[due_ms for due_ms, _ in wakes] for wakes in held.wakes.values()]


async def test_the_control_in_which_everybody_owns_everything_unchecked_fires_twice(
    tmp_path: Path, redis: Single, outcome: Outcome
) -> None:
    unsafe = ("no_fired_check", "no_cas", "no_cap_check", "no_lease", "no_owner")
    run = await woken(tmp_path, redis, 2, *unsafe)
    twice = over_the_cap(run.held)
    outcome.control = f"{len(twice)} woken twice"
    assert twice
