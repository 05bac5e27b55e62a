"""A server at level D3: in force with its file, told by /readyz, and refused without one."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from engine.errors import StoreRefused
from engine.events import Event
from engine.runtime_types import ClientContext
from engine.stores.base import SessionRef
from server.assembly import Assembled, assemble
from server.config import Config
from tests.faults.server import Single
from tests.server.running import CONFIG, write_config
from tests.servers import need_server

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Single]:
    need_server()
    always = ("--appendonly", "yes", "--appendfsync", "always")
    with Single.start(tmp_path_factory.mktemp("synced"), *always) as single:
        yield single


def config_of(folder: Path, url: str, level: str = "D3") -> Config:
    store = f'url = "{url}"\npartitions = 4\ndurability = "{level}"'
    return write_config(folder, CONFIG.replace('url = "memory:"', store))


@pytest.fixture
async def parts(tmp_path: Path, synced: Single, anyio_backend: str) -> AsyncIterator[Assembled]:
    synced.flush()
    made = await assemble(config_of(tmp_path, synced.url))
    await made.runtime.start()
    yield made
    await made.runtime.stop()


async def test_what_is_accepted_is_in_the_server_s_own_file(
    parts: Assembled, tmp_path: Path
) -> None:
    runtime = parts.runtime
    ref = await runtime.resolve("ws_dev", "site_dev", "browser-1", None)
    event = Event("an id", "view", parts.clock.now_ms(), url="https://shop.example/a-canary")
    await runtime.track(ref, "site_dev", [event], ClientContext())
    kept = b"".join(path.read_bytes() for path in sorted(tmp_path.glob("data/accepted-0.db*")))  # noqa: ASYNC240
    assert b"a-canary" in kept
    assert (await parts.app.services.health()).durability == parts.store.durability == "D3"


async def test_a_file_that_cannot_be_written_takes_the_server_out_and_the_level_back(
    parts: Assembled,
) -> None:
    assert (await parts.app.services.health()).ok
    resending = parts.runtime._resending
    assert resending is not None
    resending._log.trouble = "data/accepted-0.db cannot be written: disk full"
    health = await parts.app.services.health()
    assert (health.ok, health.durability) == (False, "D2")
    assert "disk full" in health.reason
    resending._log.trouble = ""
    assert (await parts.app.services.health()).ok


async def test_without_a_place_for_the_file_nothing_starts(
    tmp_path: Path, synced: Single, anyio_backend: str
) -> None:
    config = config_of(tmp_path, synced.url)
    (tmp_path / "data").write_text("a file, not a folder")
    with pytest.raises(StoreRefused, match="cannot be made"):
        await assemble(config)


async def test_another_level_needs_no_file(
    tmp_path: Path, synced: Single, anyio_backend: str
) -> None:
    made = await assemble(config_of(tmp_path, synced.url, "D2"))
    assert made.store.durability == "D2"
    await made.runtime.stop()
    assert not list(tmp_path.glob("data/accepted*"))  # noqa: ASYNC240


async def test_an_erasure_is_kept_and_done_again_without_being_told_again(
    parts: Assembled, tmp_path: Path, synced: Single
) -> None:
    async def visit() -> SessionRef:
        ref = await parts.runtime.resolve("ws_dev", "site_dev", "browser-1", "vis_canary")
        event = Event("an id", "view", parts.clock.now_ms(), url="https://shop.example/a-canary")
        await parts.runtime.track(ref, "site_dev", [event], ClientContext())
        return ref

    async def kept() -> list[str]:
        return [each.kind async for each in parts.store.export("ws_dev", "vis_canary")]

    custody = parts.app.services.custody
    await visit()
    assert await custody.erase("ws_dev", "vis_canary") is not None
    assert await kept() == []
    resending = parts.runtime._resending
    assert resending is not None
    (erasure,) = [each for _, each in await resending._log.read(0) if each.erased]
    assert erasure.ref == SessionRef("ws_dev", "vis_canary", "")
    told = [await parts.store.take_causes(partition) for partition in range(4)]
    for node in synced.primaries():
        for key in node.ask("KEYS", "op:{*}:del"):
            node.ask("DEL", key)
    await visit()
    assert await kept() != []
    await resending._erase([erasure])
    assert await kept() == []
    assert [await parts.store.take_causes(partition) for partition in range(4)] == told
    await visit()
    assert await kept() == []
