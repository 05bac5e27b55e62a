"""Weighs what is held while sessions are put in, and times full collections over it."""

import asyncio
import gc
import time
from collections.abc import Callable

from benchmarks.memory.workload import Workload, resident_bytes
from benchmarks.outcome import Outcome
from engine.profile import Profile
from engine.step import Arrived
from engine.stores.base import Commit, SessionRef, Store
from engine.stores.codec import JournalEntry, encode_entry, encode_profile, encode_session

AT_ONCE = 256


class Pauses:
    """The longest full collection since it was made, in seconds."""

    def __init__(self) -> None:
        """Begin to listen to the collector."""
        self.longest_s = 0.0
        self._began = 0.0
        gc.callbacks.append(self._note)

    def _note(self, phase: str, told: dict[str, int]) -> None:
        if phase == "start":
            self._began = time.perf_counter()
        elif told["generation"] == 2:
            self.longest_s = max(self.longest_s, time.perf_counter() - self._began)


def weighed(workload: Workload, fill: Callable[[], None]) -> Outcome:
    """Fill, then report growth of the resident memory, the time and the longest full collection."""
    gc.collect()
    gc.freeze()
    before = resident_bytes()
    pauses = Pauses()
    began = time.perf_counter()
    fill()
    seconds = time.perf_counter() - began
    gc.collect()
    grown = resident_bytes() - before
    values = {
        "kb_a_session": grown / workload.sessions / 1_024,
        "pause_ms": pauses.longest_s * 1_000,
    }
    return Outcome(workload.sessions, seconds, {}, values)


async def commit_all(workload: Workload, store: Store) -> None:
    """Commit every session once, as many at once as one turn of the loop would bring."""
    for start in range(0, workload.sessions, AT_ONCE):
        numbers = range(start, min(start + AT_ONCE, workload.sessions))
        await asyncio.gather(*(store.commit(_commit(workload, number)) for number in numbers))


def _commit(workload: Workload, number: int) -> Commit:
    session = workload.session(number)
    events = workload.events(number)
    given = Arrived(events[-1].at_ms, events)
    wake_ms = session.wake_ms if session.wake_ms >= 0 else None
    profile = Profile(session.visitor, visits=1)
    return Commit(
        ref=SessionRef("ws_bench", session.visitor, session.id),
        op=f"o{number}",
        expect=0,
        state=encode_session(session),
        entry=encode_entry(JournalEntry(session.program, "site", given)),
        expect_profile=0,
        profile=encode_profile(profile),
        wake_ms=wake_ms,
    )
