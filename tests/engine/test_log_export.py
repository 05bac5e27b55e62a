"""The event log of a workspace: in the order of receipt, the same whether memory holds it or files have to."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from engine.custody_lines import EventLine, event_lines
from engine.events import Event
from engine.log_export import log_lines
from engine.step import Arrived
from engine.stores import sorted_runs
from engine.stores.base import Entry, SessionRef, Store
from engine.stores.codec import JournalEntry, encode_entry
from engine.stores.memory.store import MemoryStore
from tests.stores.steps import START_MS, SteppedClock, step

pytestmark = pytest.mark.anyio
HOUR_MS = 3_600_000


class Counted:
    """A store that counts how often its journal is read from one end to the other."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.scans = 0

    async def scan(
        self, workspace: str, since_ms: int, until_ms: int
    ) -> AsyncIterator[tuple[SessionRef, list[Entry]]]:
        self.scans += 1
        async for shown in self._store.scan(workspace, since_ms, until_ms):
            yield shown


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    """Keep three hours of two visitors who take turns, and one entry of two events."""
    clock = SteppedClock()
    store = MemoryStore(clock)
    for number in range(30):
        visitor = f"vis_{number % 2}"
        ref = SessionRef("ws_a", visitor, f"chat_{number % 2}")
        await store.commit(step(number // 2, ref, entry=entry_of(clock.now_ms, number)))
        clock.now_ms += 7 * 60_000
    yield store
    await store.close()


def entry_of(now_ms: int, number: int) -> bytes:
    events = tuple(
        Event(f"e{number}.{each}", "view", now_ms - each, properties={"n": number})
        for each in range(1 + (number == 9))
    )
    return encode_entry(JournalEntry("v1", "site_a", Arrived(now_ms, events)))


async def windowed(store: Store, until_ms: int) -> list[EventLine]:
    """Read the log hour by hour, each hour sorted by itself: as many readings as hours."""
    shown: list[EventLine] = []
    for begin_ms in range(START_MS, until_ms, HOUR_MS):
        found: list[EventLine] = []
        async for ref, entries in store.scan("ws_a", begin_ms, min(begin_ms + HOUR_MS, until_ms)):
            found += (line for entry in entries for line in event_lines(ref, entry.body))
        shown += sorted(found, key=lambda line: line.received_ms)
    return shown


async def log(store: Counted, until_ms: int) -> list[bytes]:
    lines = log_lines(store, "ws_a", START_MS, until_ms)  # type: ignore[arg-type]  # it only scans
    return [bytes(line) async for line in lines]


@pytest.mark.parametrize("bytes_max", [1, 700, 10**9])
async def test_one_reading_gives_the_log_that_a_reading_an_hour_gives(
    store: Store, monkeypatch: pytest.MonkeyPatch, bytes_max: int
) -> None:
    monkeypatch.setattr(sorted_runs, "SORTED_BYTES_MAX", bytes_max)
    counted, until_ms = Counted(store), START_MS + 3 * HOUR_MS
    wanted = [msgspec.json.encode(line) for line in await windowed(store, until_ms)]
    assert await log(counted, until_ms) == wanted
    assert (len(wanted), counted.scans) == (27, 1)


async def test_an_empty_journal_is_an_empty_log() -> None:
    assert await log(Counted(MemoryStore(SteppedClock())), START_MS + HOUR_MS) == []
