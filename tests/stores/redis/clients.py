"""Clients for tests: opened on a server, closed in the end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from engine.stores.records import Durability
from engine.stores.redis.client import RedisClient
from engine.stores.redis.lane import HiredisLane
from engine.stores.redis.node import MakeLane
from engine.stores.redis.replies import script_of

PUT = script_of(
    "put",
    "#!lua flags=\nredis.call('SET', KEYS[1], ARGV[1]) return {KEYS[1], ARGV[1]}",
)
PUT_TWO = script_of(
    "put_two",
    "#!lua flags=\nredis.call('SET', KEYS[1], ARGV[1]) redis.call('SET', KEYS[2], ARGV[1]) return 1",
)
COUNT = script_of(
    "count",
    """#!lua flags=
    if redis.call('SADD', KEYS[1], ARGV[1]) == 1 then
      redis.call('INCR', KEYS[2])
    end
    return redis.call('GET', KEYS[2])""",
)
SCRIPTS = (PUT, PUT_TWO, COUNT)


@asynccontextmanager
async def client_of(
    url: str,
    *,
    durability: Durability = "D2",
    partitions: int | None = None,
    make: MakeLane = HiredisLane,
) -> AsyncIterator[RedisClient]:
    client = await RedisClient.open(
        url, partitions=partitions, durability=durability, scripts=SCRIPTS, make_lane=make
    )
    try:
        yield client
    finally:
        await client.close()


async def put(client: RedisClient, partition: int, value: str, *, lane: int = 0) -> None:
    """Write a key of a partition and see that the answer is one's own."""
    key = client.keys.of(partition, "x", str(lane))
    reply = await client.run(partition, PUT, (key,), (value,), lane=lane)
    assert reply == [key.encode(), value.encode()]


async def until_well(client: RedisClient) -> None:
    """Wait for at most 5 s until no primary is in trouble."""
    for _ in range(100):
        if not client.trouble:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(client.trouble)


async def level_of(client: RedisClient) -> str:
    """Look at the servers now and return the durability in force."""
    await client.nodes.look()
    return client.durability
