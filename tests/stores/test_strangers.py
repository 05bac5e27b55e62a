"""A name that the SQLite file says is new without being asked has no rows, and none on their way."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import StoreUnavailable
from engine.stores.base import Committed, Conflict, SessionRef, VisitorRecord
from engine.stores.sqlite import calls, strangers
from engine.stores.sqlite.store import SqliteStore
from engine.stores.sqlite.strangers import Strangers, alias_name, visitor_name
from tests.stores.steps import OTHER, REF, SteppedClock, step

pytestmark = pytest.mark.anyio


def is_new(store: SqliteStore, visitor: str) -> bool:
    return store._strangers.is_new(visitor_name("ws_a", visitor))


async def reopened(tmp_path: Path, clock: SteppedClock) -> SqliteStore:
    opened = await SqliteStore.open(tmp_path / "a.db", "D2", clock)
    await opened._learning
    return opened


async def test_before_all_names_are_learnt_nobody_is_new(sqlite: SqliteStore) -> None:
    assert not is_new(sqlite, "ann")
    await sqlite._learning
    assert is_new(sqlite, "ann")


async def test_who_is_about_to_be_written_is_new_no_more(sqlite: SqliteStore) -> None:
    await sqlite._learning
    writing = asyncio.ensure_future(sqlite.commit(step(0, expect_profile=0, profile=b"p")))
    await asyncio.sleep(0)
    assert not is_new(sqlite, REF.visitor)
    # It is asked for, and not there before it is durable, or there.
    record = await sqlite.visitor("ws_a", REF.visitor)
    assert record in (None, VisitorRecord(1, b"p"))
    assert isinstance(await writing, Committed)
    assert await sqlite.visitor("ws_a", REF.visitor) == VisitorRecord(1, b"p")


async def test_a_profile_and_a_client_s_session_id_are_no_news_either(sqlite: SqliteStore) -> None:
    await sqlite._learning
    assert await sqlite.put_profile("ws_a", "ann", b"profile", 0) == 1
    assert await sqlite.visitor("ws_a", "ann") == VisitorRecord(1, b"profile")
    assert await sqlite.resolve("her session", REF) == REF
    assert await sqlite.resolve("her session", OTHER) == REF
    assert await sqlite.find_alias("ws_a", "her session") == REF
    assert await sqlite.find_alias("ws_b", "her session") is None


async def test_a_second_commit_of_a_stranger_is_judged_by_the_first(sqlite: SqliteStore) -> None:
    await sqlite._learning
    first = step(0, expect_profile=0, profile=b"p", seen=(1, 2))
    second = step(0, SessionRef("ws_a", REF.visitor, "chat_9"), expect_profile=0, profile=b"q")
    answers = await asyncio.gather(sqlite.commit(first), sqlite.commit(second))
    assert [type(answer) for answer in answers] == [Committed, Conflict]


async def test_before_all_names_are_learnt_a_commit_is_judged_by_the_file(
    tmp_path: Path, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await reopened(tmp_path, clock)
    await before.commit(step(0, expect_profile=0, profile=b"p", seen=(1,)))
    await before.close()
    monkeypatch.setattr(calls, "SOURCES", ())
    after = await SqliteStore.open(tmp_path / "a.db", "D2", clock)
    again = step(0, SessionRef("ws_a", REF.visitor, "chat_9"), expect_profile=1, profile=b"q")
    assert isinstance(await after.commit(again), Committed)
    await after.close()


async def test_what_was_written_before_a_start_is_learnt_after_it(
    tmp_path: Path, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strangers, "SLICE_ROWS", 3)
    before = await reopened(tmp_path, clock)
    for number in range(10):
        ref = SessionRef("ws_a", f"visitor {number}", f"chat_{number}")
        await before.resolve(f"browser {number}", ref)
        await before.commit(step(0, ref, expect_profile=0, profile=b"p", seen=(number,)))
    await before._write(
        lambda writer: writer.db.execute("DELETE FROM profile WHERE visitor = 'visitor 7'")
    )
    await before.close()
    after = await reopened(tmp_path, clock)
    for number in range(10):
        record = await after.visitor("ws_a", f"visitor {number}")
        assert (record is None) == (number == 7)
        found = await after.find_alias("ws_a", f"browser {number}")
        assert found == SessionRef("ws_a", f"visitor {number}", f"chat_{number}")
    # Of this one there are only ids of events.
    assert not is_new(after, "visitor 7")
    assert is_new(after, "visitor 10")
    await after.close()


async def test_a_file_that_does_not_answer_is_asked_again(
    tmp_path: Path, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "_LEARN_AGAIN_S", 0.001)
    read, failures = SqliteStore._read, [StoreUnavailable("none", 1), StoreUnavailable("none", 1)]

    async def fail_at_first(self: SqliteStore, call: object) -> object:
        if failures:
            raise failures.pop()
        return await read(self, call)  # type: ignore[arg-type]  # as it came

    monkeypatch.setattr(SqliteStore, "_read", fail_at_first)
    store = await reopened(tmp_path, clock)
    assert (is_new(store, "ann"), failures) == (True, [])
    await store.close()


async def test_a_store_that_is_closed_while_it_learns_ends(
    tmp_path: Path, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "_LEARN_AGAIN_S", 60)

    async def refuse(*_: object) -> object:
        raise StoreUnavailable("none", 1)

    monkeypatch.setattr(SqliteStore, "_read", refuse)
    store = await SqliteStore.open(tmp_path / "a.db", "D2", clock)
    await asyncio.sleep(0)
    await store.close()
    await asyncio.wait([store._learning])
    assert store._learning.cancelled()


@pytest.mark.parametrize("learns", [True, False])
def test_of_too_many_names_none_is_told_to_be_new(
    monkeypatch: pytest.MonkeyPatch, *, learns: bool
) -> None:
    monkeypatch.setattr(strangers, "NAMES_MAX", 4)
    known = Strangers()
    names = [visitor_name("ws_a", str(number)) for number in range(4)]
    if learns:
        assert known.learn(names[:3])
        assert not known.learn(names)
        known.learnt_all()
    else:
        known.learnt_all()
        assert all(known.note(name) for name in names)
        assert not known.note(visitor_name("ws_a", "4"))
    assert not known.is_new(visitor_name("ws_a", "5"))


def test_a_visitor_and_a_client_s_session_id_of_one_name_are_two() -> None:
    known = Strangers()
    known.learnt_all()
    known.note(visitor_name("ws_a", "ann"))
    assert known.is_new(alias_name("ws_a", "ann"))


VISITORS = ("ann", "ben", "cid")
ACTS = ("commit", "profile", "resolve", "erase", "open", "conflict")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(ACTS), st.sampled_from(VISITORS)), max_size=12))
def test_who_is_told_to_be_new_has_no_rows(
    tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[str, str]]
) -> None:
    async def run() -> None:
        folder, clock = tmp_path_factory.mktemp("store"), SteppedClock()
        store = await reopened(folder, clock)
        for number, (act, visitor) in enumerate(acts):
            ref = SessionRef("ws_a", visitor, f"chat_{number}")
            if act == "open":
                await store.close()
                store = await reopened(folder, clock)
            elif act == "commit":
                record = await store.visitor("ws_a", visitor)
                version = 0 if record is None else record.version
                await store.commit(
                    step(0, ref, expect_profile=version, profile=b"p", seen=(number,))
                )
            elif act == "conflict":
                await store.commit(step(0, ref, expect_profile=99, profile=b"p", seen=(number,)))
            elif act == "profile":
                await store.put_profile("ws_a", visitor, b"q", 0)
            elif act == "resolve":
                await store.resolve(visitor, ref)
            else:
                await store.erase("ws_a", visitor)
                clock.now_ms += 100 * 86_400_000
            for name in VISITORS:
                held = await store._read(lambda writer, name=name: _rows(writer.db, name))
                assert not (is_new(store, name) and held[0])
                assert not (store._strangers.is_new(alias_name("ws_a", name)) and held[1])
        await store.close()

    asyncio.run(run())


def _rows(db: object, name: str) -> tuple[int, int]:
    sql = (
        "SELECT (SELECT count(*) FROM profile WHERE visitor = ?1) + "
        "(SELECT count(*) FROM seen_run WHERE visitor = ?1), "
        "(SELECT count(*) FROM alias WHERE alias = ?1)"
    )
    return db.execute(sql, (name,)).fetchone()  # type: ignore[attr-defined]  # a connection
