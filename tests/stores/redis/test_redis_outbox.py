"""What only Redis has to bear of causes and deliveries: two partitions, steps cut off between them, no memory."""

from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from engine.errors import StoreUnavailable
from engine.limits import CAUSES_LEN_MAX
from engine.stores.base import DueDeliveries
from engine.stores.partitions import PARTITIONS_MAX
from engine.stores.redis import deliveries as redis_deliveries
from engine.stores.redis.outbox import CAUSES_LEN_MIN, causes_len_max, pack_cause, unpack_cause
from engine.stores.redis.part import SLICE
from engine.stores.redis.store import RedisStore
from tests.faults.server import Single
from tests.stores.steps import (
    OTHER,
    REF,
    START_MS,
    SteppedClock,
    a_cause,
    a_delivery,
    causes_of,
    deliveries_of,
    keep_deliveries,
    until,
)

pytestmark = pytest.mark.anyio
ENDPOINT = "we_1"


@pytest.fixture
async def store(valkey: Single, clock: SteppedClock) -> AsyncIterator[RedisStore]:
    valkey.flush()
    opened = await RedisStore.open(valkey.url, clock=clock, partitions=16)
    yield opened
    await opened.close()


@pytest.fixture
async def peer(valkey: Single, clock: SteppedClock, store: RedisStore) -> AsyncIterator[RedisStore]:
    opened = await RedisStore.open(valkey.url, clock=clock, partitions=16)
    yield opened
    await opened.close()


async def test_a_delivery_that_was_cut_off_from_its_log_is_sent_and_then_logged(
    store: RedisStore,
) -> None:
    partition = store.partition_of(REF.workspace, REF.visitor)
    await store.keep_causes([a_cause("evt_1")])
    # As if the worker had died right after the first of the two steps.
    assert await store._settle_causes(partition, ["evt_1"], [a_delivery("dlv_1", "evt_1")])
    assert await store.deliveries("ws_a", ENDPOINT) == ()
    (sent,) = await deliveries_of(store)
    assert await store.settle_delivery(replace(sent, status="delivered", attempt=1))
    (logged,) = await store.deliveries("ws_a", ENDPOINT)
    assert (logged.id, logged.status) == ("dlv_1", "delivered")


async def test_a_delivery_whose_end_was_only_logged_is_tried_once_more(
    store: RedisStore, clock: SteppedClock
) -> None:
    await keep_deliveries(store, [a_delivery("dlv_1")])
    (sent,) = await deliveries_of(store)
    ended = replace(sent, status="delivered", attempt=1)
    # As if the worker had died before the second step.
    await store._log(ended, "any")
    clock.now_ms += 30_000
    assert [delivery.id for delivery in await deliveries_of(store)] == ["dlv_1"]
    assert await store.settle_delivery(ended)
    assert not await store.settle_delivery(ended)
    clock.now_ms += 30_000
    assert await deliveries_of(store) == []


async def test_more_causes_than_a_slice_are_settled_each_with_all_its_deliveries(
    store: RedisStore,
) -> None:
    partition = store.partition_of(REF.workspace, REF.visitor)
    names = [f"evt_{number:03}" for number in range(SLICE + 2)]
    await store.keep_causes([a_cause(name) for name in names])
    planned = [a_delivery(f"dlv_{name}_{way}", name) for name in names for way in "ab"]
    await store.settle_causes(partition, names, planned)
    assert await causes_of(store) == []
    kept = [delivery.id for delivery in await deliveries_of(store, limit=500)]
    assert kept == sorted(delivery.id for delivery in planned)


async def test_causes_settled_between_two_slices_hide_no_other(store: RedisStore) -> None:
    partition = store.partition_of(REF.workspace, REF.visitor)
    names = [f"evt_{number:03}" for number in range(SLICE + 10)]
    await store.keep_causes([a_cause(name) for name in names])
    number, first = await store._causes_after(partition, 0, SLICE)
    await store.settle_causes(partition, names[:20])
    _, rest = await store._causes_after(partition, number, SLICE)
    assert [cause.id for cause in (*first, *rest)] == names


async def test_work_of_one_worker_is_heard_by_the_owner_alone(
    store: RedisStore, peer: RedisStore
) -> None:
    heard: list[int] = []
    own: list[int] = []
    peer.on_work, store.on_work = heard.append, own.append
    partition = store.partition_of(REF.workspace, REF.visitor)
    await peer.watch("w_peer", {partition})
    await store.watch("w_store", {partition})
    await store.keep_causes([a_cause("evt_1"), a_cause("evt_2", OTHER.visitor)])
    await until(lambda: len(heard) == 1)
    await store.settle_causes(partition, ["evt_1"], [a_delivery("dlv_1", "evt_1")])
    await until(lambda: len(heard) == 2)
    await store.send_again(a_delivery("dlv_1"))
    await until(lambda: len(heard) == 3)
    await store.settle_causes(partition, ["evt_never"])
    await peer.keep_causes([a_cause("evt_3")])
    await until(lambda: len(own) == 1)
    assert (heard, own) == ([partition] * 3, [partition])


async def test_a_server_without_memory_still_lets_go_of_what_is_settled(
    store: RedisStore, valkey: Single
) -> None:
    await store.keep_causes([a_cause("evt_1"), a_cause("evt_2")])
    await keep_deliveries(store, [a_delivery("dlv_1")])
    (waits,) = await deliveries_of(store)
    valkey.node.ask("CONFIG", "SET", "maxmemory", "1mb")
    try:
        with pytest.raises(StoreUnavailable) as refused:
            await store.keep_causes([a_cause("evt_3")])
        assert refused.value.outcome == "none"
        partition = store.partition_of(REF.workspace, REF.visitor)
        await store.settle_causes(partition, ["evt_1"])
        assert await store.settle_delivery(replace(waits, status="failed"))
        assert await store.erase("ws_a", OTHER.visitor) is False
    finally:
        valkey.node.ask("CONFIG", "SET", "maxmemory", "0")
    assert await causes_of(store) == [a_cause("evt_2")]
    (logged,) = await store.deliveries("ws_a", ENDPOINT)
    assert logged.status == "failed"


async def test_when_too_many_deliveries_wait_their_causes_stay(
    store: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_deliveries, "DELIVERIES_LEN_MAX", 1)
    monkeypatch.setattr(redis_deliveries, "DELIVERIES_LEN_MIN", 1)
    partition = store.partition_of(REF.workspace, REF.visitor)
    await keep_deliveries(store, [a_delivery("dlv_1")])
    await store.keep_causes([a_cause("evt_2")])
    with pytest.raises(StoreUnavailable) as refused:
        await store.settle_causes(partition, ["evt_2"], [a_delivery("dlv_2", "evt_2")])
    assert refused.value.outcome == "none"
    assert await causes_of(store) == [a_cause("evt_2")]
    assert await store.delivery("ws_a", ENDPOINT, "dlv_2") is None
    (waits,) = await deliveries_of(store)
    await store.settle_delivery(replace(waits, status="delivered"))
    await store.settle_causes(partition, ["evt_2"], [a_delivery("dlv_2", "evt_2")])
    assert await causes_of(store) == []


async def test_a_claim_of_many_says_when_the_next_falls_due(store: RedisStore) -> None:
    many = [a_delivery(f"dlv_{number:03}", due_ms=START_MS) for number in range(SLICE + 1)]
    await keep_deliveries(store, [*many, a_delivery("dlv_later", due_ms=START_MS + 7)])
    partition = store.partition_of(REF.workspace, REF.visitor)
    assert await store.claim_deliveries(partition, limit=500) == DueDeliveries(
        START_MS, START_MS + 7, tuple(replace(one, cause="of_dlv_000") for one in many)
    )


def test_every_partition_has_room_for_some_causes() -> None:
    assert causes_len_max(1) == CAUSES_LEN_MAX
    assert causes_len_max(PARTITIONS_MAX) == CAUSES_LEN_MIN


def test_a_cause_is_read_as_it_was_written() -> None:
    assert unpack_cause(pack_cause(a_cause("évt_1"))) == a_cause("évt_1")
