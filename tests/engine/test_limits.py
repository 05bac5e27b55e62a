"""Each limit of a session is reached, and does what engine/limits.py says."""

import asyncio
from contextlib import suppress
from copy import deepcopy

import pytest

from engine import limits
from engine.errors import StoreContended, StoreUnavailable
from engine.hot import HotSession, HotSessions, Turns
from engine.message import QuickReply
from engine.openings import begin_session
from engine.profile import Grant, Profile
from engine.runtime_types import ClientContext, Draft
from engine.session import new_session
from engine.stores.base import Commit, CommitAnswer, Conflict, Loaded, SessionRef, Store
from engine.stores.codec import encode_session
from engine.stores.memory.store import MemoryStore
from engine.testing.manual_clock import ManualClock
from engine.wake_loop import WakeLoop
from tests.engine.world import HELP, START_MS, visit, world

pytestmark = pytest.mark.anyio
PAGE = "https://site.test/pricing"


async def test_a_session_ends_after_a_day_however_busy() -> None:
    async with world(HELP) as shop:
        first = await shop.session()
        for _ in range(60):
            await shop.track(first, "click")
            shop.clock.advance(25 * 60_000)
        assert await shop.session() != first


def test_events_beyond_the_limit_are_no_longer_evaluated() -> None:
    made = visit(HELP)
    made.happen(0, made.event("view", 0, url=PAGE))
    made.session.state.events = limits.SESSION_EVENTS_MAX
    made.happen(1_000, made.event("view", 1_000, url="https://site.test/elsewhere"))
    assert made.session.state.page_key == "site.test/pricing"
    assert made.session.state.events == limits.SESSION_EVENTS_MAX + 1


async def test_a_closed_socket_hides_its_tab_after_the_grace() -> None:
    async with world(HELP) as shop:
        ref = await shop.session()
        await shop.track(ref, "view", url=PAGE, tab="pageload")
        attachment = await shop.runtime.attach(ref, lambda: None)
        await shop.runtime.detach(ref, attachment, "pageload")
        await shop.wait(104_000)
        assert await shop.messages(ref) == []  # 25 of the 45 seconds were visible


def test_long_addresses_titles_and_values_are_cut() -> None:
    made = visit(
        "attribute visitor.note: text optional\n" + HELP.replace("plans?", "{visitor.note | x}?")
    )
    url = "https://site.test/" + "a" * 5_000
    note = {"visitor.note": "n" * 5_000}
    made.happen(0, made.event("view", 0, url=url, title="t" * 5_000, attributes=note))
    attrs = made.session.state.attrs
    found = [len(str(attrs[name])) for name in ("page.url", "page.title", "visitor.note")]
    assert found == [limits.URL_CHARS_MAX, limits.TITLE_CHARS_MAX, limits.VALUE_CHARS_MAX]


def test_attributes_are_bounded_in_number_and_in_sum() -> None:
    names = [f"n{number}" for number in range(limits.ATTRIBUTES_MAX + 5)]
    declared = "".join(f"attribute x.{name}: text optional\n" for name in names)
    made = visit(declared + HELP)
    made.happen(0, made.event("set", 0, attributes={f"x.{name}": "s" for name in names}))
    assert len(made.session.state.attrs) == limits.ATTRIBUTES_MAX
    assert made.session.values_rejected >= 5
    made = visit(declared + HELP)
    made.happen(0, made.event("set", 0, attributes={f"x.{name}": "l" * 400 for name in names}))
    kept = sum(len(v) for v in made.session.state.attrs.values() if isinstance(v, str))
    assert limits.ATTRIBUTE_CHARS_MAX - 500 < kept <= limits.ATTRIBUTE_CHARS_MAX
    assert len(encode_session(made.session)) < limits.STATE_BYTES_MAX


def test_a_session_with_too_many_messages_is_not_approached() -> None:
    made = visit(HELP)
    made.happen(0, made.event("view", 0, url=PAGE))
    made.session.offset = limits.MESSAGES_MAX
    made.look(100_000)
    assert made.sent == []


async def test_a_long_chat_keeps_the_session_small() -> None:
    async with world(HELP) as shop:
        ref = await shop.session()
        await shop.view(ref, "/pricing")
        for number in range(60):
            await shop.runtime.say(ref, "ü" * 4_000, f"c-{number}")
        loaded = await shop.store.load(ref)
        assert loaded.state is not None
        assert len(loaded.state) < 4_000
        pulled = await shop.runtime.pull(ref, None, 0)
        assert len(pulled.messages) == 60
        assert pulled.messages[0].text == "ü" * 4_000


async def test_answerable_chat_messages_are_bounded() -> None:
    reply = (QuickReply("Yes", "yes"), QuickReply("No", "no"))
    async with world(HELP) as shop:
        ref = await shop.session()
        await shop.view(ref, "/pricing")
        await shop.runtime.say(ref, "Hello", "c-1")
        for _ in range(limits.SESSION_MESSAGES_KEPT + 5):
            await shop.runtime.offer(ref, Draft("Well?", reply))
        pulled = await shop.runtime.pull(ref, None, 0)
        newest, oldest = pulled.messages[-1], pulled.messages[1]
        assert await shop.runtime.click(ref, newest.id, "yes") is not None
        assert await shop.runtime.click(ref, oldest.id, "yes") is None


def test_suppressions_are_recorded_up_to_the_limit() -> None:
    made = visit(HELP.replace("time_on_page >= 45s", "time_on_page >= 1s"))
    made.session.suppressed = [f"rule{number}:cap" for number in range(limits.SUPPRESSED_MAX)]
    made.happen(0, made.event("view", 0, url=PAGE))
    made.look(5_000)
    assert made.rows == []


def test_a_profile_forgets_its_oldest_grants_and_sessions() -> None:
    made = visit(HELP)
    made.profile.grants = made.profile.spent = [
        Grant(number, "old", "s", f"m{number}") for number in range(limits.GRANTS_MAX)
    ]
    made.happen(0, made.event("view", 0, url=PAGE))
    made.look(50_000)
    assert len(made.profile.grants) == len(made.profile.spent) == limits.GRANTS_MAX
    assert made.profile.grants[-1].rule == "help"
    profile = Profile("v")
    for number in range(limits.PROFILE_SESSIONS_MAX + 3):
        begin_session(made.program, SessionRef("w", "v", f"s{number}"), "site", profile, START_MS)
    assert len(profile.sessions) == limits.PROFILE_SESSIONS_MAX
    assert profile.sessions[-1] == f"s{limits.PROFILE_SESSIONS_MAX + 2}"


def test_the_session_used_longest_ago_leaves() -> None:
    hot = HotSessions(2)
    refs = [SessionRef("w", "v", f"s{number}") for number in range(3)]
    for ref in refs[:2]:
        session = new_session("w", "v", ref.session, "site", START_MS)
        hot.put(ref, HotSession(session, Profile("v"), 1, 1, "e"))
    kept = hot.get(refs[0])
    assert kept is not None
    hot.put(refs[2], deepcopy(kept))
    assert (hot.get(refs[1]), len(hot)) == (None, 2)


class AlwaysConflicts(MemoryStore):
    """A store in which somebody else always committed first."""

    commits = 0

    async def commit(self, commit: Commit) -> CommitAnswer:
        self.commits += 1
        return Conflict(Loaded())


async def test_endless_conflicts_end_as_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.stepper.CONFLICT_PAUSE_MS", (0.0, 0.0))
    async with world(HELP) as shop:
        store = AlwaysConflicts(shop.clock.now_ms)
        shop.runtime._stepper._store = store
        with pytest.raises(StoreUnavailable):
            await shop.view(await shop.session(), "/pricing")
        assert store.commits == limits.ATTEMPTS_MAX


async def test_more_wake_ups_than_are_taken_at_once_are_all_taken() -> None:
    async with world(HELP) as shop:
        count = limits.WAKES_AT_ONCE_MAX + 40
        refs = [await shop.session(f"b{number}") for number in range(count)]
        for ref in refs:
            await shop.view(ref, "/pricing")
        shop.clock.advance(60_000)
        assert await shop.runtime.take_due() == 0
        await shop.wait(1_000)
        sent = [len(await shop.messages(ref)) for ref in refs]
        assert sum(sent) == count


async def test_a_forgotten_alias_is_found_in_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.finder.ALIASES_MAX", 2)
    async with world(HELP) as shop:
        refs = [await shop.session(f"b{number}") for number in range(4)]
        assert [await shop.session(f"b{number}") for number in range(4)] == refs


async def test_overdue_wake_ups_are_taken_before_an_event() -> None:
    """The loop is behind: the message was due before the visitor left the page."""
    async with world(HELP) as shop:
        ref = await shop.session()
        await shop.view(ref, "/pricing")
        shop.clock.advance(50_000)
        await shop.track(ref, "click")
        entries = await shop.store.journal(ref)
        assert len(entries) == 3
        assert await shop.messages(ref) == ["Questions about pricing plans?"]


async def test_an_event_before_a_late_wake_up_is_taken_first() -> None:
    async with world(HELP.replace("say", "unless seen click\n  say", 1)) as shop:
        ref = await shop.session()
        await shop.view(ref, "/pricing")
        shop.clock.advance(46_000)
        click = shop.event("click", at_ms=START_MS + 44_000)
        await shop.runtime.track(ref, "site", [click], ClientContext())
        assert await shop.messages(ref) == []


class Failing(MemoryStore):
    """A store that does not answer claims at first."""

    failures = 3

    async def claim_due(self, *args: object, **kwargs: object):  # noqa: ANN201
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("none", 1)
        return await super().claim_due()


async def test_the_wake_up_loop_waits_for_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.wake_loop.WAKE_RETRY_MS", 1)
    clock = ManualClock(START_MS)
    store: Store = Failing(clock.now_ms)
    woken = asyncio.Event()

    async def wake(ref: SessionRef, due_ms: int) -> None:
        woken.set()

    loop = WakeLoop(store, wake)
    ref = SessionRef("w", "v", "s")
    await store.commit(Commit(ref, "op", 0, b"s", b"e", wake_ms=START_MS))
    loop.start()
    async with asyncio.timeout(5):
        await woken.wait()
    await loop.stop()
    await store.close()


def test_many_events_at_once_end_the_order_window() -> None:
    made = visit(HELP)
    made.happen(0, made.event("view", 0, url=PAGE))
    for _ in range(3 * limits.TAIL_EVENTS_MAX):
        made.happen(1_000, made.event("click", 1_000))
        assert len(made.session.tail) <= limits.TAIL_EVENTS_MAX
    late = made.session.late_events
    made.happen(1_500, made.event("click", 1_500, late_ms=800))
    assert made.session.late_events == late + 1


async def test_turns_are_first_come_first_served_and_free_themselves() -> None:
    turns, ref, order = Turns(), SessionRef("w", "v", "s"), list[int]()

    async def work(number: int) -> None:
        async with turns.take(ref):
            order.append(number)
            await asyncio.sleep(0)

    tasks = [asyncio.create_task(work(number)) for number in range(5)]
    await asyncio.sleep(0)
    tasks[2].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert order == [0, 1, 3, 4]
    assert turns._waiting == {}


async def test_who_waits_for_a_turn_that_finds_the_store_away_is_told_so_at_once() -> None:
    turns, ref, told = Turns(), SessionRef("w", "v", "s"), list[str]()
    ended = asyncio.Event()

    async def first(error: StoreUnavailable) -> None:
        with suppress(StoreUnavailable):
            async with turns.take(ref):
                await ended.wait()
                raise error

    async def second() -> None:
        try:
            async with turns.take(ref):
                told.append("took its turn")
        except StoreUnavailable as away:
            told.append(away.outcome)

    for error in (StoreUnavailable("unknown", 500), StoreContended("none", 500)):
        ended.clear()
        tasks = [asyncio.create_task(work) for work in (first(error), second(), second())]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        ended.set()
        await asyncio.gather(*tasks)
    assert told == ["none", "none", "took its turn", "took its turn"]
    assert not turns.is_taken(ref)


async def test_who_gives_up_a_turn_at_the_moment_it_comes_is_cancelled_and_nothing_else() -> None:
    turns, ref = Turns(), SessionRef("w", "v", "s")

    async def work() -> None:
        async with turns.take(ref):
            raise AssertionError("it was given up")

    async with turns.take(ref):
        waiting = asyncio.create_task(work())
        await asyncio.sleep(0)
        waiting.cancel()
    await asyncio.wait((waiting,))
    assert waiting.cancelled()
    assert turns._waiting == {}
