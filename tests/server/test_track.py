"""The track endpoint: what is taken, what is refused, and in which envelope."""

import gzip

import msgspec
import pytest

from server import admission
from tests.server.running import AC_PAGE, ORIGIN, WIDGET, TestServer

pytestmark = pytest.mark.anyio
VIEW = {"sessionId": "s1", "event": "page_view", "page": {"url": AC_PAGE}}
PATH = "/api/widgets/ws_dev/track"


async def test_one_event_is_answered_with_success_alone(server: TestServer) -> None:
    answered = await server.track(VIEW)
    assert (answered.status, answered.body) == (200, b'{"success":true}')
    assert answered.headers["x-content-type-options"] == "nosniff"
    assert answered.headers["x-request-id"].startswith("req_")


async def test_the_token_may_stand_in_the_body_of_a_beacon(server: TestServer) -> None:
    answered = await server.track({**VIEW, "token": "wk_dev"}, {"content-type": "text/plain"})
    assert answered.json == {"success": True}


async def test_a_header_wins_over_the_token_in_the_body(server: TestServer) -> None:
    answered = await server.track({**VIEW, "token": "wk_dev"}, {"authorization": "Bearer wk_no"})
    assert answered.status == 401


async def test_a_batch_counts_what_was_taken_and_lists_what_was_not(server: TestServer) -> None:
    batch = [
        {"event": "page_view", "page": {"url": AC_PAGE}, "messageId": "aaaaaaaa-1"},
        {"event": "page_view", "page": {"url": AC_PAGE}, "messageId": "aaaaaaaa-1"},
        {"event": 7},
        {"timestamp": "yesterday", "event": "click"},
        {"event": "click", "messageId": "aaaaaaaa-2"},
    ]
    answered = await server.track({"sessionId": "s1", "batch": batch})
    assert answered.status == 200
    assert answered.json == {
        "success": True,
        "accepted": 2,
        "duplicates": 1,
        "rejected": [
            {"index": 2, "field": "event", "reason": "invalid_type"},
            {"index": 3, "field": "timestamp", "reason": "invalid_timestamp"},
        ],
    }


async def test_a_message_is_handed_out_by_poll_once_and_at_its_second(server: TestServer) -> None:
    first = await server.track({**VIEW, "deliver": True})
    assert first.json["messages"] == []
    assert first.json["nextCheckMs"] == 15_000
    await server.pass_time(44_999)
    poll = {"sessionId": "s1", "event": "active", "deliver": True}
    assert (await server.track(poll)).json["messages"] == []
    await server.pass_time(1)
    answered = await server.track(poll)
    (message,) = answered.json["messages"]
    assert message["text"] == "Need help with your AC?"
    assert [reply["value"] for reply in message["quick_replies"]] == [
        "quote_request",
        "schedule_service",
        "no_thanks",
    ]
    assert (await server.track(poll)).json["messages"] == []


async def test_a_body_may_be_gzip(server: TestServer) -> None:
    body = gzip.compress(b'{"sessionId":"s1","event":"click"}')
    answered = await server.track(body, {**WIDGET, "content-encoding": "gzip"})
    assert answered.json == {"success": True}


async def test_a_batch_of_large_events_is_taken_whole(server: TestServer) -> None:
    batch = [{"event": "click", "metadata": {"text": "x" * 15_000}} for _ in range(30)]
    body = gzip.compress(msgspec.json.encode({"sessionId": "s1", "batch": batch}))
    headers = {**WIDGET, "content-encoding": "gzip"}
    for _ in range(2):
        answered = await server.track(body, headers)
        assert (answered.status, answered.json["accepted"]) == (200, 30)


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"sessionId": None}, "sessionId", "invalid_type"),
        ({"sessionId": ""}, "sessionId", "required"),
        ({"sessionId": "a\nb"}, "sessionId", "invalid_id"),
        ({"sessionId": "x" * 257}, "sessionId", "too_long"),
        ({"event": None}, "event", "required"),
        ({"event": {}}, "event", "invalid_type"),
        ({"event": ""}, "event", "too_short"),
        ({"event": "x" * 129}, "event", "too_long"),
        ({"timestamp": "2024-01-01T00:00:00"}, "timestamp", "invalid_timestamp"),
        ({"metadata": []}, "metadata", "invalid_type"),
        ({"metadata": {"n": 10**30}}, "metadata.n", "out_of_range"),
        ({"metadata": {"a": "x" * 17_000}}, "metadata", "too_long"),
        ({"attributes": {"a": []}}, "attributes", "invalid_type"),
        ({"attributes": {str(n): n for n in range(51)}}, "attributes", "too_many"),
        ({"page": {"url": 3}}, "page.url", "invalid_type"),
        ({"event": "visibility", "metadata": {"visible": 1}}, "metadata.visible", "invalid_type"),
        ({"event": None, "batch": []}, "batch", "too_short"),
        ({"event": None, "batch": [{}] * 101}, "batch", "batch_too_long"),
        ({"consent": "maybe"}, "consent", "invalid_value"),
        ({"messageId": "a\x01b"}, "messageId", "invalid_id"),
    ],
)
async def test_a_malformed_event_names_its_field(
    server: TestServer, change: dict, field: str, reason: str
) -> None:
    answered = await server.track({**VIEW, **change})
    assert answered.status == 400
    assert answered.json["field"] == field
    assert answered.json["reason"] == reason
    assert answered.json["success"] is False
    assert answered.json["code"] == "INVALID_REQUEST"


async def test_a_missing_session_id_is_required(server: TestServer) -> None:
    answered = await server.track({"event": "click"})
    assert (answered.json["field"], answered.json["reason"]) == ("sessionId", "required")


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"", 400, "malformed_json"),
        (b"{", 400, "malformed_json"),
        (b"[]", 400, "not_an_object"),
        (b'{"sessionId":"s1","event":"a"} x', 400, "malformed_json"),
        (b'{"sessionId":"\xff","event":"a"}', 400, "malformed_json"),
        (b'{"sessionId":"\\ud800x","event":"a"}', 400, "malformed_json"),
        (b'{"sessionId":"s1","event":"a","metadata":{"x":NaN}}', 400, "malformed_json"),
        (b'{"sessionId":"s1","event":"a","metadata":{"x":1e999}}', 400, "out_of_range"),
        (
            b'{"sessionId":"s1","event":"a","x":' + b"[" * 20_000 + b"]" * 20_000 + b"}",
            400,
            "malformed_json",
        ),
        (
            b'{"sessionId":"s1","event":"a","x":' + b"[" * 33 + b"]" * 33 + b"}",
            400,
            "malformed_json",
        ),
        (
            b'{"sessionId":"s1","event":"a","metadata":{"x":' + b"1" * 5_000 + b"}}",
            400,
            "out_of_range",
        ),
        (b'{"sessionId":"s1","event":"a","x":"' + b"y" * 70_000 + b'"}', 413, "body_too_large"),
    ],
)
async def test_a_hostile_body_is_refused(
    server: TestServer, body: bytes, status: int, reason: str
) -> None:
    answered = await server.track(body)
    assert answered.status == status
    assert answered.json["reason"] == reason


async def test_depth_is_counted_outside_of_strings(server: TestServer) -> None:
    brackets = "[" * 100
    answered = await server.track({**VIEW, "metadata": {"label": f'\\"{brackets}'}})
    assert answered.status == 200


async def test_a_gzip_bomb_is_stopped_at_the_limit(server: TestServer) -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    assert len(bomb) < 65_536
    answered = await server.track(bomb, {**WIDGET, "content-encoding": "gzip"})
    assert (answered.status, answered.json["reason"]) == (413, "body_too_large")


@pytest.mark.parametrize(
    ("encoding", "body"),
    [("br", b"{}"), ("gzip", b"{}"), ("gzip", gzip.compress(b"{}", mtime=0)[:-4])],
)
async def test_an_encoding_that_is_not_gzip_is_refused(
    server: TestServer, encoding: str, body: bytes
) -> None:
    answered = await server.track(body, {**WIDGET, "content-encoding": encoding})
    assert (answered.status, answered.json["reason"]) == (400, "unsupported_encoding")


@pytest.mark.parametrize(
    ("path", "headers", "status", "reason", "text"),
    [
        ("/api/widgets/nobody/track", WIDGET, 404, "widget_not_found", "Widget not found"),
        (PATH, {}, 401, "missing_credentials", "Invalid widget token"),
        (
            PATH,
            {"authorization": "Bearer wk_no"},
            401,
            "invalid_credentials",
            "Invalid widget token",
        ),
        (
            PATH,
            {"authorization": "Bearer wk_other"},
            401,
            "invalid_credentials",
            "Invalid widget token",
        ),
        (PATH, {**WIDGET, "origin": "https://evil.example"}, 403, "origin_not_allowed", None),
        (PATH, {**WIDGET, "origin": "null"}, 403, "origin_not_allowed", None),
        (PATH, {**WIDGET, "origin": "https://strict.example"}, 403, "origin_not_allowed", None),
        (PATH, {"authorization": "Bearer wk_strict"}, 403, "origin_not_allowed", None),
    ],
)
async def test_widget_then_token_then_origin_are_checked(
    server: TestServer, path: str, headers: dict, status: int, reason: str, text: str | None
) -> None:
    answered = await server.send("POST", path, VIEW, headers)
    assert (answered.status, answered.json["reason"]) == (status, reason)
    if text is not None:
        assert answered.json["error"] == text
    if status == 401:
        assert answered.headers["www-authenticate"] == "Bearer"
    if reason == "origin_not_allowed":
        assert "access-control-allow-origin" not in answered.headers


async def test_an_allowed_origin_is_echoed_also_on_errors(server: TestServer) -> None:
    for body in (VIEW, b"{"):
        answered = await server.track(body, {**WIDGET, "origin": ORIGIN})
        assert answered.headers["access-control-allow-origin"] == ORIGIN
        assert answered.headers["vary"] == "Origin"


async def test_a_preflight_is_answered_for_an_origin_of_any_site(server: TestServer) -> None:
    answered = await server.send("OPTIONS", PATH, headers={"origin": "https://other.example"})
    assert answered.status == 204
    # Named twice, a browser would refuse it.
    assert answered.headers["access-control-allow-origin"] == "https://other.example"
    assert answered.headers["access-control-max-age"] == "86400"
    refused = await server.send("OPTIONS", PATH, headers={"origin": "https://evil.example"})
    assert refused.status == 403
    assert "access-control-allow-origin" not in refused.headers


async def test_another_method_is_refused_with_the_allowed_ones(server: TestServer) -> None:
    answered = await server.send("GET", PATH)
    assert (answered.status, answered.headers["allow"]) == (405, "OPTIONS, POST")
    assert answered.json["success"] is False


async def test_more_events_than_may_wait_are_refused_whole(
    server: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = [{"event": "click", "messageId": f"aaaaaaaa-{number}"} for number in range(3)]
    with monkeypatch.context() as patch:
        patch.setattr(admission, "EVENTS_WAITING_MAX", 2)
        answered = await server.track({"sessionId": "s1", "batch": batch})
        assert (answered.status, answered.json["reason"]) == (503, "queue_full")
        assert answered.headers["retry-after"] == "1"
    again = await server.track({"sessionId": "s1", "batch": batch})
    assert again.json["accepted"] == 3


async def test_a_session_id_of_ours_names_that_session(server: TestServer) -> None:
    session = await server.open_session()
    body = {**VIEW, "sessionId": session["session_id"]}
    assert (await server.track(body)).status == 200
    ref = await server.parts.runtime.find("ws_dev", session["session_id"])
    assert ref is not None
    view = await server.parts.runtime.view(ref)
    assert view is not None
    assert view.page_url == AC_PAGE


async def test_a_caller_s_request_id_is_kept_when_it_is_well_formed(server: TestServer) -> None:
    kept = await server.track(VIEW, {**WIDGET, "x-request-id": "abc.1-2_3"})
    assert kept.headers["x-request-id"] == "abc.1-2_3"
    replaced = await server.track(VIEW, {**WIDGET, "x-request-id": "a b"})
    assert replaced.headers["x-request-id"].startswith("req_")
