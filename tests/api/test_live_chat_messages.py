"""Messages of a live chat session: posted by an agent, the assistant, the visitor; listed oldest first."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.limits import MESSAGES_MAX
from server.routes import chat_messages
from tests.server.running import (
    AC_PAGE,
    PLATFORM,
    RULES,
    Answered,
    TestServer,
    in_process,
    write_config,
)

pytestmark = pytest.mark.anyio
PATH = "/v1/live-chat/sessions"
ANSWERS = (
    RULES
    + """
answer opening_hours "When are you open?" {
  asked "opening hours", "when are you open"
  say "We are open from 8 to 6."
}
"""
)
FIELDS = [
    "message_id", "session_id", "conversation_id", "from", "kind", "text", "quick_replies", "status",
    "outcome", "offset", "timestamp", "delivered_at", "displayed_at", "read_at", "engagement_epoch",
    "rule", "trigger", "decision_id", "quick_reply_clicked",
]  # fmt: skip


@pytest.fixture
async def shop(tmp_path: Path, anyio_backend: str) -> AsyncIterator[TestServer]:
    """A server whose assistant knows the opening hours."""
    async with in_process(write_config(tmp_path, rules=ANSWERS)) as running:
        yield running


async def post(server: TestServer, session_id: str, body: object, **headers: str) -> Answered:
    path = f"{PATH}/{session_id}/messages"
    return await server.send("POST", path, body, {**PLATFORM, **headers})


async def listed(server: TestServer, session_id: str, query: str = "") -> Answered:
    return await server.send("GET", f"{PATH}/{session_id}/messages{query}", headers=PLATFORM)


async def test_a_visitor_s_words_are_answered_in_the_same_call(shop: TestServer) -> None:
    made = await shop.open_session()
    body = {"from": "visitor", "text": "When are you open?"}
    answered = await post(shop, made["session_id"], body)
    assert answered.status == 200, answered.body
    data = answered.json["data"]
    assert list(data)[: len(FIELDS)] == FIELDS
    assert (data["from"], data["text"], data["kind"]) == ("visitor", "When are you open?", "chat")
    assert data["reply"]["from"] == "assistant"
    assert data["reply"]["text"] == "We are open from 8 to 6."
    assert data["reply"]["offset"] > data["offset"]
    assert data["conversation_id"] == made["conversation_id"]


async def test_an_agent_s_words_pause_the_assistant(shop: TestServer) -> None:
    made = await shop.open_session()
    posted = await post(shop, made["session_id"], {"text": "Maria here", "agent_name": "Maria"})
    data = posted.json["data"]
    assert (data["from"], data["agent_name"], data["text"]) == ("agent", "Maria", "Maria here")
    assert "reply" not in data
    said = await post(shop, made["session_id"], {"from": "visitor", "text": "When are you open?"})
    assert said.json["data"]["reply"] is None


async def test_words_of_the_assistant_do_not_pause_it(shop: TestServer) -> None:
    made = await shop.open_session()
    data = (await post(shop, made["session_id"], {"from": "assistant", "text": "Hi"})).json["data"]
    assert data["from"] == "assistant"
    said = await post(shop, made["session_id"], {"from": "visitor", "text": "When are you open?"})
    assert said.json["data"]["reply"]["text"] == "We are open from 8 to 6."


@pytest.mark.parametrize("author", ["agent", "assistant", "visitor"])
async def test_the_same_client_id_answers_the_same_message(shop: TestServer, author: str) -> None:
    made = await shop.open_session()
    body = {"from": author, "text": "When are you open?", "client_id": "c-1"}
    first, again = [(await post(shop, made["session_id"], body)).json["data"] for _ in range(2)]
    assert first["message_id"] == again["message_id"]
    assert first["client_id"] == "c-1"
    if author == "visitor":
        assert first["reply"]["message_id"] == again["reply"]["message_id"]
    rows = (await listed(shop, made["session_id"])).json["data"]
    assert [row["from"] for row in rows].count(author) == 1


@pytest.mark.parametrize("author", ["agent", "visitor"])
async def test_the_same_idempotency_key_posts_once(shop: TestServer, author: str) -> None:
    made = await shop.open_session()
    body = {"from": author, "text": "Hello"}
    first = await post(shop, made["session_id"], body, **{"idempotency-key": "k"})
    again = await post(shop, made["session_id"], body, **{"idempotency-key": "k"})
    assert first.status == 200, first.body
    assert first.json["data"] == again.json["data"]
    rows = (await listed(shop, made["session_id"])).json["data"]
    assert [row["from"] for row in rows].count(author) == 1


async def test_messages_are_listed_oldest_first_in_pages(shop: TestServer) -> None:
    made = await shop.open_session()
    for number in range(5):
        await post(shop, made["session_id"], {"from": "assistant", "text": f"n {number}"})
    first = await listed(shop, made["session_id"], "?limit=3")
    assert [row["text"] for row in first.json["data"]] == ["n 0", "n 1", "n 2"]
    cursor = first.json["meta"]["next_cursor"]
    second = await listed(shop, made["session_id"], f"?limit=3&cursor={cursor}")
    assert [row["text"] for row in second.json["data"]] == ["n 3", "n 4"]
    assert second.json["meta"]["has_more"] is False
    exact = await listed(shop, made["session_id"], "?limit=5")
    assert (len(exact.json["data"]), exact.json["meta"]["has_more"]) == (5, False)


async def test_a_cursor_is_of_one_session_alone(shop: TestServer) -> None:
    one, two = await shop.open_session(), await shop.open_session()
    for number in range(2):
        await post(shop, one["session_id"], {"from": "assistant", "text": f"n {number}"})
    cursor = (await listed(shop, one["session_id"], "?limit=1")).json["meta"]["next_cursor"]
    answered = await listed(shop, two["session_id"], f"?cursor={cursor}")
    assert answered.json["error"]["details"]["reason"] == "invalid_cursor"


async def test_a_rule_s_message_and_the_click_on_it_are_shown(shop: TestServer) -> None:
    made = await shop.open_session(page_url=AC_PAGE)
    await shop.pass_time(45_000)
    (message,) = (await listed(shop, made["session_id"])).json["data"]
    assert (message["kind"], message["rule"]) == ("proactive", "ac_help")
    assert message["trigger"]["page_url"] == AC_PAGE
    assert message["decision_id"].startswith("dec_")
    assert message["quick_replies"][0] == {
        "text": "Get a Quote",
        "value": "quote_request",
        "action": "quote",
    }
    runtime = shop.parts.runtime
    ref = await runtime.find("ws_dev", made["session_id"])
    assert ref is not None
    await runtime.click(ref, message["message_id"], "quote_request")
    rows = (await listed(shop, made["session_id"])).json["data"]
    clicked = {"value": "quote_request", "action": "quote"}
    assert [row["quick_reply_clicked"] for row in rows[:2]] == [clicked, clicked]
    assert (rows[0]["outcome"], rows[0]["status"]) == ("replied", "read")
    assert (rows[1]["from"], rows[1]["text"]) == ("visitor", "Get a Quote")


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ({}, "text", "required"),
        ({"text": ""}, "text", "too_short"),
        ({"text": "  "}, "text", "too_short"),
        ({"text": "x" * 4_001}, "text", "too_long"),
        ({"text": 5}, "text", "invalid_type"),
        ({"text": "Hi", "from": "system"}, "from", "invalid_value"),
        ({"text": "Hi", "agent_name": "x" * 201}, "agent_name", "too_long"),
        ({"text": "Hi", "client_id": "x" * 257}, "client_id", "too_long"),
        ({"text": "Hi", "client_id": "a\u0000"}, "client_id", "invalid_id"),
    ],
)
async def test_a_wrong_field_is_named_and_nothing_is_stored(
    server: TestServer, body: dict, field: str, reason: str
) -> None:
    made = await server.open_session()
    details = (await post(server, made["session_id"], body)).json["error"]["details"]
    assert (details["field"], details["reason"]) == (field, reason)
    assert (await listed(server, made["session_id"])).json["data"] == []


@pytest.mark.parametrize("author", ["agent", "assistant", "visitor"])
async def test_a_closed_session_refuses_messages(server: TestServer, author: str) -> None:
    made = await server.open_session()
    await server.send("POST", f"{PATH}/{made['session_id']}/close", None, PLATFORM)
    answered = await post(server, made["session_id"], {"from": author, "text": "Hi"})
    assert answered.status == 400
    assert answered.json["error"]["details"]["reason"] == "session_closed"


async def test_a_session_with_as_many_messages_as_allowed_refuses_more(
    server: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert chat_messages.MESSAGES_MAX == MESSAGES_MAX
    monkeypatch.setattr(chat_messages, "MESSAGES_MAX", 2)
    made = await server.open_session()
    for _ in range(2):
        posted = await post(server, made["session_id"], {"from": "assistant", "text": "Hi"})
        assert posted.status == 200
    answered = await post(server, made["session_id"], {"from": "assistant", "text": "Hi"})
    assert answered.json["error"]["details"]["reason"] == "too_many"


async def test_who_writes_too_slowly_leaves_the_reply_to_the_sockets(
    shop: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat_messages, "REPLY_WAIT_S", 0.0)
    made = await shop.open_session()
    body = {"from": "visitor", "text": "When are you open?"}
    data = (await post(shop, made["session_id"], body)).json["data"]
    assert data["reply"] is None
    answering = shop.parts.app.services.answering
    ref = await shop.parts.runtime.find("ws_dev", made["session_id"])
    reply = await answering.answer(ref, data["message_id"])
    assert reply is not None
    rows = (await listed(shop, made["session_id"])).json["data"]
    assert [row["text"] for row in rows] == ["When are you open?", "We are open from 8 to 6."]
