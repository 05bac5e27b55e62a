"""The only place that asks the time: a Clock protocol and the wall clock that never steps back."""

import time
from collections.abc import Callable
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


class StoreClock:
    """A store's time between two looks at it: this process's monotonic clock, set by `follow`.

    Several processes over one store so agree on the time, whatever their machines say. While the store's
    time steps back, the latest reading is repeated.
    """

    __slots__ = ("_latest_ms", "_monotonic_ms", "_offset_ms")

    def __init__(self, store_ms: int, monotonic_ms: Callable[[], int] | None = None) -> None:
        """Begin at the store's time `store_ms`; `monotonic_ms` takes the place of the machine's clock."""
        self._monotonic_ms = monotonic_ms or _monotonic_ms
        self._offset_ms = store_ms - self._monotonic_ms()
        self._latest_ms = store_ms

    def now_ms(self) -> int:
        """Return the store's time as far as it is known."""
        self._latest_ms = max(self._latest_ms, self._monotonic_ms() + self._offset_ms)
        return self._latest_ms

    def follow(self, store_ms: int) -> int:
        """Set the clock by the store's present time; returns by how many ms that differs from ours."""
        before_ms = self._offset_ms
        self._offset_ms = store_ms - self._monotonic_ms()
        return self._offset_ms - before_ms


def _monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000


class Stopwatch:
    """Elapsed time for words on a screen, "0.18 s": never part of a decision."""

    __slots__ = ("_start_ns",)

    def __init__(self) -> None:
        """Start measuring now."""
        self._start_ns = time.perf_counter_ns()

    def elapsed_ms(self) -> float:
        """Return the milliseconds since the start."""
        return (time.perf_counter_ns() - self._start_ns) / 1_000_000
