"""What only the store in memory promises: bounded deliveries, and partitions that stand alone."""

import pytest

from engine.errors import StoreUnavailable
from engine.stores.base import SessionRef
from engine.stores.memory import deliveries as memory_deliveries
from engine.stores.memory.store import MemoryStore
from tests.stores.steps import START_MS, SteppedClock, a_cause, a_delivery, step

pytestmark = pytest.mark.anyio


async def test_when_too_many_deliveries_wait_in_memory_their_causes_stay(
    clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_deliveries, "MEMORY_DELIVERIES_MAX", 2)
    store = MemoryStore(clock)
    await store.keep_causes([a_cause("evt_1"), a_cause("evt_2")])
    pair = [a_delivery(name, "evt_1") for name in ("dlv_1", "dlv_2")]
    await store.settle_causes(0, ["evt_1"], pair)
    with pytest.raises(StoreUnavailable):
        await store.settle_causes(0, ["evt_2"], [a_delivery("dlv_3", "evt_2")])
    assert await store.take_causes() == [a_cause("evt_2")]
    await store.settle_causes(0, ["evt_2"])
    assert len((await store.claim_deliveries()).deliveries) == 2


async def test_partitions_hold_their_own_wake_ups_causes_and_deliveries(
    clock: SteppedClock,
) -> None:
    store = MemoryStore(clock, partitions=8)
    refs = [SessionRef("ws_a", f"v{number}", f"chat_{number}") for number in range(64)]
    for ref in refs:
        cause = a_cause(f"evt_{ref.session}", ref.visitor)
        await store.commit(step(0, ref, wake_ms=START_MS, causes=(cause,)))
    places = [store.partition_of(ref.workspace, ref.visitor) for ref in refs]
    assert set(places) == set(range(8))
    for partition in range(8):
        mine = [ref for ref, place in zip(refs, places, strict=True) if place == partition]
        assert {ref for ref, _ in (await store.claim_due(partition)).sessions} == set(mine)
        causes = await store.take_causes(partition)
        assert [cause.visitor for cause in causes] == [ref.visitor for ref in mine]
        delivery = a_delivery(f"dlv_{partition}", causes[0].id, visitor=causes[0].visitor)
        await store.settle_causes(partition, [causes[0].id], [delivery])
        assert (await store.claim_deliveries(partition)).deliveries == (delivery,)
        assert (await store.claim_deliveries((partition + 1) % 8)).deliveries == ()


async def test_a_visitor_who_is_erased_during_a_scan_is_shown_no_more(clock: SteppedClock) -> None:
    store = MemoryStore(clock)
    for number in range(3):
        await store.commit(step(0, SessionRef("ws_a", f"v{number}", f"chat_{number}")))
    shown = []
    async for ref, entries in store.scan("ws_a", 0, START_MS + 1):
        shown.append((ref.session, [entry.body for entry in entries]))
        if len(shown) == 1:
            await store.erase("ws_a", "v1")
            # The slot that became free is taken by another.
            await store.commit(step(0, SessionRef("ws_a", "v9", "chat_9"), entry=b"another"))
    assert shown == [("chat_0", [b"entry 1"]), ("chat_2", [b"entry 1"])]
