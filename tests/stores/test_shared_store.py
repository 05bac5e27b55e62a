"""The shared store that tests of several workers stand on: who hears of what, and a worker's end."""

import asyncio

import pytest

from engine.errors import StoreUnavailable
from engine.stores.base import FeedHint, Hint
from engine.testing.shared_store import SharedMemory
from tests.stores.steps import (
    REF,
    START_MS,
    SteppedClock,
    a_cause,
    causes_of,
    heard,
    message,
    step,
)

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("echoes", [True, False])
async def test_a_view_hears_of_its_own_doings_only_with_echoes(
    clock: SteppedClock, *, echoes: bool
) -> None:
    shared = SharedMemory(clock, echoes=echoes)
    mine, other = shared.view(), shared.view()
    await mine.watch_feeds("w1", {"ws_a"})
    await mine.attach(REF, "w1", 1)
    hints = mine.hints("w1")
    await mine.feed_add("ws_a", "evt_1", b"")
    await mine.commit(step(0, messages=(message("m1"),)))
    epoch = (await mine.load(REF)).epoch
    if echoes:
        assert await heard(hints) == FeedHint("ws_a", 1)
        assert await heard(hints) == Hint(REF, epoch, 1)
    await other.feed_add("ws_a", "evt_2", b"")
    assert await heard(hints) == FeedHint("ws_a", 2)


async def test_a_worker_that_ended_hears_nothing_and_what_it_kept_stays(
    clock: SteppedClock,
) -> None:
    shared = SharedMemory(clock)
    ended, lives = shared.view(), shared.view()
    told: list[int] = []
    ended.on_work = told.append
    await ended.watch("w1", set(range(ended.partitions)))
    await ended.commit(step(0, wake_ms=START_MS, causes=(a_cause("evt_1"),)))
    await ended.close()
    with pytest.raises(StoreUnavailable):
        await ended.load(REF)
    await lives.keep_causes([a_cause("evt_2")])
    await asyncio.sleep(0)
    assert await causes_of(lives) == [a_cause("evt_1"), a_cause("evt_2")]
    assert told == []
    assert (await lives.load(REF)).version == 1


async def test_nothing_is_told_of_a_partition_that_is_not_watched(clock: SteppedClock) -> None:
    shared = SharedMemory(clock)
    watches, other = shared.view(), shared.view()
    told: list[int] = []
    watches.on_work = told.append
    watches.on_earlier_wake = lambda partition, _: told.append(partition)
    mine = watches.partition_of(REF.workspace, REF.visitor)
    await watches.watch("w1", set(range(watches.partitions)) - {mine})
    await other.commit(step(0, wake_ms=START_MS, causes=(a_cause("evt_1"),)))
    await watches.commit(step(1, wake_ms=START_MS - 1))
    await asyncio.sleep(0)
    assert told == []
    await watches.watch("w1", {mine})
    await other.commit(step(2, wake_ms=START_MS - 2, causes=(a_cause("evt_2"),)))
    await asyncio.sleep(0)
    assert told == [mine, mine]
