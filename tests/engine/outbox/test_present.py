"""The present: visitors, campaigns and figures, at most once a tick, and only while somebody looks."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from engine.causes import Cause, MessageMoved, VisitorErased, VisitorIdentified
from engine.feeds import FeedRecord, LiveFeed, Shown
from engine.message import Message
from engine.outbox import present as present_module
from engine.outbox.contents import VisitorUpdated
from engine.outbox.present import Present
from engine.runtime_types import Draft
from tests.engine.outbox.causes import cause
from tests.engine.outbox.listening import Notes
from tests.engine.world import HELP, START_MS, World, world

pytestmark = pytest.mark.anyio


@pytest.fixture
async def shop() -> AsyncIterator[World]:
    async with world(HELP) as made:
        yield made


def shown(shop: World) -> tuple[Present, LiveFeed, Notes]:
    feed = LiveFeed(shop.store)
    present = Present(shop.runtime, shop.store, feed, shop.clock)
    return present, feed, Notes()


async def test_a_visitor_is_shown_once_a_tick_as_they_are_then(shop: World) -> None:
    present, feed, notes = shown(shop)
    feed.listen("w", notes)
    ref = await shop.session(visitor="vis_1")
    await shop.view(ref, "/a")
    await shop.view(ref, "/b")
    await present.tick()
    await present.tick()
    assert notes.passed.count(("visitor:updated", "vis_1")) == 1
    content = notes.last("visitor:updated")
    assert content["page_url"] == "https://shop.test/b"
    assert (content["status"], content["session_id"]) == ("online", ref.session)
    assert content["last_seen_at"].endswith("Z")


async def test_who_falls_silent_is_shown_once_more(shop: World) -> None:
    present, feed, notes = shown(shop)
    feed.listen("w", notes)
    await shop.view(await shop.session(visitor="vis_1"), "/a")
    await present.tick()
    shop.clock.advance(61_000)
    await present.tick()
    assert notes.last("visitor:updated")["status"] == "offline"
    assert notes.passed.count(("visitor:updated", "vis_1")) == 2


async def test_without_a_listener_nothing_is_noted(shop: World) -> None:
    present, feed, notes = shown(shop)
    leave = feed.listen("w", notes)
    leave()
    await shop.view(await shop.session(), "/a")
    feed.listen("w", notes)
    await present.tick()
    assert [kind for kind, _ in notes.passed] == ["stats:tick"]


async def test_a_campaign_shows_its_newest_counts_once_a_tick(shop: World) -> None:
    present, feed, notes = shown(shop)
    feed.listen("w", notes)
    causes: list[Cause] = []
    shop.runtime.on_cause(causes.append)
    ref = await shop.session()
    await shop.view(ref, "/other")
    await shop.wait(40_000)
    await shop.runtime.offer(ref, Draft("Hello there", campaign="spring"))
    for told in causes:
        await present.hear(told)
    await present.tick()
    assert notes.passed.count(("campaign:progress", "spring")) == 1
    assert notes.last("campaign:progress")["sent"] == 1


async def test_figures_come_with_every_second_tick(shop: World) -> None:
    present, feed, notes = shown(shop)
    present.connected = {"w": 3}.__getitem__
    shop.runtime.agents_online = {"w": 2}.__getitem__
    feed.listen("w", notes)
    ref = await shop.session()
    for _ in range(4):
        await shop.view(ref, "/a")
    shop.clock.advance(2_000)
    for _ in range(4):
        await present.tick()
    assert [kind for kind, _ in notes.passed].count("stats:tick") == 2
    assert notes.contents[1] == {
        "visitors_online": 1,
        "visitors_connected": 3,
        "agents_online": 2,
        "steps_per_second": 2.0,
        "sent_today": 0,
        "displayed_today": 0,
        "replied_today": 0,
        "converted_today": 0,
    }


async def test_an_erased_visitor_is_shown_at_once_and_an_identified_one_at_the_next_tick(
    shop: World,
) -> None:
    present, feed, notes = shown(shop)
    feed.listen("w", notes)
    await present.hear(cause("evt_1", VisitorErased(), session=""))
    assert notes.last("visitor:updated") == {
        "visitor_id": "vis_1",
        "status": "erased",
        "engagement_score": None,
        "page_url": None,
        "session_id": None,
        "last_seen_at": None,
    }
    ref = await shop.session(visitor="vis_1")
    await shop.view(ref, "/a")
    await present.tick()
    await present.hear(cause("evt_2", VisitorIdentified("u-1"), session=ref.session))
    await present.tick()
    assert notes.passed.count(("visitor:updated", "vis_1")) == 3


async def test_no_more_visitors_and_campaigns_wait_than_there_is_room_for(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(present_module, "VISITORS_LEN_MAX", 2)
    monkeypatch.setattr(present_module, "CAMPAIGNS_LEN_MAX", 1)
    present, feed, notes = shown(shop)
    feed.listen("w", notes)
    for number in range(3):
        await shop.view(await shop.session(f"b{number}", f"vis_{number}"), "/a")
        message = Message(f"msg_{number}", "Hi", 0, campaign=f"c{number}")
        await present.hear(cause(f"evt_{number}", MessageMoved(message, "sent", 0)))
    await present.tick()
    keys = [key for kind, key in notes.passed if kind != "stats:tick"]
    assert keys == ["vis_0", "vis_1", "c0"]


async def test_a_tick_shows_a_bounded_part_and_the_next_one_the_rest(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(present_module, "VISITORS_A_TICK_MAX", 2)
    present, feed, notes = shown(shop)
    feed.listen("w", notes)
    for number in range(3):
        await shop.view(await shop.session(f"b{number}", f"vis_{number}"), "/a")
    await present.tick()
    assert sum(kind == "visitor:updated" for kind, _ in notes.passed) == 2
    await present.tick()
    assert sum(kind == "visitor:updated" for kind, _ in notes.passed) == 3


async def test_the_figures_forget_whom_there_is_no_room_for(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(present_module, "ONLINE_LEN_MAX", 2)
    present, feed, notes = shown(shop)
    feed.listen("w", notes)
    for number in range(3):
        await shop.view(await shop.session(f"b{number}", f"vis_{number}"), "/a")
    await present.tick()
    assert notes.last("stats:tick")["visitors_online"] == 2


async def test_it_ticks_by_itself_while_somebody_listens(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(present_module, "TICK_S", 0.001)
    present, feed, notes = shown(shop)
    present.start()
    await asyncio.sleep(0.01)
    assert present._ticks == 0
    feed.listen("w", notes)
    async with asyncio.timeout(5):
        while not notes.passed:  # noqa: ASYNC110  # nothing tells of it
            await asyncio.sleep(0.001)
    await present.stop()


async def test_no_more_of_what_other_workers_show_waits_than_there_is_room_for(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(present_module, "VISITORS_LEN_MAX", 2)
    present, feed, notes = shown(shop)
    feed.listen("w", notes)
    for number in range(4):
        content = VisitorUpdated(f"vis_{number}", "online")
        record = FeedRecord("visitor:updated", START_MS, msgspec.Raw(msgspec.json.encode(content)))
        feed.hear_passed("w", msgspec.json.encode([Shown(f"vis_{number}", record)]))
    assert notes.passed == []
    await present.tick()
    keys = [key for kind, key in notes.passed if kind == "visitor:updated"]
    assert keys == ["vis_0", "vis_1"]
    assert notes.last("stats:tick")["visitors_online"] == 4
