"""The outbox: everything kept is told at least once, in order, and settled; failures cost time only."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.causes import Cause
from engine.errors import StoreUnavailable
from engine.outbox import follow_ups, outbox, partition_outbox
from engine.outbox.outbox import Outbox
from engine.stores.base import Store, StoredCause
from engine.stores.open import open_store
from engine.testing.manual_clock import ManualClock
from tests.engine.outbox.causes import answer, cause, keep

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["memory:", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    url = request.param if request.param == "memory:" else f"sqlite:///{tmp_path}/test.db"
    opened = await open_store(url, clock=ManualClock().now_ms)
    yield opened
    await opened.close()


class Listener:
    """Hears causes, and fails as often as it is told to."""

    def __init__(self, failures: list[Exception] | None = None) -> None:
        self.heard: list[str] = []
        self.failures = failures or []

    async def __call__(self, heard: Cause) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.heard.append(heard.id)


def outbox_of(store: Store, *hearers: Listener) -> Outbox:
    made = Outbox(store, retry_s=0.001)
    for hearer in hearers:
        made.add_hearer(hearer)
    return made


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not is_so():  # noqa: ASYNC110  # nothing tells of it
            await asyncio.sleep(0.001)


async def test_live_causes_are_told_in_order_and_settled(store: Store) -> None:
    listener = Listener()
    box = outbox_of(store, listener)
    box.start()
    for number in range(3):
        await keep(store, [cause(f"evt_{number}")])
        box.hear(cause(f"evt_{number}"))
    await until(lambda: len(listener.heard) == 3)
    await box.stop()
    assert listener.heard == ["evt_0", "evt_1", "evt_2"]
    assert await store.take_causes() == []


async def test_what_was_left_before_the_start_is_told_before_what_is_new(store: Store) -> None:
    await keep(store, [cause("evt_old_1"), cause("evt_old_2")])
    listener = Listener()
    box = outbox_of(store, listener)
    await keep(store, [cause("evt_new")])
    box.hear(cause("evt_new"))
    await box.drain()
    assert listener.heard == ["evt_old_1", "evt_old_2", "evt_new"]
    assert await store.take_causes() == []


async def test_a_cause_that_nobody_was_told_of_live_is_found_in_the_store(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partition_outbox, "next_check_s", lambda _, now_s: now_s + 0.01)
    listener = Listener()
    box = outbox_of(store, listener)
    box.start()
    await until(lambda: not box._boxes[0]._is_behind)
    await keep(store, [cause("evt_1")])
    await until(lambda: listener.heard == ["evt_1"])
    await box.stop()


async def test_a_cause_heard_twice_is_told_once(store: Store) -> None:
    listener = Listener()
    box = outbox_of(store, listener)
    await keep(store, [cause("evt_1")])
    for _ in range(2):
        box.hear(cause("evt_1"))
        await box.drain()
    assert listener.heard == ["evt_1"]


async def test_a_cause_that_is_kept_again_after_it_was_settled_is_settled_again(
    store: Store,
) -> None:
    listener = Listener()
    box = outbox_of(store, listener)
    for _ in range(2):
        await keep(store, [cause("evt_1")])
        box._boxes[0]._is_behind = True
        await box.drain()
    assert listener.heard == ["evt_1"]
    assert await store.take_causes() == []


async def test_a_full_queue_loses_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition_outbox, "QUEUE_LEN_MAX", 3)
    listener = Listener()
    box = outbox_of(store, listener)
    await box.drain()
    names = [f"evt_{number}" for number in range(10)]
    await keep(store, [cause(name) for name in names])
    for name in names:
        box.hear(cause(name))
    assert len(box._boxes[0]._queue) <= 3
    await box.drain()
    assert listener.heard == names


async def test_more_causes_than_are_read_at_once_are_all_told(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partition_outbox, "READ_MAX", 2)
    monkeypatch.setattr(partition_outbox, "SETTLE_MAX", 3)
    names = [f"evt_{number}" for number in range(11)]
    await keep(store, [cause(name) for name in names])
    listener = Listener()
    await outbox_of(store, listener).drain()
    assert listener.heard == names
    assert await store.take_causes() == []


async def test_a_long_backlog_lets_others_have_their_turn(store: Store) -> None:
    await keep(store, [cause(f"evt_{number}") for number in range(256)])
    turns, listener = [], Listener()
    box = outbox_of(store, listener)

    async def count_turns() -> None:
        while len(listener.heard) < 256:
            turns.append(len(listener.heard))
            await asyncio.sleep(0)

    await asyncio.gather(box.drain(), count_turns())
    jumps = [after - before for before, after in itertools.pairwise(turns)]
    assert max(jumps) <= partition_outbox.TURN_LEN


async def test_a_hearer_that_fails_gets_the_cause_again_before_the_next_one(store: Store) -> None:
    calm, failing = Listener(), Listener([ValueError("a bug"), ValueError("a bug")])
    box = outbox_of(store, calm, failing)
    await keep(store, [cause("evt_1"), cause("evt_2")])
    await box.drain()
    assert calm.heard == failing.heard == ["evt_1", "evt_2"]


async def test_a_hearer_that_never_takes_a_cause_does_not_stop_the_others(store: Store) -> None:
    bugs: list[Exception] = [ValueError("a bug")] * outbox.ATTEMPTS_MAX
    failing, calm = Listener(bugs), Listener()
    box = outbox_of(store, failing, calm)
    await keep(store, [cause("evt_1"), cause("evt_2")])
    await box.drain()
    assert failing.heard == ["evt_2"]
    assert calm.heard == ["evt_1", "evt_2"]
    assert await store.take_causes() == []


async def test_an_absent_store_costs_time_and_no_cause(store: Store) -> None:
    absent: list[Exception] = [StoreUnavailable("none", 1_000)] * 7
    listener = Listener(absent)
    box = outbox_of(store, listener)
    box.start()
    await keep(store, [cause("evt_1"), cause("evt_2")])
    box.hear(cause("evt_1"))
    box.hear(cause("evt_2"))
    await until(lambda: len(listener.heard) == 2)
    await box.stop()
    assert listener.heard == ["evt_1", "evt_2"]


async def test_a_settling_that_failed_is_done_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = Listener()
    box = outbox_of(store, listener)
    await keep(store, [cause("evt_1")])

    async def refuse(*_: object) -> None:
        raise StoreUnavailable("unknown", 1_000)

    with monkeypatch.context() as patch:
        patch.setattr(store, "settle_causes", refuse)
        with pytest.raises(StoreUnavailable):
            await box.drain()
    await box.drain()
    assert listener.heard == ["evt_1"]
    assert await store.take_causes() == []


async def test_draining_waits_for_a_settling_that_others_began(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = outbox_of(store, Listener())
    await keep(store, [cause("evt_1")])
    settle, begun, may_go_on = store.settle_causes, asyncio.Event(), asyncio.Event()

    async def settle_slowly(*asked: object) -> None:
        begun.set()
        await may_go_on.wait()
        await settle(*asked)

    monkeypatch.setattr(store, "settle_causes", settle_slowly)
    box.start()
    await begun.wait()
    draining = asyncio.ensure_future(box.drain())
    await asyncio.wait([draining], timeout=0.05)
    assert not draining.done()
    may_go_on.set()
    await draining
    assert await store.take_causes() == []
    await box.stop()


async def test_a_cause_that_cannot_be_read_stays_and_stops_nobody(store: Store) -> None:
    await store.keep_causes([StoredCause("evt_odd", "w", "vis_1", b"\xc1")])
    await keep(store, [cause("evt_1")])
    listener = Listener()
    await outbox_of(store, listener).drain()
    assert listener.heard == ["evt_1"]
    assert [kept.id for kept in await store.take_causes()] == ["evt_odd"]


# ---- follow-ups


async def test_a_follow_up_is_done_by_its_own_work_and_told_to_no_hearer(store: Store) -> None:
    listener, work = Listener(), Listener()
    box = outbox_of(store, listener)
    box.on_follow_up("answer", work)
    await keep(store, [answer("evt_1"), cause("evt_2")])
    await box.drain()
    assert (work.heard, listener.heard) == (["evt_1"], ["evt_2"])
    assert await store.take_causes() == []


async def test_a_failing_follow_up_is_tried_again(store: Store) -> None:
    work = Listener([ValueError("a bug"), StoreUnavailable("none", 1_000)])
    box = outbox_of(store)
    box.on_follow_up("answer", work)
    await keep(store, [answer("evt_1")])
    await box.drain()
    assert work.heard == ["evt_1"]


async def test_a_follow_up_that_always_fails_is_given_up_but_not_for_an_absent_store(
    store: Store,
) -> None:
    absent: list[Exception] = [StoreUnavailable("none", 1_000)] * 3
    bugs: list[Exception] = [ValueError("a bug")] * follow_ups.ATTEMPTS_MAX
    work = Listener(absent + bugs)
    box = outbox_of(store)
    box.on_follow_up("answer", work)
    await keep(store, [answer("evt_1")])
    await box.drain()
    assert (work.heard, work.failures) == ([], [])
    assert await store.take_causes() == []


async def test_work_that_nobody_does_is_forgotten(store: Store) -> None:
    await keep(store, [answer("evt_1")])
    await outbox_of(store).drain()
    assert await store.take_causes() == []


async def test_a_slow_follow_up_keeps_its_session_in_order_and_stops_nobody_else(
    store: Store,
) -> None:
    may_end, done = asyncio.Event(), []

    async def work(heard: Cause) -> None:
        if heard.id == "evt_slow":
            await may_end.wait()
        done.append(heard.id)

    listener = Listener()
    box = outbox_of(store, listener)
    box.on_follow_up("answer", work)
    await keep(store, [answer("evt_slow"), answer("evt_after"), answer("evt_other", "chat_2")])
    await keep(store, [cause("evt_told")])
    box.start()
    await until(lambda: done == ["evt_other"] and listener.heard == ["evt_told"])
    may_end.set()
    await until(lambda: done == ["evt_other", "evt_slow", "evt_after"])
    await box.stop()


async def test_with_too_many_open_follow_ups_the_next_cause_waits(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow_ups, "OPEN_MAX", 2)
    may_end, begun = asyncio.Event(), []

    async def work(heard: Cause) -> None:
        begun.append(heard.id)
        await may_end.wait()

    listener = Listener()
    box = outbox_of(store, listener)
    box.on_follow_up("answer", work)
    await keep(store, [answer(f"evt_{number}", f"chat_{number}") for number in range(3)])
    await keep(store, [cause("evt_told")])
    box.start()
    await until(lambda: len(begun) == 2)
    await asyncio.sleep(0.01)
    assert (len(begun), listener.heard) == (2, [])
    may_end.set()
    await until(lambda: listener.heard == ["evt_told"])
    assert len(begun) == 3
    await box.stop()


async def test_only_so_many_follow_ups_run_at_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow_ups, "AT_ONCE_MAX", 2)
    running, most = 0, 0

    async def work(_: Cause) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    box = outbox_of(store)
    box.on_follow_up("answer", work)
    await keep(store, [answer(f"evt_{number}", f"chat_{number}") for number in range(8)])
    await box.drain()
    assert most == 2


async def test_a_follow_up_cut_off_by_the_end_is_done_after_the_next_start(store: Store) -> None:
    begun = asyncio.Event()

    async def never_ends(_: Cause) -> None:
        begun.set()
        await asyncio.Event().wait()

    box = outbox_of(store)
    box.on_follow_up("answer", never_ends)
    await keep(store, [answer("evt_1")])
    box.start()
    await begun.wait()
    await box.stop()
    work = Listener()
    next_box = outbox_of(store)
    next_box.on_follow_up("answer", work)
    await next_box.drain()
    assert work.heard == ["evt_1"]


# ---- the law


@given(
    steps=st.lists(
        st.tuples(st.sampled_from("abc"), st.booleans(), st.booleans()), min_size=1, max_size=12
    ),
    crash_at=st.integers(0, 12),
)
def test_everything_kept_is_told_and_first_in_its_order(
    steps: list[tuple[str, bool, bool]], crash_at: int
) -> None:
    """Each step keeps a cause, is heard live or not, and lets the outbox run or not; one crash."""

    async def run() -> None:
        store = await open_store("memory:", clock=ManualClock().now_ms)
        listener = Listener()
        box = outbox_of(store, listener)
        names = []
        for number, (session, is_heard, is_run) in enumerate(steps):
            if number == crash_at:
                box = outbox_of(store, listener)
            name = f"evt_{number}"
            names.append(name)
            await keep(store, [cause(name, session=session)])
            if is_heard:
                box.hear(cause(name, session=session))
            if is_run:
                await box._tell_all()
        box._boxes[0]._is_behind = True
        await box.drain()
        firsts = list(dict.fromkeys(listener.heard))
        assert sorted(firsts) == sorted(names)
        if all(is_heard for _, is_heard, _ in steps):
            assert firsts == names
        assert await store.take_causes() == []
        await store.close()

    asyncio.run(run())
