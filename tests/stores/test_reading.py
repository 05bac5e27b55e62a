"""What every store promises of reading: messages, journal, lists, aliases, documents."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from engine.limits import MESSAGES_KEPT_MAX
from engine.stores.base import (
    DecisionFilter,
    DecisionLine,
    Doc,
    DocConflict,
    Entry,
    SessionRef,
    Store,
)
from engine.stores.memory.store import MemoryStore
from tests.stores.steps import OTHER, REF, START_MS, SteppedClock, commit_all, message, step

pytestmark = pytest.mark.anyio


async def test_history_is_oldest_first_and_read_in_pages(store: Store) -> None:
    await store.commit(step(0, messages=(message("m1"), message("m2"))))
    await store.commit(step(1, messages=(message("m3"),)))
    whole = await store.history(REF, None, 0)
    assert [(m.offset, m.id) for m in whole.messages] == [(1, "m1"), (2, "m2"), (3, "m3")]
    assert whole.messages[0].body == b"body of m1"
    page = await store.history(REF, whole.epoch, 1, limit=1)
    assert ([m.offset for m in page.messages], page.offset, page.recovered) == ([2], 3, True)


async def test_a_reader_of_another_epoch_is_not_recovered_and_gets_what_is_kept(
    store: Store,
) -> None:
    await store.commit(step(0, messages=(message("m1"), message("m2"))))
    found = await store.history(REF, "another", 1)
    assert not found.recovered
    assert [m.offset for m in found.messages] == [1, 2]


async def test_a_reader_ahead_of_the_store_is_not_recovered(store: Store) -> None:
    await store.commit(step(0, messages=(message("m1"),)))
    epoch = (await store.load(REF)).epoch
    assert not (await store.history(REF, epoch, 2)).recovered
    assert (await store.history(REF, epoch, 1)).recovered


async def test_the_oldest_messages_leave(store: Store) -> None:
    count = MESSAGES_KEPT_MAX + 3
    for expect in range(count):
        await store.commit(step(expect, messages=(message(f"m{expect}"),)))
    epoch = (await store.load(REF)).epoch
    assert not (await store.history(REF, epoch, 2)).recovered
    found = await store.history(REF, epoch, 3)
    assert found.recovered
    assert [m.offset for m in found.messages] == list(range(4, count + 1))


async def test_history_of_no_session_is_empty(store: Store) -> None:
    found = await store.history(REF, None, 0)
    assert (found.epoch, found.offset, found.messages) == ("", 0, ())


async def test_the_journal_is_gapless_and_read_in_pages(store: Store, clock: SteppedClock) -> None:
    for expect in range(5):
        clock.now_ms = START_MS + expect
        await store.commit(step(expect))
    assert await store.journal(REF, after=1, limit=2) == [
        Entry(2, START_MS + 1, b"entry 2"),
        Entry(3, START_MS + 2, b"entry 3"),
    ]
    assert [entry.number for entry in await store.journal(REF, after=3)] == [4, 5]
    assert await store.journal(REF, after=5) == []
    assert await store.journal(OTHER) == []


async def test_scan_shows_each_session_once_with_its_entries_of_the_interval(
    store: Store, clock: SteppedClock
) -> None:
    for expect in range(4):
        clock.now_ms = START_MS + expect * 10
        await store.commit(step(expect))
        await store.commit(step(expect, OTHER, closed=expect == 3))
    await store.commit(step(0, SessionRef("ws_b", "v", "chat_b")))
    found = {ref: numbers async for ref, numbers in _scan(store, START_MS + 10, START_MS + 30)}
    assert found == {REF: [2, 3], OTHER: [2, 3]}
    assert [ref async for ref, _ in _scan(store, START_MS, START_MS + 1)] == [REF, OTHER]
    assert [ref async for ref, _ in _scan(store, START_MS + 31, START_MS + 99)] == []


async def test_a_scan_of_an_empty_store_shows_nothing(store: Store) -> None:
    assert [ref async for ref, _ in _scan(store, 0, START_MS)] == []


async def test_commits_during_a_scan_are_not_shown_twice(store: Store) -> None:
    await commit_all(store, 2)
    await commit_all(store, 2, OTHER)
    shown = []
    async for ref, entries in store.scan("ws_a", 0, START_MS + 1):
        shown.append((ref, len(entries)))
        await store.commit(step(2, ref))
    assert shown == [(REF, 2), (OTHER, 2)]


async def test_the_memory_journal_forgets_its_oldest_entries(clock: SteppedClock) -> None:
    store = MemoryStore(clock, journal_bytes_max=4_000)
    for expect in range(300):
        await store.commit(step(expect))
        await store.commit(step(expect, OTHER))
    numbers = [entry.number for entry in await store.journal(REF)]
    assert numbers == list(range(numbers[0], 301))
    assert 20 < len(numbers) < 80
    shown = {ref: [e.number for e in found] async for ref, found in store.scan("ws_a", 0, 2**60)}
    assert shown[REF] == numbers


async def test_ids_lead_to_their_session(store: Store) -> None:
    await store.commit(step(0, ids=("msg_1", "dec_1")))
    for name in ("msg_1", "dec_1", REF.session):
        assert await store.find("ws_a", name) == REF
    assert await store.find("ws_a", "msg_2") is None


async def test_an_alias_leads_to_the_first_session_given(store: Store) -> None:
    assert await store.find_alias("ws_a", "client_1") is None
    assert await store.resolve("client_1", REF) == REF
    assert await store.resolve("client_1", OTHER) == REF
    assert await store.find_alias("ws_a", "client_1") == REF
    assert await store.find_alias("ws_b", "client_1") is None


async def test_of_two_sessions_given_at_once_an_alias_leads_to_one(store: Store) -> None:
    """Either may be it: each is noted with its visitor first, maybe on another server."""
    answers = await asyncio.gather(store.resolve("client_1", REF), store.resolve("client_1", OTHER))
    assert set(answers) in ({REF}, {OTHER})
    assert await store.find_alias("ws_a", "client_1") == answers[0]


async def test_an_alias_moves_on_from_an_ended_session_once(store: Store) -> None:
    third = SessionRef("ws_a", "visitor_1", "chat_3")
    await store.resolve("client_1", REF)
    assert await store.resolve("client_1", OTHER, ended=REF.session) == OTHER
    assert await store.resolve("client_1", third, ended=REF.session) == OTHER


async def test_decisions_are_listed_newest_first_in_pages(store: Store) -> None:
    for expect in range(5):
        line = _line(expect)
        await store.commit(step(expect, decisions=(line,)))
    first = await store.decisions("ws_a", DecisionFilter(), limit=2)
    assert [found.line for found in first.decisions] == [_line(4), _line(3)]
    assert [found.number for found in first.decisions] == [5, 4]
    assert first.decisions[0].ref == REF
    await store.commit(step(5, decisions=(_line(5),)))
    second = await store.decisions("ws_a", DecisionFilter(), first.cursor, limit=3)
    assert [found.line.id for found in second.decisions] == ["dec_2", "dec_1", "dec_0"]
    assert second.cursor is None


async def test_decisions_are_filtered(store: Store) -> None:
    await store.commit(step(0, decisions=(_line(0), _line(1))))
    await store.commit(step(0, OTHER, decisions=(_line(2),)))
    for wanted, names in (
        (DecisionFilter(rule="rule 1"), ["dec_1"]),
        (DecisionFilter(outcome="sent"), ["dec_2", "dec_0"]),
        (DecisionFilter(session=OTHER.session), ["dec_2"]),
        (DecisionFilter(since_ms=START_MS + 1, until_ms=START_MS + 2), ["dec_1"]),
    ):
        page = await store.decisions("ws_a", wanted)
        assert [found.line.id for found in page.decisions] == names
    assert (await store.decisions("ws_b", DecisionFilter())).decisions == ()


async def test_a_rare_decision_is_found_far_back(store: Store) -> None:
    await store.commit(step(0, decisions=(_line(1),)))
    for expect in range(1, 6):
        many = tuple(_line(1_000 * expect + number) for number in range(1_000))
        await store.commit(step(expect, decisions=many))
    page = await store.decisions("ws_a", DecisionFilter(rule="rule 1"), limit=1)
    assert [found.line.id for found in page.decisions] == ["dec_1"]
    assert page.cursor is None


async def test_a_document_is_written_only_over_the_version_read(store: Store) -> None:
    assert await store.get_doc("ws_a", "site", "s1") is None
    assert await store.put_doc("ws_a", "site", "s1", b"one", 0) == 1
    assert await store.put_doc("ws_a", "site", "s1", b"two", 0) == DocConflict(Doc(1, b"one"))
    assert await store.put_doc("ws_a", "site", "s1", b"two", 1) == 2
    assert await store.get_doc("ws_a", "site", "s1") == Doc(2, b"two")
    assert await store.get_doc("ws_b", "site", "s1") is None


async def test_the_versions_of_a_removed_document_go_on(store: Store) -> None:
    await store.put_doc("ws_a", "site", "s1", b"one", 0)
    assert await store.put_doc("ws_a", "site", "s1", None, 1) == 2
    assert await store.get_doc("ws_a", "site", "s1") is None
    assert await store.put_doc("ws_a", "site", "s1", b"x", 2) == DocConflict(None)
    assert await store.put_doc("ws_a", "site", "s1", b"three", 0) == 3


async def _scan(
    store: Store, since_ms: int, until_ms: int
) -> AsyncIterator[tuple[SessionRef, list[int]]]:
    async for ref, entries in store.scan("ws_a", since_ms, until_ms):
        yield ref, [entry.number for entry in entries]


def _line(number: int) -> DecisionLine:
    outcome = "held" if number % 2 else "sent"
    return DecisionLine(f"dec_{number}", START_MS + number, f"rule {number}", outcome, b"why")
