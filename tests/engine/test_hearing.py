"""Hints of other workers: each reaches who it is for, and one that may be lost makes everybody look."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from engine import hearing
from engine.hearing import Hearing
from engine.listeners import Listeners
from engine.stores.base import FeedHint, Heard, Hint, Lost, Passing, SessionRef, Whisper
from engine.stores.memory.store import MemoryStore
from engine.testing.manual_clock import ManualClock

pytestmark = pytest.mark.anyio

REF, OTHER = SessionRef("w", "vis_1", "chat_1"), SessionRef("w", "vis_2", "chat_2")


class Feeds:
    """Notes what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, object]] = []

    def hear_newer(self, workspace: str, offset: int) -> None:
        self.heard.append((workspace, offset))

    def hear_passed(self, workspace: str, body: bytes) -> None:
        self.heard.append((workspace, body))

    def look_again(self) -> None:
        self.heard.append(("", "all"))


class Ears:
    """One worker's hearing, two sockets, and what each of them was told."""

    def __init__(self, store: MemoryStore) -> None:
        self.noted: list[tuple[SessionRef, str, int]] = []
        self.called: list[str] = []
        self.listeners = Listeners(store, "a")
        self.hearing = Hearing(store, "a", self.listeners, lambda *place: self.noted.append(place))
        self.feeds = Feeds()
        self.hearing.feeds = self.feeds

    async def attach(self) -> None:
        await self.listeners.attach(REF, lambda: self.called.append("ref"))
        await self.listeners.attach(OTHER, lambda: self.called.append("other"))


@pytest.fixture
async def ears() -> Ears:
    made = Ears(MemoryStore(ManualClock().now_ms))
    await made.attach()
    return made


async def test_a_hint_reaches_the_sockets_of_its_session(ears: Ears) -> None:
    ears.hearing.take(Hint(REF, "e", 1))
    assert (ears.called, ears.noted) == (["ref"], [(REF, "e", 1)])


async def test_a_hint_of_what_was_pushed_already_calls_nobody(ears: Ears) -> None:
    ears.listeners.hint(REF, 3)
    ears.hearing.take(Hint(REF, "e", 2))
    ears.hearing.take(Hint(REF, "e", 3))
    assert ears.called == ["ref"]
    ears.hearing.take(Hint(REF, "e", 4))
    assert ears.called == ["ref", "ref"]


async def test_a_hint_of_another_sequence_calls_whatever_its_offset(ears: Ears) -> None:
    ears.hearing.take(Hint(REF, "e", 9))
    ears.hearing.take(Hint(REF, "f", 2))
    assert ears.called == ["ref", "ref"]


async def test_a_hint_for_a_session_without_sockets_is_nothing(ears: Ears) -> None:
    ears.hearing.take(Hint(SessionRef("w", "vis_3", "chat_3"), "e", 1))
    assert ears.called == []


async def test_a_hint_without_an_epoch_says_that_the_session_was_erased(ears: Ears) -> None:
    erased: list[SessionRef] = []
    ears.hearing.take(Hint(OTHER, "", 0))
    ears.hearing.on_erased = erased.append
    ears.hearing.take(Hint(REF, "", 0))
    assert (erased, ears.called, ears.noted) == ([REF], [], [])


async def test_a_whisper_reaches_who_hears_whispers_and_calls_no_socket(ears: Ears) -> None:
    whispers: list[tuple[SessionRef, bytes]] = []
    ears.hearing.take(Whisper(REF, b"to nobody"))
    ears.hearing.on_whisper = lambda ref, body: whispers.append((ref, body))
    ears.hearing.take(Whisper(REF, b"psst"))
    assert (whispers, ears.called) == ([(REF, b"psst")], [])


async def test_what_is_said_of_feeds_reaches_the_feeds(ears: Ears) -> None:
    ears.hearing.take(FeedHint("w", 4))
    ears.hearing.take(Passing("w", b"x"))
    assert ears.feeds.heard == [("w", 4), ("w", b"x")]


async def test_where_hints_were_lost_everybody_looks(ears: Ears) -> None:
    ears.hearing.take(Lost())
    assert (sorted(ears.called), ears.feeds.heard) == (["other", "ref"], [("", "all")])


async def test_without_feeds_what_is_said_of_them_is_nothing(ears: Ears) -> None:
    ears.hearing.feeds = None
    for heard in (FeedHint("w", 1), Passing("w", b""), Lost()):
        ears.hearing.take(heard)
    assert sorted(ears.called) == ["other", "ref"]


class Breaking(MemoryStore):
    """A shared store whose hints break off at first."""

    is_shared = True
    failures = 1

    async def hints(self, worker: str) -> AsyncIterator[Heard]:
        yield Hint(REF, "e", 1)
        if self.failures:
            self.failures -= 1
            raise OSError("the connection broke")
        yield Hint(REF, "e", 2)
        await asyncio.Event().wait()


async def test_hints_that_break_off_are_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearing, "AGAIN_S", 0.001)
    ears = Ears(Breaking(ManualClock().now_ms))
    await ears.attach()
    ears.hearing.start()
    await _until(lambda: ears.called.count("ref") == 3)
    await ears.hearing.stop()
    assert ears.called == ["ref", "ref", "other", "ref"]


async def test_in_a_store_of_one_process_nobody_is_heard() -> None:
    ears = Ears(MemoryStore(ManualClock().now_ms))
    ears.hearing.start()
    assert ears.hearing._task is None
    await ears.hearing.stop()


async def _until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not is_so():  # noqa: ASYNC110  # nothing tells of it
            await asyncio.sleep(0.001)
