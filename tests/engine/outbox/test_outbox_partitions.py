"""The outbox over partitions: a worker tells the causes of its own, and keeps the deliveries that come of them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from engine.causes import Cause, encode_cause
from engine.errors import StoreUnavailable
from engine.outbox import outbox, partition_outbox
from engine.outbox.outbox import Outbox
from engine.stores.base import Delivery, Store, StoredCause
from engine.testing.manual_clock import ManualClock
from engine.testing.shared_store import SharedMemory, SharedView
from tests.engine.outbox.causes import answer, cause, keep

pytestmark = pytest.mark.anyio

PARTITION = 0
MINE = frozenset({PARTITION})
NONE: frozenset[int] = frozenset()


@pytest.fixture
def shared() -> SharedMemory:
    return SharedMemory(ManualClock().now_ms, partitions=1)


@pytest.fixture
async def view(shared: SharedMemory) -> AsyncIterator[SharedView]:
    opened = shared.view()
    await opened.watch("a", MINE)
    yield opened
    await opened.close()


class Told:
    """What an outbox told."""

    def __init__(self, store: Store) -> None:
        self.box = Outbox(store, retry_s=0.001)
        self.heard: list[str] = []
        self.box.add_hearer(self._hear)

    async def _hear(self, heard: Cause) -> None:
        self.heard.append(heard.id)


def delivery(name: str, of: Cause, number: int = 0) -> Delivery:
    return Delivery(
        id=f"dlv_{name}_{number}",
        cause=of.id,
        workspace=of.workspace,
        visitor=of.visitor,
        session=of.session,
        endpoint="wh_1",
        event="chat.started",
        event_id=of.id,
        body=b"{}",
        created_ms=of.at_ms,
        due_ms=of.at_ms,
    )


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not is_so():  # noqa: ASYNC110  # nothing tells of it
            await asyncio.sleep(0.001)


async def planned(told: Cause) -> Sequence[Delivery]:
    return [delivery(told.id, told)]


async def due(store: Store) -> list[str]:
    return [one.id for one in (await store.claim_deliveries(PARTITION)).deliveries]


# ---- partitions


async def test_causes_of_another_worker_s_partitions_are_left_to_it(view: SharedView) -> None:
    told = Told(view)
    await keep(view, [cause("evt_1")])
    told.box.hear(cause("evt_1"))
    await told.box.drain()
    assert told.heard == []
    assert len(await view.take_causes(PARTITION)) == 1


async def test_a_gained_partition_is_caught_up_with(view: SharedView) -> None:
    told = Told(view)
    told.box.start()
    await keep(view, [cause("evt_1"), cause("evt_2")])
    told.box.change(MINE, NONE)
    await until(lambda: told.heard == ["evt_1", "evt_2"])
    await told.box.stop()
    assert await view.take_causes(PARTITION) == []


async def test_causes_that_another_worker_keeps_are_told_at_once(
    shared: SharedMemory, view: SharedView
) -> None:
    told, other = Told(view), shared.view()
    view.on_work = told.box.look
    told.box.change(MINE, NONE)
    told.box.start()
    await asyncio.sleep(0.01)
    await keep(other, [cause("evt_1")])
    await until(lambda: told.heard == ["evt_1"])
    await told.box.stop()


async def test_what_is_heard_live_does_not_overtake_what_another_worker_kept(
    shared: SharedMemory, view: SharedView
) -> None:
    told, other = Told(view), shared.view()
    told.box.change(MINE, NONE)
    await told.box.drain()
    await keep(other, [cause("evt_1")])
    await keep(view, [cause("evt_2")])
    told.box.hear(cause("evt_2"))
    await told.box.drain()
    assert told.heard == ["evt_1", "evt_2"]


async def test_what_follows_what_was_heard_here_is_told_without_a_read(
    view: SharedView, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Told(view)
    told.box.change(MINE, NONE)
    told.box.start()
    await asyncio.sleep(0.01)
    await keep(view, [cause("evt_1")])
    told.box.hear(cause("evt_1"))
    await until(lambda: told.heard == ["evt_1"])

    async def never(*_: object, **__: object) -> list[StoredCause]:
        raise AssertionError("nothing has to be read")

    with monkeypatch.context() as patched:
        patched.setattr(view, "take_causes", never)
        told.box.hear(cause("evt_2"), follows=True)
        await until(lambda: told.heard == ["evt_1", "evt_2"])
    await told.box.stop()


async def test_what_follows_is_told_behind_what_has_to_be_read_before_it(
    shared: SharedMemory, view: SharedView
) -> None:
    told, other = Told(view), shared.view()
    told.box.change(MINE, NONE)
    await told.box.drain()
    await keep(other, [cause("evt_1")])
    await keep(view, [cause("evt_2"), cause("evt_3")])
    told.box.hear(cause("evt_2"))
    told.box.hear(cause("evt_3"), follows=True)
    await told.box.drain()
    assert told.heard == ["evt_1", "evt_2", "evt_3"]


async def test_a_cause_kept_with_a_document_is_heard_in_the_partition_it_lies_in() -> None:
    view = SharedMemory(ManualClock().now_ms, partitions=8).view()
    told = Told(view)
    place = view.partition_of("w")
    told.box.change(frozenset({place}), NONE)
    stored = StoredCause("evt_1", "w", "vis_1", encode_cause(cause("evt_1")))
    await view.put_doc("w", "appointment", "appt_1", b"{}", 0, causes=(stored,))
    told.box.hear(cause("evt_1"), place)
    await told.box.drain()
    assert told.heard == ["evt_1"]


async def test_what_was_told_and_not_settled_is_told_again_when_a_partition_comes_back(
    view: SharedView, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Told(view)
    told.box.plan_deliveries(planned)
    told.box.change(MINE, NONE)
    await keep(view, [cause("evt_1")])

    async def refuse(*_: object) -> None:
        raise StoreUnavailable("unknown", 1_000)

    with monkeypatch.context() as patch:
        patch.setattr(view, "settle_causes", refuse)
        with pytest.raises(StoreUnavailable):
            await told.box.drain()
        told.box.change(NONE, MINE)
        await asyncio.sleep(0)
    told.box.change(MINE, NONE)
    await told.box.drain()
    assert told.heard == ["evt_1", "evt_1"]
    assert await due(view) == ["dlv_evt_1_0"]


async def test_a_lost_partition_is_left_with_what_was_told_settled(view: SharedView) -> None:
    told = Told(view)
    told.box.change(MINE, NONE)
    await keep(view, [cause("evt_1")])
    await told.box._tell_all()
    told.box.change(NONE, MINE)
    await told.box.stop()
    assert await view.take_causes(PARTITION) == []


async def test_work_that_outlives_its_partition_is_settled_by_nobody_else_s_hand(
    view: SharedView,
) -> None:
    told, may_end = Told(view), asyncio.Event()

    async def work(_: Cause) -> None:
        await may_end.wait()

    told.box.on_follow_up("answer", work)
    told.box.change(MINE, NONE)
    told.box.start()
    await keep(view, [answer("evt_1")])
    told.box.look(PARTITION)
    await until(lambda: told.box._follow_ups.count == 1)
    told.box.change(NONE, MINE)
    may_end.set()
    await told.box._follow_ups.wait()
    assert len(await view.take_causes(PARTITION)) == 1
    told.box.change(MINE, NONE)
    await until(lambda: told.box._boxes[PARTITION]._task is not None)
    await told.box.drain()
    await told.box.stop()
    assert await view.take_causes(PARTITION) == []


# ---- deliveries


async def test_deliveries_are_kept_with_the_settling_of_their_cause(view: SharedView) -> None:
    told, noted = Told(view), list[int]()
    told.box.plan_deliveries(planned)
    told.box.on_deliveries = noted.append
    told.box.change(MINE, NONE)
    await keep(view, [cause("evt_1"), cause("evt_2")])
    await told.box.drain()
    assert sorted(await due(view)) == ["dlv_evt_1_0", "dlv_evt_2_0"]
    assert noted == [PARTITION]


async def test_deliveries_do_not_wait_until_more_is_to_be_settled(
    view: SharedView, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "SETTLE_PAUSE_S", 60)
    told, noted = Told(view), list[int]()
    told.box.plan_deliveries(planned)
    told.box.on_deliveries = noted.append
    told.box.change(MINE, NONE)
    told.box.start()
    await keep(view, [cause("evt_1")])
    told.box.hear(cause("evt_1"))
    await until(lambda: noted == [PARTITION])
    await told.box.stop()


async def test_a_plan_that_fails_is_made_again_before_the_next_cause(view: SharedView) -> None:
    failures: list[Exception] = [ValueError("a bug"), StoreUnavailable("none", 1)]

    async def plan(told: Cause) -> Sequence[Delivery]:
        if failures:
            raise failures.pop(0)
        return await planned(told)

    told = Told(view)
    told.box.plan_deliveries(plan)
    told.box.change(MINE, NONE)
    told.box.start()
    await keep(view, [cause("evt_1")])
    told.box.look(PARTITION)
    await until(lambda: not failures)
    async with asyncio.timeout(5):
        while await view.take_causes(PARTITION):  # noqa: ASYNC110  # nothing tells of it
            await asyncio.sleep(0.001)
    await told.box.stop()
    assert await due(view) == ["dlv_evt_1_0"]


async def test_no_more_deliveries_are_kept_at_once_than_a_step_may_hold(
    view: SharedView, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partition_outbox, "DELIVERIES_A_SETTLE_MAX", 5)
    kept: list[int] = []
    settle = view.settle_causes

    async def count(partition: int, ids: Sequence[str], deliveries: Sequence[Delivery]) -> None:
        kept.append(len(deliveries))
        await settle(partition, ids, deliveries)

    async def plan(told: Cause) -> Sequence[Delivery]:
        return [delivery(told.id, told, number) for number in range(2 if told.id[-1] < "5" else 7)]

    monkeypatch.setattr(view, "settle_causes", count)
    told = Told(view)
    told.box.plan_deliveries(plan)
    told.box.change(MINE, NONE)
    await keep(view, [cause(f"evt_{number}") for number in range(7)])
    await told.box.drain()
    assert kept == [4, 4, 2, 7, 7]


async def test_follow_ups_are_no_deliveries(view: SharedView) -> None:
    told = Told(view)
    told.box.plan_deliveries(planned)
    told.box.change(MINE, NONE)
    await keep(view, [answer("evt_1")])
    await told.box.drain()
    assert await due(view) == []


async def test_the_oldest_told_ids_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition_outbox, "TOLD_KEPT_MAX", 2)
    told = partition_outbox.Told()
    for name in "abc":
        told.add(name)
    assert [name in told for name in "abc"] == [False, True, True]
