"""The only place that asks the time: a Clock protocol and the wall clock that never steps back."""

import time
from typing import Protocol


class Clock(Protocol):
    """Promises readings in Unix milliseconds UTC, each >= every reading before it."""

    def now_ms(self) -> int:
        """Return the present instant, Unix milliseconds UTC."""
        ...


class SystemClock:
    """The machine's wall time; while it is set back, the latest reading is repeated."""

    __slots__ = ("_latest_ms",)

    def __init__(self) -> None:
        """Start from no reading: the first one is the wall time itself."""
        self._latest_ms = 0

    def now_ms(self) -> int:
        """Return the wall time, or the latest reading while the wall time lies before it."""
        self._latest_ms = max(self._latest_ms, time.time_ns() // 1_000_000)
        return self._latest_ms


class Stopwatch:
    """Elapsed time for words on a screen, "0.18 s": never part of a decision."""

    __slots__ = ("_start_ns",)

    def __init__(self) -> None:
        """Start measuring now."""
        self._start_ns = time.perf_counter_ns()

    def elapsed_ms(self) -> float:
        """Return the milliseconds since the start."""
        return (time.perf_counter_ns() - self._start_ns) / 1_000_000
