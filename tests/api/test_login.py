"""`POST /api/dashboard/login`: a password for a token that the platform takes (API.md 2.4)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api.credentialed import PASSWORD, write_credentialed
from tests.server.running import Answered, TestServer, in_process

pytestmark = pytest.mark.anyio
PATH = "/api/dashboard/login"


@pytest.fixture
async def server(tmp_path: Path, anyio_backend: str) -> AsyncIterator[TestServer]:
    async with in_process(write_credentialed(tmp_path)) as running:
        yield running


def asked(**changes: object) -> dict[str, object]:
    return {"workspace_id": "ws_dev", "name": "maria", "password": PASSWORD, **changes}


async def log_in(server: TestServer, **changes: object) -> Answered:
    return await server.send("POST", PATH, asked(**changes))


async def test_a_password_gives_a_token_that_the_platform_takes(server: TestServer) -> None:
    answered = await log_in(server)
    assert answered.status == 200
    assert set(answered.json) == {"success", "token", "role", "expiresAt"}
    assert (answered.json["success"], answered.json["role"]) == (True, "editor")
    assert answered.json["expiresAt"].endswith("Z")
    assert answered.headers["cache-control"] == "no-store"
    headers = {"authorization": f"Bearer {answered.json['token']}", "x-workspace-id": "ws_dev"}
    body = {"source_id": "site_dev", "visitor": {}}
    made = await server.send("POST", "/v1/live-chat/sessions", body, headers)
    assert made.status == 200


async def test_a_hashed_password_is_compared_with_its_hash(server: TestServer) -> None:
    assert (await log_in(server, name="otto", password="pleaseletmein")).json["role"] == "admin"
    assert (await log_in(server, name="otto", password=PASSWORD)).status == 401


@pytest.mark.parametrize(
    "changes",
    [
        {"password": "wrong"},
        {"name": "nobody"},
        {"name": "MARIA"},
        {"workspace_id": "ws_other"},
        {"workspace_id": "ws_nowhere"},
        {"password": "é" * 200},
    ],
)
async def test_whatever_is_wrong_the_answer_is_the_same(
    server: TestServer, changes: dict[str, object]
) -> None:
    answered = await log_in(server, **changes)
    assert answered.status == 401
    assert answered.json == {
        "success": False,
        "error": "The workspace, name or password is wrong",
        "code": "AUTHENTICATION_FAILED",
        "reason": "invalid_credentials",
    }


@pytest.mark.parametrize(
    ("body", "reason", "field"),
    [
        (b"{", "malformed_json", None),
        ({"name": "maria", "password": "x"}, "required", "workspace_id"),
        (asked(password=7), "invalid_type", "password"),
        (asked(password=""), "too_short", "password"),
        (asked(password="x" * 1_025), "too_long", "password"),
    ],
)
async def test_a_body_that_does_not_fit_names_the_field(
    server: TestServer, body: object, reason: str, field: str | None
) -> None:
    answered = await server.send("POST", PATH, body)
    assert (answered.status, answered.json["reason"]) == (400, reason)
    assert answered.json.get("field") == field


async def test_ten_attempts_a_minute_are_all_that_an_address_has(server: TestServer) -> None:
    statuses = [(await log_in(server, password="wrong")).status for _ in range(10)]
    assert statuses == [401] * 10
    refused = await log_in(server)
    assert (refused.status, refused.json["reason"]) == (429, "auth_attempts")
    assert refused.headers["x-ratelimit-limit"] == "10"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    server.clock.advance(60_000)
    assert (await log_in(server)).status == 200


async def test_another_method_is_a_405(server: TestServer) -> None:
    answered = await server.send("GET", PATH)
    assert (answered.status, answered.headers["allow"]) == (405, "POST")
    assert answered.json["success"] is False
