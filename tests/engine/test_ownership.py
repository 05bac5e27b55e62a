"""Partitions of a worker: its own among those who live, given up when nothing proves them, never asked for."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import pytest

from engine.errors import StoreUnavailable
from engine.ownership import Ownership, Timings
from engine.rendezvous import owners
from engine.stores.open import open_store
from engine.testing.manual_clock import ManualClock
from engine.testing.shared_store import SharedMemory, SharedView

pytestmark = pytest.mark.anyio

PARTITIONS = 16
EVERY = frozenset(range(PARTITIONS))
NONE = frozenset[int]()
BEAT_MS = 250
DEAD_MS = 1_500
"""A worker's life and a heartbeat of the others."""
KEPT_MS = 300_000


class Desk:
    """Workers named a, b, c … over one store whose time a test moves."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.shared = SharedMemory(self.clock.now_ms, partitions=PARTITIONS)
        self.views: dict[str, SharedView] = {}

    def worker(self, name: str) -> Ownership:
        self.views[name] = self.shared.view()
        time_s: Callable[[], float] = lambda: self.clock.now_ms() / 1_000  # noqa: E731
        return Ownership(self.views[name], name, name.encode, time_s=time_s)

    async def rounds(self, *workers: Ownership, ms: int = BEAT_MS) -> None:
        for _ in range(ms // BEAT_MS):
            self.clock.advance(BEAT_MS)
            for worker in workers:
                await begun(worker)


def share(name: str, *workers: str) -> frozenset[int]:
    named = enumerate(owners(PARTITIONS, workers))
    return frozenset(number for number, owner in named if owner == name)


async def begun(worker: Ownership) -> Ownership:
    await worker.beat()
    await worker.look()
    return worker


async def refuse(*_: object, **__: object) -> frozenset[str]:
    raise StoreUnavailable("unknown", 1_000)


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_in_a_store_of_one_process_everything_is_one_s_own_at_once() -> None:
    store = await open_store("memory:", clock=ManualClock().now_ms)
    alone = Ownership(store, "a", lambda: b"")
    heard: list[tuple[frozenset[int], frozenset[int]]] = []
    alone.on_change(lambda gained, lost: heard.append((gained, lost)))
    await alone.start()
    assert (alone.mine, heard) == (frozenset({0}), [(frozenset({0}), NONE)])
    await alone.release()
    await alone.stop()
    assert alone.mine == {0}
    await store.close()


async def test_the_first_worker_owns_all_and_a_new_one_its_part_within_a_heartbeat(
    desk: Desk,
) -> None:
    a, b = desk.worker("a"), desk.worker("b")
    await begun(a)
    assert a.mine == EVERY
    await begun(b)
    assert b.mine == share("b", "a", "b")
    await desk.rounds(a)
    assert a.mine == share("a", "a", "b")
    assert a.mine | b.mine == EVERY


async def test_it_says_what_it_gained_and_what_it_lost(desk: Desk) -> None:
    a, b = desk.worker("a"), desk.worker("b")
    owned: set[int] = set()

    def change(gained: frozenset[int], lost: frozenset[int]) -> None:
        assert lost <= owned
        assert not gained & owned
        owned.difference_update(lost)
        owned.update(gained)

    a.on_change(change)
    await begun(a)
    await begun(b)
    await desk.rounds(a, b)
    assert owned == a.mine != EVERY
    await desk.rounds(a, ms=DEAD_MS)
    assert owned == a.mine == EVERY


async def test_who_asks_late_is_told_of_what_is_owned_already(desk: Desk) -> None:
    a = await begun(desk.worker("a"))
    told: list[frozenset[int]] = []
    a.on_change(lambda gained, _: told.append(gained))
    assert told == [EVERY]


async def test_it_watches_what_is_its_own(desk: Desk) -> None:
    a, b = desk.worker("a"), desk.worker("b")
    await begun(a)
    assert desk.views["a"]._watched == EVERY
    await begun(b)
    await desk.rounds(a, b)
    assert desk.views["a"]._watched == a.mine
    assert desk.views["b"]._watched == b.mine


async def test_others_hear_what_a_worker_says_while_it_lives(desk: Desk) -> None:
    a, b = desk.worker("a"), desk.worker("b")
    said: list[list[bytes]] = []
    a.on_heard = said.append
    await begun(a)
    await begun(b)
    await b.exchange()
    await a.exchange()
    await desk.rounds(a, ms=DEAD_MS)
    await a.exchange()
    assert said == [[b"b"], []]


async def test_partitions_of_a_dead_worker_are_others_after_its_life_and_a_heartbeat(
    desk: Desk,
) -> None:
    three = [desk.worker(name) for name in ("a", "b", "c")]
    for worker in three:
        await begun(worker)
    await desk.rounds(*three)
    _, b, c = three
    await desk.rounds(b, c, ms=DEAD_MS - 2 * BEAT_MS)
    assert b.mine == share("b", "a", "b", "c")
    await desk.rounds(b, c, ms=2 * BEAT_MS)
    assert (b.mine, c.mine) == (share("b", "b", "c"), share("c", "b", "c"))


async def test_a_worker_that_was_only_slow_has_its_part_back_with_its_next_heartbeat(
    desk: Desk,
) -> None:
    a, b = desk.worker("a"), desk.worker("b")
    await begun(a)
    await desk.rounds(b, a)
    await desk.rounds(a, ms=2_000)
    assert a.mine == EVERY
    await desk.rounds(b, a)
    assert (a.mine, b.mine) == (share("a", "a", "b"), share("b", "a", "b"))


async def test_who_gets_no_answer_for_five_minutes_owns_nothing_until_its_next_heartbeat(
    desk: Desk,
) -> None:
    a = await begun(desk.worker("a"))
    lost: list[frozenset[int]] = []
    a.on_change(lambda _, gone: lost.append(gone))
    desk.clock.advance(KEPT_MS - 1)
    a._settle()
    assert a.mine == EVERY
    desk.clock.advance(1)
    a._settle()
    assert (a.mine, lost[-1]) == (NONE, EVERY)
    await begun(a)
    assert a.mine == EVERY


async def test_an_answer_that_comes_too_late_proves_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = desk.worker("a")
    view, heartbeat = desk.views["a"], desk.views["a"].heartbeat

    async def late(worker: str, lease_ms: int, *, owns: bool) -> frozenset[str]:
        answer = await heartbeat(worker, lease_ms, owns=owns)
        desk.clock.advance(KEPT_MS)
        return answer

    monkeypatch.setattr(view, "heartbeat", late)
    await begun(a)
    assert a.mine == NONE


async def test_who_gets_no_answer_keeps_its_part_while_others_do_its_work_too(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = desk.worker("a"), desk.worker("b")
    await begun(b)
    await begun(a)
    await desk.rounds(b)
    with monkeypatch.context() as patch:
        patch.setattr(desk.views["a"], "heartbeat", refuse)
        await desk.rounds(b, ms=10_000)
        with suppress(StoreUnavailable):
            await a.beat()
        assert (a.mine, b.mine) == (share("a", "a", "b"), EVERY)
    await desk.rounds(a, b)
    assert (a.mine, b.mine) == (share("a", "a", "b"), share("b", "a", "b"))


async def test_heartbeats_that_are_lost_cost_nothing_before_the_worker_s_life_ends(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = desk.worker("a"), desk.worker("b")
    await begun(b)
    await begun(a)
    with monkeypatch.context() as patch:
        patch.setattr(desk.views["a"], "heartbeat", refuse)
        for _ in range(4):
            with pytest.raises(StoreUnavailable):
                await desk.rounds(b, a)
        assert a.mine == share("a", "a", "b")
        assert b.mine == share("b", "a", "b")
    await desk.rounds(b, a)
    assert a.mine == share("a", "a", "b")


async def test_a_watch_that_failed_is_asked_for_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, gained = desk.worker("a"), list[frozenset[int]]()
    a.on_change(lambda fresh, _: gained.append(fresh))
    await a.beat()
    with monkeypatch.context() as patch:
        patch.setattr(desk.views["a"], "watch", refuse)
        with pytest.raises(StoreUnavailable):
            await a.look()
    await a.look()
    await a.look()
    assert gained == [EVERY, EVERY]
    assert desk.views["a"]._watched == EVERY


async def test_what_is_lost_while_a_watch_is_asked_for_is_not_gained(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, gained = desk.worker("a"), list[frozenset[int]]()
    a.on_change(lambda fresh, _: gained.append(fresh))
    await a.beat()

    async def slow(*_: object) -> None:
        desk.clock.advance(KEPT_MS)
        a._settle()

    monkeypatch.setattr(desk.views["a"], "watch", slow)
    await a.look()
    assert [fresh for fresh in gained if fresh] == []


async def test_a_released_worker_lives_on_and_owns_nothing_again(desk: Desk) -> None:
    a, b = desk.worker("a"), desk.worker("b")
    await begun(a)
    await begun(b)
    await a.exchange()
    await a.release()
    assert a.mine == NONE
    await desk.rounds(b)
    assert b.mine == EVERY
    await desk.rounds(a, b, ms=2_000)
    assert (a.mine, b.mine) == (NONE, EVERY)
    heard: list[list[bytes]] = []
    b.on_heard = heard.append
    await b.exchange()
    assert heard == [[b"a"]]


async def test_a_heartbeat_under_way_gives_a_released_worker_nothing_back(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = desk.worker("a")
    view, heartbeat = desk.views["a"], desk.views["a"].heartbeat
    may_answer = asyncio.Event()

    async def slow(worker: str, lease_ms: int, *, owns: bool) -> frozenset[str]:
        answer = await heartbeat(worker, lease_ms, owns=owns)
        if owns:
            await may_answer.wait()
        return answer

    monkeypatch.setattr(view, "heartbeat", slow)
    beating = asyncio.ensure_future(a.beat())
    await asyncio.sleep(0)
    await a.release()
    may_answer.set()
    await beating
    assert a.mine == NONE


async def test_a_stopped_worker_is_gone_at_once_and_stopping_twice_is_fine(desk: Desk) -> None:
    a, b = await begun(desk.worker("a")), desk.worker("b")
    await a.stop()
    await a.stop()
    await begun(b)
    assert (a.mine, b.mine) == (NONE, EVERY)


async def test_started_it_keeps_itself_up_and_gives_up_on_time_without_an_answer(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = desk.shared.view()
    fast = Timings(beat_s=0.01, kept_s=0.4, exchange_s=0.01)
    said: list[list[bytes]] = []
    a = Ownership(view, "a", lambda: b"", timings=fast)
    a.on_heard = said.append
    await a.start()
    assert a.mine == EVERY
    await asyncio.sleep(0.6)
    assert a.mine == EVERY
    assert len(said) > 2

    async def hang(*_: object, **__: object) -> frozenset[str]:
        await asyncio.Event().wait()
        return frozenset()

    with monkeypatch.context() as patch:
        patch.setattr(view, "heartbeat", hang)
        async with asyncio.timeout(5):
            while a.mine:  # noqa: ASYNC110  # nothing tells of it
                await asyncio.sleep(0.005)
        await a.stop()


async def test_started_without_an_answer_it_takes_its_part_when_the_store_is_back(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = desk.shared.view()
    a = Ownership(view, "a", lambda: b"", timings=Timings(beat_s=0.005))
    gained = asyncio.Event()
    a.on_change(lambda fresh, _: gained.set() if fresh else None)
    with monkeypatch.context() as patch:
        patch.setattr(view, "heartbeat", refuse)
        await a.start()
        await asyncio.sleep(0.02)
        assert a.mine == NONE
    with suppress(TimeoutError):
        async with asyncio.timeout(5):
            await gained.wait()
    assert (a.mine, view._watched) == (EVERY, EVERY)
    await a.stop()
