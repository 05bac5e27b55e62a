"""Feeds over a shared store: what one worker adds or shows, those who listen at another hear."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from engine import feeds
from engine.causes import VisitorErased
from engine.errors import StoreUnavailable
from engine.feeds import LiveFeed
from engine.hearing import Hearing
from engine.listeners import Listeners
from engine.outbox.contents import TypingContent
from engine.testing.manual_clock import ManualClock
from engine.testing.shared_store import SharedMemory, SharedView
from tests.engine.outbox.causes import AT_MS, cause
from tests.engine.outbox.listening import Notes

pytestmark = pytest.mark.anyio


class Ear:
    """A worker's feeds, which hear of the other workers."""

    def __init__(self, view: SharedView, name: str) -> None:
        self.view = view
        self.feed = LiveFeed(view)
        self.feed.worker = name
        self.notes = Notes()
        self.hearing = Hearing(view, name, Listeners(view, name), lambda *_: None)
        self.hearing.feeds = self.feed
        self.hearing.start()
        self.feed.start()

    def type(self, key: str) -> None:
        content = TypingContent(key, "vis_1", "start")
        self.feed.show("w", "visitor:typing", key, content, AT_MS)

    async def end(self) -> None:
        await self.feed.stop()
        await self.hearing.stop()


@pytest.fixture
async def pair() -> AsyncIterator[tuple[Ear, Ear]]:
    shared = SharedMemory(ManualClock().now_ms)
    here, there = Ear(shared.view(), "a"), Ear(shared.view(), "b")
    yield here, there
    await here.end()
    await there.end()


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not is_so():  # noqa: ASYNC110  # nothing tells of it
            await asyncio.sleep(0.001)


async def listening(ear: Ear) -> Notes:
    """Listen as a dashboard does: first to what comes, then from the feed's place."""
    ear.feed.listen("w", ear.notes)
    await until(lambda: ear.notes.looks > 0)
    await ear.feed.place("w")
    return ear.notes


async def test_what_another_worker_adds_is_heard_once_and_in_order(pair: tuple[Ear, Ear]) -> None:
    here, there = pair
    await here.feed.publish(cause("evt_0"))
    notes = await listening(there)
    looks = notes.looks
    await here.feed.publish(cause("evt_1"))
    await until(lambda: notes.looks > looks)
    for number in range(2, 6):
        await here.feed.publish(cause(f"evt_{number}"))
    await until(lambda: len(notes.kept) == 4)
    assert [offset for _, offset in notes.kept] == [3, 4, 5, 6]


async def test_what_a_worker_adds_itself_is_heard_once(pair: tuple[Ear, Ear]) -> None:
    here, _ = pair
    notes = await listening(here)
    await here.feed.publish(cause("evt_1"))
    await asyncio.sleep(0.01)
    assert notes.kept == [("conversation:new", 1)]


async def test_what_passes_is_shown_at_every_worker_once(pair: tuple[Ear, Ear]) -> None:
    here, there = pair
    notes = [await listening(here), await listening(there)]
    here.type("chat_1")
    await until(lambda: bool(notes[1].passed))
    await asyncio.sleep(0.01)
    assert [heard.passed for heard in notes] == [[("visitor:typing", "chat_1")]] * 2


async def test_where_nobody_listens_elsewhere_nothing_is_passed_on(pair: tuple[Ear, Ear]) -> None:
    here, there = pair
    here.feed.is_heard_elsewhere = lambda _: False
    notes = await listening(there)
    here.type("chat_1")
    await asyncio.sleep(0.01)
    assert notes.passed == []


async def test_many_that_pass_go_in_few_messages_and_none_is_lost(
    pair: tuple[Ear, Ear], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = pair
    notes, sent = await listening(there), list[bytes]()
    pass_on = here.view.pass_on

    async def count(workspace: str, body: bytes) -> None:
        sent.append(body)
        await pass_on(workspace, body)

    monkeypatch.setattr(here.view, "pass_on", count)
    for number in range(3 * feeds.PASSED_AT_ONCE_MAX):
        here.type(f"chat_{number}")
    await until(lambda: len(notes.passed) == 3 * feeds.PASSED_AT_ONCE_MAX)
    assert len(sent) == 3


async def test_of_what_waits_to_be_passed_on_the_oldest_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feeds, "TO_PASS_LEN_MAX", 2)
    shared = SharedMemory(ManualClock().now_ms)
    here, there = Ear(shared.view(), "a"), Ear(shared.view(), "b")
    notes = await listening(there)
    for number in range(4):
        here.type(f"chat_{number}")
    await until(lambda: len(notes.passed) == 2)
    assert [key for _, key in notes.passed] == ["chat_2", "chat_3"]
    await here.end()
    await there.end()


async def test_what_cannot_be_read_is_left_out(pair: tuple[Ear, Ear]) -> None:
    here, there = pair
    notes = await listening(there)
    await here.view.pass_on("w", b"{")
    here.type("chat_1")
    await until(lambda: notes.passed == [("visitor:typing", "chat_1")])


async def test_a_feed_that_begins_anew_makes_its_readers_look(pair: tuple[Ear, Ear]) -> None:
    here, there = pair
    notes = [await listening(here), await listening(there)]
    for number in range(3):
        await here.feed.publish(cause(f"evt_{number}"))
    await asyncio.sleep(0.01)
    looks = [heard.looks for heard in notes]
    await here.view.feed_clear("w")
    await here.feed.publish(cause("evt_9", VisitorErased(), session=""))
    await here.feed.publish(cause("evt_10"))
    await until(lambda: all(n.looks > looks[i] for i, n in enumerate(notes)))


async def test_an_absent_store_is_asked_again(
    pair: tuple[Ear, Ear], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "RETRY_S", 0.001)
    here, there = pair
    watch, refusals = there.view.watch_feeds, [1, 1, 1]

    async def refuse(worker: str, workspaces: frozenset[str]) -> None:
        if refusals:
            refusals.pop()
            raise StoreUnavailable("none", 1)
        await watch(worker, workspaces)

    monkeypatch.setattr(there.view, "watch_feeds", refuse)
    notes = await listening(there)
    here.type("chat_1")
    await until(lambda: notes.passed == [("visitor:typing", "chat_1")])
