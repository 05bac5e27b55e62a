"""The owner's document "Proactive live chat message": its request as it stands there, its response, its advice."""

import pytest

from tests.server.running import PLATFORM, TestServer

pytestmark = pytest.mark.anyio
PATH = "/v1/outbound/live-chat/message"
REQUEST = b"""{
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
  }"""  # noqa: E501  # as it stands in the document
PAGE = "https://example.com/services/ac-repair"


async def test_the_response_has_the_document_s_fields_in_their_order(server: TestServer) -> None:
    made = await server.open_session(id="visitor_abc123", page_url=PAGE)
    answered = await server.send("POST", PATH, REQUEST, PLATFORM)
    assert answered.status == 200
    assert list(answered.json) == ["data", "meta"]
    data, meta = answered.json["data"], answered.json["meta"]
    assert list(data)[:5] == [
        "message_id",
        "session_id",
        "status",
        "visitor_status",
        "engagement_score",
    ]
    assert data["message_id"].startswith("msg_")
    assert data["session_id"] == made["session_id"]
    assert data["status"] in ("sent", "delivered", "read")
    assert data["visitor_status"] == "online"
    assert isinstance(data["engagement_score"], int)
    assert 0 <= data["engagement_score"] <= 100
    assert list(meta) == ["request_id", "timestamp"]


async def test_who_follows_all_the_advice_gets_no_warning(server: TestServer) -> None:
    await server.open_session(id="visitor_abc123", page_url=PAGE)
    answered = await server.send("POST", PATH, REQUEST, PLATFORM)
    assert "warnings" not in answered.json["meta"]


async def test_the_message_reaches_the_visitor_with_its_three_replies(server: TestServer) -> None:
    made = await server.open_session(id="visitor_abc123", page_url=PAGE)
    await server.send("POST", PATH, REQUEST, PLATFORM)
    path = f"/v1/live-chat/sessions/{made['session_id']}/messages"
    (message,) = (await server.send("GET", path, headers=PLATFORM)).json["data"]
    assert message["kind"] == "proactive"
    assert message["text"].startswith("Hi! I noticed you are looking at our AC repair services.")
    assert message["quick_replies"] == [
        {"text": "Get a Quote", "value": "quote_request", "action": "quote"},
        {"text": "Schedule Service", "value": "schedule_service", "action": "schedule"},
        {"text": "Call Now", "value": "call_request", "action": "call"},
    ]
    assert message["trigger"] == {"type": "page_visit", "page_url": PAGE, "time_on_page": 45}


async def test_the_advice_on_frequency_is_a_rule(server: TestServer) -> None:
    await server.open_session(id="visitor_abc123", page_url=PAGE)
    assert (await server.send("POST", PATH, REQUEST, PLATFORM)).status == 200
    refused = await server.send("POST", PATH, REQUEST, PLATFORM)
    assert refused.status == 429
    assert refused.json["error"]["code"] == "RATE_LIMIT_EXCEEDED"


async def test_the_advice_on_relevance_is_a_rule(server: TestServer) -> None:
    await server.open_session(id="visitor_abc123", page_url="https://example.com/careers")
    refused = await server.send("POST", PATH, REQUEST, PLATFORM)
    assert refused.json["error"]["details"]["reason"] == "page_mismatch"
