"""P5: one pending wake-up for each of N visitors, moved by their events, fired when due.

Equal work, on a virtual clock that ticks every 8 ms: visitors' events move wake-ups, then what is due
fires; the same visitors must fire in the same ticks. A visitor that fired is armed again by its next
event. One operation is one moved wake-up together with its share of the firing.
"""

import random
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from benchmarks.outcome import Figure, Metric, Target

SIZES = {"tiny": 200, "10000": 10_000, "1000000": 1_000_000}
REFERENCE = "wheel"
METRICS = (
    Metric("rate", "moved and fired/s"),
    Metric("us_each", "us", "less"),
    Metric("bytes_each", "bytes a pending wake-up", "less"),
    Metric("late_p99_ms", "ms late at 5,000/s, p99", "less"),
)
FRESH = True
"""Memory is weighed in a process that did nothing before."""
TARGETS = (
    Target("arm and fire, us", Figure("wheel", "1000000", "us_each"), "most", 2.5),
    Target("lateness at 5,000/s, p99 ms", Figure("wheel", "1000000", "late_p99_ms"), "most", 20),
    Target("bytes a pending wake-up", Figure("wheel", "1000000", "bytes_each"), "most", 64),
)
START_MS = 1_700_000_000_000
TICK_MS = 8
DELAY_MS = 60_000
"""A wake-up lies up to so far ahead of its visitor's event."""


@dataclass(frozen=True, slots=True)
class Workload:
    """First due times by visitor, then the moves of each tick: visitors and their new due times."""

    first_ms: "array[int]"
    ticks: tuple[tuple["array[int]", "array[int]"], ...]

    @property
    def moves(self) -> int:
        """Count the moved wake-ups."""
        return sum(len(who) for who, _ in self.ticks)


def make(size: str, seed: int) -> Workload:
    """Draw due times and moves: as many moves as visitors, spread over a minute and a half."""
    visitors = SIZES[size]
    random_source = random.Random(seed)
    delay = random_source.random
    first_ms = array("q", (START_MS + 1 + int(delay() * DELAY_MS) for _ in range(visitors)))
    count = 90_000 // TICK_MS
    ticks = []
    done = 0
    for number in range(count):
        now_ms = START_MS + (number + 1) * TICK_MS
        wanted = visitors * (number + 1) // count - done
        done += wanted
        who = array("I", (int(delay() * visitors) for _ in range(wanted)))
        due = array("q", (now_ms + 1 + int(delay() * DELAY_MS) for _ in range(wanted)))
        ticks.append((who, due))
    return Workload(first_ms, tuple(ticks))


def now_of(tick: int) -> int:
    """Return the instant at which a tick fires what is due, Unix milliseconds."""
    return START_MS + (tick + 1) * TICK_MS


class Fired:
    """What fired, tick by tick, hashed as it comes."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._hash = sha256()
        self.count = 0

    def tick(self, visitors: Sequence[int]) -> None:
        """Note who fired in a tick, in any order."""
        self.count += len(visitors)
        self._hash.update(array("I", sorted(visitors)).tobytes() + b"|")

    def digest(self) -> str:
        """Return the hash of all ticks."""
        return self._hash.hexdigest()[:16]


def resident_bytes() -> int:
    """Return the memory of this process that is resident now."""
    fields = Path("/proc/self/statm").read_text(encoding="ascii").split()
    return int(fields[1]) * 4_096


def p99(values: Sequence[float]) -> float:
    """Return the value below which 99 of 100 lie."""
    return sorted(values)[len(values) * 99 // 100]


Play = Callable[[Workload], Fired]
