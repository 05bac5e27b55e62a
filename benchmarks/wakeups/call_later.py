"""asyncio: one timer a visitor, cancelled and made anew by each event."""

import asyncio
import time
from asyncio import TimerHandle

import msgspec

from benchmarks.outcome import Outcome
from benchmarks.wakeups.playing import play
from benchmarks.wakeups.workload import START_MS, Workload, p99

LABEL = "asyncio.call_at"
A_SECOND = 5_000


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock is set by hand."""

    now_s = 0.0

    def time(self) -> float:
        """Return the instant that was set, in seconds."""
        return self.now_s


class Timers:
    """One timer handle a visitor."""

    def __init__(self) -> None:
        """Start with nothing pending."""
        self._loop = VirtualLoop()
        self._timers: dict[int, TimerHandle] = {}
        self._fired: list[int] = []

    def arm(self, visitor: int, due_ms: int) -> None:
        """Cancel the visitor's timer and start another one."""
        before = self._timers.get(visitor)
        if before is not None:
            before.cancel()
        at_s = (due_ms - START_MS) / 1_000
        self._timers[visitor] = self._loop.call_at(at_s, self._fire, visitor)

    def fire(self, now_ms: int) -> list[int]:
        """Let the loop run once at an instant."""
        self._fired = []
        # Half a microsecond more than the instant: due times are whole milliseconds in binary.
        self._loop.now_s = (now_ms - START_MS) / 1_000 + 5e-7
        self._loop.call_soon(self._loop.stop)
        self._loop.run_forever()
        return self._fired

    def _fire(self, visitor: int) -> None:
        del self._timers[visitor]
        self._fired.append(visitor)


def prepare(workload: Workload) -> Workload:
    """Nothing to prepare."""
    return workload


def run(prepared: Workload) -> Outcome:
    """Play the workload, then look how late timers come in real time."""
    outcome = play(prepared, Timers)
    late = asyncio.run(lateness(min(len(prepared.first_ms), 2 * A_SECOND)))
    return msgspec.structs.replace(outcome, values=outcome.values | {"late_p99_ms": p99(late)})


async def lateness(timers: int) -> list[float]:
    """Let timers fall due at 5,000/s; returns how late each was, ms."""
    loop = asyncio.get_running_loop()
    late: list[float] = []
    done = asyncio.Event()

    def fire(due_s: float) -> None:
        late.append((time.time() - due_s) * 1_000)
        if len(late) == timers:
            done.set()

    first_s, base_s = time.time() + 0.5, loop.time() + 0.5
    for number in range(timers):
        loop.call_at(base_s + number / A_SECOND, fire, first_s + number / A_SECOND)
    async with asyncio.timeout(60):
        await done.wait()
    return late
