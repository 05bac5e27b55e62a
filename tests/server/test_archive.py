"""A server with an archive: why, replay, export and erasure take its files and the store as one."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from engine.errors import StoreRefused, StoreUnavailable
from engine.log_export import log_lines
from engine.stores.archive import HOUR_MS, Archive
from engine.stores.open import open_store
from engine.testing.manual_clock import ManualClock
from server.archive_folder import configured_archive
from server.assembly import assemble
from server.cli.command import Exit
from server.cli.main import main
from server.config import Config
from server.config_file import ConfigProblem
from tests.faults.server import Single
from tests.server.running import (
    AC_PAGE,
    CONFIG,
    PLATFORM,
    RULES,
    TestServer,
    in_process,
    write_config,
)

pytestmark = pytest.mark.anyio
OPERATOR = {"authorization": "Bearer " + "t" * 64}
ENDED_MS = 4 * HOUR_MS
FIRST = "1970-01-01T00:00:00Z"
CANARY, NEIGHBOUR = "vis_canary", "vis_neighbour"
VISITOR = f"/v1/operator/visitor?workspace=ws_dev&visitor={CANARY}"


@pytest.fixture
def config(tmp_path: Path, valkey: Single) -> Config:
    valkey.flush()
    store = f'url = "{valkey.url}"\npartitions = 4\ndurability = "D1"\narchive = "kept/archive"'
    return write_config(tmp_path, CONFIG.replace('url = "memory:"', store))


@pytest.fixture
async def server(config: Config, valkey: Single, anyio_backend: str) -> AsyncIterator[TestServer]:
    """Serve on a clock that is moved by hand, over a store that goes by it too."""
    clock = ManualClock()
    store = await open_store(
        valkey.url,
        durability="D1",
        clock=clock.now_ms,
        redis_clock=clock.now_ms,
        partitions=4,
        archive=configured_archive(config),
    )
    parts = await assemble(config, clock=clock, store=store)
    parts.app.services.operator_token = "t" * 64
    transport = httpx2.ASGITransport(app=parts.app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as http:
        yield TestServer(parts, clock, http)
    await parts.runtime.stop()


async def visit(server: TestServer, visitor: str) -> None:
    """Look at a page, be approached, go."""
    page = {"url": AC_PAGE, "title": f"AC {visitor}"}
    view = {"sessionId": f"own_{visitor}", "visitorId": visitor, "event": "page_view", "page": page}
    assert (await server.track(view)).status == 200
    server.clock.advance(45_000)
    await take_due(server)


async def take_due(server: TestServer) -> None:
    for partition in range(4):
        due = await server.parts.store.claim_due(partition)
        for ref, due_ms in due.sessions:
            await server.parts.runtime._wake(ref, due_ms, due.now_ms)


async def archive(server: TestServer, valkey: Single) -> None:
    """Let sessions end, archive them, and let the hour go by for which their journals stay."""
    server.clock.advance(ENDED_MS)
    await take_due(server)
    server.clock.advance(ENDED_MS)
    while (await server.parts.store.sweep(server.clock.now_ms())).more:
        pass
    (node,) = valkey.primaries()
    for key in node.ask("KEYS", "op:{*}:j:*"):
        assert node.ask("PTTL", key) > 0
        node.ask("DEL", key)


async def log(server: TestServer) -> list[bytes]:
    """Read the event log up to the instant at which sessions end."""
    until_ms = server.clock.now_ms() + 1
    store = server.parts.store
    return [bytes(line) async for line in log_lines(store, "ws_dev", 0, until_ms)]


async def replayed(server: TestServer) -> dict:
    body = {"since": FIRST, "files": {"main.rules": RULES.replace("45s", "35s")}}
    return (await server.send("POST", "/v1/rules/main/replay", body, PLATFORM)).json["data"]


def files(config: Config) -> list[Path]:
    return sorted(path for path in Path(config.store.archive).rglob("*") if path.is_file())


def packed(config: Config) -> bytes:
    return b"".join(gzip.decompress(path.read_bytes()) for path in files(config))


async def test_what_ended_is_explained_replayed_and_exported_as_before(
    server: TestServer, valkey: Single, config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    for visitor in (CANARY, NEIGHBOUR):
        await visit(server, visitor)
    before, told = await log(server), await replayed(server)
    assert (len(before), told["sessions"], told["moved"]) == (4, 2, 2)
    await archive(server, valkey)
    assert len(files(config)) >= 1
    assert (await log(server))[:4] == before
    assert await replayed(server) == told
    (session, *_) = [json.loads(line)["session_id"] for line in before]
    why = f"/v1/operator/why?workspace=ws_dev&session={session}&clock=10:07"
    explained = await server.send("GET", why, headers=OPERATOR)
    assert explained.status == 200, explained.body
    assert explained.json["session_id"] == session
    shown = await server.send("GET", VISITOR, headers=OPERATOR)
    assert b'"view"' in shown.body
    arguments = ["replay", "--rules", str(config.path.parent / "rules")]
    # A command has a loop of its own.
    of_store = [*arguments, "--config", str(config.path)]
    assert await asyncio.to_thread(main, of_store) == Exit.CLEAN
    assert "2 sessions of 2 visitors" in capsys.readouterr().out
    logs = [str(path) for path in files(config)]
    assert main([*arguments, *logs]) == Exit.CLEAN
    assert "2 sessions of 2 visitors" in capsys.readouterr().out


async def test_an_erasure_reaches_the_archive_when_it_is_told_to(
    server: TestServer, valkey: Single, config: Config
) -> None:
    for visitor in (CANARY, NEIGHBOUR):
        await visit(server, visitor)
    await archive(server, valkey)
    erased = await server.send("DELETE", f"/v1/visitors/{CANARY}", headers=PLATFORM)
    assert erased.status == 200
    assert CANARY.encode() in packed(config)
    again = await server.send("DELETE", VISITOR, headers=OPERATOR)
    assert again.status == 404
    for status in (200, 404):
        again = await server.send("DELETE", f"{VISITOR}&archive=1", headers=OPERATOR)
        assert again.status == status
    assert CANARY.encode() not in packed(config)
    assert NEIGHBOUR.encode() in packed(config)
    assert all(CANARY.encode() not in line for line in await log(server))


async def test_an_erasure_that_a_file_stops_is_ended_when_it_can_be(
    server: TestServer, valkey: Single, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise StoreUnavailable("none", 1, "cannot be written")

    await visit(server, CANARY)
    await archive(server, valkey)
    with monkeypatch.context() as patch:
        patch.setattr(Archive, "forget", fail)
        failed = await server.send("DELETE", f"{VISITOR}&archive=1", headers=OPERATOR)
        assert failed.status == 503
    assert len(files(config)) == 1
    await server.parts.app.services.custody.tidy(["ws_dev"])
    assert files(config) == []


async def test_a_broken_file_keeps_an_erasure_from_beginning(
    server: TestServer, valkey: Single, config: Config
) -> None:
    await visit(server, CANARY)
    await archive(server, valkey)
    (path,) = files(config)
    whole = path.read_bytes()
    for status, held in ((503, whole[:-1]), (200, whole)):
        path.write_bytes(held)
        sent = await server.send("DELETE", f"{VISITOR}&archive=1", headers=OPERATOR)
        assert sent.status == status
    assert files(config) == []


async def test_without_an_archive_none_is_erased_from(tmp_path: Path, anyio_backend: str) -> None:
    async with in_process(write_config(tmp_path)) as server:
        server.parts.app.services.operator_token = "t" * 64
        for flag, words in (("archive", "names no archive"), ("vacuum", "in no file")):
            sent = await server.send("DELETE", f"{VISITOR}&{flag}=1", headers=OPERATOR)
            assert (sent.status, words in sent.json["error"]["message"]) == (400, True)


async def test_a_folder_that_cannot_be_written_stops_the_start(config: Config) -> None:
    (config.path.parent / "kept").write_text("a file, not a folder")
    with pytest.raises(StoreRefused, match=r"store\.archive: .* cannot be written"):
        await assemble(config)


def test_only_a_shared_store_has_an_archive(tmp_path: Path) -> None:
    text = CONFIG.replace('url = "memory:"', 'url = "sqlite:///a.db"\narchive = "archive"')
    with pytest.raises(ConfigProblem, match=r"store\.archive: only a redis store"):
        write_config(tmp_path, text)


def test_its_folder_is_beside_the_configuration(config: Config) -> None:
    assert config.store.archive == str(config.path.parent / "kept" / "archive")
