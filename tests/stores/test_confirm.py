"""What every store promises of a version that it showed: it lasts, or nobody is told that it does."""

import pytest

from engine.errors import StoreUnavailable
from engine.stores.base import Store
from tests.stores.steps import OTHER, REF, commit_all, step

pytestmark = pytest.mark.anyio


async def test_a_version_that_is_there_is_confirmed_to_everybody(store: Store, peer: Store) -> None:
    await commit_all(store, 3)
    shown = await peer.load(REF)
    assert await peer.confirm(REF, shown.version)
    assert await store.confirm(REF, 1)
    await store.commit(step(3))
    assert await peer.confirm(REF, shown.version)


async def test_a_version_that_is_not_there_is_not_confirmed(store: Store) -> None:
    await commit_all(store, 2)
    assert not await store.confirm(REF, 3)
    assert not await store.confirm(OTHER, 1)


async def test_a_closed_store_confirms_nothing(store: Store) -> None:
    await commit_all(store, 1)
    await store.close()
    with pytest.raises(StoreUnavailable):
        await store.confirm(REF, 1)
