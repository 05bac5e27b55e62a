"""The wake-up loop: it sleeps until something is due, in each partition that is its own, and loses nothing."""

import asyncio
from collections.abc import Callable

import pytest

from engine import wake_loop
from engine.errors import StoreUnavailable
from engine.limits import WAKES_AT_ONCE_MAX
from engine.stores.base import Commit, Due, SessionRef, Store
from engine.stores.memory.store import MemoryStore
from engine.testing.manual_clock import ManualClock
from engine.testing.shared_store import SharedMemory, SharedView
from engine.wake_loop import WakeLoop

pytestmark = pytest.mark.anyio


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not is_so():  # noqa: ASYNC110  # nothing tells of it
            await asyncio.sleep(0.001)


class Sessions:
    """Sessions with a wake-up each, and who was woken."""

    def __init__(self, store: Store, clock: ManualClock) -> None:
        self.store, self.clock = store, clock
        self.woken: list[str] = []
        self.at_once = self.most = 0
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def arm(self, name: str, in_ms: int = 0) -> SessionRef:
        ref = SessionRef("w", f"vis_{name}", name)
        due_ms = self.clock.now_ms() + in_ms
        await self.store.commit(Commit(ref, f"op_{name}", 0, b"s", b"e", wake_ms=due_ms))
        return ref

    async def wake(self, ref: SessionRef, due_ms: int) -> None:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        await self.may_end.wait()
        self.at_once -= 1
        self.woken.append(ref.session)
        fired = Commit(ref, f"{ref.session}!", 1, b"s", b"e", fired_ms=due_ms)
        await self.store.commit(fired)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def view(clock: ManualClock) -> SharedView:
    return SharedMemory(clock.now_ms, partitions=8).view()


async def test_what_is_due_at_the_start_and_what_falls_due_later_is_taken(
    clock: ManualClock,
) -> None:
    store = MemoryStore(clock.now_ms)
    sessions = Sessions(store, clock)
    await sessions.arm("early")
    loop = WakeLoop(store, sessions.wake)
    loop.start()
    await until(lambda: sessions.woken == ["early"])
    await sessions.arm("late")
    await until(lambda: sessions.woken == ["early", "late"])
    await loop.stop()


async def test_with_nothing_due_it_asks_an_embedded_store_once(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wake_loop, "next_check_s", lambda _, now_s: now_s + 0.001)
    store, asked = Counting(clock.now_ms), 0
    loop = WakeLoop(store, Sessions(store, clock).wake)
    loop.start()
    await asyncio.sleep(0.05)
    asked = store.claims
    await loop.stop()
    assert asked == 1


class Counting(MemoryStore):
    """A store that counts how often it is asked for what is due."""

    claims = 0

    async def claim_due(self, partition: int = 0, *, limit: int = 64, lease_ms: int = 500) -> Due:
        self.claims += 1
        return await super().claim_due(partition, limit=limit, lease_ms=lease_ms)


async def test_wake_ups_of_all_owned_partitions_are_taken_and_no_others(
    view: SharedView, clock: ManualClock
) -> None:
    sessions = Sessions(view, clock)
    refs = [await sessions.arm(str(number)) for number in range(60)]
    mine = frozenset({0, 1, 2, 3})
    loop = WakeLoop(view, sessions.wake, lambda: mine)
    wanted = {ref.session for ref in refs if view.partition_of("w", ref.visitor) in mine}
    loop.start()
    await until(lambda: len(sessions.woken) >= len(wanted))
    await asyncio.sleep(0.02)
    assert sorted(sessions.woken) == sorted(wanted)
    loop.change(frozenset({4, 5, 6, 7}), frozenset({0, 1}))
    await until(lambda: len(sessions.woken) == 60)
    await loop.stop()
    assert len(set(sessions.woken)) == 60


async def test_a_lost_hint_costs_no_more_than_a_check_of_the_position(
    view: SharedView, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wake_loop, "next_check_s", lambda _, now_s: now_s + 0.02)
    sessions = Sessions(view, clock)
    loop = WakeLoop(view, sessions.wake)
    loop.start()
    await asyncio.sleep(0.01)
    view.on_earlier_wake = None
    await sessions.arm("unheard")
    await until(lambda: sessions.woken == ["unheard"])
    await loop.stop()


async def test_no_more_are_taken_at_once_than_there_is_room_for(
    view: SharedView, clock: ManualClock
) -> None:
    sessions = Sessions(view, clock)
    sessions.may_end.clear()
    for number in range(WAKES_AT_ONCE_MAX + 100):
        await sessions.arm(str(number))
    loop = WakeLoop(view, sessions.wake)
    loop.start()
    await until(lambda: sessions.at_once > WAKES_AT_ONCE_MAX - wake_loop.CLAIM_LEN)
    await asyncio.sleep(0.02)
    assert sessions.at_once <= WAKES_AT_ONCE_MAX
    sessions.may_end.set()
    await until(lambda: len(sessions.woken) == WAKES_AT_ONCE_MAX + 100)
    await loop.stop()
    assert sessions.most <= WAKES_AT_ONCE_MAX


async def test_a_slow_partition_does_not_stop_the_others(
    view: SharedView, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions = Sessions(view, clock)
    refs = [await sessions.arm(str(number)) for number in range(40)]
    claim_due = view.claim_due

    async def claim(partition: int, **given: int) -> Due:
        if partition == 0:
            raise StoreUnavailable("none", 1)
        return await claim_due(partition, **given)

    with monkeypatch.context() as patch:
        patch.setattr(view, "claim_due", claim)
        patch.setattr(wake_loop, "WAKE_RETRY_MS", 1)
        loop = WakeLoop(view, sessions.wake)
        loop.start()
        others = [r for r in refs if view.partition_of("w", r.visitor) != 0]
        await until(lambda: len(sessions.woken) == len(others))
        assert len(others) < len(refs)
    await until(lambda: len(sessions.woken) == len(refs))
    await loop.stop()


async def test_it_ends_after_the_wake_ups_under_way(view: SharedView, clock: ManualClock) -> None:
    sessions = Sessions(view, clock)
    sessions.may_end.clear()
    await sessions.arm("slow")
    loop = WakeLoop(view, sessions.wake)
    loop.start()
    await until(lambda: sessions.at_once == 1)
    ending = asyncio.ensure_future(loop.stop())
    await asyncio.sleep(0.01)
    assert not ending.done()
    sessions.may_end.set()
    await ending
    assert sessions.woken == ["slow"]


async def test_by_hand_it_takes_what_is_due_in_every_partition_and_tells_the_next_instant(
    view: SharedView, clock: ManualClock
) -> None:
    sessions = Sessions(view, clock)
    for number in range(10):
        await sessions.arm(str(number), in_ms=number % 2 * 700)
    loop = WakeLoop(view, sessions.wake)
    await loop.take_due()
    assert len(sessions.woken) == 5
    assert await loop.take_due() == 700
    clock.advance(700)
    await loop.take_due()
    assert len(sessions.woken) == 10
    assert await loop.take_due() is None


async def test_the_greatest_lateness_is_noted(view: SharedView, clock: ManualClock) -> None:
    sessions = Sessions(view, clock)
    await sessions.arm("late")
    clock.advance(90)
    loop = WakeLoop(view, sessions.wake)
    await loop.take_due()
    assert loop.late_ms_max == 90
