"""T7: wake-ups come once, on time and never early, while workers die and stand still."""

import asyncio
from pathlib import Path

import pytest

from tests.faults.judge import Held, early, held_in, judge, opened, over_the_cap
from tests.faults.load import History, Load, Plan
from tests.faults.runs import SEED, Outcome, sized
from tests.faults.server import Single
from tests.faults.workers import Workers

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(sized(60, 300))]
SESSIONS = sized(300, 10_000)
OVER_S = sized(1.5, 60.0)
DWELL_S = 1.5
# A worker's life of 1.25 s, 0.25 s until the others hear of its end; a busy machine adds to it.
LATE_MS = 2_000 * 3
# By then a dead worker's wake-ups were taken by another.
LEASES_S = 2.5
RULES = """
policy {
  first message after 1s
  allow OP301 because "a test does not wait half a minute"
}
rule help "Pricing help" {
  on page "/pricing"
  when time_on_page >= 1500ms
  say "Questions about pricing plans?"
    reply "No"  -> dismiss
}
"""
PLAN = Plan(seed=SEED, sessions=SESSIONS, events=1, deadline_s=sized(20.0, 150.0))


async def woken(
    folder: Path, redis: Single, count: int, *unsafe: str, hang_s: float = 0.0
) -> tuple[History, Held]:
    """Arm wake-ups over some seconds; one worker is killed while they come, another stands still."""
    history = History(folder / "history.jsonl")
    with Workers(
        folder, count, store=redis.url, durability="D1", rules=RULES, unsafe=unsafe
    ) as workers:
        load = asyncio.create_task(Load(PLAN, workers.ports, history, spread_s=OVER_S).run())
        await asyncio.sleep(DWELL_S + OVER_S / 2)
        if hang_s:
            workers[1].stop_it()
            await asyncio.sleep(hang_s)
            workers[1].go_on()
        await asyncio.to_thread(workers.kill, 0)
        await load
        # What the control is to show is seen by then.
        await asyncio.sleep(OVER_S / 2 + (0 if unsafe else LEASES_S))
        for worker in workers.workers[1:]:
            assert worker.stop() == 0
    history.close()
    async with opened(redis.url) as store:
        return history, await held_in(store)


def late_ms(held: Held) -> list[int]:
    """List how late the wake-ups with a message were, in order."""
    return sorted(now_ms - due_ms for wakes in held.wakes.values() for due_ms, now_ms in wakes)


async def test_wake_ups_come_once_and_never_early_although_a_worker_dies(
    tmp_path: Path, redis: Single, outcome: Outcome
) -> None:
    history, held = await woken(tmp_path, redis, sized(2, 3), hang_s=sized(0.0, 3.0))
    late = late_ms(held)
    sent = [message for ids in held.messages.values() for message in ids]
    outcome.acked, outcome.early = len(sent), early(held)
    outcome.doubled = len(over_the_cap(held))
    outcome.lost, outcome.faults = SESSIONS - len(held.messages), sized(1, 2)
    outcome.notes = f"late by {late[len(late) // 2]} ms at p50, {late[-1]} ms at most"
    assert judge(history, held).acked == SESSIONS
    assert (outcome.lost, outcome.doubled, outcome.early) == (0, 0, 0)
    assert held.breaks == []
    assert late[-1] <= LATE_MS


async def test_the_control_in_which_everybody_owns_everything_unchecked_fires_twice(
    tmp_path: Path, redis: Single, outcome: Outcome
) -> None:
    unsafe = ("no_fired_check", "no_cas", "no_cap_check", "no_lease", "no_owner")
    _, held = await woken(tmp_path, redis, 2, *unsafe)
    twice = over_the_cap(held)
    outcome.control = f"{len(twice)} woken twice"
    assert twice
