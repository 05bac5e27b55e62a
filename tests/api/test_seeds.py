"""The owner's five documents: each example as it stands there, and the answer field for field."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from server.access.jwt_tokens import make_dashboard_token
from tests.api.whole import A, whole_config
from tests.server.running import (
    Answered,
    ListeningServer,
    close_code,
    listening,
    next_frame,
    say,
    write_config,
)

pytestmark = pytest.mark.anyio

# ---- S0, "Create live chat session"

S0_REQUEST = b"""{
    "source_id": "site_abc123",
    "visitor": {
      "ip_address": "192.168.1.1",
      "user_agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64)...",
      "referrer": "https://google.com",
      "page_url": "https://yoursite.com/services/ac-repair"
    },
    "initial_message": "Hi, I need help with my AC unit",
    "custom_fields": {
      "lead_source": "Google Ads",
      "service_interest": "AC Repair"
    }
  }"""
S0_ANSWER = {
    "data": {
        "session_id": "chat_jkl012",
        "assistant_id": "asst_chat_001",
        "status": "active",
        "websocket_url": "wss://chat.example.com/v1/sessions/chat_jkl012",
        "widget_config": {
            "theme_color": "#2563EB",
            "greeting_message": "Hi! I'm here to help. What can I assist you with today?",
            "business_hours": True,
        },
        "estimated_wait": 0,
    },
    "meta": {"request_id": "req_xyz789", "timestamp": "2024-01-20T10:30:00Z"},
}
S0_SEND = '{\n  "type": "message",\n  "text": "I need to schedule AC maintenance"\n}'
S0_RECEIVE = {
    "type": "message",
    "text": "I'd be happy to help schedule your AC maintenance. What's your ZIP code?",
    "timestamp": "2024-01-20T10:31:00Z",
}
S0_EVENT = {
    "type": "event",
    "event": "appointment_scheduled",
    "data": {
        "appointment_id": "appt_123",
        "date": "2024-01-22",
        "time": "2:00 PM - 4:00 PM",
    },
}

# ---- S1, "Proactive live chat message"

S1_REQUEST = b"""{
    "visitor_id": "visitor_abc123",
    "message": "Hi! I noticed you are looking at our AC repair services. We have same-day appointments available. Can I help answer any questions?",
    "trigger": {
      "type": "page_visit",
      "page_url": "https://example.com/services/ac-repair",
      "time_on_page": 45
    },
    "personalization": {
      "current_interest": "AC Repair"
    },
    "quick_replies": [
      {
        "text": "Get a Quote",
        "value": "quote_request",
        "action": "quote"
      },
      {
        "text": "Schedule Service",
        "value": "schedule_service",
        "action": "schedule"
      },
      {
        "text": "Call Now",
        "value": "call_request",
        "action": "call"
      }
    ]
  }"""  # noqa: E501  # the line is the seed's
S1_ANSWER = {
    "data": {
        "message_id": "msg_chat_789",
        "session_id": "chat_session_123",
        "status": "delivered",
        "visitor_status": "online",
        "engagement_score": 75,
    },
    "meta": {"request_id": "req_abc456", "timestamp": "2024-01-20T14:30:00Z"},
}

# ---- S2, "Live Chat API Reference"

S2_CHAT = b"""{
"sessionId": "session_abc123",
"message": "Hello, I need help with pricing",
"assistantId": "asst-123",
"conversationId": "conv-456"
}"""
S2_CHAT_ANSWER = {
    "success": True,
    "conversationId": "conv-456",
    "message": "I'd be happy to help with pricing!",
    "metadata": {"model": "gpt-4o-mini", "tokens": 150},
}
S2_TRACK = b"""{
"sessionId": "session_abc123",
"event": "widget_opened",
"timestamp": "2024-01-15T10:00:00Z",
"metadata": {
"source": "landing_page"
}
}"""
S2_VOICE = b"""{
"sessionId": "session_abc123",
"assistantId": "asst-123"
}"""
S2_VOICE_ANSWER = {
    "success": True,
    "conversationId": "conv-456",
    "assistantId": "asst-123",
    "phoneNumber": "+14165559999",
}
S2_CONFIG_ANSWER = {
    "success": True,
    "config": {
        "name": "Your Company",
        "assistantId": "asst-123",
        "widget": {"primaryColor": "#3B82F6", "position": "bottom-right"},
        "branding": {"logo": "https://..."},
    },
}
S2_EVENT = {
    "type": "conversation:new",
    "data": {"id": "conv-123", "channel": "chat", "contact_data": {}},
}

# ---- S3, "API overview"

S3_ERROR = {
    "error": {
        "code": "INVALID_REQUEST",
        "message": "The appointment slot is no longer available",
        "details": {"field": "appointment_slot", "reason": "slot_taken"},
    },
    "meta": {"request_id": "req_abc123", "timestamp": "2024-01-20T15:30:00Z"},
}

# ---- S4, "Create session" of agents

S4_FORM = b"""{
  "agent_id": 123,
  "session_type": "<string>",
  "metadata": {}
}"""
S4_REQUEST = b"""{
  "agent_id": 123,
  "session_type": "agent_voice",
  "metadata": {
    "source": "web_app",
    "device": "desktop"
  }
}"""
S4_ANSWER = {
    "success": True,
    "session": {
        "session_id": 456,
        "agent_id": 123,
        "agent_name": "Sales Support Agent",
        "session_type": "agent_voice",
        "status": "active",
        "started_at": "2024-01-15T10:30:00Z",
        "metadata": {"source": "web_app", "device": "desktop"},
        "avatar_id": 1,
        "avatar_name": "Professional Avatar",
        "avatar_url": "https://example.com/avatar.jpg",
        "voice_id": "21m00Tcm4TlvDq8ikWAM",
    },
    "message": "Session started successfully",
}
S4_ERROR = {"success": False, "error": "Agent not found or access denied"}


@pytest.fixture
async def live(tmp_path: Path, anyio_backend: str) -> AsyncIterator[ListeningServer]:
    async with listening(write_config(tmp_path, whole_config())) as running:
        yield running


def has_shape(found: object, documented: object, place: str = "$") -> None:
    """Check that every documented field is there with the documented type, at any depth."""
    if isinstance(documented, dict):
        assert isinstance(found, dict), place
        missing = set(documented) - set(found)
        assert not missing, f"{place}: {missing}"
        for name, part in documented.items():
            has_shape(found[name], part, f"{place}.{name}")
    else:
        assert type(found) is type(documented), f"{place}: {found!r}"


async def post(
    live: ListeningServer, path: str, body: bytes, headers: dict[str, str] | None = None
) -> Answered:
    return await live.server.send("POST", path, body, A.headers if headers is None else headers)


async def book(live: ListeningServer, **more: object) -> Answered:
    """Book the first free slot there is."""
    path = "/v1/appointments/availability"
    slots = (await live.server.send("GET", path, headers=A.headers)).json["data"]["slots"]
    body = {
        "appointment_slot": slots[0]["appointment_slot"],
        "customer": {"name": "John Doe"},
        **more,
    }
    return await live.server.send("POST", "/v1/appointments", body, A.headers)


# ---- S0


async def test_s0_create_live_chat_session(live: ListeningServer) -> None:
    answered = await post(live, "/v1/live-chat/sessions", S0_REQUEST)
    assert answered.status == 200
    has_shape(answered.json, S0_ANSWER)
    assert set(answered.json) == set(S0_ANSWER)
    found = answered.json["data"]
    assert found["status"] == "active"
    assert found["estimated_wait"] == 0
    assert found["assistant_id"] == A.assistant
    assert found["websocket_url"].endswith(f"/v1/sessions/{found['session_id']}")
    assert found["widget_config"] == S0_ANSWER["data"]["widget_config"] | {
        "business_hours": found["widget_config"]["business_hours"]
    }


async def test_s0_the_custom_fields_and_the_first_message_are_kept(live: ListeningServer) -> None:
    found = (await post(live, "/v1/live-chat/sessions", S0_REQUEST)).json["data"]
    path = f"/v1/live-chat/sessions/{found['session_id']}"
    shown = (await live.server.send("GET", path, headers=A.headers)).json["data"]
    assert shown["custom_fields"] == {"lead_source": "Google Ads", "service_interest": "AC Repair"}
    assert shown["visitor"]["page_url"] == "https://yoursite.com/services/ac-repair"
    said = (await live.server.send("GET", f"{path}/messages", headers=A.headers)).json["data"]
    assert said[0]["text"] == "Hi, I need help with my AC unit"


async def test_s0_send_and_receive_over_the_websocket(live: ListeningServer) -> None:
    found = (await post(live, "/v1/live-chat/sessions", S0_REQUEST)).json["data"]
    async with live.socket(found["session_id"]) as socket:
        await say(socket, type="auth", token="wk_a")
        await next_frame(socket, "hello")
        await socket.send(S0_SEND)
        ack = await next_frame(socket, "message_ack")
        received = await next_frame(socket, "message")
        while received["offset"] < ack["offset"]:
            received = await next_frame(socket, "message")
        has_shape(received, S0_RECEIVE)
        assert received["from"] == "assistant"


async def test_s0_the_event_of_an_appointment(live: ListeningServer) -> None:
    found = (await post(live, "/v1/live-chat/sessions", S0_REQUEST)).json["data"]
    async with live.socket(found["session_id"]) as socket:
        await say(socket, type="auth", token="wk_a")
        await next_frame(socket, "hello")
        assert (await book(live, session_id=found["session_id"])).status == 200
        frame = await next_frame(socket, "event")
        has_shape(frame, S0_EVENT)
        assert frame["event"] == "appointment_scheduled"
        assert set(frame["data"]) >= set(S0_EVENT["data"])
        assert " - " in frame["data"]["time"]


# ---- S1


async def test_s1_proactive_live_chat_message(live: ListeningServer) -> None:
    answered = await post(live, "/v1/outbound/live-chat/message", S1_REQUEST)
    assert answered.status == 200
    has_shape(answered.json, S1_ANSWER)
    found = answered.json["data"]
    assert found["status"] in ("sent", "delivered", "read")
    assert found["visitor_status"] in ("online", "idle", "offline")
    assert 0 <= found["engagement_score"] <= 100


async def test_s1_the_quick_replies_reach_the_visitor_s_socket(live: ListeningServer) -> None:
    opened = {"source_id": A.site, "visitor": {"id": "visitor_abc123"}}
    body = msgspec.json.encode(opened)
    session = (await post(live, "/v1/live-chat/sessions", body)).json["data"]
    async with live.socket(session["session_id"]) as socket:
        await say(socket, type="auth", token="wk_a")
        await next_frame(socket, "hello")
        answered = await post(live, "/v1/outbound/live-chat/message", S1_REQUEST)
        assert answered.json["data"]["session_id"] == session["session_id"]
        frame = await next_frame(socket, "message")
        wanted = msgspec.json.decode(S1_REQUEST)
        assert frame["text"] == wanted["message"]
        assert frame["quick_replies"] == wanted["quick_replies"]


# ---- S2


async def test_s2_send_chat_message(live: ListeningServer) -> None:
    answered = await post(live, "/api/widgets/ws_a/chat", S2_CHAT, A.widget)
    assert answered.status == 200
    has_shape(answered.json, S2_CHAT_ANSWER)
    assert answered.json["success"] is True
    assert answered.json["conversationId"] == "conv-456"


@pytest.mark.parametrize("field", ["sessionId", "message"])
async def test_s2_chat_without_a_required_field(live: ListeningServer, field: str) -> None:
    body = msgspec.json.decode(S2_CHAT)
    del body[field]
    answered = await post(live, "/api/widgets/ws_a/chat", msgspec.json.encode(body), A.widget)
    assert answered.status == 400
    assert answered.json["success"] is False
    assert answered.json["error"] == "Missing sessionId or message"


async def test_s2_chat_without_an_assistant(tmp_path: Path) -> None:
    lines = whole_config().split("  [[workspaces.assistants]]")
    rest = [part[part.index("  [workspaces.voice]") :] for part in lines[1:]]
    async with listening(write_config(tmp_path, lines[0] + "".join(rest))) as live:
        body = msgspec.json.encode({"sessionId": "session_abc123", "message": "Hello"})
        answered = await post(live, "/api/widgets/ws_a/chat", body, A.widget)
    assert answered.status == 400
    assert answered.json["error"] == "No assistant configured"


async def test_s2_chat_with_an_invalid_widget_token(live: ListeningServer) -> None:
    wrong = {"authorization": "Bearer wk_wrong"}
    answered = await post(live, "/api/widgets/ws_a/chat", S2_CHAT, wrong)
    assert answered.status == 401
    assert answered.json["error"] == "Invalid widget token"


async def test_s2_chat_with_an_unknown_widget(live: ListeningServer) -> None:
    answered = await post(live, "/api/widgets/tenant_nobody/chat", S2_CHAT, A.widget)
    assert answered.status == 404
    assert answered.json["error"] == "Widget not found"


async def test_s2_chat_over_its_usage_limit(tmp_path: Path) -> None:
    limit = "chat_per_session_per_minute = "
    text = whole_config().replace(f"{limit}1000000", f"{limit}1")
    async with listening(write_config(tmp_path, text)) as live:
        answers = [await post(live, "/api/widgets/ws_a/chat", S2_CHAT, A.widget) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 429, 429]
    assert answers[-1].json["error"] == "Usage limit exceeded"


async def test_s2_a_server_error(live: ListeningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    services = live.server.parts.app.services
    monkeypatch.setattr(services, "runtime", None)
    answered = await post(live, "/api/widgets/ws_a/chat", S2_CHAT, A.widget)
    monkeypatch.undo()
    assert answered.status == 500
    assert (answered.json["success"], answered.json["error"]) == (False, "Server error")


async def test_s2_track_widget_event(live: ListeningServer) -> None:
    answered = await post(live, "/api/widgets/ws_a/track", S2_TRACK, A.widget)
    assert (answered.status, answered.json) == (200, {"success": True})


async def test_s2_start_voice_call(live: ListeningServer) -> None:
    await post(live, "/api/widgets/ws_a/chat", S2_CHAT, A.widget)
    answered = await post(live, "/api/widgets/ws_a/voice/start", S2_VOICE, A.widget)
    assert answered.status == 200
    assert answered.json == S2_VOICE_ANSWER


async def test_s2_get_widget_config(live: ListeningServer) -> None:
    answered = await live.server.send("GET", "/api/widgets/ws_a/config")
    assert answered.status == 200
    has_shape(answered.json, S2_CONFIG_ANSWER)
    assert answered.json["config"]["assistantId"] == "asst-123"


async def test_s2_the_chat_socket_of_old_is_not_there(live: ListeningServer) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with connect(f"ws://127.0.0.1:{live.port}/ws/chat"):
            pass
    assert refused.value.response.status_code == 404


def jwt(live: ListeningServer) -> str:
    services = live.server.parts.app.services
    workspace = services.config.workspace(A.workspace)
    now_ms = services.clock.now_ms()
    return make_dashboard_token(workspace, "maria", "admin", now_ms=now_ms, valid_ms=3_600_000)


async def test_s2_the_tenant_socket_tells_of_a_new_conversation(live: ListeningServer) -> None:
    async with connect(f"ws://127.0.0.1:{live.port}/api/ws/tenant") as socket:
        await say(socket, type="auth", token=jwt(live))
        await next_frame(socket, "auth:ok")
        await post(live, "/v1/live-chat/sessions", S0_REQUEST)
        frame = await next_frame(socket, "conversation:new")
        has_shape(frame, S2_EVENT)
        assert frame["data"]["channel"] == "chat"


async def test_s2_the_tenant_socket_has_the_five_types_of_events(live: ListeningServer) -> None:
    async with connect(f"ws://127.0.0.1:{live.port}/api/ws/tenant") as socket:
        await say(socket, type="auth", token=jwt(live))
        await next_frame(socket, "auth:ok")
        session = (await post(live, "/v1/live-chat/sessions", S0_REQUEST)).json["data"]
        await next_frame(socket, "conversation:new")
        assert (await next_frame(socket, "message:new"))["data"]["from"] == "visitor"
        await book(live, session_id=session["session_id"])
        await next_frame(socket, "conversation:updated")
        await next_frame(socket, "conversation:qualified")
        body = msgspec.json.decode(S1_REQUEST) | {"options": {"campaign_id": "spring"}}
        await live.server.send("POST", "/v1/outbound/live-chat/message", body, A.headers)
        progress = await next_frame(socket, "campaign:progress")
        assert progress["data"]["campaign_id"] == "spring"


async def test_s2_the_tenant_socket_wants_a_token(live: ListeningServer) -> None:
    async with connect(f"ws://127.0.0.1:{live.port}/api/ws/tenant") as socket:
        await socket.send('{\n"type": "auth",\n"token": "jwt-token"\n}')
        assert await close_code(socket) == 4401


# ---- S3


async def test_s3_an_error_of_a_taken_slot(live: ListeningServer) -> None:
    path = "/v1/appointments/availability"
    slots = (await live.server.send("GET", path, headers=A.headers)).json["data"]["slots"]
    body = {"appointment_slot": slots[0]["appointment_slot"], "customer": {"name": "John Doe"}}
    assert (await live.server.send("POST", "/v1/appointments", body, A.headers)).status == 200
    answered = await live.server.send("POST", "/v1/appointments", body, A.headers)
    assert answered.status == 400
    assert answered.json["error"] == S3_ERROR["error"]
    assert set(answered.json["meta"]) == set(S3_ERROR["meta"])


async def test_s3_rate_limits_are_in_all_responses(live: ListeningServer) -> None:
    answers = [
        await live.server.send("GET", "/v1/workspace", headers=A.headers),
        await live.server.send("GET", "/v1/workspace"),
        await live.server.send("GET", "/v1/appointments/appt_nobody", headers=A.headers),
        await live.server.send("POST", "/v1/events", b"{", A.headers),
    ]
    assert [one.status for one in answers] == [200, 401, 404, 400]
    for one in answers:
        for name in ("limit", "remaining", "reset"):
            assert int(one.headers[f"x-ratelimit-{name}"]) >= 0


async def test_s3_the_error_codes_and_their_statuses(live: ListeningServer) -> None:
    send = live.server.send
    other = {**A.headers, "x-workspace-id": "ws_b"}
    answers = [
        await send("GET", "/v1/workspace"),
        await send("GET", "/v1/workspace", headers=other),
        await send("GET", "/v1/visitors/nobody", headers=A.headers),
        await send("POST", "/v1/live-chat/sessions", {}, A.headers),
    ]
    assert [(one.status, one.json["error"]["code"]) for one in answers] == [
        (401, "AUTHENTICATION_FAILED"),
        (403, "PERMISSION_DENIED"),
        (404, "NOT_FOUND"),
        (400, "INVALID_REQUEST"),
    ]


# ---- S4


async def test_s4_create_session(live: ListeningServer) -> None:
    answered = await post(live, "/api/v1/sessions", S4_REQUEST, A.agent_key)
    assert answered.status == 200
    has_shape(answered.json, S4_ANSWER)
    made = {"session_id", "started_at"}
    shown = {name: part for name, part in answered.json["session"].items() if name not in made}
    assert shown == {name: part for name, part in S4_ANSWER["session"].items() if name not in made}
    assert answered.json["message"] == S4_ANSWER["message"]


async def test_s4_the_form_s_placeholder_is_no_session_type(live: ListeningServer) -> None:
    answered = await post(live, "/api/v1/sessions", S4_FORM, A.agent_key)
    assert (answered.status, answered.json["reason"]) == (400, "unknown_session_type")


async def test_s4_the_session_type_has_a_default(live: ListeningServer) -> None:
    answered = await post(live, "/api/v1/sessions", b'{"agent_id": 123}', A.agent_key)
    assert answered.json["session"]["session_type"] == "agent_voice"
    assert answered.json["session"]["metadata"] == {}


async def test_s4_an_unknown_agent(live: ListeningServer) -> None:
    body = S4_REQUEST.replace(b"123", b"321")
    answered = await post(live, "/api/v1/sessions", body, A.agent_key)
    assert answered.status == 404
    assert {name: answered.json[name] for name in S4_ERROR} == S4_ERROR


async def test_s4_a_session_is_created_talked_in_and_ended(live: ListeningServer) -> None:
    begun = (await post(live, "/api/v1/sessions", S4_REQUEST, A.agent_key)).json["session"]
    path = f"/api/v1/sessions/{begun['session_id']}"
    said = await post(live, f"{path}/messages", b'{"message": "Hello"}', A.agent_key)
    assert (said.status, said.json["success"]) == (200, True)
    ended = await post(live, f"{path}/end", b"{}", A.agent_key)
    assert ended.json["session"]["status"] == "ended"
