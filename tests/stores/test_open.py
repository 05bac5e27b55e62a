"""Which store a URL opens, and what is said of a URL that opens none."""

from pathlib import Path

import pytest

from engine.errors import StoreRefused
from engine.stores.base import Durability
from engine.stores.open import open_store
from tests.faults.server import Single
from tests.stores.steps import SteppedClock

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("asked", "given"), [("D0", "D1"), ("D1", "D1"), ("D2", "D2"), ("D3", "D2")]
)
async def test_sqlite_keeps_the_nearest_level_that_it_can(
    tmp_path: Path, asked: Durability, given: Durability
) -> None:
    clock = SteppedClock()
    store = await open_store("sqlite:///a.db", durability=asked, clock=clock, base_dir=tmp_path)
    assert (store.durability, store.is_shared) == (given, False)
    await store.close()


async def test_a_redis_url_opens_a_store_that_workers_share(valkey: Single) -> None:
    valkey.flush()
    store = await open_store(valkey.url, durability="D0", clock=SteppedClock(), partitions=8)
    assert (store.partitions, store.is_shared, store.durability) == (8, True, "D1")
    await store.close()
    again = await open_store(valkey.url, clock=SteppedClock())
    assert again.partitions == 8
    await again.close()
    with pytest.raises(StoreRefused):
        await open_store(valkey.url, clock=SteppedClock(), partitions=16)


async def test_an_unknown_url_is_told_the_known_ones() -> None:
    with pytest.raises(StoreRefused) as caught:
        await open_store("postgres://host/db", clock=SteppedClock())
    for known in ("memory:", "sqlite:///", "redis://", "redis+cluster://"):
        assert known in caught.value.reason
