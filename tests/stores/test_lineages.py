"""Whether the data that answer now are those that answered before: by partition, on every store."""

import pytest

from engine.stores.base import Store

pytestmark = pytest.mark.anyio


async def test_data_that_stay_have_one_lineage_a_partition_for_every_worker(
    store: Store, peer: Store
) -> None:
    names = await store.lineages()
    assert len(names) == store.partitions
    assert await store.lineages() == await peer.lineages() == names
