"""Several workers over one store: nothing is lost or doubled, whoever takes a step and whoever dies."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from engine.causes import Said
from engine.runtime_types import Draft
from engine.stores.base import SessionRef
from tests.engine.outbox.listening import Notes
from tests.engine.workers import Worker, Workers, hear, workers
from tests.engine.world import HELP

pytestmark = pytest.mark.anyio


@pytest.fixture
async def pair() -> AsyncIterator[Workers]:
    async with workers(HELP, 2) as made:
        yield made


class Socket:
    """A socket at a worker: it pulls at each hint, as `server.sockets.delivery` does."""

    def __init__(self, worker: Worker, ref: SessionRef) -> None:
        self.worker, self.ref = worker, ref
        self.texts: list[str] = []
        self.hinted = asyncio.Event()
        self.epoch, self.offset = "", 0

    async def open(self) -> "Socket":
        await self.worker.runtime.attach(self.ref, self.hinted.set)
        await self.pull()
        return self

    async def pull(self) -> None:
        self.hinted.clear()
        pulled = await self.worker.runtime.pull(self.ref, self.epoch or None, self.offset)
        self.epoch, self.offset = pulled.epoch, pulled.offset
        self.texts += [message.text for message in pulled.messages]

    async def pull_hinted(self) -> None:
        await hear()
        if self.hinted.is_set():
            await self.pull()


async def session(worker: Worker, number: int = 0) -> SessionRef:
    return await worker.runtime.resolve("w", "site", f"browser-{number}", f"vis_{number}")


# ---- partitions


async def test_workers_share_the_partitions_out_and_each_has_one_owner() -> None:
    async with workers(HELP, 3, partitions=16) as three:
        owned = [worker.mine for worker in three.all]
        assert sum(map(len, owned)) == 16
        assert frozenset().union(*owned) == frozenset(range(16))
        assert all(owned)


async def test_partitions_of_a_killed_worker_are_others_within_two_seconds() -> None:
    async with workers(HELP, 3, partitions=16) as three:
        await three.all[0].kill()
        await three.pass_time(1_750)
        owned = [worker.mine for worker in three.living]
        assert sum(map(len, owned)) == 16
        assert frozenset().union(*owned) == frozenset(range(16))


async def test_partitions_of_a_worker_that_leaves_are_others_at_their_next_look() -> None:
    async with workers(HELP, 3, partitions=16) as three:
        leaver = three.all[0]
        leaver.is_alive = False
        await leaver.runtime.ownership.release()
        assert leaver.mine == frozenset()
        await three.pass_time(250)
        owned = [worker.mine for worker in three.living]
        assert frozenset().union(*owned) == frozenset(range(16))
        await leaver.kill()


# ---- messages


async def test_what_happens_at_one_worker_arrives_once_at_a_socket_of_another(
    pair: Workers,
) -> None:
    front, back = pair.all
    ref = await session(front)
    await front.view(ref, "/pricing")
    socket = await Socket(back, ref).open()
    await pair.pass_time(45_000)
    await socket.pull_hinted()
    assert socket.texts == ["Questions about pricing plans?"]
    await pair.pass_time(2_000)
    await socket.pull_hinted()
    assert len(socket.texts) == 1


async def test_words_at_both_workers_come_in_one_order_at_both(pair: Workers) -> None:
    ref = await session(pair.all[0])
    await pair.all[0].view(ref, "/a")
    sockets = [await Socket(worker, ref).open() for worker in pair.all]
    for number in range(6):
        await pair.all[number % 2].runtime.say(ref, f"word {number}", f"c{number}")
        for socket in sockets:
            await socket.pull_hinted()
    assert [socket.texts for socket in sockets] == [[f"word {n}" for n in range(6)]] * 2


async def test_a_socket_that_pushed_its_own_commit_is_not_hinted_again(pair: Workers) -> None:
    worker = pair.all[0]
    ref = await session(worker)
    await worker.view(ref, "/a")
    socket = await Socket(worker, ref).open()
    await worker.runtime.say(ref, "hello", "c1")
    assert socket.hinted.is_set()
    await socket.pull()
    await hear()
    assert not socket.hinted.is_set()


async def test_one_event_at_two_workers_has_one_effect(pair: Workers) -> None:
    ref = await session(pair.all[0])
    for worker in (*pair.all, *pair.all):
        await worker.view(ref, "/pricing")
    assert len(await pair.all[0].store.journal(ref)) == 1


async def test_a_view_is_fresh_wherever_it_is_asked_for(pair: Workers) -> None:
    first, second = pair.all
    ref = await session(first)
    await first.view(ref, "/a")
    assert (await second.runtime.view(ref)) is not None
    await first.view(ref, "/b", 2)
    view = await second.runtime.view(ref)
    assert view is not None
    assert view.page_url == "https://shop.test/b"


async def test_a_session_that_goes_on_at_another_worker_is_not_begun_anew(pair: Workers) -> None:
    first, second = pair.all
    ref = await session(first)
    await first.view(ref, "/a")
    for number in range(2, 5):
        pair.clock.advance(20 * 60_000)
        await second.view(ref, f"/{number}", number)
    assert await session(first) == ref


async def test_a_message_withdrawn_at_one_worker_is_not_shown_by_another(pair: Workers) -> None:
    first, second = pair.all
    ref = await session(first)
    await first.view(ref, "/a")
    await pair.pass_time(30_000)
    offered = await first.runtime.offer(ref, Draft("Hello"))
    assert (await second.runtime.pull(ref, None, 0)).messages
    await first.runtime.withdraw(ref, offered.message.id)  # type: ignore[union-attr]
    assert not [m for m in (await second.runtime.pull(ref, None, 0)).messages if m.text == "Hello"]


async def test_a_page_seen_by_one_worker_decides_what_another_shows(pair: Workers) -> None:
    first, second = pair.all
    ref = await session(first)
    await first.view(ref, "/pricing")
    await pair.pass_time(45_000)
    assert (await second.runtime.pull(ref, None, 0)).messages
    await first.view(ref, "/other", 2)
    assert not (await second.runtime.pull(ref, None, 0)).messages


async def test_presence_counts_the_sockets_of_all_workers_that_live(pair: Workers) -> None:
    first, second = pair.all
    ref = await session(first)
    await first.view(ref, "/a")
    await Socket(first, ref).open()
    await Socket(second, ref).open()
    assert await first.runtime.sockets(ref) == 2
    await second.kill()
    await pair.pass_time(4_000)
    assert await first.runtime.sockets(ref) == 1


# ---- wake-ups


async def test_two_hundred_wake_ups_over_three_workers_fire_once_each() -> None:
    async with workers(HELP, 3, partitions=16) as three:
        refs = [await session(three.all[n % 3], n) for n in range(200)]
        for number, ref in enumerate(refs):
            await three.all[(number + 1) % 3].view(ref, "/pricing")
        await three.pass_time(46_000)
        for ref in refs:
            pulled = await three.all[0].runtime.pull(ref, None, 0)
            assert len(pulled.messages) == 1
        fired = sum(int(worker.runtime.stats()["messages"]) for worker in three.all)
        assert fired == 200


@pytest.mark.parametrize("killed", [0, 1])
async def test_a_killed_worker_s_wake_ups_are_taken_by_the_other(
    pair: Workers, killed: int
) -> None:
    refs = [await session(pair.all[0], n) for n in range(20)]
    for ref in refs:
        await pair.all[0].view(ref, "/pricing")
    await pair.pass_time(44_500)
    await pair.all[killed].kill()
    await pair.pass_time(2_500)
    (left,) = pair.living
    for ref in refs:
        assert len((await left.runtime.pull(ref, None, 0)).messages) == 1


async def test_a_wake_up_that_another_worker_moved_is_taken_when_it_is_due(pair: Workers) -> None:
    ref = await session(pair.all[0])
    owner = next(w for w in pair.all if w.store.partition_of("w", ref.visitor) in w.mine)
    other = next(w for w in pair.all if w is not owner)
    await owner.view(ref, "/a")
    await pair.pass_time(10_000)
    await other.view(ref, "/pricing", 2)
    await pair.pass_time(45_500)
    assert len((await owner.runtime.pull(ref, None, 0)).messages) == 1


# ---- causes


async def test_causes_are_told_once_and_in_the_order_of_their_session(pair: Workers) -> None:
    ref = await session(pair.all[0])
    await pair.all[0].view(ref, "/a")
    for number in range(12):
        await pair.all[number % 2].runtime.say(ref, f"word {number}", f"c{number}")
        if number % 3 == 0:
            await pair.calm()
    await pair.calm()
    said = [c.body.message.text for c in pair.told if isinstance(c.body, Said)]
    assert said == [f"word {number}" for number in range(12)]
    assert max(Counter(cause.id for cause in pair.told).values()) == 1


async def test_causes_of_a_killed_worker_are_told_by_the_other(pair: Workers) -> None:
    refs = [await session(pair.all[0], n) for n in range(8)]
    for ref in refs:
        await pair.all[0].view(ref, "/a")
        await pair.all[0].runtime.say(ref, "hello", "c1")
    await pair.all[0].kill()
    await pair.pass_time(2_000)
    said = Counter(c.session for c in pair.told if isinstance(c.body, Said))
    assert said == Counter({ref.session: 1 for ref in refs})
    left = pair.all[1].store
    assert [await left.take_causes(p) for p in range(left.partitions)] == [[]] * left.partitions


# ---- dashboards


async def test_dashboards_at_both_workers_see_the_same_feed(pair: Workers) -> None:
    notes = [Notes(), Notes()]
    for worker, heard in zip(pair.all, notes, strict=True):
        worker.feed.listen("w", heard)
    await hear()
    for number in range(4):
        ref = await session(pair.all[number % 2], number)
        await pair.all[number % 2].view(ref, "/a")
        await pair.all[number % 2].runtime.say(ref, "hello", "c1")
        await pair.calm()
    pages = [await worker.feed.after("w", *await _start(worker)) for worker in pair.all]
    assert pages[0] == pages[1]
    assert len(pages[0].events) > 0
    for heard in notes:
        assert max(Counter(offset for _, offset in heard.kept).values()) == 1
        assert heard.kept[-1][1] == pages[0].offset or heard.looks


async def test_a_visitor_is_shown_once_a_tick_at_every_dashboard(pair: Workers) -> None:
    notes = [Notes(), Notes()]
    for worker, heard in zip(pair.all, notes, strict=True):
        worker.feed.listen("w", heard)
    await pair.pass_time(1_000)
    ref = await session(pair.all[0])
    await pair.all[0].view(ref, "/a")
    await pair.all[1].view(ref, "/b", 2)
    await _tick(pair)
    await _tick(pair)
    for heard in notes:
        assert heard.last("visitor:updated")["page_url"] == "https://shop.test/b"
        assert heard.passed.count(("visitor:updated", "vis_0")) <= 2


async def test_a_worker_without_dashboards_shows_its_visitors_to_those_of_another(
    pair: Workers,
) -> None:
    notes = Notes()
    pair.all[0].feed.listen("w", notes)
    await pair.pass_time(2_000)
    ref = await session(pair.all[1])
    await pair.all[1].view(ref, "/a")
    for _ in range(3):
        await _tick(pair)
    assert notes.passed.count(("visitor:updated", "vis_0")) == 1
    assert notes.last("stats:tick")["visitors_online"] == 1


async def test_figures_are_the_sum_of_all_workers(pair: Workers) -> None:
    first, second = pair.all
    notes = Notes()
    first.feed.listen("w", notes)
    first.present.connected = {"w": 2}.__getitem__
    second.present.connected = {"w": 3}.__getitem__
    second.runtime.fleet.agents_here = lambda: {"w": 4}
    await pair.pass_time(2_000)
    assert first.runtime.fleet.agents_elsewhere("w") == 4
    await _tick(pair)
    assert notes.last("stats:tick")["visitors_connected"] == 5


async def _start(worker: Worker) -> tuple[str, int]:
    epoch, _ = await worker.feed.place("w")
    return epoch, 0


async def _tick(pair: Workers) -> None:
    await pair.pass_time(1_000)
    for worker in pair.living:
        await worker.present.tick()
        await hear()
