"""The laws of every store, drawn against real servers."""

import asyncio

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from engine.stores.base import Store
from engine.stores.redis.store import RedisStore
from tests.faults.server import Servers
from tests.stores.test_model import StoreAgainstADict


@pytest.mark.parametrize("servers", ["valkey", "valkey_cluster"])
def test_redis_does_what_a_dict_says(servers: str, request: pytest.FixtureRequest) -> None:
    server: Servers = request.getfixturevalue(servers)

    class RedisAgainstADict(StoreAgainstADict):
        async def open(self) -> Store:
            await asyncio.to_thread(server.flush)
            return await RedisStore.open(server.url, clock=self.clock, partitions=4)

    few = settings(max_examples=10, stateful_step_count=20, deadline=None)
    run_state_machine_as_test(RedisAgainstADict, settings=few)
