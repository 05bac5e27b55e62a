"""What every store promises of a feed's listeners: they hear of what is new, and of what only passes."""

import pytest

from engine.stores.base import FeedHint, Passing, Store
from tests.stores.steps import heard

pytestmark = pytest.mark.anyio


async def test_who_watches_a_feed_hears_of_its_events(store: Store, peer: Store) -> None:
    hints = store.hints("w1")
    await store.watch_feeds("w1", {"ws_a"})
    await peer.feed_add("ws_b", "evt_1", b"")
    assert await peer.feed_add("ws_a", "evt_1", b"one") == 1
    assert await heard(hints) == FeedHint("ws_a", 1)
    assert await peer.feed_add("ws_a", "evt_2", b"two") == 2
    assert await heard(hints) == FeedHint("ws_a", 2)


async def test_only_the_feeds_that_were_named_last_are_heard(store: Store, peer: Store) -> None:
    hints = store.hints("w1")
    await store.watch_feeds("w1", {"ws_a", "ws_b"})
    await store.watch_feeds("w1", {"ws_b"})
    await peer.feed_add("ws_a", "evt_1", b"")
    await peer.feed_add("ws_b", "evt_1", b"")
    assert await heard(hints) == FeedHint("ws_b", 1)


async def test_what_passes_is_shown_to_the_other_workers_and_kept_nowhere(
    store: Store, peer: Store
) -> None:
    hints = store.hints("w1")
    await store.watch_feeds("w1", {"ws_a"})
    await store.pass_on("ws_a", b"of my own")
    await peer.pass_on("ws_b", b"of another feed")
    await peer.pass_on("ws_a", b"passes")
    await peer.feed_add("ws_a", "evt_1", b"")
    if store.is_shared:
        assert await heard(hints) == Passing("ws_a", b"passes")
    assert await heard(hints) == FeedHint("ws_a", 1)
    assert (await store.feed_after("ws_a", None, 0)).offset == 1
