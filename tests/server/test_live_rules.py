"""What a start makes of a folder and of the versions in the store: the newer content is live."""

import asyncio
import threading
from pathlib import Path

import pytest

from engine.causes import Cause, RulesPublished
from engine.rule_library import RuleLibrary, RuleVersion
from engine.stores.open import open_store
from engine.testing.manual_clock import ManualClock
from server.errors import ApiError
from server.routes.rules import FAILED_SHOWN
from server.rulebook.live_rules import (
    FOLDER_ATTEMPTS_MAX,
    Byline,
    compile_files,
    compile_folders,
    rules_of,
)
from server.side_work import WAITING_MAX, SideWork
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
ON_DISK = CONFIG.replace('url = "memory:"', 'url = "sqlite:///data/opportune.db"')
QUICK = RULES.replace("45s", "35s")


def live(server: TestServer) -> tuple[int, str]:
    version = server.parts.app.services.rules.live("ws_dev", "main")
    program = server.parts.workspaces.program("ws_dev", "site_dev")
    assert program.version == version.program
    return version.number, version.origin


async def publish(server: TestServer, text: str) -> None:
    rules = server.parts.app.services.rules
    folder = rules.folders["ws_dev", "main"]
    compiled = compile_files(folder, {"main.rules": text})
    before = rules.live("ws_dev", "main")
    await rules.publish(folder, compiled, before, Byline("api", "dev", "note", "pub_1"))


async def test_an_unchanged_folder_is_no_new_version_after_a_restart(
    tmp_path: Path, anyio_backend: str
) -> None:
    config = write_config(tmp_path, ON_DISK)
    for _ in range(2):
        async with in_process(config) as server:
            assert live(server) == (1, "folder")


async def test_what_was_published_last_is_live_after_a_restart(
    tmp_path: Path, anyio_backend: str
) -> None:
    config = write_config(tmp_path, ON_DISK)
    async with in_process(config) as server:
        await publish(server, QUICK)
        before = server.parts.workspaces.program("ws_dev", "site_dev").version
    async with in_process(config) as server:
        assert live(server) == (2, "api")
        assert server.parts.workspaces.program("ws_dev", "site_dev").version == before


async def test_a_folder_that_changed_meanwhile_is_published(
    tmp_path: Path, anyio_backend: str
) -> None:
    config = write_config(tmp_path, ON_DISK)
    async with in_process(config) as server:
        await publish(server, QUICK)
    (tmp_path / "rules" / "main.rules").write_text(RULES.replace("45s", "50s"))
    async with in_process(config) as server:
        assert live(server) == (3, "folder")


async def test_a_folder_that_is_no_longer_named_leaves_an_empty_set(
    tmp_path: Path, anyio_backend: str
) -> None:
    async with in_process(write_config(tmp_path, ON_DISK)) as server:
        assert live(server) == (1, "folder")
    config = write_config(tmp_path, ON_DISK.replace('rules = "rules"', ""))
    async with in_process(config) as server:
        assert live(server) == (2, "folder")
        assert server.parts.workspaces.program("ws_dev", "site_dev").rules == ()


async def test_two_starts_at_once_publish_a_folder_once(tmp_path: Path, anyio_backend: str) -> None:
    config, clock = write_config(tmp_path), ManualClock()
    store = await open_store("memory:", clock=clock.now_ms)
    both = [rules_of(config, store, b"secret", clock.now_ms) for _ in range(2)]
    await asyncio.gather(*(rules.load(compile_folders(rules.folders.values())) for rules in both))
    assert [rules.live("ws_dev", "main").number for rules in both] == [1, 1]
    assert len(await both[0].library.history("ws_dev", "main", None, 10)) == 1
    assert both[1].workspaces.program("ws_dev", "site_dev").rules
    await store.close()


async def test_a_folder_gives_way_to_endless_publications(
    tmp_path: Path, anyio_backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others publish again and again between its look and its publication."""
    async with in_process(write_config(tmp_path)) as server:
        rules = server.parts.app.services.rules
        folder = rules.folders["ws_dev", "main"]
        quiet, number = rules.library.live, 0

        async def contended(workspace: str, rule_set: str) -> RuleVersion:
            nonlocal number
            before = await quiet(workspace, rule_set)
            number += 1
            compiled = compile_files(folder, {"main.rules": QUICK})
            byline = Byline("api", "dev", "note", f"pub_{number}")
            await rules.publish(folder, compiled, before, byline)
            return before

        monkeypatch.setattr(RuleLibrary, "live", lambda _, *place: contended(*place))
        compiled = compile_files(folder, {"main.rules": RULES.replace("45s", "50s")})
        assert await rules.publish_folder(folder, compiled) is None
        assert number == FOLDER_ATTEMPTS_MAX
        assert live(server)[1] == "api"


async def test_a_publication_is_told_once(tmp_path: Path, anyio_backend: str) -> None:
    async with in_process(write_config(tmp_path)) as server:
        heard: list[Cause] = []
        server.parts.runtime.on_cause(heard.append)
        headers = {**PLATFORM, "if-match": "*"}
        body = {"files": {"main.rules": QUICK}, "note": "quicker"}
        for _ in range(2):
            answered = await server.send("POST", "/v1/rules/main/publish", body, headers)
            assert answered.status == 200
        told = [cause.body for cause in heard if isinstance(cause.body, RulesPublished)]
        assert [(each.version, each.origin, each.author, each.note) for each in told] == [
            (2, "api", "dev", "quicker"),
            (3, "api", "dev", "quicker"),
        ]
        assert len({cause.id for cause in heard}) == 2


async def test_tests_that_take_too_long_do_not_hold(
    tmp_path: Path, anyio_backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.rulebook.rule_reports.TESTS_MS_MAX", -1)
    text = RULES + "".join(
        f'\ntest "{number}" {{\n  at 0s view "/a"\n  at 1s expect no message\n}}\n'
        for number in range(3)
    )
    async with in_process(write_config(tmp_path)) as server:
        body = {"files": {"main.rules": text}}
        data = (await server.send("POST", "/v1/rules/test", body, PLATFORM)).json["data"]
        assert (data["passed"], data["failed"]) == (1, 1)
        assert "2 more tests were not run" in data["tests"][-1]["message"]


async def test_a_refusal_names_the_first_failing_tests(tmp_path: Path, anyio_backend: str) -> None:
    text = RULES + "".join(
        f'\ntest "{number}" {{\n  at 0s view "/a"\n  at 1s expect message from ac_help\n}}\n'
        for number in range(FAILED_SHOWN + 2)
    )
    async with in_process(write_config(tmp_path)) as server:
        body = {"files": {"main.rules": text}, "note": "because"}
        headers = {**PLATFORM, "if-match": "*"}
        answered = await server.send("POST", "/v1/rules/main/publish", body, headers)
        error = answered.json["error"]
        assert len(error["details"]["tests"]) == FAILED_SHOWN
        assert error["message"].startswith("22 of 22 tests fail; nothing was changed.")


async def test_visitors_are_served_while_rules_are_tested(
    tmp_path: Path, anyio_backend: str
) -> None:
    async with in_process(write_config(tmp_path)) as server:
        goes_on = threading.Event()
        side_work = server.parts.app.services.side_work
        working = asyncio.create_task(side_work.run(lambda: goes_on.wait(timeout=10)))
        view = {"sessionId": "s1", "event": "page_view", "page": {"url": AC_PAGE}}
        assert (await server.track(view)).status == 200
        assert not working.done()
        goes_on.set()
        assert await working


async def test_too_many_computations_at_once_are_refused(anyio_backend: str) -> None:
    side_work = SideWork()
    done = await asyncio.gather(
        *(side_work.run(lambda: 1) for _ in range(WAITING_MAX + 1)), return_exceptions=True
    )
    refused = [each for each in done if isinstance(each, ApiError)]
    assert [each.reason for each in refused] == ["queue_full"]
    assert await side_work.run(lambda: 2) == 2
