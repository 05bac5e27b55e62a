"""What the Redis store tells only when the replicas have it: what another worker has committed."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from engine.stores.base import StoredCause
from engine.stores.redis.part import SETTLED_MS
from engine.stores.redis.store import RedisStore
from tests.faults.server import Pair
from tests.servers import need_server
from tests.stores.steps import REF, SteppedClock, a_cause, message, step, until

pytestmark = pytest.mark.anyio
WITH_REPLICA = ("--appendfsync", "everysec")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    need_server()
    with Pair.start(tmp_path_factory.mktemp("pair"), *WITH_REPLICA) as started:
        yield started


@pytest.fixture
async def stores(pair: Pair, clock: SteppedClock) -> AsyncIterator[list[RedisStore]]:
    pair.flush()
    opened = [await RedisStore.open(pair.url, clock=clock, partitions=16) for _ in range(2)]
    yield opened
    pair.cont(1)
    for store in opened:
        await store.close()


async def test_a_cause_is_not_read_before_the_replica_has_its_commit(
    stores: list[RedisStore], pair: Pair
) -> None:
    store, owner = stores
    partition = store.partition_of(REF.workspace, REF.visitor)
    await store.commit(step(0))
    pair.stop(1)
    committing = asyncio.create_task(store.commit(step(1, causes=(a_cause("evt_1"),))))
    order = owner._keys.cause_order(partition)
    await until(lambda: pair.nodes[0].ask("ZCARD", order) == 1)
    reading = asyncio.create_task(owner.take_causes(partition))
    await asyncio.sleep(0.2)
    assert not committing.done()
    assert not reading.done()
    pair.cont(1)
    assert await reading == [a_cause("evt_1")]
    await committing


async def test_a_session_is_not_confirmed_before_the_replica_has_its_commit(
    stores: list[RedisStore], pair: Pair
) -> None:
    store, other = stores
    await store.commit(step(0))
    pair.stop(1)
    committing = asyncio.create_task(store.commit(step(1)))
    key = store._keys.of_session("s", REF)
    await until(lambda: pair.nodes[0].ask("HGET", key, "v") == b"2")
    confirming = asyncio.create_task(other.confirm(REF, 2))
    await asyncio.sleep(0.2)
    assert not committing.done()
    assert not confirming.done()
    pair.cont(1)
    assert await confirming
    await committing


@pytest.mark.parametrize("what", ["load", "history", "visitor"])
async def test_what_was_just_written_is_not_read_before_the_replica_has_it(
    stores: list[RedisStore], pair: Pair, what: str
) -> None:
    store, other = stores
    await store.commit(step(0, expect_profile=0, profile=b"one"))
    pair.stop(1)
    later = step(1, expect_profile=1, profile=b"two", messages=(message("msg_1"),))
    committing = asyncio.create_task(store.commit(later))
    key = store._keys.of_session("s", REF)
    await until(lambda: pair.nodes[0].ask("HGET", key, "v") == b"2")
    reads = {
        "load": lambda: other.load(REF),
        "history": lambda: other.history(REF, None, 0),
        "visitor": lambda: other.visitor(REF.workspace, REF.visitor),
    }
    reading = asyncio.create_task(reads[what]())
    await asyncio.sleep(0.2)
    assert not committing.done()
    assert not reading.done()
    pair.cont(1)
    await reading
    await committing


@pytest.mark.parametrize("what", ["load", "history", "visitor"])
async def test_what_was_written_long_ago_is_read_without_the_replica(
    stores: list[RedisStore], pair: Pair, clock: SteppedClock, what: str
) -> None:
    store, other = stores
    later = step(0, expect_profile=0, profile=b"one", messages=(message("msg_1"),))
    await store.commit(later)
    clock.now_ms += SETTLED_MS
    pair.stop(1)
    async with asyncio.timeout(1):
        if what == "load":
            assert (await other.load(REF)).version == 1
        elif what == "history":
            assert (await other.history(REF, None, 0)).offset == 1
        else:
            assert await other.visitor(REF.workspace, REF.visitor) is not None


async def test_a_cause_that_a_fail_over_lost_after_it_was_read_is_not_told(
    stores: list[RedisStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, owner = stores
    partition = store.partition_of(REF.workspace, REF.visitor)
    await store.keep_causes([a_cause("evt_1"), a_cause("evt_2")])
    shown = [a_cause("evt_1"), a_cause("evt_lost"), a_cause("evt_2")]

    async def read_before(*_: int) -> tuple[int, list[StoredCause]]:
        return 3, shown

    monkeypatch.setattr(owner, "_causes_after", read_before)
    assert await owner.take_causes(partition) == [a_cause("evt_1"), a_cause("evt_2")]


async def test_an_empty_outbox_is_read_without_the_replica(
    stores: list[RedisStore], pair: Pair
) -> None:
    pair.stop(1)
    assert [await stores[0].take_causes(number) for number in range(16)] == [[]] * 16
