"""What every store promises of lists by id and by name, and of profiles written outside a session."""

import random

import pytest

from engine.errors import LimitExceeded
from engine.limits import DOCS_ROWS_MAX, PROFILE_BYTES_MAX, SESSIONS_ROWS_MAX
from engine.stores.base import (
    Committed,
    Conflict,
    DecisionFilter,
    DecisionLine,
    NamedDoc,
    Retention,
    SessionRef,
    Store,
    VisitorRecord,
)
from engine.stores.memory.store import MemoryStore
from tests.stores.steps import OTHER, REF, START_MS, SteppedClock, step

pytestmark = pytest.mark.anyio


async def test_sessions_are_listed_from_the_newest_id_down_whenever_they_were_made(
    store: Store,
) -> None:
    numbers = random.Random(3).sample(range(10_000, 99_999), 1_200)
    refs = [SessionRef("ws_a", f"v{number}", f"chat_{number}") for number in numbers]
    for ref in refs:
        await store.commit(step(0, ref))
    wanted = sorted(refs, key=lambda ref: ref.session, reverse=True)
    found: list[SessionRef] = []
    while page := await store.list_sessions("ws_a", found[-1].session if found else None, 70):
        found += page
    assert found == wanted
    assert await store.list_sessions("ws_a", f"{wanted[9].session}_", 3) == tuple(wanted[9:12])
    assert await store.list_sessions("ws_a", "chat_1", 3) == ()


async def test_a_slice_of_sessions_is_limited(store: Store) -> None:
    for number in range(SESSIONS_ROWS_MAX + 1):
        await store.commit(step(0, SessionRef("ws_a", "v", f"chat_{number:04}")))
    found = await store.list_sessions("ws_a", None, SESSIONS_ROWS_MAX + 1)
    assert len(found) == SESSIONS_ROWS_MAX
    assert found[-1].session == "chat_0001"


async def test_only_sessions_of_the_workspace_are_listed(store: Store) -> None:
    await store.commit(step(0, SessionRef("ws_b", "v", "chat_9")))
    assert await store.list_sessions("ws_a", None, 10) == ()
    await store.commit(step(0))
    assert await store.list_sessions("ws_a", None, 10) == (REF,)


async def test_a_session_is_listed_until_its_journal_is_forgotten(
    store: Store, clock: SteppedClock
) -> None:
    await store.commit(step(0, closed=True))
    clock.now_ms += Retention().ended_ms
    await store.sweep(clock.now_ms)
    assert (await store.load(REF)).version == 0
    assert await store.list_sessions("ws_a", None, 10) == (REF,)
    again = step(0, op="op_again")
    assert isinstance(await store.commit(again), Committed)
    assert await store.list_sessions("ws_a", None, 10) == (REF,)


async def test_the_memory_store_lists_a_session_no_longer_than_its_journal(
    clock: SteppedClock,
) -> None:
    store = MemoryStore(clock, journal_bytes_max=4_000)
    await store.commit(step(0, closed=True))
    await store.commit(step(0, OTHER, closed=True))
    clock.now_ms += Retention().ended_ms
    await store.sweep(clock.now_ms)
    await store.commit(step(0, OTHER, op="op_again"))
    third = SessionRef("ws_a", "visitor_3", "chat_3")
    for expect in range(300):
        await store.commit(step(expect, third))
    await store.sweep(clock.now_ms)
    assert await store.list_sessions("ws_a", None, 10) == (third, OTHER)
    # Its slot is used again, and nothing of the first session shows.
    await store.commit(step(0, SessionRef("ws_b", "visitor_4", "chat_4")))
    assert await store.list_sessions("ws_a", None, 10) == (third, OTHER)


async def test_documents_of_a_kind_are_listed_by_name_downwards(store: Store) -> None:
    for name in ("b", "d", "a", "c"):
        await store.put_doc("ws_a", "site", name, name.encode(), 0)
    await store.put_doc("ws_a", "site", "b", b"again", 1)
    await store.put_doc("ws_a", "site", "d", None, 1)
    await store.put_doc("ws_a", "rule", "z", b"", 0)
    await store.put_doc("ws_b", "site", "z", b"", 0)
    assert await store.list_docs("ws_a", "site") == (
        NamedDoc("c", 1, b"c"),
        NamedDoc("b", 2, b"again"),
        NamedDoc("a", 1, b"a"),
    )
    assert [doc.name for doc in await store.list_docs("ws_a", "site", "c", 1)] == ["b"]
    assert await store.list_docs("ws_a", "site", "a") == ()
    await store.put_doc("ws_a", "site", "d", b"back", 0)
    assert (await store.list_docs("ws_a", "site"))[0] == NamedDoc("d", 3, b"back")


async def test_a_slice_of_documents_is_limited(store: Store) -> None:
    for number in range(DOCS_ROWS_MAX + 1):
        await store.put_doc("ws_a", "site", f"s{number:04}", b"", 0)
    assert len(await store.list_docs("ws_a", "site", limit=DOCS_ROWS_MAX + 1)) == DOCS_ROWS_MAX


async def test_decisions_of_a_visitor_are_listed(store: Store) -> None:
    lines = [DecisionLine(f"dec_{n}", START_MS + n, "rule", "sent", b"") for n in range(2)]
    await store.commit(step(0, decisions=(lines[0],)))
    await store.commit(step(0, OTHER, decisions=(lines[1],)))
    page = await store.decisions("ws_a", DecisionFilter(visitor=OTHER.visitor))
    assert [found.line.id for found in page.decisions] == ["dec_1"]


async def test_a_profile_is_written_over_the_version_read(store: Store) -> None:
    assert await store.put_profile("ws_a", "v", b"x", 1) is None
    assert await store.put_profile("ws_a", "v", b"one", 0) == 1
    assert await store.put_profile("ws_a", "v", b"two", 0) == VisitorRecord(1, b"one")
    assert await store.put_profile("ws_a", "v", b"two", 1) == 2
    assert await store.visitor("ws_a", "v") == VisitorRecord(2, b"two")
    assert await store.visitor("ws_b", "v") is None


async def test_a_session_that_read_the_profile_before_conflicts(store: Store) -> None:
    await store.commit(step(0, expect_profile=0, profile=b"one"))
    await store.put_profile("ws_a", REF.visitor, b"two", 1)
    for profile in (None, b"three"):
        answer = await store.commit(step(1, expect_profile=1, profile=profile))
        assert isinstance(answer, Conflict)
        assert (answer.loaded.profile_version, answer.loaded.profile) == (2, b"two")
    assert await store.commit(step(1, expect_profile=2)) == Committed(2, 2, 0, 0)


async def test_a_profile_over_its_limit_is_refused(store: Store) -> None:
    with pytest.raises(LimitExceeded):
        await store.put_profile("ws_a", "v", bytes(PROFILE_BYTES_MAX + 1), 0)
    assert await store.visitor("ws_a", "v") is None
