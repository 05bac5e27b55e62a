"""Several workers over a real server, by their own timers: what one dies with, the others do, once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from engine.causes import Cause, MessageMoved
from engine.clock import SystemClock
from engine.events import Event
from engine.feeds import LiveFeed
from engine.ids import Ids
from engine.outbox.outbox import Outbox
from engine.runtime import Runtime
from engine.runtime_types import ClientContext
from engine.stores.base import SessionRef, Store
from engine.stores.open import open_store
from engine.stores.redis.store import RedisStore
from engine.workspace import Workspaces
from tests.engine.outbox.causes import cause
from tests.engine.outbox.listening import Notes
from tests.engine.world import HELP, SECRET, program_of
from tests.faults.server import Cluster, Pair, Single
from tests.servers import need_server

pytestmark = pytest.mark.anyio

PARTITIONS = 16
EVERY = frozenset(range(PARTITIONS))
SOON = "policy { first message after 1s }\n" + HELP.replace("45s", "2s")


@pytest.fixture(params=["valkey", "valkey_cluster"])
def servers(request: pytest.FixtureRequest) -> Single | Cluster:
    started: Single | Cluster = request.getfixturevalue(request.param)
    return started


class Worker:
    """One worker that keeps itself up."""

    def __init__(self, store: Store) -> None:
        clock, workspaces = SystemClock(), Workspaces()
        workspaces.add_site("w", "site", "main")
        workspaces.swap("w", "main", program_of(SOON))
        self.store = store
        self.runtime = Runtime(
            store=store, clock=clock, ids=Ids(clock), secret=SECRET, workspaces=workspaces
        )
        self.outbox, self.feed = Outbox(store), LiveFeed(store)
        self.feed.worker = self.runtime.worker
        self.told: list[Cause] = []
        self.outbox.add_hearer(self._note)
        self.outbox.add_hearer(self.feed.publish)
        self.runtime.on_kept(self.outbox.hear)
        self.runtime.ownership.on_change(self.outbox.change)
        self.runtime.hear_feeds(self.feed)
        store.on_work = self.outbox.look

    async def _note(self, heard: Cause) -> None:
        self.told.append(heard)

    @property
    def mine(self) -> frozenset[int]:
        return self.runtime.ownership.mine

    async def start(self) -> None:
        await self.runtime.start()
        self.outbox.start()
        self.feed.start()

    async def stop(self) -> None:
        await self.feed.stop()
        await self.outbox.stop()
        await self.runtime.stop()

    async def die(self) -> None:
        """End without a word to anybody."""
        await self.runtime.ownership._end_tasks()
        await self.runtime._wakes.stop()
        await self.runtime._hearing.stop()
        await self.feed.stop()
        for box in self.outbox._boxes.values():
            await box.stop()

    async def view(self, ref: SessionRef, path: str, number: int = 1) -> int:
        """Track a page view; returns how many events were repeated ones."""
        at_ms, url = SystemClock().now_ms(), f"https://shop.test{path}"
        event = Event(f"pageload-{number}", "view", at_ms, sequence=number, url=url)
        return (await self.runtime.track(ref, "site", [event], ClientContext())).duplicates


@asynccontextmanager
async def workers(servers: Single | Cluster, count: int) -> AsyncIterator[list[Worker]]:
    servers.flush()
    async with AsyncExitStack() as stack:
        made = []
        for _ in range(count):
            clock = SystemClock().now_ms
            worker = Worker(await open_store(servers.url, clock=clock, partitions=PARTITIONS))
            await worker.start()
            stack.push_async_callback(worker.stop)
            made.append(worker)
        await until(lambda: _is_shared_out(made))
        yield made


def _is_shared_out(made: list[Worker]) -> bool:
    owned = [worker.mine for worker in made]
    return all(owned) and sum(map(len, owned)) == PARTITIONS and frozenset().union(*owned) == EVERY


async def until(is_so: Callable[[], bool], within_s: float = 10) -> None:
    async with asyncio.timeout(within_s):
        while not is_so():  # noqa: ASYNC110  # nothing tells of it
            await asyncio.sleep(0.01)


async def begun(worker: Worker, number: int) -> SessionRef:
    ref = await worker.runtime.resolve("w", "site", f"browser-{number}", f"vis_{number}")
    await worker.view(ref, "/pricing")
    return ref


async def test_a_killed_worker_s_wake_ups_are_taken_once_and_its_causes_told(
    servers: Single | Cluster,
) -> None:
    async with workers(servers, 3) as three:
        refs = [await begun(three[number % 3], number) for number in range(60)]
        await asyncio.sleep(1)
        await three[0].die()
        died_s = asyncio.get_running_loop().time()
        left = three[1:]
        await until(lambda: _is_shared_out(left))
        assert asyncio.get_running_loop().time() - died_s <= 2.5
        counts: list[int] = []
        async with asyncio.timeout(10):
            while sum(counts) < 60:
                pulled = [await left[0].runtime.pull(ref, None, 0) for ref in refs]
                counts = [len(one.messages) for one in pulled]
        assert counts == [1] * 60
        await until(lambda: len(_sent(three)) == 60)
        assert max(_sent(three).values()) == 1


async def test_a_worker_with_nothing_to_do_asks_the_server_little(valkey: Single) -> None:
    valkey.flush()
    clock = SystemClock().now_ms
    idle = Worker(await open_store(valkey.url, clock=clock, partitions=256))
    await idle.start()
    await until(lambda: len(idle.mine) == 256)
    await asyncio.sleep(0.5)
    before, began_s = _calls(valkey), asyncio.get_running_loop().time()
    await asyncio.sleep(2)
    asked = (_calls(valkey) - before) / (asyncio.get_running_loop().time() - began_s)
    await idle.stop()
    assert asked < 150


def _calls(server: Single) -> int:
    """Count the scripts that the server was asked to run."""
    told = server.nodes[0].ask("INFO", "commandstats")
    assert isinstance(told, bytes)
    (line,) = [line for line in told.decode().splitlines() if line.startswith("cmdstat_evalsha:")]
    return int(line.split("calls=")[1].split(",")[0])


def _sent(made: list[Worker]) -> Counter[str]:
    told = (heard for worker in made for heard in worker.told)
    return Counter(
        heard.id
        for heard in told
        if isinstance(heard.body, MessageMoved) and heard.body.state == "sent"
    )


async def test_a_repeated_event_is_answered_nowhere_before_the_replica_has_the_first(
    tmp_path: Path,
) -> None:
    need_server()
    with Pair.start(tmp_path, "--appendfsync", "everysec") as pair:
        clock = SystemClock().now_ms
        one, two = [Worker(await open_store(pair.url, clock=clock)) for _ in range(2)]
        ref = await begun(one, 1)
        pair.stop(1)
        first = asyncio.create_task(one.view(ref, "/docs", 2))
        assert isinstance(two.store, RedisStore)
        key = two.store._keys.of_session("s", ref)
        await until(lambda: pair.nodes[0].ask("HGET", key, "v") == b"2")
        second = asyncio.create_task(two.view(ref, "/docs", 2))
        await asyncio.sleep(0.2)
        assert (first.done(), second.done()) == (False, False)
        pair.cont(1)
        assert (await first, await second) == (0, 1)
        for worker in (one, two):
            await worker.store.close()


async def test_words_and_feeds_reach_those_at_the_other_worker(servers: Single | Cluster) -> None:
    async with workers(servers, 2) as (here, there):
        ref, hints, notes = await begun(here, 1), list[int](), Notes()
        there.feed.listen("w", notes)
        await until(lambda: notes.looks > 0)
        await there.feed.place("w")
        await there.runtime.attach(ref, lambda: hints.append(1))
        assert await here.runtime.sockets(ref) == 1
        await here.runtime.say(ref, "hello", "c1")
        await until(lambda: bool(hints))
        assert (await there.runtime.pull(ref, None, 0)).messages[0].text == "hello"
        looks = notes.looks
        await here.feed.publish(cause("evt_1"))
        await until(lambda: notes.looks > looks or bool(notes.kept))


async def test_whispers_and_erasures_reach_the_other_worker(servers: Single | Cluster) -> None:
    async with workers(servers, 2) as (here, there):
        ref, whispers, gone = await begun(here, 1), list[bytes](), list[SessionRef]()
        there.runtime.on_whisper(lambda _, body: whispers.append(body))
        there.runtime.on_forget(gone.append)
        assert not await here.runtime.whisper(ref, b"to nobody")
        await there.runtime.attach(ref, lambda: None)
        assert await here.runtime.whisper(ref, b"psst")
        await until(lambda: bool(whispers))
        assert whispers == [b"psst"]
        assert await here.store.erase("w", ref.visitor)
        await until(lambda: bool(gone))
        assert gone == [ref]
        assert await there.runtime.view(ref) is None
