"""What every store promises of deliveries: kept with the settling of their cause, sent until settled, logged."""

import asyncio

import pytest
from msgspec.structs import replace

from engine.errors import StoreUnavailable
from engine.limits import DELIVERIES_KEPT_MAX, DELIVERIES_KEPT_MS, DELIVERIES_ROWS_MAX
from engine.stores.base import Delivery, Store
from tests.stores.steps import (
    REF,
    START_MS,
    SteppedClock,
    a_cause,
    a_delivery,
    causes_of,
    deliveries_of,
    keep_deliveries,
    step,
    until,
)

pytestmark = pytest.mark.anyio
LEASE_MS = 30_000


async def test_settling_a_cause_keeps_the_deliveries_that_came_of_it(store: Store) -> None:
    await store.commit(step(0, causes=(a_cause("evt_1"), a_cause("evt_2"))))
    late = a_delivery("dlv_1", "evt_1", due_ms=START_MS - 1)
    early = a_delivery("dlv_2", "evt_1", due_ms=START_MS - 2)
    await store.settle_causes(_partition(store), ["evt_1"], [late, early])
    assert await causes_of(store) == [a_cause("evt_2")]
    assert await deliveries_of(store) == [early, late]


async def test_a_delivery_of_a_cause_that_is_no_longer_kept_is_not_kept(store: Store) -> None:
    await store.commit(step(0, causes=(a_cause("evt_1"),)))
    await store.settle_causes(_partition(store), ["evt_1"], [a_delivery("dlv_1", "evt_1")])
    for name in ("dlv_1", "dlv_2"):
        await store.settle_causes(_partition(store), ["evt_1"], [a_delivery(name, "evt_1")])
    assert await deliveries_of(store) == [a_delivery("dlv_1", "evt_1")]
    assert len(await store.deliveries("ws_a", "we_1")) == 1


async def test_a_delivery_that_is_kept_already_stays_as_it_is(store: Store) -> None:
    await store.keep_causes([a_cause("evt_1")])
    first, again = a_delivery("dlv_1", "evt_1"), a_delivery("dlv_1", "evt_1", body=b"another")
    await store.settle_causes(_partition(store), [], [first, first])
    await store.settle_causes(_partition(store), ["evt_1"], [again])
    assert await deliveries_of(store) == [first]


async def test_a_delivery_of_a_document_s_cause_is_claimed_and_settled_where_its_cause_lay(
    store: Store,
) -> None:
    await store.put_doc("ws_a", "site", "s1", b"one", 0, causes=(a_cause("evt_1"),))
    partition = store.partition_of("ws_a")
    delivery = a_delivery("dlv_1", "evt_1")
    await store.settle_causes(partition, ["evt_1"], [delivery])
    assert (await store.claim_deliveries(partition)).deliveries == (delivery,)
    assert await store.settle_delivery(_sent(delivery))
    assert not await store.settle_delivery(_sent(delivery))


async def test_a_claimed_delivery_falls_due_again_when_its_lease_ends(
    store: Store, peer: Store, clock: SteppedClock
) -> None:
    await keep_deliveries(store, [a_delivery("dlv_1")])
    assert len(await deliveries_of(store)) == 1
    clock.now_ms += LEASE_MS - 1
    assert await deliveries_of(peer) == []
    clock.now_ms += 1
    assert len(await deliveries_of(peer)) == 1


async def test_a_claim_says_when_the_next_delivery_falls_due(
    store: Store, clock: SteppedClock
) -> None:
    partition = _partition(store)
    due = await store.claim_deliveries(partition)
    assert (due.now_ms, due.next_ms, due.deliveries) == (START_MS, None, ())
    await keep_deliveries(store, [a_delivery("dlv_1"), a_delivery("dlv_2", due_ms=START_MS + 90)])
    first = await store.claim_deliveries(partition)
    assert [delivery.id for delivery in first.deliveries] == ["dlv_1"]
    assert first.next_ms is not None
    assert START_MS + 90 - 2_000 < first.next_ms <= START_MS + 90
    clock.now_ms += 90
    assert [delivery.id for delivery in await deliveries_of(store)] == ["dlv_2"]


async def test_a_claim_takes_no_more_than_asked_for_the_earliest_first(store: Store) -> None:
    await keep_deliveries(store, [a_delivery(f"dlv_{n}", due_ms=START_MS - n) for n in range(1, 6)])
    first = await store.claim_deliveries(_partition(store), limit=2)
    assert [delivery.id for delivery in first.deliveries] == ["dlv_5", "dlv_4"]
    assert first.next_ms is not None
    assert first.next_ms <= START_MS
    rest = await store.claim_deliveries(_partition(store))
    assert [delivery.id for delivery in rest.deliveries] == ["dlv_3", "dlv_2", "dlv_1"]


async def test_a_delivery_that_is_tried_again_falls_due_at_its_new_time(
    store: Store, clock: SteppedClock
) -> None:
    await keep_deliveries(store, [a_delivery("dlv_1")])
    (delivery,) = await deliveries_of(store)
    failed = replace(delivery, due_ms=START_MS + 5_000, attempt=1, http_status=500, error="no")
    assert await store.settle_delivery(failed)
    clock.now_ms += 4_999
    assert await deliveries_of(store) == []
    clock.now_ms += 1
    assert await deliveries_of(store) == [failed]
    assert await store.delivery("ws_a", "we_1", "dlv_1") == failed


async def test_a_settled_delivery_is_only_in_the_log(store: Store, clock: SteppedClock) -> None:
    await keep_deliveries(store, [a_delivery("dlv_1")])
    (delivery,) = await deliveries_of(store)
    assert await store.settle_delivery(_sent(delivery))
    assert not await store.settle_delivery(replace(delivery, attempt=2))
    clock.now_ms += LEASE_MS
    assert await deliveries_of(store) == []
    assert await store.delivery("ws_a", "we_1", "dlv_1") == _sent(delivery)
    assert await store.deliveries("ws_a", "we_1") == (_sent(delivery),)


async def test_a_delivery_that_nobody_knows_is_not_settled(store: Store) -> None:
    assert not await store.settle_delivery(_sent(a_delivery("dlv_1")))
    assert await store.delivery("ws_a", "we_1", "dlv_1") is None
    assert await store.deliveries("ws_a", "we_1") == ()


async def test_a_delivery_of_the_log_is_sent_again(store: Store) -> None:
    await keep_deliveries(store, [a_delivery("dlv_1")])
    (delivery,) = await deliveries_of(store)
    await store.settle_delivery(_sent(delivery))
    again = replace(delivery, due_ms=START_MS, attempt=0, status="pending")
    await store.send_again(again)
    assert await deliveries_of(store) == [again]
    assert await store.deliveries("ws_a", "we_1") == (again,)


async def test_a_delivery_that_the_log_does_not_know_can_be_sent(store: Store) -> None:
    delivery = a_delivery("dlv_1", visitor="", session="")
    await store.send_again(delivery)
    assert await deliveries_of(store) == [delivery]
    assert await store.delivery("ws_a", "we_1", "dlv_1") == delivery


async def test_the_log_is_listed_newest_first_in_pages(store: Store) -> None:
    many = [a_delivery(f"dlv_{n}", created_ms=START_MS + n // 2) for n in range(6)]
    await keep_deliveries(store, many)
    for delivery in many[:3]:
        await store.settle_delivery(_sent(delivery))
    names = ["dlv_5", "dlv_4", "dlv_3", "dlv_2", "dlv_1", "dlv_0"]
    assert await _listed(store) == names
    assert await _listed(store, limit=2) == names[:2]
    assert await _listed(store, before="dlv_4", limit=3) == names[2:5]
    assert await _listed(store, before="dlv_0") == []
    delivered = await store.deliveries("ws_a", "we_1", status="delivered", before="dlv_2", limit=9)
    assert [delivery.id for delivery in delivered] == ["dlv_1", "dlv_0"]
    pending = await store.deliveries("ws_a", "we_1", status="pending", limit=2)
    assert [delivery.id for delivery in pending] == ["dlv_5", "dlv_4"]


async def test_endpoints_and_workspaces_do_not_share_a_log(store: Store) -> None:
    await keep_deliveries(store, [a_delivery("dlv_1"), a_delivery("dlv_2", endpoint="we_2")])
    assert await _listed(store) == ["dlv_1"]
    assert await store.delivery("ws_a", "we_1", "dlv_2") is None
    assert await store.delivery("ws_b", "we_1", "dlv_1") is None
    assert await store.deliveries("ws_b", "we_1") == ()


async def test_a_slice_of_deliveries_is_limited(store: Store) -> None:
    await keep_deliveries(
        store, [a_delivery(f"dlv_{n:04}") for n in range(DELIVERIES_ROWS_MAX + 1)]
    )
    assert len(await _listed(store, limit=DELIVERIES_ROWS_MAX + 1)) == DELIVERIES_ROWS_MAX
    due = await store.claim_deliveries(_partition(store), limit=DELIVERIES_ROWS_MAX + 1)
    assert len(due.deliveries) <= DELIVERIES_ROWS_MAX


async def test_the_oldest_settled_deliveries_leave_the_log(store: Store) -> None:
    waits = a_delivery("dlv_waits", created_ms=START_MS - 1)
    count = DELIVERIES_KEPT_MAX + 2
    many = [a_delivery(f"dlv_{n:04}", created_ms=START_MS + n) for n in range(count)]
    await keep_deliveries(store, [waits, *many])
    await asyncio.gather(*[store.settle_delivery(_sent(delivery)) for delivery in many])
    assert await store.delivery("ws_a", "we_1", "dlv_0000") is None
    assert await store.delivery("ws_a", "we_1", f"dlv_{count - 1:04}") == _sent(many[-1])
    assert await _listed(store, before="dlv_0010") == [
        *[f"dlv_{n:04}" for n in range(9, 2, -1)],
        *[name for name in ("dlv_0002",) if await store.delivery("ws_a", "we_1", name)],
        "dlv_waits",
    ]


async def test_the_log_forgets_after_a_week_what_no_longer_waits(
    store: Store, clock: SteppedClock
) -> None:
    await keep_deliveries(store, [a_delivery("dlv_1"), a_delivery("dlv_2")])
    await store.settle_delivery(_sent(a_delivery("dlv_1")))
    clock.now_ms += DELIVERIES_KEPT_MS - 1
    await _sweep(store, clock)
    assert await _listed(store) == ["dlv_2", "dlv_1"]
    clock.now_ms += 1
    await _sweep(store, clock)
    assert await _listed(store) == ["dlv_2"]
    assert [delivery.id for delivery in await deliveries_of(store)] == ["dlv_2"]


async def test_work_that_another_worker_keeps_is_told_to_who_watches_its_partition(
    store: Store, peer: Store
) -> None:
    told: list[int] = []
    partition = _partition(store)
    store.on_work = told.append
    await store.watch("w1", {partition})
    await peer.commit(step(0, causes=(a_cause("evt_1"),)))
    if store.is_shared:
        await until(lambda: told == [partition])
    await peer.settle_causes(partition, ["evt_1"], [a_delivery("dlv_1", "evt_1")])
    if store.is_shared:
        await until(lambda: len(told) > 1)
    assert set(told) <= {partition}


async def test_a_closed_store_keeps_no_delivery(store: Store) -> None:
    await store.close()
    with pytest.raises(StoreUnavailable):
        await store.send_again(a_delivery("dlv_1"))
    with pytest.raises(StoreUnavailable):
        await store.claim_deliveries()


def _partition(store: Store) -> int:
    return store.partition_of(REF.workspace, REF.visitor)


def _sent(delivery: Delivery) -> Delivery:
    return replace(
        delivery,
        status="delivered",
        attempt=1,
        http_status=200,
        duration_ms=12,
        ended_ms=START_MS + 12,
    )


async def _listed(store: Store, *, before: str | None = None, limit: int = 100) -> list[str]:
    found = await store.deliveries("ws_a", "we_1", before=before, limit=limit)
    return [delivery.id for delivery in found]


async def _sweep(store: Store, clock: SteppedClock) -> None:
    while (await store.sweep(clock.now_ms)).more:
        pass
