"""The stores under test: one list of URLs, and what every suite needs of them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from engine.stores.base import Store
from engine.stores.open import open_store
from engine.stores.sqlite.store import SqliteStore
from engine.testing.shared_store import SharedMemory
from tests.faults.server import Cluster, Single
from tests.stores.steps import SteppedClock

EMBEDDED = ["memory:", "sqlite:///store/test.db"]
# A server is started for the whole run, and emptied before each test.
SERVERS = {"redis:": "valkey", "redis+cluster:": "valkey_cluster"}
URLS = [*EMBEDDED, "shared:", *SERVERS]

Opener = Callable[[], Awaitable[Store]]
"""Opens the store of a test once more: another worker's look at it, when it is shared."""


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture(params=URLS, ids=lambda url: url.split(":")[0])
async def opener(
    request: pytest.FixtureRequest, tmp_path: Path, clock: SteppedClock
) -> AsyncIterator[Opener]:
    url: str = request.param
    if url in SERVERS:
        server: Single | Cluster = request.getfixturevalue(SERVERS[url])
        server.flush()
        url = server.url
    shared = SharedMemory(clock, partitions=4)
    opened: list[Store] = []

    async def open_one() -> Store:
        if url == "shared:":
            opened.append(shared.view())
        else:
            opened.append(
                await open_store(
                    url, clock=clock, redis_clock=clock, base_dir=tmp_path, partitions=16
                )
            )
        return opened[-1]

    yield open_one
    for store in opened:
        await store.close()


@pytest.fixture
async def store(opener: Opener) -> Store:
    return await opener()


@pytest.fixture
async def peer(opener: Opener, store: Store) -> Store:
    """Another worker's look at `store`; the same one where one process has the store alone."""
    return await opener() if store.is_shared else store


@pytest.fixture(params=EMBEDDED, ids=lambda url: url.split(":")[0])
async def embedded(
    request: pytest.FixtureRequest, tmp_path: Path, clock: SteppedClock
) -> AsyncIterator[Store]:
    """A store whose guards are in this process, so that a test can lower their limits."""
    opened = await open_store(request.param, clock=clock, base_dir=tmp_path)
    yield opened
    await opened.close()


@pytest.fixture
async def sqlite(tmp_path: Path, clock: SteppedClock) -> AsyncIterator[SqliteStore]:
    """The embedded store by itself, in `a.db`."""
    opened = await SqliteStore.open(tmp_path / "a.db", "D2", clock)
    yield opened
    await opened.close()
