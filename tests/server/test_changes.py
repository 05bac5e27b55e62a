"""What one worker changes is in force at the others at their next look."""

import asyncio
from pathlib import Path

import pytest

from engine.errors import StoreUnavailable
from engine.rule_library import LIVE_KIND
from engine.stores.memory.store import MemoryStore
from engine.testing.manual_clock import ManualClock
from server import changes
from server.changes import ChangeWatch
from server.rulebook.live_rules import Byline, Compiled, compile_files
from tests.server.running import PLATFORM, RULES, TestServer, write_config
from tests.server.several import two_workers

pytestmark = pytest.mark.anyio
QUICK = RULES.replace("45s", "35s")


class Copies:
    """Counts how often the copies of a workspace are read again, and fails when told to."""

    def __init__(self) -> None:
        self.read: list[str] = []
        self.failure: Exception | None = None

    async def reload(self, workspace: str) -> None:
        if self.failure is not None:
            raise self.failure
        self.read.append(workspace)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(ManualClock().now_ms)


async def test_each_change_is_read_once_and_other_kinds_not_at_all(store: MemoryStore) -> None:
    copies = Copies()
    watch = ChangeWatch(store, ("ws_a", "ws_b"), {"thing": copies.reload})
    await store.put_doc("ws_a", "thing", "one", b"1", 0)
    await watch.look()
    await watch.look()
    assert copies.read == ["ws_a"]
    await store.put_doc("ws_b", "thing", "one", b"1", 0)
    await store.put_doc("ws_b", "other", "one", b"1", 0)
    await store.put_doc("ws_c", "thing", "one", b"1", 0)
    await watch.look()
    assert copies.read == ["ws_a", "ws_b"]
    await store.put_doc("ws_a", "thing", "one", None, 1)
    await watch.look()
    assert copies.read == ["ws_a", "ws_b", "ws_a"]


async def test_a_change_that_the_store_did_not_give_is_read_at_the_next_look(
    store: MemoryStore,
) -> None:
    copies = Copies()
    watch = ChangeWatch(store, ("ws_a",), {"thing": copies.reload})
    await store.put_doc("ws_a", "thing", "one", b"1", 0)
    copies.failure = StoreUnavailable("none", 100)
    with pytest.raises(StoreUnavailable):
        await watch.look()
    copies.failure = None
    await watch.look()
    assert copies.read == ["ws_a"]


async def test_a_copy_that_cannot_be_read_is_logged_once_and_stops_no_other(
    store: MemoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    broken, well = Copies(), Copies()
    broken.failure = ValueError("not to be read")
    watch = ChangeWatch(store, ("ws_a",), {"a": broken.reload, "b": well.reload})
    for kind in ("a", "b"):
        await store.put_doc("ws_a", kind, "one", b"1", 0)
    for _ in range(3):
        await watch.look()
    assert (broken.read, well.read) == ([], ["ws_a"])
    assert [record.getMessage() for record in caplog.records] == [
        "a of ws_a changed and could not be read"
    ]


async def test_it_looks_again_and_again_though_the_store_is_away(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "POLL_EVERY_S", 0)
    copies = Copies()
    looking = asyncio.create_task(ChangeWatch(store, ("ws_a",), {"thing": copies.reload}).run())
    real = store.changes

    async def away(_: object) -> dict[tuple[str, str], int]:
        raise StoreUnavailable("none", 100)

    monkeypatch.setattr(store, "changes", away)
    for _ in range(5):
        await asyncio.sleep(0)
    monkeypatch.setattr(store, "changes", real)
    await store.put_doc("ws_a", "thing", "one", b"1", 0)
    async with asyncio.timeout(5):
        while not copies.read:  # noqa: ASYNC110  # what is tested offers no event
            await asyncio.sleep(0)
    looking.cancel()
    assert copies.read == ["ws_a"]


def test_a_change_is_in_force_within_a_second() -> None:
    assert changes.POLL_EVERY_S <= 0.5


# ---- keys and rules of two workers


async def _make_key(server: TestServer, name: str) -> tuple[str, str]:
    services = server.parts.app.services
    row, text = await services.credentials.keys.create(
        "ws_dev",
        name,
        label="test",
        scopes=("*",),
        ids=services.ids,
        random_bytes=lambda count: name.encode().ljust(count, b"."),
        now_ms=services.clock.now_ms(),
    )
    return row.id, text


async def _status(server: TestServer, key: str) -> int:
    headers = {"authorization": f"Bearer {key}", "x-workspace-id": "ws_dev"}
    return (await server.send("GET", "/v1/workspace", headers=headers)).status


async def test_a_key_that_one_worker_makes_and_revokes_counts_at_the_other(
    tmp_path: Path, anyio_backend: str
) -> None:
    async with two_workers(tmp_path) as workers:
        key_id, key = await _make_key(workers.first, "crm")
        assert await _status(workers.first, key) == 200
        await workers.watch()
        assert await _status(workers.second, key) == 200
        services = workers.second.parts.app.services
        await services.credentials.keys.revoke("ws_dev", key_id, now_ms=1)
        await workers.watch()
        assert await _status(workers.first, key) == 401


def _compiled(server: TestServer, text: str) -> Compiled:
    folder = server.parts.app.services.rules.folders["ws_dev", "main"]
    return compile_files(folder, {"main.rules": text})


async def _publish(server: TestServer, text: str, publication: str) -> None:
    rules = server.parts.app.services.rules
    folder = rules.folders["ws_dev", "main"]
    before = rules.live("ws_dev", "main")
    byline = Byline("api", "dev", "note", publication)
    await rules.publish(folder, _compiled(server, text), before, byline)


def _live(server: TestServer) -> tuple[int, str]:
    version = server.parts.app.services.rules.live("ws_dev", "main")
    assert server.parts.workspaces.program("ws_dev", "site_dev").version == version.program
    return version.number, version.digest


async def test_rules_that_one_worker_publishes_and_takes_back_run_at_the_other(
    tmp_path: Path, anyio_backend: str
) -> None:
    async with two_workers(tmp_path) as workers:
        first, second = workers.first, workers.second
        _, digest = _live(first)
        await _publish(first, QUICK, "quick")
        await workers.watch()
        assert _live(second) == _live(first)
        assert _live(second)[0] == 2
        await _publish(second, RULES, "back")
        await workers.watch()
        assert _live(first) == _live(second) == (3, digest)


async def test_a_version_that_the_store_lost_runs_nowhere_any_more(
    tmp_path: Path, anyio_backend: str
) -> None:
    """As after a fail-over to a replica that did not have the publication yet."""
    async with two_workers(tmp_path) as workers:
        store = workers.first.parts.store
        before = await store.get_doc("ws_dev", LIVE_KIND, "main")
        first = _live(workers.first)
        await _publish(workers.first, QUICK, "quick")
        await workers.watch()
        lost = await store.get_doc("ws_dev", LIVE_KIND, "main")
        assert before is not None
        assert lost is not None
        await store.put_doc("ws_dev", LIVE_KIND, "main", before.body, lost.version)
        await workers.watch()
        assert _live(workers.first) == _live(workers.second) == first


async def test_rules_of_another_release_leave_the_old_ones_in_force(
    tmp_path: Path,
    anyio_backend: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with two_workers(tmp_path) as workers:
        rules = workers.first.parts.app.services.rules
        quick = _compiled(workers.first, QUICK)
        broken = Compiled(quick.program, quick.report)
        with monkeypatch.context() as patch:
            patch.setattr(Compiled, "files", property(lambda _: {"main.rules": "rule of tomorrow"}))
            before = rules.live("ws_dev", "main")
            folder = rules.folders["ws_dev", "main"]
            await rules.publish(folder, broken, before, Byline("api", "dev", "", "tomorrow"))
        await workers.watch()
        assert _live(workers.second)[0] == 1
        assert "version 2 has errors in this release" in caplog.text


async def test_workers_that_start_with_the_same_folder_at_once_publish_one_version(
    tmp_path: Path, anyio_backend: str
) -> None:
    config = write_config(tmp_path)
    async with two_workers(tmp_path, config) as workers:
        (tmp_path / "rules" / "main.rules").write_text(QUICK)
        both = [each.parts.app.services.rules for each in (workers.first, workers.second)]
        found = {both[0].folders["ws_dev", "main"]: _compiled(workers.first, QUICK)}
        await asyncio.gather(*(rules.load(found) for rules in both))
        assert _live(workers.first) == _live(workers.second)
        assert _live(workers.first)[0] == 2
        history = await both[0].library.history("ws_dev", "main", None, 10)
        assert [version.number for version in history] == [2, 1]


async def test_an_endpoint_that_one_worker_makes_is_known_to_the_other(
    tmp_path: Path, anyio_backend: str
) -> None:
    async with two_workers(tmp_path) as workers:
        known = workers.second.parts.app.services.webhooks.endpoints
        assert not await known.of_workspace("ws_dev")
        body = {"url": "https://192.0.2.1.invalid/hook", "events": ["*"]}
        made = await workers.first.send("POST", "/v1/webhooks", body, PLATFORM)
        assert made.status == 200, made.body
        assert not await known.of_workspace("ws_dev")
        await workers.watch()
        assert len(await known.of_workspace("ws_dev")) == 1
