"""What every store promises of wake-ups: never early, never lost, one claimer at a time."""

import pytest

from engine.stores.base import Committed, SessionRef, Store
from tests.stores.steps import OTHER, REF, START_MS, SteppedClock, step

pytestmark = pytest.mark.anyio


async def test_nothing_is_due_in_an_empty_store(store: Store) -> None:
    due = await store.claim_due()
    assert (due.now_ms, due.next_ms, due.sessions) == (START_MS, None, ())


async def test_a_wakeup_is_claimed_at_its_millisecond_and_not_before(
    store: Store, clock: SteppedClock
) -> None:
    await store.commit(step(0, wake_ms=START_MS + 45_000))
    clock.now_ms = START_MS + 44_999
    early = await store.claim_due()
    assert early.sessions == ()
    assert early.next_ms is not None
    assert clock.now_ms - 2_000 < early.next_ms <= START_MS + 45_000
    clock.now_ms = START_MS + 45_000
    assert (await store.claim_due()).sessions == ((REF, START_MS + 45_000),)


async def test_a_claim_is_exclusive_until_its_lease_ends(store: Store, clock: SteppedClock) -> None:
    await store.commit(step(0, wake_ms=START_MS))
    assert len((await store.claim_due(lease_ms=500)).sessions) == 1
    clock.now_ms += 499
    assert (await store.claim_due()).sessions == ()
    clock.now_ms += 1
    assert (await store.claim_due()).sessions == ((REF, START_MS),)


async def test_a_commit_ends_the_claim(store: Store, clock: SteppedClock) -> None:
    await store.commit(step(0, wake_ms=START_MS))
    await store.claim_due()
    fired = step(1, fired_ms=START_MS, wake_ms=START_MS + 10_000)
    assert isinstance(await store.commit(fired), Committed)
    clock.now_ms += 9_999
    assert (await store.claim_due()).sessions == ()
    clock.now_ms += 1
    assert (await store.claim_due()).sessions == ((REF, START_MS + 10_000),)


async def test_a_later_commit_moves_or_removes_the_one_wakeup(
    store: Store, clock: SteppedClock
) -> None:
    await store.commit(step(0, wake_ms=START_MS + 10))
    await store.commit(step(1, wake_ms=START_MS + 20))
    await store.commit(step(0, OTHER, wake_ms=START_MS + 10))
    await store.commit(step(1, OTHER))
    clock.now_ms += 19
    assert (await store.claim_due()).sessions == ()
    clock.now_ms += 1
    assert (await store.claim_due()).sessions == ((REF, START_MS + 20),)
    clock.now_ms += 100_000
    assert (await store.claim_due()).sessions == ((REF, START_MS + 20),)


async def test_a_claim_is_limited_and_takes_the_earliest_first(
    store: Store, clock: SteppedClock
) -> None:
    refs = [SessionRef("ws_a", f"v{name}", f"chat_{name}") for name in range(10)]
    for place, ref in enumerate(refs):
        await store.commit(step(0, ref, wake_ms=START_MS + 100 - place))
    clock.now_ms += 100
    first = await store.claim_due(limit=4)
    assert [due_ms - START_MS for _, due_ms in first.sessions] == [91, 92, 93, 94]
    assert [ref for ref, _ in first.sessions] == refs[9:5:-1]
    assert len((await store.claim_due()).sessions) == 6


async def test_an_earlier_wakeup_than_the_next_one_is_told(store: Store) -> None:
    told: list[int] = []
    store.on_earlier_wake = told.append
    await store.commit(step(0, wake_ms=START_MS + 60_000))
    assert told == [START_MS + 60_000]
    await store.claim_due()
    await store.commit(step(0, OTHER, wake_ms=START_MS + 90_000))
    assert told == [START_MS + 60_000]
    await store.commit(step(1, OTHER, wake_ms=START_MS + 5))
    assert told == [START_MS + 60_000, START_MS + 5]


async def test_the_store_s_time_never_steps_back(store: Store, clock: SteppedClock) -> None:
    clock.now_ms = START_MS + 100
    assert await store.now() == START_MS + 100
    clock.now_ms = START_MS
    assert await store.now() == START_MS + 100
    await store.commit(step(0))
    assert (await store.journal(REF))[0].at_ms == START_MS + 100
