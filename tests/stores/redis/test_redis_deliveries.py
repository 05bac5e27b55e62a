"""How causes are divided into steps, and what several workers do to the same causes at once."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.stores.base import Delivery
from engine.stores.redis.deliveries import steps_of
from engine.stores.redis.part import SLICE
from engine.stores.redis.store import RedisStore
from tests.faults.server import Single
from tests.stores.steps import (
    REF,
    SteppedClock,
    a_cause,
    a_delivery,
    causes_of,
    deliveries_of,
    keep_deliveries,
)

ENDPOINT = "we_1"
COUNTS = st.lists(st.integers(0, 40), max_size=40)


@pytest.fixture
async def stores(valkey: Single, clock: SteppedClock) -> AsyncIterator[list[RedisStore]]:
    valkey.flush()
    opened = [await RedisStore.open(valkey.url, clock=clock, partitions=16) for _ in range(3)]
    yield opened
    for store in opened:
        await store.close()


@given(COUNTS)
def test_each_cause_is_in_one_step_with_all_its_deliveries(counts: list[int]) -> None:
    names = [f"evt_{number}" for number in range(len(counts))]
    planned = [
        a_delivery(f"dlv_{name}_{way}", name)
        for name, count in zip(names, counts, strict=True)
        for way in range(count)
    ]
    steps = list(steps_of(names, planned))
    assert [name for some, _ in steps for name in some] == names
    assert [one.id for _, their in steps for one in their] == [one.id for one in planned]
    for some, their in steps:
        assert len(some) + len(their) <= SLICE
        assert {one.cause for one in their} <= set(some)


@pytest.mark.anyio
async def test_of_several_workers_that_settle_one_cause_one_keeps_its_deliveries(
    stores: list[RedisStore],
) -> None:
    names = [f"evt_{number}" for number in range(30)]
    await stores[0].keep_causes([a_cause(name) for name in names])
    partition = stores[0].partition_of(REF.workspace, REF.visitor)
    await asyncio.gather(
        *(
            store.settle_causes(partition, [name], [a_delivery(f"dlv_{name}", name)])
            for name in names
            for store in stores
        )
    )
    assert await causes_of(stores[0]) == []
    waiting = [delivery.id for delivery in await deliveries_of(stores[1])]
    assert sorted(waiting) == sorted(f"dlv_{name}" for name in names)
    assert len(await stores[2].deliveries("ws_a", ENDPOINT, limit=500)) == len(names)


@pytest.mark.anyio
async def test_a_delivery_is_claimed_by_one_of_several_workers(stores: list[RedisStore]) -> None:
    await keep_deliveries(stores[0], [a_delivery(f"dlv_{number:03}") for number in range(200)])
    partition = stores[0].partition_of(REF.workspace, REF.visitor)
    claims = [store.claim_deliveries(partition, limit=20) for store in stores for _ in range(5)]
    claimed = [one.id for due in await asyncio.gather(*claims) for one in due.deliveries]
    assert len(claimed) == len(set(claimed)) == 200


@pytest.mark.anyio
async def test_what_settles_while_a_visitor_is_erased_leaves_nothing(
    stores: list[RedisStore],
) -> None:
    for turn in range(20):
        visitor = f"v_{turn}"
        partition = stores[0].partition_of("ws_a", visitor)
        planned = [
            a_delivery(f"dlv_{turn}_{n}", f"evt_{turn}_{n}", visitor=visitor) for n in range(6)
        ]
        await stores[0].keep_causes([a_cause(one.cause, visitor) for one in planned])
        await stores[0].settle_causes(partition, [planned[0].cause], planned[:1])
        await asyncio.gather(
            stores[1].settle_delivery(replace(planned[0], status="delivered")),
            *(stores[2].settle_causes(partition, [one.cause], [one]) for one in planned[1:]),
            _erase_after(stores[0], visitor, turn),
        )
        assert await _left(stores[0], visitor) == []


async def _erase_after(store: RedisStore, visitor: str, turns: int) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)
    await store.erase("ws_a", visitor)


async def _left(store: RedisStore, visitor: str) -> list[Delivery]:
    logged = await store.deliveries("ws_a", ENDPOINT, limit=500)
    return [one for one in (*logged, *await deliveries_of(store)) if one.visitor == visitor]
