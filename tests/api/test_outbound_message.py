"""`POST /v1/outbound/live-chat/message`: the seed's example, and the policy's table row by row."""

import asyncio

import pytest

from tests.server.running import AC_PAGE, PLATFORM, Answered, TestServer

pytestmark = pytest.mark.anyio
PATH = "/v1/outbound/live-chat/message"
SEED = {
    "visitor_id": "visitor_abc123",
    "message": (
        "Hi! I noticed you are looking at our AC repair services. We have same-day appointments"
        " available. Can I help answer any questions?"
    ),
    "trigger": {
        "type": "page_visit",
        "page_url": "https://example.com/services/ac-repair",
        "time_on_page": 45,
    },
    "personalization": {"current_interest": "AC Repair"},
    "quick_replies": [
        {"text": "Get a Quote", "value": "quote_request", "action": "quote"},
        {"text": "Schedule Service", "value": "schedule_service", "action": "schedule"},
        {"text": "Call Now", "value": "call_request", "action": "call"},
    ],
}


async def post(server: TestServer, body: object) -> Answered:
    return await server.send("POST", PATH, body, PLATFORM)


async def test_the_seed_s_example_is_accepted_without_a_warning(server: TestServer) -> None:
    await server.open_session(id="visitor_abc123", page_url=AC_PAGE)
    answered = await post(server, SEED)
    assert answered.status == 200, answered.body
    data = answered.json["data"]
    assert list(data)[:5] == [
        "message_id",
        "session_id",
        "status",
        "visitor_status",
        "engagement_score",
    ]
    assert data["status"] == "sent"
    assert data["visitor_status"] == "online"
    assert 0 <= data["engagement_score"] <= 100
    assert data["outcome"] is None
    assert "warnings" not in answered.json["meta"]


async def test_a_visitor_never_seen_gets_a_session_on_the_primary_site(server: TestServer) -> None:
    data = (await post(server, SEED)).json["data"]
    ref = await server.parts.runtime.find("ws_dev", data["session_id"])
    assert ref is not None
    assert ref.visitor == "visitor_abc123"
    view = await server.parts.runtime.view(ref)
    assert view is not None
    assert view.source == "site_dev"


async def test_a_second_message_meets_the_frequency_cap(server: TestServer) -> None:
    await server.open_session(id="visitor_abc123", page_url=AC_PAGE)
    assert (await post(server, SEED)).status == 200
    again = await post(server, SEED)
    assert again.status == 429
    details = again.json["error"]["details"]
    assert details == {"reason": "frequency_cap", "scope": "session", "limit": 1}
    assert "retry-after" not in again.headers
    assert again.headers["x-should-retry"] == "false"


async def test_of_many_callers_at_one_instant_one_is_accepted(server: TestServer) -> None:
    await server.open_session(id="visitor_abc123", page_url=AC_PAGE)
    answers = await asyncio.gather(*(post(server, SEED) for _ in range(10)))
    assert sorted(answer.status for answer in answers) == [200] + [429] * 9


async def test_a_message_that_is_too_early_is_held_with_a_warning(server: TestServer) -> None:
    session = await server.open_session(page_url=AC_PAGE)
    body = {"session_id": session["session_id"], "message": "Hello"}
    answered = await post(server, body)
    assert answered.status == 200
    assert answered.json["data"]["deliver_after"] is not None
    reasons = [warning["reason"] for warning in answered.json["meta"]["warnings"]]
    assert reasons == ["early", "no_page", "no_personalization", "no_quick_replies"]


async def test_now_or_fail_says_how_long_it_is_too_early(server: TestServer) -> None:
    session = await server.open_session(page_url=AC_PAGE)
    body = {
        "session_id": session["session_id"],
        "message": "Hello",
        "options": {"deliver": "now_or_fail"},
    }
    answered = await post(server, body)
    assert answered.status == 400
    assert answered.json["error"]["details"] == {"reason": "too_early", "retry_after": 30}
    assert answered.headers["retry-after"] == "30"


async def test_an_unrelated_page_is_a_mismatch(server: TestServer) -> None:
    await server.open_session(id="visitor_abc123", page_url="https://shop.example/careers")
    answered = await post(server, SEED)
    assert answered.status == 400
    details = answered.json["error"]["details"]
    assert (details["field"], details["reason"]) == ("trigger.page_url", "page_mismatch")
    assert details["current_page"] == "https://shop.example/careers"


async def test_an_engaged_visitor_gets_an_ordinary_message(server: TestServer) -> None:
    body = {"source_id": "site_dev", "visitor": {}, "initial_message": "Hi"}
    opened = await server.send("POST", "/v1/live-chat/sessions", body, PLATFORM)
    session_id = opened.json["data"]["session_id"]
    for text in ("one", "two"):
        answered = await post(server, {"session_id": session_id, "message": text})
        assert answered.status == 200
    ref = await server.parts.runtime.find("ws_dev", session_id)
    assert ref is not None
    pulled = await server.parts.runtime.pull(ref, None, 0)
    assert [message.kind for message in pulled.messages] == ["chat", "chat", "chat"]


async def test_a_denied_consent_refuses(server: TestServer) -> None:
    await server.open_session(id="visitor_abc123", consent="denied")
    answered = await post(server, SEED)
    assert answered.status == 403
    assert answered.json["error"]["details"]["reason"] == "no_consent"


@pytest.mark.parametrize(
    ("change", "status", "field", "reason"),
    [
        ({"message": ""}, 400, "message", "too_short"),
        ({"message": "x" * 2_001}, 400, "message", "too_long"),
        ({"message": 5}, 400, "message", "invalid_type"),
        ({"message": "Hi {nobody}"}, 400, "message", "personalization_missing"),
        ({"visitor_id": None}, 400, "session_id", "required"),
        ({"session_id": "chat_none"}, 404, "session_id", "session_not_found"),
        ({"trigger": {"type": "Bad Type"}}, 400, "trigger.type", "invalid_value"),
        ({"trigger": {"time_on_page": -1}}, 400, "trigger.time_on_page", "out_of_range"),
        ({"trigger": {"scroll_depth": 101}}, 400, "trigger.scroll_depth", "out_of_range"),
        ({"trigger": {"page_url": "nope"}}, 400, "trigger.page_url", "invalid_url"),
        ({"trigger": {"data": {"a": "x" * 5_000}}}, 400, "trigger.data", "too_long"),
        ({"assistant_id": "asst_no"}, 404, "assistant_id", "assistant_not_found"),
        ({"options": {"expires_in": 9}}, 400, "options.expires_in", "out_of_range"),
        ({"options": {"deliver": "soon"}}, 400, "options.deliver", "invalid_value"),
        (
            {"options": {"override_policy": ["x"]}},
            400,
            "options.override_policy[0]",
            "invalid_value",
        ),
        ({"quick_replies": [{"text": "A"}]}, 400, "quick_replies", "quick_reply_count"),
        ({"quick_replies": [{"text": "A"}] * 4}, 400, "quick_replies", "quick_reply_count"),
        (
            {"quick_replies": [{"text": "A"}, {"text": "A"}]},
            400,
            "quick_replies[1].value",
            "duplicate_value",
        ),
        (
            {"quick_replies": [{"text": "A"}, {"text": "B", "action": "fly"}]},
            400,
            "quick_replies[1].action",
            "unknown_action",
        ),
        (
            {"quick_replies": [{"text": "A"}, {"text": "B", "action": "open"}]},
            400,
            "quick_replies[1].payload",
            "payload_required",
        ),
        (
            {"quick_replies": [{"text": "A"}, {"text": "x" * 41}]},
            400,
            "quick_replies[1].text",
            "too_long",
        ),
        (
            {
                "quick_replies": [
                    {"text": "A"},
                    {"text": "B", "action": "open", "payload": "//evil"},
                ]
            },
            400,
            "quick_replies[1].payload",
            "invalid_url",
        ),
    ],
)
async def test_a_wrong_field_is_named(
    server: TestServer, change: dict, status: int, field: str, reason: str
) -> None:
    answered = await post(server, {**SEED, **change})
    assert answered.status == status, answered.body
    details = answered.json["error"]["details"]
    assert (details["field"], details["reason"]) == (field, reason)


async def test_a_session_of_another_visitor_is_a_mismatch(server: TestServer) -> None:
    session = await server.open_session(id="somebody")
    answered = await post(server, {**SEED, "session_id": session["session_id"]})
    assert answered.json["error"]["details"]["reason"] == "visitor_mismatch"


async def test_a_session_of_another_workspace_does_not_exist(server: TestServer) -> None:
    session = await server.open_session()
    headers = {"authorization": "Bearer dev_key_other_012345678", "x-workspace-id": "ws_other"}
    body = {"session_id": session["session_id"], "message": "Hello"}
    answered = await server.send("POST", PATH, body, headers)
    nowhere = await server.send("POST", PATH, {**body, "session_id": "chat_none"}, headers)
    assert (answered.status, nowhere.status) == (404, 404)
    assert answered.json["error"] == nowhere.json["error"]


async def test_placeholders_are_filled_and_cut(server: TestServer) -> None:
    session = await server.open_session(page_url=AC_PAGE)
    body = {
        "session_id": session["session_id"],
        "message": "Hi {first}, {{about}} {topic | this}",
        "personalization": {"first": "A" * 200},
        "options": {"override_policy": ["first_message_delay"]},
    }
    assert (await post(server, body)).status == 200
    ref = await server.parts.runtime.find("ws_dev", session["session_id"])
    assert ref is not None
    (message,) = (await server.parts.runtime.pull(ref, None, 0)).messages
    assert message.text.startswith("Hi " + "A" * 70)
    assert len(message.text) < 120
    assert message.text.endswith(" this")
