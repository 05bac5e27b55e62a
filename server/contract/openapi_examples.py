"""Examples of the OpenAPI document: requests of the owner's seeds with the demo workspace's ids."""

from collections.abc import Mapping
from dataclasses import dataclass

from server.contract.json_schemas import Schema


@dataclass(frozen=True, slots=True)
class Example:
    """One exchange; `reply` is `data` in the platform family and the whole body in the others."""

    request: Schema | None = None
    reply: object = None


_NAME = "example"
_AC_TEXT = (
    "Hi! I noticed you are looking at our AC repair services. We have same-day appointments"
    " available. Can I help answer any questions?"
)
_SESSION: Schema = {
    "session_id": "chat_01HMJ0J4X8Q2V7T3R5N9B6C1D0",
    "assistant_id": "asst_demo",
    "status": "active",
    "websocket_url": "ws://127.0.0.1:8700/v1/sessions/chat_01HMJ0J4X8Q2V7T3R5N9B6C1D0",
    "widget_config": {
        "theme_color": "#2563EB",
        "greeting_message": "Hi! I'm here to help. What can I assist you with today?",
        "business_hours": True,
    },
    "estimated_wait": 0,
    "visitor_id": "vis_01HMJ0J4X8Q2V7T3R5N9B6C1D1",
    "conversation_id": "conv_01HMJ0J4X8Q2V7T3R5N9B6C1D2",
}
_AGENT_SESSION: Schema = {
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
}
_ENDED_SESSION: Schema = {
    **_AGENT_SESSION,
    "status": "ended",
    "chat_session_id": "chat_01HMJ0J4X8Q2V7T3R5N9B6C1D0",
    "ended_at": "2024-01-15T10:42:00Z",
}

_LIVE_CHAT: Mapping[str, Example] = {
    "create_session": Example(
        {
            "source_id": "site_demo",
            "visitor": {
                "ip_address": "192.168.1.1",
                "user_agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64)...",
                "referrer": "https://google.com",
                "page_url": "https://yoursite.com/services/ac-repair",
            },
            "initial_message": "Hi, I need help with my AC unit",
            "custom_fields": {"lead_source": "Google Ads", "service_interest": "AC Repair"},
        },
        {**_SESSION, "visitor_token": "vt1.eyJ3Ijoid3NfZGVtbyJ9.c2lnbmF0dXJl", "created": True},
    ),
    "close_session": Example({"reason": "answered"}),
    "post_message": Example({"text": "I'll send somebody today.", "agent_name": "Maria"}),
    "send_message": Example(
        {
            "visitor_id": "visitor_abc123",
            "message": _AC_TEXT,
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
        },
        {
            "message_id": "msg_01HMJ0J4X8Q2V7T3R5N9B6C1D3",
            "session_id": "chat_01HMJ0J4X8Q2V7T3R5N9B6C1D0",
            "status": "delivered",
            "visitor_status": "online",
            "engagement_score": 75,
            "deliver_after": None,
            "expires_at": "2024-01-20T14:32:00Z",
            "outcome": None,
            "decision_id": "dec_01HMJ0J4X8Q2V7T3R5N9B6C1D4",
        },
    ),
}

_WIDGET: Mapping[str, Example] = {
    "widget_chat": Example(
        {
            "sessionId": "session_abc123",
            "message": "Hello, I need help with pricing",
            "assistantId": "asst_demo",
            "conversationId": "conv-456",
        },
        {
            "success": True,
            "conversationId": "conv-456",
            "message": "I'd be happy to help with pricing!",
            "metadata": {"model": "answers", "tokens": 0},
            "messageId": "msg_01HMJ0J4X8Q2V7T3R5N9B6C1D5",
            "quickReplies": [],
        },
    ),
    "track": Example(
        {
            "sessionId": "session_abc123",
            "event": "widget_opened",
            "timestamp": "2024-01-15T10:00:00Z",
            "metadata": {"source": "landing_page"},
        },
        {"success": True},
    ),
    "start_voice": Example(
        {"sessionId": "session_abc123", "assistantId": "asst_demo"},
        {
            "success": True,
            "conversationId": "conv-456",
            "assistantId": "asst_demo",
            "phoneNumber": "+14165559999",
        },
    ),
    "widget_session": Example(
        {"sessionId": "session_abc123", "page": {"url": "https://example.com/services/ac-repair"}}
    ),
    "widget_ack": Example(
        {
            "sessionId": "session_abc123",
            "visitorToken": "vt1.eyJ3Ijoid3NfZGVtbyJ9.c2lnbmF0dXJl",
            "messageId": "msg_01HMJ0J4X8Q2V7T3R5N9B6C1D5",
            "state": "displayed",
        }
    ),
}

_AGENTS: Mapping[str, Example] = {
    "create_agent_session": Example(
        {
            "agent_id": 123,
            "session_type": "agent_voice",
            "metadata": {"source": "web_app", "device": "desktop"},
        },
        {"success": True, "session": _AGENT_SESSION, "message": "Session started successfully"},
    ),
    "send_agent_message": Example({"message": "Do you repair heat pumps?"}),
    "end_agent_session": Example(
        {},
        {"success": True, "session": _ENDED_SESSION, "message": "Session ended successfully"},
    ),
}

_OTHERS: Mapping[str, Example] = {
    "book_appointment": Example(
        {
            "appointment_slot": "2024-01-22T14:00:00-06:00",
            "visitor_id": "visitor_abc123",
            "customer": {"name": "John Doe", "phone": "(555) 123-4567"},
            "service_type": "AC Repair",
        }
    ),
    "cancel_appointment": Example({"reason": "The visitor called"}),
    "post_events": Example(
        {
            "events": [
                {
                    "event": "order_completed",
                    "visitor_id": "visitor_abc123",
                    "message_id": "order-1001",
                    "properties": {"total": 240, "currency": "USD"},
                }
            ]
        },
        {"accepted": 1, "duplicates": 0, "rejected": []},
    ),
    "post_integration_event": Example(
        {
            "event": "call.completed",
            "visitor_id": "visitor_abc123",
            "data": {"duration_s": 312, "outcome": "booked"},
        },
        {"event_id": "evt_01HMJ0J4X8Q2V7T3R5N9B6C1D6", "subscribers": 0},
    ),
    "check_rules": Example({"files": {"main.rules": 'site "shop"\n'}}),
    "log_in": Example({"workspace_id": "ws_demo", "name": "demo", "password": "not-a-secret"}),
    "healthz": Example(reply={"status": "ok"}),
}

EXAMPLES: Mapping[str, Mapping[str, Example]] = {
    name: {_NAME: example}
    for table in (_LIVE_CHAT, _WIDGET, _AGENTS, _OTHERS)
    for name, example in table.items()
}
"""The examples of each operation, by its name."""
