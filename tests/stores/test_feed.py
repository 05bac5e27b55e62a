"""What every store promises of a workspace's feed: dense offsets, each event once, honest recovery."""

import pytest

from engine.limits import FEED_KEPT_MAX
from engine.stores.base import FeedEvent, Store

pytestmark = pytest.mark.anyio


async def test_events_are_numbered_and_read_oldest_first(store: Store) -> None:
    offsets = [await store.feed_add("ws_a", f"evt_{n}", b"%d" % n) for n in range(3)]
    assert offsets == [1, 2, 3]
    page = await store.feed_after("ws_a", None, 0)
    assert page.events == tuple(FeedEvent(n + 1, b"%d" % n) for n in range(3))
    assert (page.offset, page.recovered) == (3, True)


async def test_an_event_that_the_feed_holds_keeps_its_offset(store: Store) -> None:
    await store.feed_add("ws_a", "evt_1", b"one")
    await store.feed_add("ws_a", "evt_2", b"two")
    assert await store.feed_add("ws_a", "evt_1", b"one again") == 1
    page = await store.feed_after("ws_a", None, 0)
    assert [event.body for event in page.events] == [b"one", b"two"]


async def test_a_reader_goes_on_after_its_offset_in_pages(store: Store) -> None:
    for number in range(5):
        await store.feed_add("ws_a", f"evt_{number}", b"")
    epoch = (await store.feed_after("ws_a", None, 0)).epoch
    page = await store.feed_after("ws_a", epoch, 2, 2)
    assert ([event.offset for event in page.events], page.offset) == ([3, 4], 5)
    last = await store.feed_after("ws_a", epoch, 5)
    assert (last.events, last.recovered) == ((), True)


async def test_a_reader_of_another_epoch_is_told_and_gets_what_is_kept(store: Store) -> None:
    await store.feed_add("ws_a", "evt_1", b"one")
    for epoch, after in (("another", 0), ("another", 1)):
        page = await store.feed_after("ws_a", epoch, after)
        assert (page.recovered, [event.offset for event in page.events]) == (False, [1])


async def test_a_reader_ahead_of_the_feed_is_told(store: Store) -> None:
    epoch = (await store.feed_after("ws_a", None, 0)).epoch
    assert (await store.feed_after("ws_a", epoch, 0)).recovered
    assert not (await store.feed_after("ws_a", epoch, 1)).recovered


async def test_the_oldest_events_leave_the_feed(store: Store) -> None:
    for number in range(FEED_KEPT_MAX + 2):
        await store.feed_add("ws_a", f"evt_{number}", b"")
    epoch = (await store.feed_after("ws_a", None, 0)).epoch
    page = await store.feed_after("ws_a", epoch, 1, FEED_KEPT_MAX + 2)
    assert not page.recovered
    assert [event.offset for event in page.events] == list(range(3, FEED_KEPT_MAX + 3))
    assert (await store.feed_after("ws_a", epoch, 2)).recovered
    # Its id is forgotten with it.
    assert await store.feed_add("ws_a", "evt_0", b"") == FEED_KEPT_MAX + 3


async def test_workspaces_do_not_share_a_feed(store: Store) -> None:
    await store.feed_add("ws_a", "evt_1", b"one")
    assert await store.feed_add("ws_b", "evt_1", b"theirs") == 1
    page = await store.feed_after("ws_b", None, 0)
    assert [event.body for event in page.events] == [b"theirs"]
    assert (await store.feed_after("ws_c", None, 0)).events == ()


async def test_a_feed_that_is_cleared_begins_anew_under_another_epoch(store: Store) -> None:
    await store.feed_add("ws_a", "evt_1", b"one")
    await store.feed_add("ws_b", "evt_1", b"theirs")
    before = await store.feed_after("ws_a", None, 0)
    await store.feed_clear("ws_a")
    page = await store.feed_after("ws_a", before.epoch, before.offset)
    assert (page.recovered, page.events) == (False, ())
    assert page.epoch != before.epoch
    offset = await store.feed_add("ws_a", "evt_1", b"one again")
    after = await store.feed_after("ws_a", page.epoch, page.offset)
    assert (after.recovered, after.events) == (True, (FeedEvent(offset, b"one again"),))
    assert [event.body for event in (await store.feed_after("ws_b", None, 0)).events] == [b"theirs"]
