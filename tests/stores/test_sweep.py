"""What every store promises of retention: what is over goes, what lives stays."""

import pytest

from engine.limits import ALIAS_KEPT_MS, BOOKINGS_KEPT_MS, IDEMPOTENCY_KEPT_MS, SEEN_KEPT_MS
from engine.stores.base import (
    Begun,
    Committed,
    Count,
    DecisionFilter,
    DecisionLine,
    Loaded,
    Retention,
    SessionRef,
    Store,
    StoredCause,
)
from tests.stores.steps import OTHER, REF, START_MS, SteppedClock, causes_of, message, step

pytestmark = pytest.mark.anyio
KEPT = Retention()


async def test_an_ended_session_goes_after_an_hour_and_its_journal_stays(
    store: Store, clock: SteppedClock
) -> None:
    await store.commit(step(0, messages=(message("m1"),), spend=1))
    await store.commit(step(1, closed=True))
    await store.commit(step(0, OTHER))
    clock.now_ms += KEPT.ended_ms - 1
    assert await _sweep(store, clock) == 0
    clock.now_ms += 1
    assert await _sweep(store, clock) == 1
    assert await _sweep(store, clock) == 0
    assert await store.load(REF) == Loaded()
    assert await store.find("ws_a", REF.session) is None
    assert (await store.history(REF, None, 0)).messages == ()
    assert (await store.load(OTHER)).version == 1
    shown = {ref: len(entries) async for ref, entries in store.scan("ws_a", 0, clock.now_ms)}
    assert shown == {REF: 2, OTHER: 1}
    assert [entry.number for entry in await store.journal(REF)] == [1, 2]
    assert [entry.number for entry in await store.journal(REF, after=1)] == [2]


async def test_a_swept_session_may_begin_again(store: Store, clock: SteppedClock) -> None:
    await store.commit(step(0, closed=True, spend=1))
    clock.now_ms += KEPT.ended_ms
    await _sweep(store, clock)
    again = step(0, op="op_again", spend=1, messages=(message("m1"),))
    assert isinstance(await store.commit(again), Committed)
    found = await store.load(REF)
    assert (found.version, found.granted, found.offset) == (1, 1, 1)
    assert [entry.number for entry in await store.journal(REF)] == [1]


async def test_an_ended_session_that_went_on_or_waits_stays(
    store: Store, clock: SteppedClock
) -> None:
    await store.commit(step(0, closed=True))
    await store.commit(step(1))
    await store.commit(step(0, OTHER, closed=True, wake_ms=START_MS + 10**9))
    clock.now_ms += KEPT.ended_ms
    assert await _sweep(store, clock) == 0
    assert (await store.load(REF)).state == b"state 2"
    assert (await store.load(OTHER)).state == b"state 1"


async def test_sweep_forgets_old_ids(store: Store, clock: SteppedClock) -> None:
    await store.commit(step(0, seen=(1,)))
    await store.idem_begin(b"key", b"hash")
    await store.idem_end(b"key", b"hash", (200, b"answer"))
    await store.resolve("client_1", SessionRef("ws_a", "v", "chat_never"))
    await store.resolve("client_2", REF)
    clock.now_ms += max(SEEN_KEPT_MS, IDEMPOTENCY_KEPT_MS, ALIAS_KEPT_MS)
    await _sweep(store, clock)
    assert isinstance(await store.commit(step(1, seen=(1,))), Committed)
    assert await store.idem_begin(b"key", b"other") == Begun()
    assert await store.find_alias("ws_a", "client_1") is None
    assert await store.find_alias("ws_a", "client_2") == REF


async def test_sweep_forgets_old_decisions_and_profiles(store: Store, clock: SteppedClock) -> None:
    line = DecisionLine("dec_1", START_MS, "rule", "sent", b"")
    await store.commit(step(0, decisions=(line,), expect_profile=0, profile=b"p"))
    clock.now_ms += KEPT.decisions_ms - 1
    await _sweep(store, clock)
    assert len((await store.decisions("ws_a", DecisionFilter())).decisions) == 1
    clock.now_ms += 1
    await _sweep(store, clock)
    assert (await store.decisions("ws_a", DecisionFilter())).decisions == ()
    assert await store.visitor("ws_a", REF.visitor) is not None
    clock.now_ms = START_MS + KEPT.profiles_ms
    await _sweep(store, clock)
    assert await store.visitor("ws_a", REF.visitor) is None
    await store.commit(step(0, OTHER))
    made = step(1, expect_profile=0, profile=b"new")
    assert isinstance(await store.commit(made), Committed)


async def test_sweep_forgets_the_counters_of_old_days(store: Store, clock: SteppedClock) -> None:
    await store.commit(step(0, counts=(Count("2027-01-14", "sent"), Count("2027-01-15", "sent"))))
    days = ("2027-01-14", "2027-01-15")
    # START_MS is in the morning of 2027-01-15.
    clock.now_ms = START_MS + KEPT.decisions_ms
    await _sweep(store, clock)
    assert await store.counts("ws_a", days, "") == {"sent": 1}
    clock.now_ms += 86_400_000
    await _sweep(store, clock)
    assert await store.counts("ws_a", days, "") == {}


async def test_a_place_is_forgotten_long_after_it_was_taken(
    store: Store, clock: SteppedClock
) -> None:
    await store.book("ws_a", "place", "apt_1", 1)
    clock.now_ms += BOOKINGS_KEPT_MS - 1
    await _sweep(store, clock)
    assert await store.booked("ws_a", "place", "place") == {"place": 1}
    clock.now_ms += 1
    await _sweep(store, clock)
    assert await store.booked("ws_a", "place", "place") == {}


async def test_causes_are_never_swept(store: Store, clock: SteppedClock) -> None:
    cause = StoredCause("evt_1", "ws_a", "visitor_1", b"body")
    await store.commit(step(0, causes=(cause,), closed=True))
    clock.now_ms += 2 * KEPT.profiles_ms
    await _sweep(store, clock)
    assert await causes_of(store) == [cause]


async def _sweep(store: Store, clock: SteppedClock) -> int:
    """Sweep to the end and count sessions."""
    count = 0
    while True:
        swept = await store.sweep(clock.now_ms)
        count += swept.sessions
        if not swept.more:
            return count
