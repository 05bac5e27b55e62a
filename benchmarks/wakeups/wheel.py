"""Our wheel of buckets; its lateness is that of the engine's own loop over a store of 15,000 sessions."""

import asyncio
import time

import msgspec

from benchmarks.outcome import Outcome
from benchmarks.wakeups.playing import play
from benchmarks.wakeups.workload import Workload, p99
from engine.clock import SystemClock
from engine.stores.base import Commit, SessionRef
from engine.stores.memory.store import MemoryStore
from engine.wake_loop import WakeLoop
from engine.wakeups import Wheel

LABEL = "Opportune, wheel"
LASTS_MS = 2_000
A_SECOND = 5_000


class Kept:
    """The wheel as the workload speaks to it."""

    def __init__(self) -> None:
        """Start with nothing pending."""
        self._wheel = Wheel()
        self.arm = self._wheel.arm

    def fire(self, now_ms: int) -> list[int]:
        """Take the visitors whose wake-up is due."""
        return [slot for _, slot in self._wheel.pop_due(now_ms, 1_000_000)]


def prepare(workload: Workload) -> Workload:
    """Nothing to prepare."""
    return workload


def run(prepared: Workload) -> Outcome:
    """Play the workload, then look how late wake-ups come in real time."""
    outcome = play(prepared, Kept)
    late = asyncio.run(lateness(min(len(prepared.first_ms), A_SECOND * LASTS_MS // 1_000)))
    return msgspec.structs.replace(outcome, values=outcome.values | {"late_p99_ms": p99(late)})


async def lateness(sessions: int) -> list[float]:
    """Let the wake-ups of a store's sessions fall due at 5,000/s; returns how late each was, ms."""
    store = MemoryStore(SystemClock().now_ms)
    first_ms = int(time.time() * 1_000) + 100 + sessions // 5
    for number in range(sessions):
        due_ms = first_ms + number * 1_000 // A_SECOND
        await store.commit(_commit(number, due_ms, f"a{number}", expect=0))
    late: list[float] = []
    done = asyncio.Event()

    async def wake(ref: SessionRef, due_ms: int) -> None:
        late.append(time.time() * 1_000 - due_ms)
        number = int(ref.session)
        await store.commit(_commit(number, None, f"b{number}", expect=1, fired_ms=due_ms))
        if len(late) == sessions:
            done.set()

    loop = WakeLoop(store, wake)
    loop.start()
    async with asyncio.timeout(60):
        await done.wait()
    await loop.stop()
    await store.close()
    return late


def _commit(
    number: int, due_ms: int | None, op: str, *, expect: int, fired_ms: int | None = None
) -> Commit:
    return Commit(
        ref=SessionRef("bench", f"v{number}", str(number)),
        op=op,
        expect=expect,
        state=b"state",
        entry=b"entry",
        wake_ms=due_ms,
        fired_ms=fired_ms,
    )
