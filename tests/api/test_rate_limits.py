"""Rate limits as callers meet them: exactly the promised number passes, and the headers tell the truth."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.errors import StoreUnavailable
from server.limits.rate_limits import RateLimits
from tests.api.credentialed import OTHER, READER, as_person, write_credentialed
from tests.server.running import (
    API_KEY,
    PLATFORM,
    WIDGET,
    Answered,
    TestServer,
    in_process,
    write_config,
)

pytestmark = pytest.mark.anyio
PATH = "/v1/live-chat/sessions"
SLOW = {"authorization": "Bearer dev_key_slow_012345678", "x-workspace-id": "ws_dev"}
NO_SUCH = f"{PATH}/chat_nobody"


@pytest.fixture
async def server(tmp_path: Path, anyio_backend: str) -> AsyncIterator[TestServer]:
    async with in_process(write_credentialed(tmp_path)) as running:
        yield running


def budget(answered: Answered) -> tuple[int, int, int]:
    """Return limit, remaining and reset of the three older headers."""
    names = ("limit", "remaining", "reset")
    return tuple(int(answered.headers[f"x-ratelimit-{name}"]) for name in names)


async def test_exactly_a_thousand_of_twelve_hundred_requests_in_a_minute_pass(
    server: TestServer,
) -> None:
    end_s = (server.clock.now_ms() // 60_000 + 1) * 60
    passed = 0
    for number in range(1_200):
        answered = await server.send("GET", NO_SUCH, headers=PLATFORM)
        limit, remaining, reset = budget(answered)
        assert (limit, reset) == (1_000, end_s)
        if answered.status == 429:
            assert remaining == 0
            assert answered.json["error"]["details"]["reason"] == "key_minute"
            assert answered.json["error"]["code"] == "RATE_LIMIT_EXCEEDED"
            assert answered.headers["x-should-retry"] == "true"
            assert int(answered.headers["retry-after"]) == end_s - server.clock.now_ms() // 1000
        else:
            passed += 1
            assert remaining == 999 - number
    assert passed == 1_000
    untouched = await server.send("GET", NO_SUCH, headers=READER)
    assert budget(untouched)[1] == 999
    server.clock.advance(60_000)
    again = await server.send("GET", NO_SUCH, headers=PLATFORM)
    assert budget(again) == (1_000, 999, end_s + 60)


async def test_the_newer_headers_tell_of_both_windows(server: TestServer) -> None:
    answered = await server.send("GET", NO_SUCH, headers=PLATFORM)
    now_s = server.clock.now_ms() // 1000
    minute, hour = 60 - now_s % 60, 3_600 - now_s % 3_600
    assert answered.headers["ratelimit-policy"] == '"key";q=1000;w=60, "workspace";q=10000;w=3600'
    assert answered.headers["ratelimit"] == f'"key";r=999;t={minute}, "workspace";r=9999;t={hour}'


async def test_a_key_may_have_a_limit_of_its_own(server: TestServer) -> None:
    statuses = [(await server.send("GET", NO_SUCH, headers=SLOW)).status for _ in range(3)]
    assert statuses == [404, 404, 429]


async def test_a_person_is_counted_by_subject_whatever_the_token(server: TestServer) -> None:
    config = server.parts.app.services.config
    first = as_person(config, server.clock)
    server.clock.advance(1_000)
    second = as_person(config, server.clock)
    assert first != second
    assert budget(await server.send("GET", NO_SUCH, headers=first))[1] == 999
    assert budget(await server.send("GET", NO_SUCH, headers=second))[1] == 998
    assert budget(await server.send("GET", NO_SUCH, headers=PLATFORM))[1] == 999


async def test_a_full_hour_of_the_workspace_stops_all_its_keys_and_no_other(
    tmp_path: Path, anyio_backend: str
) -> None:
    limits = "  [workspaces.limits]\n  workspace_per_hour = 5\n  [workspaces.widget]\n"
    config = write_config(tmp_path, LIMITED.format(limits=limits))
    async with in_process(config) as server:
        end_s = (server.clock.now_ms() // 3_600_000 + 1) * 3_600
        for left in range(4, -1, -1):
            answered = await server.send("GET", NO_SUCH, headers=PLATFORM)
            assert f'"workspace";r={left};' in answered.headers["ratelimit"]
        # What the hour refuses does not count against the key's minute.
        for key, of_key in ((PLATFORM, 995), (PLATFORM, 995), (READER, 1_000)):
            refused = await server.send("GET", NO_SUCH, headers=key)
            assert refused.json["error"]["details"]["reason"] == "workspace_hour"
            assert budget(refused) == (5, 0, end_s)
            assert int(refused.headers["retry-after"]) == end_s - server.clock.now_ms() // 1000
            assert f'"key";r={of_key};' in refused.headers["ratelimit"]
        assert (await server.send("GET", NO_SUCH, headers=OTHER)).status == 404


async def test_what_the_workspace_does_not_set_is_the_servers(
    tmp_path: Path, anyio_backend: str
) -> None:
    limits = "  [workspaces.limits]\n  workspace_per_hour = 5\n  [workspaces.widget]\n"
    text = LIMITED.format(limits=limits).replace("[store]", "[limits]\nkey_per_minute = 7\n[store]")
    async with in_process(write_config(tmp_path, text)) as server:
        answered = await server.send("GET", NO_SUCH, headers=PLATFORM)
        assert answered.headers["ratelimit-policy"] == '"key";q=7;w=60, "workspace";q=5;w=3600'


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PUT", PATH, 405),
        ("POST", PATH, 413),
        ("GET", "/v1/nowhere", 404),
        ("GET", "/api/v1/nowhere", 404),
    ],
)
async def test_a_request_that_is_refused_early_is_told_its_budget_and_costs_nothing(
    server: TestServer, method: str, path: str, status: int
) -> None:
    body = b"x" * 300_000 if status == 413 else None
    for _ in range(2):
        answered = await server.send(method, path, body, PLATFORM)
        assert answered.status == status
        assert budget(answered)[:2] == (1_000, 1_000)
    nobody = await server.send(method, path, body)
    assert budget(nobody)[:2] == (600, 600)
    assert nobody.headers["ratelimit-policy"] == '"address";q=600;w=60'


async def test_a_wrong_workspace_costs_nothing(server: TestServer) -> None:
    wrong = {**PLATFORM, "x-workspace-id": "ws_other"}
    assert budget(await server.send("GET", NO_SUCH, headers=wrong))[1] == 1_000
    assert budget(await server.send("GET", NO_SUCH, headers=PLATFORM))[1] == 999


async def test_a_missing_scope_is_counted(server: TestServer) -> None:
    body = {"source_id": "site_dev", "visitor": {}}
    assert budget(await server.send("POST", PATH, body, READER))[1] == 999


async def test_agents_share_the_budget_of_their_key(server: TestServer) -> None:
    agents = await server.send("POST", "/api/v1/sessions", {"agent_id": 9}, {"x-api-key": API_KEY})
    assert budget(agents)[1] == 999
    assert budget(await server.send("GET", NO_SUCH, headers=PLATFORM))[1] == 998


async def test_a_store_that_does_not_answer_lets_requests_through_with_an_estimate(
    server: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert budget(await server.send("GET", NO_SUCH, headers=PLATFORM))[1] == 999

    async def silent(_: object) -> None:
        raise StoreUnavailable("none", 1_000)

    monkeypatch.setattr(server.parts.store, "rate", silent)
    assert budget(await server.send("GET", NO_SUCH, headers=PLATFORM))[1] == 998
    assert budget(await server.send("GET", NO_SUCH, headers=PLATFORM))[1] == 997


# ---- messages of visitors


def words(number: int) -> dict[str, str]:
    return {"sessionId": f"session_{number}", "message": "Hello"}


async def test_a_session_that_writes_too_fast_is_told_when_it_may_again(server: TestServer) -> None:
    path = "/api/widgets/ws_dev/chat"
    for left in range(19, -1, -1):
        answered = await server.send("POST", path, words(1), WIDGET)
        assert answered.status == 200
        assert budget(answered)[:2] == (20, left)
    refused = await server.send("POST", path, words(1), WIDGET)
    assert refused.status == 429
    assert refused.json == {
        "success": False,
        "error": "Usage limit exceeded",
        "code": "RATE_LIMIT_EXCEEDED",
        "reason": "chat_session_minute",
    }
    assert budget(refused)[:2] == (20, 0)
    assert refused.headers["x-should-retry"] == "true"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert (await server.send("POST", path, words(2), WIDGET)).status == 200


async def test_the_messages_of_a_month_are_counted_over_a_restart(
    tmp_path: Path, anyio_backend: str
) -> None:
    config = write_credentialed(tmp_path, workspace="limits = { chat_messages_per_month = 3 }")
    async with in_process(config) as server:
        for number in range(3):
            answered = await server.send("POST", "/api/widgets/ws_dev/chat", words(number), WIDGET)
            assert answered.status == 200
        services = server.parts.app.services
        for _ in range(2):
            refused = await server.send("POST", "/api/widgets/ws_dev/chat", words(9), WIDGET)
            assert (refused.status, refused.json["reason"]) == (429, "chat_month")
            assert refused.headers["x-should-retry"] == "false"
            # What a new process knows is what the store has.
            services.rate_limits = RateLimits(
                server.parts.store, server.clock, services.secret, config.limits
            )


LIMITED = """
[server]
secret = "a secret of tests that is long enough"
[store]
url = "memory:"
[[workspaces]]
id = "ws_dev"
name = "Dev"
  [[workspaces.api_keys]]
  name = "dev"
  key = "dev_key_0123456789abcdef"
  [[workspaces.api_keys]]
  name = "reader"
  key = "dev_key_reader_0123456"
  [[workspaces.sites]]
  source_id = "site_dev"
  origins = []
{limits}
[[workspaces]]
id = "ws_other"
name = "Other"
  [[workspaces.api_keys]]
  name = "other"
  key = "dev_key_other_012345678"
  [[workspaces.sites]]
  source_id = "site_other"
  origins = []
"""
