"""While the server that names the owners of partitions is away, the partitions of the others are looked after."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress

import pytest

from engine.errors import StoreUnavailable
from engine.stores.base import SessionRef
from engine.stores.redis.store import RedisStore
from tests.engine.test_several_workers_over_redis import Worker, begun, workers
from tests.faults.server import Cluster

pytestmark = pytest.mark.anyio

SESSIONS = 45
DUE_S = 2.0
LATE_S = 2.0
NO_FAIL_OVER_MS = 20_000
FAIL_OVER_MS = 1_500
HOME = 0


@pytest.fixture
def patient(valkey_cluster: Cluster) -> Iterator[Cluster]:
    """A cluster that waits for a primary which stands still, for as long as the test lasts."""
    _set_patience(valkey_cluster, NO_FAIL_OVER_MS)
    yield valkey_cluster
    _set_patience(valkey_cluster, FAIL_OVER_MS)


def _set_patience(cluster: Cluster, ms: int) -> None:
    for node in cluster.nodes:
        node.ask("CONFIG", "SET", "cluster-node-timeout", ms)


def redis_of(worker: Worker) -> RedisStore:
    assert isinstance(worker.store, RedisStore)
    return worker.store


def home_of(cluster: Cluster, store: RedisStore) -> int:
    """Tell which node has partition 0."""
    address = store._client.nodes.address_of(HOME)
    assert address is not None
    (home,) = [at for at, node in enumerate(cluster.nodes) if node.port == address.port]
    return home


def is_at_home(store: RedisStore, partition: int) -> bool:
    """Tell whether a partition is on the server that has partition 0."""
    nodes = store._client.nodes
    return nodes.address_of(partition) == nodes.address_of(HOME)


def is_kept_at_home(store: RedisStore, ref: SessionRef) -> bool:
    return is_at_home(store, store.partition_of(ref.workspace, ref.visitor))


async def shown(worker: Worker, refs: list[SessionRef]) -> dict[SessionRef, tuple[str, ...]]:
    """Read which of these sessions have a message, and the names that it is found by."""
    names: dict[SessionRef, tuple[str, ...]] = {}
    for ref in refs:
        with suppress(StoreUnavailable):
            for message in (await worker.runtime.pull(ref, None, 0)).messages:
                names[ref] = (message.id, message.decision)
    return names


async def test_wake_ups_of_the_other_servers_come_on_time(patient: Cluster) -> None:
    async with workers(patient, 2) as two:
        store = redis_of(two[0])
        home = home_of(patient, store)
        refs = [await begun(two[number % 2], number) for number in range(SESSIONS)]
        away = [ref for ref in refs if not is_kept_at_home(store, ref)]
        patient.stop(home)
        try:
            # Owners without a heartbeat for longer than they live.
            await asyncio.sleep(DUE_S + LATE_S)
            assert all(worker.mine for worker in two)
            in_time = await shown(two[0], away)
        finally:
            patient.cont(home)
        whole: dict[SessionRef, tuple[str, ...]] = {}
        async with asyncio.timeout(20):
            while len(whole) < SESSIONS:
                whole = await shown(two[0], refs)
        # A name lies on a server of its own; the commit that makes it waits for that one.
        wanted = {
            ref
            for ref in away
            if not any(
                is_at_home(store, store._keys.partition_of_name(ref.workspace, name))
                for name in whole[ref]
            )
        }
        assert len(wanted) > 3
        assert wanted <= in_time.keys()


async def test_sockets_of_the_other_servers_open_and_are_counted(patient: Cluster) -> None:
    async with workers(patient, 2) as two:
        store = redis_of(two[0])
        refs = [SessionRef("w", f"vis_{number}", f"chat_{number}") for number in range(9)]
        ref = next(ref for ref in refs if not is_kept_at_home(store, ref))
        home = home_of(patient, store)
        patient.stop(home)
        try:
            attached = await two[1].runtime.attach(ref, lambda: None)
            assert await two[0].runtime.sockets(ref) == 1
            await two[1].runtime.detach(ref, attached)
            assert await two[0].runtime.sockets(ref) == 0
        finally:
            patient.cont(home)
