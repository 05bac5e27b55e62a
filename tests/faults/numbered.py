"""Sessions whose every part follows from two numbers: what a store holds of them can be checked whole."""

import asyncio
import hashlib
from collections.abc import Mapping

from engine.errors import StoreUnavailable
from engine.stores.base import (
    Commit,
    Committed,
    Count,
    Duplicate,
    SessionRef,
    Store,
    StoredCause,
)
from tests.stores.steps import START_MS, message

SESSIONS = 5
PAUSE_S = 0.005
DAY = "2027-01-15"
# Far enough that no wake-up of a run falls due while it commits.
DUE_MS = START_MS + 10**9
LATER_MS = DUE_MS + 10**8


def ref_of(place: int) -> SessionRef:
    return SessionRef("ws_a", f"visitor_{place}", f"chat_{place}")


def entry_of(place: int, number: int) -> bytes:
    return b"entry %d of %d " % (number, place) + b"." * (place * 200)


def folded(place: int, number: int) -> bytes:
    """Fold a session's entries up to a number: what its state must be."""
    state = b""
    for each in range(1, number + 1):
        state = hashlib.blake2b(state + entry_of(place, each)).digest()
    return state


def due_of(place: int, number: int) -> int | None:
    return None if number % 5 == 0 else DUE_MS + number * 1_000 + place


def causes_of(place: int, number: int) -> tuple[StoredCause, ...]:
    name = f"evt_{place}_{number}"
    return (StoredCause(name, "ws_a", f"visitor_{place}", b"cause"),) if number % 4 == 0 else ()


def commit_of(place: int, number: int) -> Commit:
    """Make the commit of a session's version: each part of it follows from the two numbers."""
    return Commit(
        ref=ref_of(place),
        op=f"op_{place}_{number}",
        expect=number - 1,
        state=folded(place, number),
        entry=entry_of(place, number),
        expect_profile=number - 1,
        profile=b"profile %d" % number,
        wake_ms=due_of(place, number),
        messages=(message(f"msg_{place}_{number}"),) if number % 3 == 0 else (),
        seen=(place * 1_000_000 + number,),
        causes=causes_of(place, number),
        counts=(Count(DAY, f"sent_{place}"),),
    )


async def check_session(store: Store, place: int, number: int) -> None:
    """Everything that the commits up to a version brought is there, and nothing more."""
    ref = ref_of(place)
    loaded = await store.load(ref)
    assert (loaded.state or b"") == folded(place, number)
    assert loaded.profile_version == number
    assert loaded.profile == (b"profile %d" % number if number else None)
    entries = await store.journal(ref)
    assert [entry.body for entry in entries] == [
        entry_of(place, each) for each in range(1, number + 1)
    ]
    history = await store.history(ref, None, 0)
    shown = [each for each in range(1, number + 1) if each % 3 == 0]
    assert [one.id for one in history.messages] == [f"msg_{place}_{each}" for each in shown]
    assert [one.offset for one in history.messages] == list(range(1, len(shown) + 1))


async def check_beside(store: Store, kept: Mapping[int, int]) -> None:
    """Causes, counters and wake-ups are those of the versions that are kept."""
    numbers = [(place, each) for place, last in kept.items() for each in range(1, last + 1)]
    wanted = sorted(cause.id for place, each in numbers for cause in causes_of(place, each))
    causes = [
        cause.id
        for partition in range(store.partitions)
        for cause in await store.take_causes(partition, limit=1_000)
    ]
    assert sorted(causes) == wanted
    counted = await store.counts("ws_a", [DAY], "sent")
    assert counted == {f"sent_{place}": last for place, last in kept.items() if last}, counted
    due = [
        found
        for partition in range(store.partitions)
        for found in (await store.claim_due(partition, limit=100)).sessions
    ]
    armed = {ref_of(place): due_of(place, last) for place, last in kept.items() if last}
    wanted_due = {ref: at_ms for ref, at_ms in armed.items() if at_ms is not None}
    assert dict(due) == wanted_due, f"armed {dict(due)}, not {wanted_due}"


class Committing:
    """Commits to all sessions side by side until it is told to stop; what is refused is tried again.

    `acked` is the newest acknowledged version of each session, `refused` how often the store was unavailable,
    `reason` what it said the last time.
    """

    def __init__(self, store: Store, acked: dict[int, int] | None = None) -> None:
        """Go on after what was acknowledged before."""
        self.acked = acked or dict.fromkeys(range(SESSIONS), 0)
        self.refused = 0
        self.reason = ""
        self._store = store
        self._stops = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin."""
        self._tasks = [asyncio.create_task(self._commit(place)) for place in self.acked]

    async def stop(self) -> None:
        """End after the commits that are under way."""
        self._stops = True
        await asyncio.gather(*self._tasks)

    def total(self) -> int:
        """Count what was acknowledged."""
        return sum(self.acked.values())

    async def _commit(self, place: int) -> None:
        while not self._stops:
            number = self.acked[place] + 1
            try:
                answer = await self._store.commit(commit_of(place, number))
            except StoreUnavailable as refusal:
                self.refused += 1
                self.reason = refusal.reason
                await asyncio.sleep(PAUSE_S)
                continue
            assert isinstance(answer, Committed | Duplicate), answer
            assert answer.version == number
            self.acked[place] = number
            await asyncio.sleep(PAUSE_S)


async def check_all(store: Store, acked: Mapping[int, int]) -> int:
    """Check that every session is whole, and count acknowledged commits that are gone."""
    kept = {place: (await store.load(ref_of(place))).version for place in acked}
    for place, number in kept.items():
        assert number <= acked[place] + 1, "a commit that nobody asked for"
        await check_session(store, place, number)
    await check_beside(store, kept)
    return sum(max(0, acked[place] - number) for place, number in kept.items())
