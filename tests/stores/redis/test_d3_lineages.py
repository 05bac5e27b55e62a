"""What tells that another server's data answer now: each fail-over, and no move of the client's own."""

import asyncio
from pathlib import Path

import pytest

from engine.errors import StoreUnavailable
from tests.faults.server import Cluster, Pair, Single
from tests.servers import need_server
from tests.stores.redis.clients import client_of, until_well

pytestmark = pytest.mark.anyio


async def test_a_replica_that_takes_over_has_another_lineage(tmp_path: Path) -> None:
    need_server()
    with Pair.start(tmp_path) as pair:
        async with client_of(pair.url, partitions=4) as client:
            before = await client.lineages()
            assert len(set(before)) == 1
            await asyncio.to_thread(pair.kill, 0)
            with pytest.raises(StoreUnavailable) as refused:
                await client.lineages()
            assert refused.value.outcome == "none"
            await asyncio.to_thread(pair.promote)
            await until_well(client)
            after = await client.lineages()
            assert len(after) == 4
            assert set(before).isdisjoint(after)


async def test_a_server_that_began_anew_has_another_lineage(tmp_path: Path) -> None:
    need_server()
    with Single.start(tmp_path, "--appendonly", "yes") as single:
        async with client_of(single.url, partitions=4) as client:
            before = await client.lineages()
            await asyncio.to_thread(single.kill)
            await asyncio.to_thread(single.node.restart)
            await until_well(client)
            assert set(before).isdisjoint(await client.lineages())


async def test_each_primary_of_a_cluster_has_its_own(valkey_cluster: Cluster) -> None:
    valkey_cluster.flush()
    async with client_of(valkey_cluster.url, partitions=6) as client:
        names = await client.lineages()
        assert (len(names), len(set(names))) == (6, 3)


async def test_a_primary_that_was_made_a_replica_is_none(tmp_path: Path) -> None:
    need_server()
    with Pair.start(tmp_path) as pair:
        async with client_of(pair.nodes[0].url, partitions=4, durability="D1") as client:
            pair.nodes[0].ask("REPLICAOF", "127.0.0.1", pair.nodes[1].port)
            with pytest.raises(StoreUnavailable):
                await client.lineages()
