"""What every store promises of an erased visitor: all of them is gone, stays gone for a day, and nobody else's."""

import asyncio

import pytest

from engine.errors import StoreUnavailable
from engine.limits import ERASED_KEPT_MS
from engine.stores.base import (
    Committed,
    DecisionFilter,
    Duplicate,
    Erased,
    Loaded,
    Retention,
    SessionRef,
    Store,
)
from tests.stores.canary import DAY, ENDPOINT, cause_of, delivery_of, keep_all, ref_of
from tests.stores.steps import (
    REF,
    START_MS,
    SteppedClock,
    a_cause,
    causes_of,
    deliveries_of,
    due_of,
    message,
    step,
)

pytestmark = pytest.mark.anyio
GONE, STAYS = "canary", "neighbour"
WORDS = (GONE, STAYS)


async def test_nothing_of_an_erased_visitor_is_found_and_the_neighbour_is_untouched(
    store: Store, clock: SteppedClock
) -> None:
    for word in WORDS:
        await keep_all(store, word)
    before = {word: await _seen_of(store, word) for word in WORDS}
    assert all(before[GONE].values())
    assert await store.erase("ws_a", ref_of(GONE).visitor)
    assert await _seen_of(store, STAYS) == before[STAYS]
    assert {what: found for what, found in (await _seen_of(store, GONE)).items() if found} == {}
    clock.now_ms += 1_000
    due = [ref for ref, _ in await due_of(store)]
    assert sorted(due, key=str) == [ref_of(STAYS, number) for number in (1, 2)]
    assert [delivery.visitor for delivery in await deliveries_of(store)] == [ref_of(STAYS).visitor]
    # Counters name nobody.
    assert await store.counts("ws_a", [DAY], "") == {"sent": 4}


async def test_an_erased_visitor_is_erased_once(store: Store) -> None:
    await keep_all(store, GONE)
    visitor = ref_of(GONE).visitor
    assert await store.erase("ws_a", visitor)
    assert not await store.erase("ws_a", visitor)
    assert not await store.erase("ws_a", "nobody")
    assert not await store.erase("ws_b", visitor)


async def test_nothing_is_kept_of_an_erased_visitor_for_a_day(
    store: Store, peer: Store, clock: SteppedClock
) -> None:
    await keep_all(store, GONE)
    ref = ref_of(GONE)
    await store.erase("ws_a", ref.visitor)
    for _ in range(2):
        for expect in (0, 2):
            assert (
                await peer.commit(step(expect, ref, causes=(cause_of(GONE, "late"),))) == Erased()
            )
        assert await peer.put_profile("ws_a", ref.visitor, b"late", 0) is None
        assert await peer.resolve(f"client_{GONE}", ref) == ref
        await peer.keep_causes([cause_of(GONE, "late")])
        await peer.put_doc("ws_a", "kind", "d", b"", 0, causes=(cause_of(GONE, "late"),))
        await peer.send_again(delivery_of(GONE, "sent", ""))
        assert not await peer.settle_delivery(delivery_of(GONE, "waits", ""))
        assert not any((await _seen_of(store, GONE)).values())
        assert not await store.erase("ws_a", ref.visitor)
        clock.now_ms += ERASED_KEPT_MS - 1
        await store.sweep(clock.now_ms)
    clock.now_ms += 1
    assert await store.commit(step(0, ref, expect_profile=0, profile=b"p")) == Committed(1, 1, 0, 0)
    assert await store.resolve(f"client_{GONE}", ref) == ref
    assert await store.find_alias("ws_a", f"client_{GONE}") == ref


async def test_who_is_unknown_is_not_kept_either_once_erased(store: Store) -> None:
    assert not await store.erase("ws_a", REF.visitor)
    assert await store.commit(step(0)) == Erased()
    assert await store.load(REF) == Loaded()


async def test_a_visitor_of_that_name_in_another_workspace_stays(store: Store) -> None:
    twin = SessionRef("ws_b", REF.visitor, REF.session)
    await store.commit(step(0, twin, expect_profile=0, profile=b"theirs", ids=("msg_1",)))
    await store.commit(step(0, expect_profile=0, profile=b"ours", ids=("msg_1",)))
    await store.erase("ws_a", REF.visitor)
    assert (await store.load(twin)).profile == b"theirs"
    assert await store.find("ws_b", "msg_1") == twin
    assert await store.find("ws_a", "msg_1") is None


async def test_a_repeated_commit_of_an_erased_session_is_erased_not_a_duplicate(
    store: Store,
) -> None:
    first = step(0)
    await store.commit(first)
    assert isinstance(await store.commit(first), Duplicate)
    await store.erase("ws_a", REF.visitor)
    assert await store.commit(first) == Erased()


async def test_what_retention_left_of_an_ended_session_is_erased_too(
    store: Store, clock: SteppedClock
) -> None:
    await store.commit(step(0, closed=True))
    clock.now_ms += Retention().ended_ms
    await store.sweep(clock.now_ms)
    assert await store.list_sessions("ws_a", None, 9) == (REF,)
    assert await store.erase("ws_a", REF.visitor)
    assert await store.list_sessions("ws_a", None, 9) == ()
    assert [ref async for ref, _ in store.scan("ws_a", 0, clock.now_ms + 1)] == []


async def test_a_session_that_begins_again_after_the_day_begins_from_nothing(
    store: Store, clock: SteppedClock
) -> None:
    await store.commit(step(0, messages=(message("m1"),), spend=1, seen=(7,)))
    await store.commit(step(1))
    epoch = (await store.load(REF)).epoch
    await store.erase("ws_a", REF.visitor)
    clock.now_ms += ERASED_KEPT_MS
    again = step(0, op="op_again", messages=(message("m1"),), spend=1, seen=(7,))
    assert await store.commit(again) == Committed(1, 0, 1, 1)
    found = await store.load(REF)
    assert (found.version, found.granted, found.offset) == (1, 1, 1)
    assert found.epoch != epoch
    assert [entry.number for entry in await store.journal(REF)] == [1]


async def test_commits_that_race_with_the_erasing_leave_nothing(store: Store, peer: Store) -> None:
    refs = [SessionRef("ws_a", REF.visitor, f"chat_{number}") for number in range(20)]
    commits = [peer.commit(step(0, ref, causes=(a_cause(f"evt_{ref.session}"),))) for ref in refs]
    await asyncio.gather(*commits[:10], store.erase("ws_a", REF.visitor), *commits[10:])
    assert await store.list_sessions("ws_a", None, 99) == ()
    assert [await store.load(ref) for ref in refs] == [Loaded()] * 20
    assert await causes_of(store) == []


async def test_a_closed_store_erases_nobody(store: Store) -> None:
    await store.close()
    with pytest.raises(StoreUnavailable):
        await store.erase("ws_a", REF.visitor)


async def _seen_of(store: Store, word: str) -> dict[str, object]:
    """Look for a visitor in every way that a store has."""
    ref, waits, log = ref_of(word), [], []
    for partition in range(store.partitions):
        causes = await store.take_causes(partition, limit=1_000)
        waits += [cause.id for cause in causes if cause.visitor == ref.visitor]
    for delivery in await store.deliveries("ws_a", ENDPOINT):
        log += [delivery.id] if delivery.visitor == ref.visitor else []
    page = await store.decisions("ws_a", DecisionFilter(visitor=ref.visitor))
    listed = [
        one for one in await store.list_sessions("ws_a", None, 99) if one.visitor == ref.visitor
    ]
    shown = [
        one async for one, _ in store.scan("ws_a", 0, START_MS + 1) if one.visitor == ref.visitor
    ]
    return {
        "session": (await store.load(ref)).version,
        "profile": await store.visitor("ws_a", ref.visitor),
        "messages": (await store.history(ref, None, 0)).messages,
        "journal": await store.journal(ref),
        "decisions": page.decisions,
        "alias": await store.find_alias("ws_a", f"client_{word}"),
        "name": await store.find("ws_a", f"conv_{word}_1"),
        "id": await store.find("ws_a", ref.session),
        "listed": listed,
        "scanned": shown,
        "causes": waits,
        "deliveries": log,
        "delivery": await store.delivery("ws_a", ENDPOINT, f"dlv_{word}_waits"),
        "exported": [kept async for kept in store.export("ws_a", ref.visitor)],
    }
