"""The owner's document "Create live chat session": its request as it stands there, its response field for field."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.server.running import CONFIG, PLATFORM, TestServer, in_process, write_config

pytestmark = pytest.mark.anyio
REQUEST = b"""{
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
GREETING = "Hi! I'm here to help with your HVAC needs. What can I assist you with today?"
OWNERS = (
    CONFIG.replace("site_dev", "site_abc123")
    .replace('id = "asst_dev"', f'id = "asst_chat_001"\n  greeting = "{GREETING}"')
    .replace("port = 0\n", 'port = 0\nws_url = "wss://chat.example.com"\n')
)
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@pytest.fixture
async def owner(tmp_path: Path, anyio_backend: str) -> AsyncIterator[TestServer]:
    """A server with the ids of the document."""
    async with in_process(write_config(tmp_path, OWNERS)) as running:
        yield running


async def test_the_response_has_the_document_s_fields_in_their_order(owner: TestServer) -> None:
    answered = await owner.send("POST", "/v1/live-chat/sessions", REQUEST, PLATFORM)
    assert answered.status == 200
    assert list(answered.json) == ["data", "meta"]
    data, meta = answered.json["data"], answered.json["meta"]
    session_id = data["session_id"]
    assert session_id.startswith("chat_")
    documented = {name: data[name] for name in list(data)[:6]}
    assert documented == {
        "session_id": session_id,
        "assistant_id": "asst_chat_001",
        "status": "active",
        "websocket_url": f"wss://chat.example.com/v1/sessions/{session_id}",
        "widget_config": {
            "theme_color": "#2563EB",
            "greeting_message": GREETING,
            "business_hours": True,
        },
        "estimated_wait": 0,
    }
    assert list(meta) == ["request_id", "timestamp"]
    assert meta["request_id"].startswith("req_")
    assert INSTANT.fullmatch(meta["timestamp"])


async def test_what_the_request_says_is_in_the_session(owner: TestServer) -> None:
    answered = await owner.send("POST", "/v1/live-chat/sessions", REQUEST, PLATFORM)
    path = f"/v1/live-chat/sessions/{answered.json['data']['session_id']}"
    shown = (await owner.send("GET", path, headers=PLATFORM)).json["data"]
    assert shown["source_id"] == "site_abc123"
    assert shown["visitor"]["page_url"] == "https://yoursite.com/services/ac-repair"
    assert shown["custom_fields"] == {
        "lead_source": "Google Ads",
        "service_interest": "AC Repair",
    }
    assert shown["engaged"] is True


async def test_the_assistant_answers_the_initial_message(owner: TestServer) -> None:
    answered = await owner.send("POST", "/v1/live-chat/sessions", REQUEST, PLATFORM)
    path = f"/v1/live-chat/sessions/{answered.json['data']['session_id']}/messages"
    first = (await owner.send("GET", path, headers=PLATFORM)).json["data"][0]
    assert (first["from"], first["text"]) == ("visitor", "Hi, I need help with my AC unit")
    ref = await owner.parts.runtime.find("ws_dev", first["session_id"])
    assert ref is not None
    reply = await owner.parts.app.services.answering.answer(ref, first["message_id"])
    assert reply is not None
    rows = (await owner.send("GET", path, headers=PLATFORM)).json["data"]
    assert [row["from"] for row in rows] == ["visitor", "assistant"]
