"""The feed: numbered once, told to those who listen to its workspace and to nobody else."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from engine.causes import Qualified
from engine.feeds import LiveFeed, decode_record
from engine.outbox.contents import CampaignProgress
from engine.stores.base import Store
from engine.stores.open import open_store
from engine.testing.manual_clock import ManualClock
from tests.engine.outbox.causes import AT_MS, CARD, cause
from tests.engine.outbox.listening import Notes

pytestmark = pytest.mark.anyio


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    opened = await open_store("memory:", clock=ManualClock().now_ms)
    yield opened
    await opened.close()


async def test_events_are_numbered_in_the_order_of_their_causes(store: Store) -> None:
    feed, notes = LiveFeed(store), Notes()
    feed.listen("w", notes)
    await feed.publish(cause("evt_1"))
    await feed.publish(cause("evt_2", Qualified(CARD, "score")))
    assert notes.kept == [("conversation:new", 1), ("conversation:qualified", 2)]
    page = await store.feed_after("w", None, 0)
    first = decode_record(page.events[0].body)
    assert (first.type, first.at_ms) == ("conversation:new", AT_MS)
    assert (first.source, first.session) == ("site_1", "chat_1")
    assert msgspec.json.decode(first.data)["id"] == "conv_1"


async def test_a_cause_that_is_told_again_is_no_second_event(store: Store) -> None:
    feed, notes = LiveFeed(store), Notes()
    feed.listen("w", notes)
    for _ in range(2):
        await feed.publish(cause("evt_1"))
    assert notes.kept == [("conversation:new", 1)]
    assert len((await store.feed_after("w", None, 0)).events) == 1


async def test_nothing_is_told_to_another_workspace(store: Store) -> None:
    feed, notes = LiveFeed(store), Notes()
    feed.listen("w_other", notes)
    await feed.publish(cause("evt_1"))
    feed.show("w", "campaign:progress", "c", CampaignProgress("c"), AT_MS)
    assert (notes.kept, notes.passed) == ([], [])
    assert (await store.feed_after("w_other", None, 0)).events == ()


async def test_who_left_hears_no_more_and_the_last_one_is_noticed(store: Store) -> None:
    feed, notes, changes = LiveFeed(store), Notes(), []
    feed.on_change = lambda: changes.append(feed.workspaces)
    leave = feed.listen("w", notes)
    leave_too = feed.listen("w", Notes())
    leave()
    leave()
    await feed.publish(cause("evt_1"))
    leave_too()
    assert notes.kept == []
    assert changes == [("w",), ()]
    assert "w" not in feed.workspaces
