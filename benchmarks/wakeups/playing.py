"""Times a way to keep wake-ups over the workload, and weighs it."""

import gc
import time
from collections.abc import Callable
from typing import Protocol

from benchmarks.outcome import Outcome
from benchmarks.wakeups.workload import Fired, Workload, now_of, resident_bytes

WEIGHED_TICKS = 500
"""Moves leave entries behind that no longer count: their weight is looked at so often."""


class Pending(Protocol):
    """All pending wake-ups, one a visitor."""

    def arm(self, visitor: int, due_ms: int) -> None:
        """Set a visitor's one wake-up, in the place of an earlier one."""

    def fire(self, now_ms: int) -> list[int]:
        """Take the visitors whose wake-up is due."""


def play(workload: Workload, make: Callable[[], Pending]) -> Outcome:
    """Arm everybody, then let the ticks pass; the heaviest moment counts."""
    gc.collect()
    before = resident_bytes()
    pending = make()
    arm, fire = pending.arm, pending.fire
    for visitor, due_ms in enumerate(workload.first_ms):
        arm(visitor, due_ms)
    heaviest = resident_bytes()
    fired = Fired()
    passed_s = 0.0
    for tick, (who, due) in enumerate(workload.ticks):
        now_ms = now_of(tick)
        began = time.perf_counter()
        for visitor, due_ms in zip(who, due, strict=True):
            arm(visitor, due_ms)
        found = fire(now_ms)
        passed_s += time.perf_counter() - began
        fired.tick(found)
        if tick % WEIGHED_TICKS == 0:
            heaviest = max(heaviest, resident_bytes())
    values = {
        "us_each": passed_s / workload.moves * 1e6,
        "fires_a_move": fired.count / workload.moves,
    }
    if len(workload.first_ms) >= 10_000:
        values["bytes_each"] = (heaviest - before) / len(workload.first_ms)
    return Outcome(workload.moves, passed_s, {"fired": fired.digest()}, values)
