"""`POST /v1/live-chat/sessions`: the seed's example, each field's limits, the order of checks."""

import pytest

from tests.server.running import PLATFORM, Answered, TestServer

pytestmark = pytest.mark.anyio
PATH = "/v1/live-chat/sessions"
SEED = {
    "source_id": "site_dev",
    "visitor": {
        "ip_address": "192.168.1.1",
        "user_agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64)...",
        "referrer": "https://google.com",
        "page_url": "https://yoursite.com/services/ac-repair",
    },
    "initial_message": "Hi, I need help with my AC unit",
    "custom_fields": {"lead_source": "Google Ads", "service_interest": "AC Repair"},
}


async def post(server: TestServer, body: object, **headers: str) -> Answered:
    return await server.send("POST", PATH, body, {**PLATFORM, **headers})


async def test_the_seed_s_example_answers_the_seed_s_fields(server: TestServer) -> None:
    answered = await post(server, SEED)
    assert answered.status == 200
    data, meta = answered.json["data"], answered.json["meta"]
    assert list(data)[:6] == [
        "session_id",
        "assistant_id",
        "status",
        "websocket_url",
        "widget_config",
        "estimated_wait",
    ]
    assert data["assistant_id"] == "asst_dev"
    assert data["status"] == "active"
    assert data["estimated_wait"] == 0
    assert data["websocket_url"].endswith("/v1/sessions/" + data["session_id"])
    assert data["widget_config"] == {
        "theme_color": "#2563EB",
        "greeting_message": "Hello there",
        "business_hours": True,
    }
    assert data["created"] is True
    assert data["visitor_token"].startswith("vt1.")
    assert set(meta) == {"request_id", "timestamp"}
    assert answered.headers["x-request-id"] == meta["request_id"]
    assert answered.headers["cache-control"] == "no-store"


async def test_the_first_words_are_stored_and_engage_the_visitor(server: TestServer) -> None:
    data = (await post(server, SEED)).json["data"]
    runtime = server.parts.runtime
    ref = await runtime.find("ws_dev", data["session_id"])
    assert ref is not None
    view = await runtime.view(ref)
    assert view is not None
    assert view.engaged
    assert view.page_url == SEED["visitor"]["page_url"]
    (message,) = (await runtime.pull(ref, None, 0)).messages
    assert (message.author, message.text) == ("visitor", SEED["initial_message"])


async def test_a_known_visitor_s_active_session_is_returned(server: TestServer) -> None:
    first = await server.open_session(id="visitor_abc123")
    second = await server.open_session(id="visitor_abc123")
    assert (first["created"], second["created"]) == (True, False)
    assert first["session_id"] == second["session_id"]
    assert second["visitor_id"] == "visitor_abc123"


async def test_unknown_fields_are_ignored_and_listed(server: TestServer) -> None:
    body = {"source_id": "site_dev", "visitor": {"nmae": "A"}, "messgae": 1}
    answered = await post(server, body)
    assert answered.status == 200
    warnings = answered.json["meta"]["warnings"]
    assert [(w["field"], w["reason"]) for w in warnings] == [
        ("visitor.nmae", "unknown_field"),
        ("messgae", "unknown_field"),
    ]


@pytest.mark.parametrize(
    ("change", "status", "field", "reason"),
    [
        ({"source_id": None}, 400, "source_id", "invalid_type"),
        ({"source_id": "nowhere"}, 404, "source_id", "source_not_found"),
        ({"source_id": "site_other"}, 404, "source_id", "source_not_found"),
        ({"visitor": None}, 400, "visitor", "invalid_type"),
        ({"visitor": {"page_url": "/relative"}}, 400, "visitor.page_url", "invalid_url"),
        ({"visitor": {"page_url": "javascript:alert(1)"}}, 400, "visitor.page_url", "invalid_url"),
        ({"visitor": {"ip_address": "999.1.1.1"}}, 400, "visitor.ip_address", "invalid_value"),
        ({"visitor": {"name": "x" * 201}}, 400, "visitor.name", "too_long"),
        ({"visitor": {"consent": "yes"}}, 400, "visitor.consent", "invalid_value"),
        ({"visitor": {"id": "a\x00"}}, 400, "visitor.id", "invalid_id"),
        ({"initial_message": ""}, 400, "initial_message", "too_short"),
        ({"initial_message": "x" * 4_001}, 400, "initial_message", "too_long"),
        ({"custom_fields": {str(n): n for n in range(51)}}, 400, "custom_fields", "too_many"),
        ({"custom_fields": {"a": {}}}, 400, "custom_fields", "invalid_type"),
        ({"custom_fields": {"a": 10**40}}, 400, "custom_fields.a", "out_of_range"),
        ({"assistant_id": "asst_no"}, 404, "assistant_id", "assistant_not_found"),
    ],
)
async def test_a_wrong_field_is_named(
    server: TestServer, change: dict, status: int, field: str, reason: str
) -> None:
    answered = await post(server, {**SEED, **change})
    error = answered.json["error"]
    assert (answered.status, error["details"]) == (status, {"field": field, "reason": reason})


async def test_a_missing_field_is_required(server: TestServer) -> None:
    for body, field in (({"visitor": {}}, "source_id"), ({"source_id": "site_dev"}, "visitor")):
        details = (await post(server, body)).json["error"]["details"]
        assert details == {"field": field, "reason": "required"}


@pytest.mark.parametrize(
    ("headers", "status", "code", "reason"),
    [
        ({"authorization": ""}, 401, "AUTHENTICATION_FAILED", "missing_credentials"),
        ({"authorization": "Basic abc"}, 401, "AUTHENTICATION_FAILED", "invalid_credentials"),
        ({"authorization": "Bearer short"}, 401, "AUTHENTICATION_FAILED", "invalid_credentials"),
        (
            {"authorization": "Bearer dev_key_unknown_012345"},
            401,
            "AUTHENTICATION_FAILED",
            "invalid_credentials",
        ),
        (
            {"authorization": "Bearer dev_key_expired_0123456"},
            401,
            "AUTHENTICATION_FAILED",
            "expired_credentials",
        ),
        ({"authorization": "Bearer a.b.c"}, 401, "AUTHENTICATION_FAILED", "invalid_credentials"),
        ({"x-workspace-id": ""}, 400, "INVALID_REQUEST", "required"),
        ({"x-workspace-id": "ws_other"}, 403, "PERMISSION_DENIED", "workspace_mismatch"),
        ({"x-workspace-id": "ws_nobody"}, 403, "PERMISSION_DENIED", "workspace_mismatch"),
        (
            {"authorization": "Bearer dev_key_reader_0123456"},
            403,
            "PERMISSION_DENIED",
            "missing_scope",
        ),
        ({"content-type": "text/plain"}, 400, "INVALID_REQUEST", "unsupported_media_type"),
        ({"content-encoding": "gzip"}, 400, "INVALID_REQUEST", "unsupported_encoding"),
    ],
)
async def test_credentials_workspace_scope_and_type_are_checked(
    server: TestServer, headers: dict, status: int, code: str, reason: str
) -> None:
    answered = await server.send("POST", PATH, SEED, {**PLATFORM, **headers})
    error = answered.json["error"]
    assert (answered.status, error["code"]) == (status, code)
    assert error["details"]["reason"] == reason
    assert error["message"]
    if status == 401:
        assert answered.headers["www-authenticate"] == "Bearer"


async def test_the_missing_scope_is_named(server: TestServer) -> None:
    answered = await post(server, SEED, authorization="Bearer dev_key_reader_0123456")
    assert answered.json["error"]["details"]["scope"] == "sessions:write"


async def test_the_key_may_stand_in_x_api_key(server: TestServer) -> None:
    headers = {"x-api-key": "dev_key_0123456789abcdef", "x-workspace-id": "ws_dev"}
    answered = await server.send("POST", PATH, SEED, headers)
    assert answered.status == 200


async def test_a_failing_credential_answers_before_a_malformed_body(server: TestServer) -> None:
    answered = await post(server, b"{", authorization="Bearer dev_key_unknown_012345")
    assert answered.status == 401


async def test_the_size_is_checked_before_the_credential(server: TestServer) -> None:
    answered = await server.send("POST", PATH, b"x" * 262_145)
    assert answered.status == 413
    assert answered.json["error"]["code"] == "PAYLOAD_TOO_LARGE"


@pytest.mark.parametrize("body", [b"{", b"\xff", b'{"source_id":NaN}', b"[" * 40 + b"]" * 40])
async def test_malformed_json_is_named(server: TestServer, body: bytes) -> None:
    answered = await post(server, body)
    assert answered.json["error"]["details"]["reason"] == "malformed_json"


async def test_a_list_is_not_an_object(server: TestServer) -> None:
    answered = await post(server, b"[]")
    assert answered.json["error"]["details"] == {"reason": "not_an_object"}


@pytest.mark.parametrize(
    "path", ["/v1/nothing", "/", "/v1/live-chat/sessions/", "/ws/chat", "/api"]
)
async def test_an_unknown_path_answers_in_the_platform_s_envelope(
    server: TestServer, path: str
) -> None:
    answered = await server.send("GET", path)
    assert answered.status == 404
    assert answered.json["error"]["details"] == {"reason": "unknown_path"}
    assert answered.json["meta"]["request_id"] == answered.headers["x-request-id"]
    assert answered.headers["x-should-retry"] == "false"


async def test_another_method_is_a_405_with_allow(server: TestServer) -> None:
    answered = await server.send("DELETE", PATH, headers=PLATFORM)
    assert (answered.status, answered.headers["allow"]) == (405, "GET, HEAD, POST")
    assert answered.json["error"]["code"] == "METHOD_NOT_ALLOWED"


async def test_there_are_no_cors_headers_on_the_platform(server: TestServer) -> None:
    answered = await post(server, SEED, origin="https://shop.example")
    assert not any(name.startswith("access-control") for name in answered.headers)


async def test_a_url_or_headers_over_their_limits_are_refused(server: TestServer) -> None:
    long_url = await server.send("POST", PATH + "?" + "x" * 9_000, SEED, PLATFORM)
    assert long_url.status == 413
    many = {**PLATFORM, **{f"x-{n}": "y" * 1_000 for n in range(40)}}
    assert (await server.send("POST", PATH, SEED, many)).status == 413
