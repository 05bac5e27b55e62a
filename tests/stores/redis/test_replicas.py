"""A durable answer is told when the replicas have what it stands on, and not before."""

import asyncio
from collections.abc import Iterator

import pytest

from engine.errors import StoreUnavailable
from engine.stores.redis.lanes import Safety
from engine.stores.redis.node import MakeLane
from tests.faults.server import Pair, wait_until
from tests.servers import need_server
from tests.stores.redis.lanes import KINDS, lane_to

pytestmark = pytest.mark.anyio

every_lane = pytest.mark.parametrize("make", KINDS, ids=["hiredis", "redis-py"])

NOTHING_NEW = ("EVAL", "return redis.call('GET', KEYS[1])", 1, "a")


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    need_server()
    with Pair.start(tmp_path_factory.mktemp("pair")) as pair:
        yield pair


@pytest.fixture
def pair(started: Pair) -> Iterator[Pair]:
    started.flush()
    yield started
    started.cont(1)
    wait_until(lambda: started.nodes[0].ask("WAIT", 1, 100) == 1, "the replica is back")


def waiting() -> Safety:
    return Safety(1, ("fence",))


@every_lane
async def test_a_durable_write_is_on_the_replica_when_it_is_answered(
    make: MakeLane, pair: Pair
) -> None:
    async with lane_to(make, pair.nodes[0].port, safety=waiting()) as lane:
        for number in range(50):
            assert await lane.ask("SET", "a", number, durable=True) == b"OK"
            assert pair.nodes[1].ask("GET", "a") == str(number).encode()


@every_lane
async def test_a_write_that_no_replica_confirms_is_unknown_and_later_ones_are_refused(
    make: MakeLane, pair: Pair
) -> None:
    async with lane_to(make, pair.nodes[0].port, safety=waiting()) as lane:
        await lane.ask("SET", "a", "before", durable=True)
        pair.stop(1)
        with pytest.raises(StoreUnavailable) as failure:
            await lane.ask("SET", "a", "after", durable=True)
        assert failure.value.outcome == "unknown"
        assert lane.told.doubts
        with pytest.raises(StoreUnavailable) as refusal:
            await lane.ask("SET", "a", "later", durable=True)
        assert refusal.value.outcome == "none"
        assert "replicas" in lane.lane.trouble
        pair.cont(1)
        assert await lane.ask_until_answered("SET", "a", "again", durable=True) == b"OK"
        assert pair.nodes[1].ask("GET", "a") == b"again"


@every_lane
async def test_a_replica_that_is_late_is_waited_for(make: MakeLane, pair: Pair) -> None:
    async with lane_to(make, pair.nodes[0].port, safety=waiting()) as lane:
        pair.stop(1)
        asked = lane.ask("SET", "a", "b", durable=True)
        asyncio.get_running_loop().call_later(0.8, pair.cont, 1)
        assert await asked == b"OK"
        assert pair.nodes[1].ask("GET", "a") == b"b"


@every_lane
async def test_an_answer_that_wrote_nothing_waits_for_what_it_stands_on(
    make: MakeLane, pair: Pair
) -> None:
    pair.stop(1)
    pair.nodes[0].ask("SET", "a", "of another connection")
    async with lane_to(make, pair.nodes[0].port, safety=waiting()) as lane:
        with pytest.raises(StoreUnavailable) as failure:
            await lane.ask(*NOTHING_NEW, durable=True, within_s=0.8)
        assert failure.value.outcome == "unknown"
        pair.cont(1)
        answer = await lane.ask_until_answered(*NOTHING_NEW, durable=True)
        assert answer == pair.nodes[1].ask("GET", "a") == b"of another connection"


async def test_without_a_fence_the_server_would_say_that_it_is_safe(pair: Pair) -> None:
    pair.stop(1)
    first, second = pair.nodes[0], type(pair.nodes[0])(pair.nodes[0].port)
    try:
        first.ask("SET", "a", "b")
        assert first.ask("WAIT", 1, 50) == 0
        assert second.ask(*NOTHING_NEW) == b"b"
        if second.ask("WAIT", 1, 50) == 0:
            pytest.skip("this server counts from every command, not from every write")
    finally:
        second.end()


@every_lane
async def test_what_is_not_durable_does_not_wait(make: MakeLane, pair: Pair) -> None:
    async with lane_to(make, pair.nodes[0].port, safety=waiting()) as lane:
        pair.stop(1)
        assert await lane.ask("SET", "a", "b", within_s=0.4) == b"OK"


@every_lane
async def test_when_no_replica_is_left_to_wait_for_what_waits_is_answered(
    make: MakeLane, pair: Pair
) -> None:
    safety = waiting()
    async with lane_to(make, pair.nodes[0].port, safety=safety) as lane:
        pair.stop(1)
        asked = lane.ask("SET", "a", "b", durable=True)
        await asyncio.sleep(0.1)
        safety.replicas = 0
        assert await asked == b"OK"
