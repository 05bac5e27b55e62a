"""What every store promises of workers: who lives, who owns partitions, what they say, whose sockets count."""

import pytest

from engine.errors import LimitExceeded
from engine.limits import ABOUT_BYTES_MAX
from engine.stores import workers
from engine.stores.base import Store
from tests.stores.steps import REF, SteppedClock

pytestmark = pytest.mark.anyio
LEASE_MS = 3_000


async def test_each_worker_hears_who_lives(store: Store, peer: Store) -> None:
    assert await store.heartbeat("w1", LEASE_MS) == {"w1"}
    assert await peer.heartbeat("w2", LEASE_MS) == {"w1", "w2"}
    assert await store.heartbeat("w1", LEASE_MS) == {"w1", "w2"}


async def test_a_worker_that_is_silent_for_its_lease_lives_no_more(
    store: Store, peer: Store, clock: SteppedClock
) -> None:
    await store.heartbeat("w1", LEASE_MS)
    clock.now_ms += LEASE_MS - 1
    assert await peer.heartbeat("w2", LEASE_MS) == {"w1", "w2"}
    clock.now_ms += 1
    assert await peer.heartbeat("w2", LEASE_MS) == {"w2"}
    assert await store.heartbeat("w1", LEASE_MS) == {"w1", "w2"}


async def test_a_worker_that_owns_nothing_is_not_named_although_it_lives(
    store: Store, peer: Store
) -> None:
    await store.heartbeat("w1", LEASE_MS)
    await store.attach(REF, "w1", 1)
    assert await store.heartbeat("w1", LEASE_MS, owns=False) == set()
    assert await peer.heartbeat("w2", LEASE_MS) == {"w2"}
    assert await peer.presence([REF]) == [1]
    assert await store.heartbeat("w1", LEASE_MS) == {"w1", "w2"}


async def test_each_worker_hears_what_the_living_ones_said_last(
    store: Store, peer: Store, clock: SteppedClock
) -> None:
    await store.heartbeat("w1", LEASE_MS)
    assert await store.exchange("w1", b"one") == {"w1": b"one"}
    await peer.heartbeat("w2", LEASE_MS)
    assert await store.exchange("w1", b"") == {"w1": b""}
    assert await peer.exchange("w2", b"two") == {"w1": b"", "w2": b"two"}
    clock.now_ms += LEASE_MS - 1
    await peer.heartbeat("w2", LEASE_MS)
    clock.now_ms += 1
    assert await peer.exchange("w2", b"alone") == {"w2": b"alone"}


async def test_nothing_is_kept_of_what_a_worker_says_that_does_not_live(
    store: Store, peer: Store, clock: SteppedClock
) -> None:
    assert await store.exchange("w1", b"early") == {}
    await store.heartbeat("w1", LEASE_MS)
    assert await peer.exchange("w2", b"never") == {}
    await store.exchange("w1", b"one")
    clock.now_ms += LEASE_MS
    await store.heartbeat("w1", LEASE_MS)
    assert await store.exchange("w2", b"never") in ({}, {"w1": b"one"})
    assert await store.exchange("w1", b"again") == {"w1": b"again"}


async def test_a_worker_that_says_too_much_is_refused(store: Store) -> None:
    await store.heartbeat("w1", LEASE_MS)
    with pytest.raises(LimitExceeded):
        await store.exchange("w1", bytes(ABOUT_BYTES_MAX + 1))
    assert len((await store.exchange("w1", bytes(ABOUT_BYTES_MAX)))["w1"]) == ABOUT_BYTES_MAX


async def test_sockets_of_a_dead_worker_do_not_count(
    store: Store, peer: Store, clock: SteppedClock
) -> None:
    await store.heartbeat("w1", LEASE_MS)
    await peer.heartbeat("w2", LEASE_MS)
    await store.attach(REF, "w1", 1)
    await peer.attach(REF, "w2", 1)
    clock.now_ms += LEASE_MS - 1
    assert await peer.presence([REF]) == [2]
    await peer.heartbeat("w2", LEASE_MS)
    clock.now_ms += 1
    assert await peer.presence([REF]) == [1]


async def test_a_worker_that_left_is_gone_at_once_with_all_it_had(
    store: Store, peer: Store
) -> None:
    await store.heartbeat("w1", LEASE_MS)
    await store.exchange("w1", b"one")
    await peer.heartbeat("w2", LEASE_MS)
    await store.attach(REF, "w1", 1)
    await store.leave("w1")
    assert await peer.presence([REF]) == [0]
    assert await peer.heartbeat("w2", LEASE_MS) == {"w2"}
    assert await peer.exchange("w2", b"two") == {"w2": b"two"}
    await store.leave("w1")


async def test_workers_that_ended_long_ago_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "WORKERS_GONE_MAX", 2)
    kept = workers.Workers()
    for name in ("w1", "w2", "w3"):
        kept.heartbeat(name, 0, LEASE_MS, owns=True)
        kept.leave(name)
    assert set(kept.gone(0)) == {"w2", "w3"}
