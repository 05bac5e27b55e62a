"""What every store promises of named leases: one holder at a time, until it ends or is given back."""

import pytest

from engine.errors import StoreUnavailable
from engine.stores import locks
from engine.stores.base import Store
from tests.stores.steps import SteppedClock

pytestmark = pytest.mark.anyio


async def test_a_lease_has_one_holder(store: Store, peer: Store) -> None:
    assert await store.lease("sweep", "w1", 1_000)
    assert not await peer.lease("sweep", "w2", 1_000)
    assert await peer.lease("chores", "w2", 1_000)


async def test_a_lease_that_ended_is_taken_by_another(
    store: Store, peer: Store, clock: SteppedClock
) -> None:
    await store.lease("sweep", "w1", 1_000)
    clock.now_ms += 999
    assert not await peer.lease("sweep", "w2", 1_000)
    clock.now_ms += 1
    assert await peer.lease("sweep", "w2", 1_000)
    assert not await store.lease("sweep", "w1", 1_000)


async def test_its_holder_prolongs_a_lease(store: Store, peer: Store, clock: SteppedClock) -> None:
    await store.lease("sweep", "w1", 1_000)
    clock.now_ms += 900
    assert await store.lease("sweep", "w1", 1_000)
    clock.now_ms += 900
    assert not await peer.lease("sweep", "w2", 1_000)


async def test_a_lease_that_is_given_back_is_free_at_once(store: Store, peer: Store) -> None:
    await store.lease("sweep", "w1", 60_000)
    await peer.release("sweep", "w2")
    assert not await peer.lease("sweep", "w2", 1_000)
    await store.release("sweep", "w1")
    await store.release("sweep", "w1")
    assert await peer.lease("sweep", "w2", 1_000)


async def test_more_leases_than_can_be_held_are_refused(
    embedded: Store, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "LEASES_LEN_MAX", 2)
    for name in ("one", "two"):
        assert await embedded.lease(name, "w1", 1_000)
    with pytest.raises(StoreUnavailable):
        await embedded.lease("three", "w1", 1_000)
    clock.now_ms += 1_000
    assert await embedded.lease("three", "w1", 1_000)
