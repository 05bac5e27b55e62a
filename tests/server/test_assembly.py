"""A server from its configuration: what it keeps over a restart."""

from pathlib import Path

import pytest

from engine.errors import StoreRefused
from engine.testing.manual_clock import ManualClock
from server.assembly import assemble
from server.server_secret import SECRET_BYTES, server_secret
from tests.server.running import AC_PAGE, CONFIG, WIDGET, in_process, write_config

pytestmark = pytest.mark.anyio
ON_DISK = CONFIG.replace('url = "memory:"', 'url = "sqlite:///data/opportune.db"')
NO_SECRET = ON_DISK.replace('secret = "a secret of tests that is long enough"', "")


async def test_a_secret_is_made_once_and_kept_in_the_store(
    tmp_path: Path, anyio_backend: str
) -> None:
    config = write_config(tmp_path, NO_SECRET)
    secrets = []
    for filler in (b"a", b"b"):
        parts = await assemble(config, random_bytes=lambda count, filler=filler: filler * count)
        secrets.append(await server_secret(config, parts.store, bytes))
        await parts.runtime.stop()
    assert secrets == [b"a" * SECRET_BYTES] * 2


async def test_a_configured_secret_is_not_written_to_the_store(
    tmp_path: Path, anyio_backend: str
) -> None:
    parts = await assemble(write_config(tmp_path, ON_DISK))
    assert await parts.store.get_doc("", "server", "secret") is None
    await parts.runtime.stop()


async def test_a_visitor_s_session_and_wake_up_survive_a_restart(
    tmp_path: Path, anyio_backend: str
) -> None:
    config = write_config(tmp_path, ON_DISK)
    view = {"sessionId": "s1", "event": "page_view", "page": {"url": AC_PAGE}}
    poll = {"sessionId": "s1", "event": "active", "deliver": True}
    clock = ManualClock()
    async with in_process(config, clock) as server:
        assert (await server.track(view, WIDGET)).status == 200
        await server.pass_time(20_000)
    async with in_process(config, clock) as server:
        await server.pass_time(25_000)
        (message,) = (await server.track(poll, WIDGET)).json["messages"]
        assert message["text"] == "Need help with your AC?"


async def test_a_second_server_on_the_same_file_is_refused(
    tmp_path: Path, anyio_backend: str
) -> None:
    config = write_config(tmp_path, ON_DISK)
    parts = await assemble(config)
    with pytest.raises(StoreRefused):
        await assemble(config)
    await parts.runtime.stop()
