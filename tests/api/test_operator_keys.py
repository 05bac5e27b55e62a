"""The operator's endpoints: keys of a running server, for the token and from this machine only."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from tests.api.credentialed import write_credentialed
from tests.server.running import PLATFORM, TestServer, in_process

pytestmark = pytest.mark.anyio
PATH = "/v1/operator/keys"
TOKEN = "t" * 64
OPERATOR = {"authorization": f"Bearer {TOKEN}"}
SESSIONS = "/v1/live-chat/sessions"
BODY = {"source_id": "site_dev", "visitor": {}}


@pytest.fixture
async def server(tmp_path: Path, anyio_backend: str) -> AsyncIterator[TestServer]:
    async with in_process(write_credentialed(tmp_path)) as running:
        running.parts.app.services.operator_token = TOKEN
        yield running


async def test_a_key_is_made_used_listed_and_revoked_while_the_server_runs(
    server: TestServer,
) -> None:
    made = await server.send("POST", PATH, {"workspace": "ws_dev", "name": "crm"}, OPERATOR)
    assert made.status == 200
    assert made.headers["cache-control"] == "no-store"
    text, row = made.json["text"], made.json["key"]
    headers = {"authorization": f"Bearer {text}", "x-workspace-id": "ws_dev"}
    assert (await server.send("POST", SESSIONS, BODY, headers)).status == 200
    await server.parts.app.services.credentials.keys.settle()

    listed = await server.send("GET", f"{PATH}?workspace=ws_dev", headers=OPERATOR)
    assert text.encode() not in listed.body
    found = next(one for one in listed.json["keys"] if one["id"] == row["id"])
    assert found["last_used_ms"] > 0

    revoked = {"workspace": "ws_dev", "key": row["id"]}
    assert (await server.send("POST", f"{PATH}/revoke", revoked, OPERATOR)).status == 200
    refused = await server.send("POST", SESSIONS, BODY, headers)
    assert refused.status == 401
    assert refused.json["error"]["details"]["reason"] == "invalid_credentials"


@pytest.mark.parametrize("headers", [{}, PLATFORM, {"authorization": "Bearer " + "u" * 64}])
async def test_no_other_credential_opens_the_operators_door(
    server: TestServer, headers: dict[str, str]
) -> None:
    answered = await server.send("GET", f"{PATH}?workspace=ws_dev", headers=headers)
    assert answered.status == 401


async def test_a_server_without_a_token_has_no_operator(server: TestServer) -> None:
    server.parts.app.services.operator_token = ""
    for headers in (OPERATOR, {"authorization": "Bearer "}):
        assert (await server.send("GET", f"{PATH}?workspace=ws_dev", headers=headers)).status == 401


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded", "x-real-ip"])
async def test_what_a_proxy_forwards_is_not_from_this_machine(
    server: TestServer, header: str
) -> None:
    headers = {**OPERATOR, header: "127.0.0.1"}
    answered = await server.send("GET", f"{PATH}?workspace=ws_dev", headers=headers)
    assert (answered.status, answered.json["error"]["details"]["reason"]) == (404, "unknown_path")


async def test_another_machine_finds_no_such_path(server: TestServer) -> None:
    transport = httpx2.ASGITransport(app=server.parts.app, client=("198.51.100.1", 1))
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as elsewhere:
        response = await elsewhere.get(f"{PATH}?workspace=ws_dev", headers=OPERATOR)
    assert response.status_code == 404


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"workspace": "ws_nowhere", "name": "crm"}, "no workspace ws_nowhere"),
        ({"workspace": "ws_dev", "name": "crm", "scopes": ["nothing"]}, "no scope nothing"),
        ({"workspace": "ws_dev", "name": "crm", "label": "prod"}, "label"),
        ({"workspace": "ws_dev"}, "name is required"),
    ],
)
async def test_a_refusal_says_what_is_wrong(
    server: TestServer, body: dict[str, object], words: str
) -> None:
    answered = await server.send("POST", PATH, body, OPERATOR)
    assert answered.status == 400
    assert words in answered.json["error"]["message"]


async def test_operators_need_no_https_on_this_machine(tmp_path: Path, anyio_backend: str) -> None:
    async with in_process(write_credentialed(tmp_path, server="require_https = true")) as server:
        server.parts.app.services.operator_token = TOKEN
        answered = await server.send("GET", f"{PATH}?workspace=ws_dev", headers=OPERATOR)
        assert answered.status == 200
