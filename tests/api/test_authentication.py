"""Who is let in, and in which order a request is refused (API.md 1.2, 2.5)."""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.testing.manual_clock import ManualClock
from server.config import Config
from tests.api.credentialed import OTHER, READER, as_person, write_credentialed
from tests.server.running import API_KEY, PLATFORM, Answered, TestServer, in_process

pytestmark = pytest.mark.anyio
PATH = "/v1/live-chat/sessions"
AGENTS = "/api/v1/sessions"
BODY = {"source_id": "site_dev", "visitor": {}}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return write_credentialed(tmp_path)


@pytest.fixture
async def server(config: Config, anyio_backend: str) -> AsyncIterator[TestServer]:
    async with in_process(config) as running:
        yield running


def reason(answered: Answered) -> tuple[int, str, str, str | None]:
    """Return status, code, reason and field of a refusal, in whichever envelope."""
    body = answered.json
    if "error" in body and isinstance(body["error"], dict):
        error = body["error"]
        found = (error["code"], error["details"]["reason"], error["details"].get("field"))
    else:
        found = (body["code"], body["reason"], body.get("field"))
    return (answered.status, *found)


# ---- the order


async def test_a_platform_request_is_checked_in_the_order_of_the_contract(
    server: TestServer,
) -> None:
    """Each step mends one mistake of a request that is wrong in everything; the next one answers."""

    async def answered(method: str, path: str, body: object, **headers: str) -> tuple:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return reason(await server.send(method, path, body, {"content-type": "text/plain", **sent}))

    too_large, broken = b"{" * 300_000, b'{"source_id": '
    bad_key = {"idempotency_key": "k" * 256}
    slow = {"authorization": "Bearer dev_key_slow_012345678"}
    full = {"authorization": f"Bearer {API_KEY}", "x_workspace_id": "ws_dev"}

    steps = [await answered("PUT", "/v1/nowhere", too_large, **bad_key)]
    steps.append(await answered("PUT", PATH, too_large, **bad_key))
    steps.append(await answered("POST", PATH, too_large, **bad_key))
    steps.append(await answered("POST", PATH, broken, **bad_key))
    steps.append(await answered("POST", PATH, broken, **bad_key, **slow))
    steps.append(await answered("POST", PATH, broken, **bad_key, **slow, x_workspace_id="ws_other"))
    slow["x_workspace_id"] = "ws_dev"
    steps.append(await answered("POST", PATH, broken, **bad_key, **slow))
    await answered("POST", PATH, broken, **bad_key, **slow)
    steps.append(await answered("POST", PATH, broken, **bad_key, **slow))
    steps.append(await answered("POST", PATH, broken, **bad_key, **full))
    full["content_type"] = "application/json"
    steps.append(await answered("POST", PATH, broken, **bad_key, **full))
    steps.append(await answered("POST", PATH, {"source_id": 7, "visitor": {}}, **bad_key, **full))
    unknown = {"source_id": "site_nowhere", "visitor": {}}
    steps.append(await answered("POST", PATH, unknown, **bad_key, **full))
    steps.append(await answered("POST", PATH, unknown, **full))

    assert [(status, why) for status, _, why, _ in steps] == [
        (404, "unknown_path"),
        (405, "method_not_allowed"),
        (413, "body_too_large"),
        (401, "missing_credentials"),
        (400, "required"),
        (403, "workspace_mismatch"),
        (403, "missing_scope"),
        (429, "key_minute"),
        (400, "unsupported_media_type"),
        (400, "malformed_json"),
        (400, "invalid_type"),
        (400, "idempotency_key_invalid"),
        (404, "source_not_found"),
    ]
    assert steps[4][3] == steps[5][3] == "X-Workspace-ID"


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_widget_request_is_checked_for_widget_then_token_then_origin(
    server: TestServer, method: str
) -> None:
    headers = {"authorization": "Bearer wk_nobody", "origin": "https://evil.example"}
    rest = "config" if method == "GET" else "chat"

    async def answered(widget: str) -> tuple[int, str]:
        found = await server.send(method, f"/api/widgets/{widget}/{rest}", None, headers)
        return reason(found)[0], reason(found)[2]

    steps = [await answered("ws_nowhere"), await answered("ws_dev")]
    headers["authorization"] = "Bearer wk_other"
    steps.append(await answered("ws_dev"))
    headers["authorization"] = "Bearer wk_dev"
    steps.append(await answered("ws_dev"))
    assert steps == [
        (404, "widget_not_found"),
        (401, "invalid_credentials"),
        (401, "invalid_credentials"),
        (403, "origin_not_allowed"),
    ]


# ---- what lets in


@pytest.mark.parametrize("name", ["authorization", "x-api-key"])
async def test_a_key_is_good_in_either_header(server: TestServer, name: str) -> None:
    value = f"Bearer {API_KEY}" if name == "authorization" else API_KEY
    headers = {name: value, "x-workspace-id": "ws_dev"}
    assert (await server.send("POST", PATH, BODY, headers)).status == 200


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer  "])
async def test_the_scheme_is_read_in_any_case(server: TestServer, scheme: str) -> None:
    headers = {"authorization": f"{scheme} {API_KEY}", "x-workspace-id": "ws_dev"}
    assert (await server.send("POST", PATH, BODY, headers)).status == 200


async def test_a_dashboard_token_is_good_on_the_platform_in_its_role(
    server: TestServer, config: Config
) -> None:
    editor = as_person(config, server.clock)
    viewer = as_person(config, server.clock, "viewer")
    assert (await server.send("POST", PATH, BODY, editor)).status == 200
    refused = await server.send("POST", PATH, BODY, viewer)
    assert reason(refused) == (403, "PERMISSION_DENIED", "missing_scope", None)
    assert refused.json["error"]["details"]["scope"] == "sessions:write"


# ---- every row of 2.5


@pytest.mark.parametrize(
    ("authorization", "why"),
    [
        (None, "missing_credentials"),
        ("", "missing_credentials"),
        ("Bearer", "missing_credentials"),
        ("Bearer ", "missing_credentials"),
        ("Basic ZGV2OmRldg==", "invalid_credentials"),
        (API_KEY, "invalid_credentials"),
        ("Bearer short", "invalid_credentials"),
        ("Bearer dev_key_nobody_has_this", "invalid_credentials"),
        ("Bearer op_test_" + "0" * 38, "invalid_credentials"),
        ("Bearer wk_dev", "invalid_credentials"),
        ("Bearer a.b.c", "invalid_credentials"),
        ("Bearer dev_key_expired_0123456", "expired_credentials"),
    ],
)
@pytest.mark.parametrize("path", [PATH, AGENTS])
async def test_who_has_no_good_credential_is_asked_for_one(
    server: TestServer, path: str, authorization: str | None, why: str
) -> None:
    headers = {"x-workspace-id": "ws_dev"}
    if authorization is not None:
        headers["authorization"] = authorization
    answered = await server.send("POST", path, BODY, headers)
    assert reason(answered) == (401, "AUTHENTICATION_FAILED", why, None)
    assert answered.headers["www-authenticate"] == "Bearer"
    assert answered.headers["x-should-retry"] == "false"


async def test_the_agent_family_has_its_own_words_and_envelope(server: TestServer) -> None:
    answered = await server.send("POST", AGENTS, {"agent_id": 1}, {"x-api-key": "x" * 20})
    assert answered.json == {
        "success": False,
        "error": "Invalid or missing API key",
        "code": "AUTHENTICATION_FAILED",
        "reason": "invalid_credentials",
    }
    unknown = await server.send("POST", AGENTS, {"agent_id": 999}, {"x-api-key": API_KEY})
    assert unknown.status == 404
    assert unknown.json["error"] == "Agent not found or access denied"


async def test_an_expired_dashboard_token_says_so(server: TestServer, config: Config) -> None:
    headers = as_person(config, server.clock)
    server.clock.advance(3_600_000 + 30_000)
    answered = await server.send("POST", PATH, BODY, headers)
    assert reason(answered) == (401, "AUTHENTICATION_FAILED", "expired_credentials", None)


async def test_a_dashboard_token_is_no_key_of_agents(server: TestServer, config: Config) -> None:
    headers = as_person(config, server.clock, "admin")
    answered = await server.send("POST", AGENTS, {"agent_id": 1}, headers)
    assert reason(answered) == (401, "AUTHENTICATION_FAILED", "invalid_credentials", None)


@pytest.mark.parametrize("named", ["ws_other", "ws_nowhere", "WS_DEV", "ws_devx"])
async def test_another_workspace_is_refused_whether_it_exists_or_not(
    server: TestServer, named: str
) -> None:
    headers = {**PLATFORM, "x-workspace-id": named}
    answered = await server.send("POST", PATH, BODY, headers)
    expected = (403, "PERMISSION_DENIED", "workspace_mismatch", "X-Workspace-ID")
    assert reason(answered) == expected


async def test_the_workspace_must_be_named_on_the_platform(server: TestServer) -> None:
    headers = {"authorization": PLATFORM["authorization"]}
    answered = await server.send("POST", PATH, BODY, headers)
    assert reason(answered) == (400, "INVALID_REQUEST", "required", "X-Workspace-ID")


async def test_agents_may_name_the_workspace_and_then_it_must_be_right(server: TestServer) -> None:
    key = {"x-api-key": API_KEY}
    body = {"agent_id": 999}
    assert (await server.send("POST", AGENTS, body, key)).status == 404
    named = await server.send("POST", AGENTS, body, {**key, "x-workspace-id": "ws_dev"})
    assert named.status == 404
    wrong = await server.send("POST", AGENTS, body, {**key, "x-workspace-id": "ws_other"})
    assert reason(wrong) == (403, "PERMISSION_DENIED", "workspace_mismatch", "X-Workspace-ID")


async def test_a_scope_that_is_missing_is_named(server: TestServer) -> None:
    answered = await server.send("POST", PATH, BODY, READER)
    assert reason(answered) == (403, "PERMISSION_DENIED", "missing_scope", None)
    assert answered.json["error"]["details"] == {
        "reason": "missing_scope",
        "scope": "sessions:write",
    }
    agents = await server.send("POST", AGENTS, {"agent_id": 1}, READER)
    assert reason(agents) == (403, "PERMISSION_DENIED", "missing_scope", None)


async def test_too_many_failed_credentials_of_an_address_are_refused_and_good_ones_pass(
    tmp_path: Path, anyio_backend: str
) -> None:
    config = write_credentialed(tmp_path)
    clock = ManualClock()
    async with in_process(config, clock) as server:
        bad = {"authorization": "Bearer dev_key_nobody_has_this"}
        for left in range(599, -1, -1):
            answered = await server.send("GET", PATH, headers=bad)
            assert answered.status == 401
            assert answered.headers["x-ratelimit-remaining"] == str(left)
        refused = await server.send("GET", PATH, headers=bad)
        assert reason(refused) == (429, "RATE_LIMIT_EXCEEDED", "auth_attempts", None)
        assert refused.headers["x-ratelimit-limit"] == "600"
        assert refused.headers["x-should-retry"] == "true"
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        # A good credential never suffers for its neighbours.
        assert (await server.send("POST", PATH, BODY, PLATFORM)).status == 200
        clock.advance(60_000)
        assert (await server.send("GET", PATH, headers=bad)).status == 401


# ---- headers of families a and c


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", PATH, PLATFORM),
        ("POST", PATH, {}),
        ("POST", PATH, OTHER),
        ("POST", AGENTS, {"x-api-key": API_KEY}),
        ("DELETE", "/v1/nowhere", {}),
    ],
)
async def test_nothing_of_the_platform_is_kept_or_shared_by_a_browser(
    server: TestServer, method: str, path: str, headers: dict[str, str]
) -> None:
    origin = {"origin": "https://shop.example", **headers}
    answered = await server.send(method, path, BODY, origin)
    assert answered.headers["cache-control"] == "no-store"
    assert answered.headers["x-content-type-options"] == "nosniff"
    assert not [name for name in answered.headers if name.startswith("access-control")]
    assert answered.headers["x-request-id"].startswith("req_")


async def test_https_can_be_required(tmp_path: Path, anyio_backend: str) -> None:
    async with in_process(write_credentialed(tmp_path, server="require_https = true")) as server:
        answered = await server.send("POST", PATH, BODY, PLATFORM)
        assert reason(answered) == (403, "PERMISSION_DENIED", "https_required", None)
        assert answered.headers["strict-transport-security"].startswith("max-age=")


# ---- hostile headers

hostile = st.one_of(
    st.binary(max_size=60).map(lambda raw: raw.translate(None, b"\r\n\x00")),
    st.sampled_from(
        [
            b"Bearer ..",
            b"Bearer eyJhbGciOiJub25lIn0.e30.",
            b"Bearer " + b"a." * 3_000,
            b"Bearer op_live_" + b"z" * 38,
            b"bearer \xff\xfe",
            PLATFORM["authorization"].encode(),
            b"ws_dev",
            b"k" * 300,
        ]
    ),
)
NAMES = [b"authorization", b"x-api-key", b"x-workspace-id", b"idempotency-key", b"x-request-id"]


@settings(max_examples=80)
@given(st.dictionaries(st.sampled_from(NAMES), hostile), st.sampled_from([PATH, AGENTS]))
def test_no_header_makes_a_server_error(
    folder: Path, headers: dict[bytes, bytes], path: str
) -> None:
    async def exchange() -> None:
        async with in_process(write_credentialed(folder)) as server:
            found = await server.http.post(path, json=BODY, headers=list(headers.items()))
            assert found.status_code < 500, (headers, found.content)
            assert int(found.headers["x-ratelimit-limit"]) in (600, 1_000)

    anyio.run(exchange)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile_headers")
