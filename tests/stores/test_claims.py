"""What every store promises of wake-ups: never early, never lost, one claimer at a time."""

import pytest

from engine.stores.base import Committed, SessionRef, Store
from tests.stores.steps import OTHER, REF, START_MS, SteppedClock, due_of, step, until

pytestmark = pytest.mark.anyio


async def test_nothing_is_due_in_an_empty_store(store: Store) -> None:
    for partition in range(store.partitions):
        due = await store.claim_due(partition)
        assert (due.now_ms, due.next_ms, due.sessions) == (START_MS, None, ())


async def test_a_wakeup_is_claimed_at_its_millisecond_and_not_before(
    store: Store, clock: SteppedClock
) -> None:
    await store.commit(step(0, wake_ms=START_MS + 45_000))
    clock.now_ms = START_MS + 44_999
    early = await store.claim_due(store.partition_of(REF.workspace, REF.visitor))
    assert early.sessions == ()
    assert early.next_ms is not None
    assert clock.now_ms - 2_000 < early.next_ms <= START_MS + 45_000
    clock.now_ms = START_MS + 45_000
    assert await due_of(store) == ((REF, START_MS + 45_000),)


async def test_a_claim_is_exclusive_until_its_lease_ends(store: Store, clock: SteppedClock) -> None:
    await store.commit(step(0, wake_ms=START_MS))
    assert len(await due_of(store, lease_ms=500)) == 1
    clock.now_ms += 499
    assert await due_of(store) == ()
    clock.now_ms += 1
    assert await due_of(store) == ((REF, START_MS),)


async def test_a_commit_ends_the_claim(store: Store, clock: SteppedClock) -> None:
    await store.commit(step(0, wake_ms=START_MS))
    await due_of(store)
    fired = step(1, fired_ms=START_MS, wake_ms=START_MS + 10_000)
    assert isinstance(await store.commit(fired), Committed)
    clock.now_ms += 9_999
    assert await due_of(store) == ()
    clock.now_ms += 1
    assert await due_of(store) == ((REF, START_MS + 10_000),)


async def test_a_later_commit_moves_or_removes_the_one_wakeup(
    store: Store, clock: SteppedClock
) -> None:
    await store.commit(step(0, wake_ms=START_MS + 10))
    await store.commit(step(1, wake_ms=START_MS + 20))
    await store.commit(step(0, OTHER, wake_ms=START_MS + 10))
    await store.commit(step(1, OTHER))
    clock.now_ms += 19
    assert await due_of(store) == ()
    clock.now_ms += 1
    assert await due_of(store) == ((REF, START_MS + 20),)
    clock.now_ms += 100_000
    assert await due_of(store) == ((REF, START_MS + 20),)


async def test_a_claim_is_limited_and_takes_the_earliest_first(
    store: Store, clock: SteppedClock
) -> None:
    refs = [SessionRef("ws_a", f"v{name}", f"chat_{name}") for name in range(10)]
    for place, ref in enumerate(refs):
        await store.commit(step(0, ref, wake_ms=START_MS + 100 - place))
    clock.now_ms += 100
    for partition in range(store.partitions):
        mine = [ref for ref in refs if store.partition_of(ref.workspace, ref.visitor) == partition]
        first = await store.claim_due(partition, limit=2)
        assert [ref for ref, _ in first.sessions] == mine[::-1][:2]
        rest = await store.claim_due(partition)
        assert [ref for ref, _ in rest.sessions] == mine[::-1][2:]


async def test_an_earlier_wakeup_than_the_next_one_is_told(store: Store) -> None:
    other = SessionRef(REF.workspace, REF.visitor, "chat_9")
    partition = store.partition_of(REF.workspace, REF.visitor)
    told: list[tuple[int, int]] = []
    store.on_earlier_wake = lambda *of: told.append(of)
    await store.watch("w1", {partition})
    await store.commit(step(0, wake_ms=START_MS + 60_000))
    await until(lambda: told == [(partition, START_MS + 60_000)])
    await store.claim_due(partition)
    await store.commit(step(0, other, wake_ms=START_MS + 90_000))
    await store.commit(step(1, other, wake_ms=START_MS + 5))
    await until(lambda: told[1:] == [(partition, START_MS + 5)])


async def test_a_wakeup_that_another_worker_sets_is_told_to_who_watches_its_partition(
    store: Store, peer: Store
) -> None:
    partition = store.partition_of(REF.workspace, REF.visitor)
    told: list[tuple[int, int]] = []
    store.on_earlier_wake = lambda *of: told.append(of)
    await store.watch("w1", {partition})
    await store.claim_due(partition)
    await peer.commit(step(0, wake_ms=START_MS + 5))
    await until(lambda: told == [(partition, START_MS + 5)])


async def test_a_wakeup_of_another_s_claim_is_not_claimed_twice(
    store: Store, peer: Store, clock: SteppedClock
) -> None:
    await store.commit(step(0, wake_ms=START_MS))
    assert await due_of(peer) == ((REF, START_MS),)
    assert await due_of(store) == ()
    clock.now_ms += 500
    assert await due_of(store) == ((REF, START_MS),)


async def test_the_store_s_time_never_steps_back(store: Store, clock: SteppedClock) -> None:
    clock.now_ms = START_MS + 100
    assert await store.now() == START_MS + 100
    clock.now_ms = START_MS
    assert await store.now() == START_MS + 100
    await store.commit(step(0))
    assert (await store.journal(REF))[0].at_ms == START_MS + 100
