"""`POST /v1/rules/{set}/replay`: recorded sessions under the live rules and under others."""

from pathlib import Path

import pytest

from engine.shown import rfc3339
from tests.server.running import (
    AC_PAGE,
    CONFIG,
    PLATFORM,
    RULES,
    Answered,
    TestServer,
    in_process,
    write_config,
)

pytestmark = pytest.mark.anyio
QUICK = RULES.replace("45s", "35s")
PATH = "/v1/rules/main/replay"
FIRST = "1970-01-01T00:00:00Z"


async def replay(server: TestServer, text: str | None = None, **body: object) -> Answered:
    files = {} if text is None else {"files": {"main.rules": text}}
    return await server.send("POST", PATH, {"since": FIRST, **files, **body}, PLATFORM)


async def visit(server: TestServer, alias: str, *, stays_ms: int, page: str = AC_PAGE) -> None:
    """Look at a page, go elsewhere, and let the session end."""
    view = {"sessionId": alias, "event": "page_view", "page": {"url": page}}
    assert (await server.track(view)).status == 200
    for _ in range(stays_ms // 5_000):
        await server.pass_time(5_000)
    away = {"sessionId": alias, "event": "page_view", "page": {"url": "https://shop.example/bye"}}
    assert (await server.track(away)).status == 200
    await server.pass_time(7_200_000)


async def test_what_other_rules_would_have_said_is_told(server: TestServer) -> None:
    await visit(server, "stayed", stays_ms=60_000)
    await visit(server, "left_early", stays_ms=40_000)
    await visit(server, "elsewhere", stays_ms=60_000, page="https://shop.example/about")
    data = (await replay(server, QUICK)).json["data"]
    assert data["sessions"] == 3
    assert data["messages"] == {"old": 1, "new": 2}
    assert (data["gained"], data["lost"], data["moved"]) == (1, 0, 1)
    assert data["by_rule"] == {"ac_help": {"old": 1, "new": 2}}
    moved, gained = sorted(data["samples"], key=lambda each: each["change"], reverse=True)
    assert moved["new"]["at_ms"] == moved["old"]["at_ms"] - 10_000
    assert (gained["change"], gained["old"], gained["new"]["rule"]) == ("gained", None, "ac_help")
    assert gained["new"]["page"] == "/services/ac-repair"
    assert data["truncated"] is False


async def test_a_journal_on_disk_is_replayed_as_one_in_memory(
    tmp_path: Path, anyio_backend: str
) -> None:
    config = CONFIG.replace('url = "memory:"', 'url = "sqlite:///data/opportune.db"')
    async with in_process(write_config(tmp_path, config)) as server:
        await visit(server, "stayed", stays_ms=60_000)
        await visit(server, "left_early", stays_ms=40_000)
        data = (await replay(server, QUICK)).json["data"]
        assert (data["sessions"], data["gained"], data["moved"]) == (2, 1, 1)


async def test_rules_that_stay_silent_lose_the_message(server: TestServer) -> None:
    await visit(server, "stayed", stays_ms=60_000)
    data = (await replay(server, RULES.replace("45s", "90s"))).json["data"]
    assert (data["gained"], data["lost"], data["moved"]) == (0, 1, 0)
    assert data["messages"] == {"old": 1, "new": 0}


async def test_the_same_rules_say_the_same(server: TestServer) -> None:
    await visit(server, "stayed", stays_ms=60_000)
    data = (await replay(server)).json["data"]
    assert (data["gained"], data["lost"], data["moved"], data["samples"]) == (0, 0, 0, [])
    assert data["messages"] == {"old": 1, "new": 1}


async def test_a_replay_does_not_touch_what_is_live(server: TestServer) -> None:
    before = server.parts.workspaces.program("ws_dev", "site_dev")
    await visit(server, "stayed", stays_ms=60_000)
    await replay(server, QUICK)
    assert server.parts.workspaces.program("ws_dev", "site_dev") is before


async def test_the_limit_and_the_time_end_it_early(
    server: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for alias in ("a", "b", "c"):
        await visit(server, alias, stays_ms=60_000)
    data = (await replay(server, QUICK, limit=2)).json["data"]
    assert (data["sessions"], data["truncated"]) == (2, True)
    data = (await replay(server, QUICK, limit=3)).json["data"]
    assert (data["sessions"], data["truncated"]) == (3, False)
    monkeypatch.setattr("server.routes.rule_replay.REPLAY_MS_MAX", -1)
    monkeypatch.setattr("server.routes.rule_replay.CHUNK_SESSIONS", 1)
    data = (await replay(server, QUICK)).json["data"]
    assert (data["sessions"], data["truncated"]) == (1, True)


async def test_only_what_was_recorded_in_between_is_replayed(server: TestServer) -> None:
    await visit(server, "a", stays_ms=60_000)
    middle = rfc3339(server.clock.now_ms() - 3_600_000)
    await visit(server, "b", stays_ms=60_000)
    assert (await replay(server, QUICK, until=middle)).json["data"]["sessions"] == 1
    assert (await replay(server, QUICK, since=middle)).json["data"]["sessions"] == 1


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ({"since": None}, "since", "invalid_type"),
        ({"since": "2026-01-01"}, "since", "invalid_timestamp"),
        ({"since": FIRST, "until": FIRST}, "since", "out_of_range"),
        ({"limit": 0}, "limit", "out_of_range"),
        ({"limit": 100_001}, "limit", "out_of_range"),
        ({"files": {"a.txt": ""}}, "files", "invalid_file_name"),
        ({"files": {"a.rules": "rule {"}}, "files", "check_failed"),
    ],
)
async def test_a_body_that_cannot_be_replayed_is_refused(
    server: TestServer, body: dict, field: str, reason: str
) -> None:
    answered = await server.send("POST", PATH, {"since": FIRST, **body}, PLATFORM)
    details = answered.json["error"]["details"]
    assert (answered.status, details["field"], details["reason"]) == (400, field, reason)


async def test_the_set_must_exist(server: TestServer) -> None:
    path = "/v1/rules/site_other/replay"
    answered = await server.send("POST", path, {"since": FIRST}, PLATFORM)
    assert answered.json["error"]["details"]["reason"] == "rule_set_not_found"
