"""A cluster whose partitions move: every command finds its server, and durable answers stay true."""

import asyncio
from collections.abc import Iterator

import pytest

from engine.errors import StoreUnavailable
from engine.stores.partitions import slot_of, tags
from engine.stores.redis.client import RedisClient
from engine.stores.redis.node import MakeLane
from tests.faults.server import Cluster, Node
from tests.stores.redis.clients import PUT, PUT_TWO, client_of, put
from tests.stores.redis.lanes import KINDS
from tests.stores.steps import until

pytestmark = pytest.mark.anyio

every_lane = pytest.mark.parametrize("make", KINDS, ids=["hiredis", "redis-py"])

# The first of the first server's partitions: its fence lies there, too.
MOVED = 0
SLOT = slot_of(tags(256)[MOVED])


@pytest.fixture
def cluster(valkey_cluster: Cluster) -> Iterator[Cluster]:
    valkey_cluster.flush()
    yield valkey_cluster
    first, second = valkey_cluster.nodes[0], valkey_cluster.nodes[1]
    if SLOT in slots_of(second):
        valkey_cluster.begin_move(SLOT, second, first)
        valkey_cluster.move_keys(SLOT, second, first)
    valkey_cluster.end_move(SLOT, first)


def slots_of(node: Node) -> set[int]:
    told = node.ask("CLUSTER", "NODES")
    assert isinstance(told, bytes)
    [own] = [line.split() for line in told.decode().splitlines() if "myself" in line]
    ranges = [text.split("-") for text in own[8:] if not text.startswith("[")]
    return {slot for ends in ranges for slot in range(int(ends[0]), int(ends[-1]) + 1)}


def count(cluster: Cluster, kind: str) -> int:
    """Count the redirections of a kind that the servers gave."""
    stats = [node.about("errorstats").get(f"errorstat_{kind}", "count=0") for node in cluster.nodes]
    return sum(int(found.removeprefix("count=")) for found in stats)


async def whole(client: RedisClient) -> None:
    for partition in range(client.partitions):
        await put(client, partition, f"p{partition}", lane=partition)


@every_lane
async def test_every_partition_is_reached_through_any_one_server(
    make: MakeLane, cluster: Cluster
) -> None:
    one = f"redis+cluster://127.0.0.1:{cluster.nodes[4].port}"
    async with client_of(one, make=make) as client:
        await whole(client)
        assert (client.primaries, client.durability) == (3, "D2")
        shares = [node.ask("DBSIZE") for node in cluster.primaries()]
        assert all(isinstance(share, int) and share >= 85 for share in shares)


@every_lane
async def test_a_partition_that_was_moved_is_found_by_the_first_command(
    make: MakeLane, cluster: Cluster
) -> None:
    first, second = cluster.nodes[0], cluster.nodes[1]
    async with client_of(cluster.url, make=make) as client:
        await put(client, MOVED, "before")
        redirected = count(cluster, "MOVED")
        cluster.begin_move(SLOT, first, second)
        cluster.move_keys(SLOT, first, second)
        cluster.end_move(SLOT, second)
        assert await client.read(MOVED, "GET", client.keys.of(MOVED, "x", "0")) == b"before"
        assert count(cluster, "MOVED") > redirected
        assert client.nodes.primary(MOVED).address.port == second.port
        await put(client, MOVED, "after")
        await client.nodes.look()
        assert client.nodes.primary(MOVED).address.port == second.port
        await whole(client)


@every_lane
async def test_a_partition_that_is_being_moved_takes_writes(
    make: MakeLane, cluster: Cluster
) -> None:
    first, second = cluster.nodes[0], cluster.nodes[1]
    async with client_of(cluster.url, make=make) as client:
        await put(client, MOVED, "stays", lane=1)
        asked = count(cluster, "ASK")
        cluster.begin_move(SLOT, first, second)
        await asyncio.gather(*(put(client, MOVED, f"new{n}", lane=n) for n in range(2, 50)))
        await put(client, MOVED, "stays", lane=1)
        assert count(cluster, "ASK") >= asked + 48
        assert client.nodes.primary(MOVED).address.port == first.port
        assert await client.read(MOVED, "GET", client.keys.of(MOVED, "x", "7")) == b"new7"
        cluster.move_keys(SLOT, first, second)
        cluster.end_move(SLOT, second)
        assert await client.read(MOVED, "GET", client.keys.of(MOVED, "x", "1")) == b"stays"


@every_lane
async def test_keys_that_are_apart_for_a_moment_are_tried_again(
    make: MakeLane, cluster: Cluster
) -> None:
    first, second = cluster.nodes[0], cluster.nodes[1]
    async with client_of(cluster.url, make=make) as client:
        keys = tuple(client.keys.of(MOVED, "two", name) for name in "ab")
        await client.run(MOVED, PUT_TWO, keys, ("1",))
        apart = count(cluster, "TRYAGAIN")
        cluster.begin_move(SLOT, first, second)
        first.ask("MIGRATE", "127.0.0.1", second.port, keys[0], 0, 5_000)
        writing = asyncio.ensure_future(client.run(MOVED, PUT_TWO, keys, ("2",)))
        await asyncio.sleep(0.2)
        assert not writing.done()
        cluster.move_keys(SLOT, first, second)
        assert await writing == 1
        assert count(cluster, "TRYAGAIN") > apart
        cluster.end_move(SLOT, second)
        assert await client.read(MOVED, "MGET", *keys) == [b"2", b"2"]


async def test_after_a_take_over_every_answered_write_is_there(cluster: Cluster) -> None:
    written: list[tuple[int, str]] = []
    is_over = False

    async def write(number: int) -> None:
        turn = 0
        while not is_over:
            turn += 1
            partition = (number * 5 + turn) % 256
            key = client.keys.of(partition, f"{number}-{turn}")
            try:
                await client.run(partition, PUT, (key,), ("x",), lane=number)
            except StoreUnavailable:
                await asyncio.sleep(0.02)
            else:
                written.append((partition, key))

    def knows(primary: Node) -> bool:
        return primary.port in {node.address.port for node in client.nodes.primaries()}

    replica = cluster.nodes[4]
    async with client_of(cluster.url) as client:
        try:
            writers = [asyncio.ensure_future(write(n)) for n in range(8)]
            await until(lambda: len(written) > 100)
            await asyncio.to_thread(cluster.take_over, replica)
            before = len(written)
            await until(lambda: knows(replica) and len(written) > before + 100)
            is_over = True
            await asyncio.gather(*writers)
            found = [await client.read(place, "EXISTS", key) for place, key in written]
            assert sum(map(bool, found)) == len(found)
        finally:
            cluster.take_over(cluster.nodes[1])


async def test_channels_follow_their_partition(cluster: Cluster) -> None:
    first, second = cluster.nodes[0], cluster.nodes[1]
    heard: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
    lost = asyncio.Event()
    async with client_of(cluster.url) as client:
        client.channels.on_message = lambda channel, body: heard.put_nowait((channel, body))
        client.channels.on_lost = lost.set
        channels = {place: client.keys.work_channel(place) for place in (MOVED, 100, 200)}
        for place, channel in channels.items():
            await client.channels.subscribe(place, channel)
        cluster.begin_move(SLOT, first, second)
        cluster.move_keys(SLOT, first, second)
        cluster.end_move(SLOT, second)
        async with asyncio.timeout(5):
            await lost.wait()
            for place, channel in channels.items():
                await client.write(place, "SPUBLISH", channel, str(place))
                assert await heard.get() == (channel, str(place).encode())
