"""`POST …/chat`: each field, each error, and what the assistant answers (API.md 4.1)."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from engine.conversations.orders import Post
from engine.limits import MESSAGES_MAX
from tests.api.widget_shop import SHOP, chat, meet_card, shop, start
from tests.server.running import AC_PAGE, ORIGIN, WIDGET, TestServer

pytestmark = pytest.mark.anyio
PATH = "/api/widgets/ws_dev/chat"


@pytest.fixture
async def server(tmp_path: Path, anyio_backend: str) -> AsyncIterator[TestServer]:
    async with shop(tmp_path) as running:
        yield running


async def test_an_answer_that_is_not_known_is_the_fallback_of_the_assistant_asked(
    server: TestServer,
) -> None:
    primary = await chat(server, message="Do you paint?")
    assert primary.json["message"] == "I don't know that yet."
    other = await chat(server, message="Do you paint?", assistantId="asst-123")
    assert other.json["message"] == "The second does not know."
    # The session stays with the one it asked for.
    again = await chat(server, message="Do you dance?")
    assert again.json["message"] == "The second does not know."


@pytest.mark.parametrize(
    ("change", "field", "reason", "text"),
    [
        ({"sessionId": ""}, "sessionId", "required", "Missing sessionId or message"),
        ({"message": ""}, "message", "required", "Missing sessionId or message"),
        ({"message": " \n "}, "message", "required", "Missing sessionId or message"),
        ({"sessionId": 7}, "sessionId", "invalid_type", ""),
        ({"sessionId": "x" * 257}, "sessionId", "too_long", ""),
        ({"sessionId": "a\nb"}, "sessionId", "invalid_id", ""),
        ({"message": {}}, "message", "invalid_type", ""),
        ({"message": "x" * 4_001}, "message", "too_long", ""),
        ({"message": "x" * 8_001}, "message", "too_long", ""),
        ({"assistantId": "asst_other"}, "assistantId", "assistant_not_found", ""),
        ({"assistantId": 1}, "assistantId", "invalid_type", ""),
        ({"conversationId": ""}, "conversationId", "required", ""),
        ({"conversationId": "a\x00"}, "conversationId", "invalid_id", ""),
        ({"visitorId": "x" * 257}, "visitorId", "too_long", ""),
        ({"userId": ""}, "userId", "required", ""),
        ({"messageId": "a\x01"}, "messageId", "invalid_id", ""),
        ({"page": {"url": 3}}, "page.url", "invalid_type", ""),
        ({"quickReply": {"value": "x"}}, "quickReply.messageId", "required", ""),
        ({"quickReply": {"messageId": "m", "value": "v"}}, "quickReply", "unknown_quick_reply", ""),
    ],
)
async def test_bad_words_name_their_field_and_store_nothing(
    server: TestServer, change: dict, field: str, reason: str, text: str
) -> None:
    answered = await chat(server, **change)
    assert (answered.status, answered.json["code"]) == (400, "INVALID_REQUEST")
    assert (answered.json["field"], answered.json["reason"]) == (field, reason)
    assert not text or answered.json["error"] == text
    found = await server.parts.runtime.find("ws_dev", "s1")
    view = None if found is None else await server.parts.runtime.view(found)
    assert view is None or not view.conversation


@pytest.mark.parametrize("body", [{"message": "Hi"}, {"sessionId": "s1"}, {}])
async def test_a_missing_field_has_the_words_of_the_document(
    server: TestServer, body: dict
) -> None:
    answered = await server.send("POST", PATH, body, WIDGET)
    assert (answered.status, answered.json["reason"]) == (400, "required")
    assert answered.json["error"] == "Missing sessionId or message"


async def test_the_longest_message_is_4000_characters_once_trimmed(server: TestServer) -> None:
    answered = await chat(server, message=" " + "x" * 4_000 + " ")
    assert answered.status == 200


async def test_a_workspace_without_an_assistant_says_so(tmp_path: Path, anyio_backend: str) -> None:
    text = SHOP.replace(
        '  [[workspaces.assistants]]\n  id = "asst_other"\n  name = "Other helper"\n', ""
    )
    async with shop(tmp_path, text) as server:
        path, token = "/api/widgets/ws_other/chat", {"authorization": "Bearer wk_other"}
        answered = await server.send("POST", path, {"sessionId": "s", "message": "Hi"}, token)
        assert (answered.status, answered.json["reason"]) == (400, "no_assistant")
        assert answered.json["error"] == "No assistant configured"


# ---- who may ask


@pytest.mark.parametrize(
    ("path", "headers", "status", "text"),
    [
        ("/api/widgets/nobody/chat", {"authorization": "Bearer wk_no"}, 404, "Widget not found"),
        (PATH, {"authorization": "Bearer wk_no", "origin": "null"}, 401, "Invalid widget token"),
        (PATH, {"authorization": "Bearer wk_other"}, 401, "Invalid widget token"),
        (PATH, {}, 401, "Invalid widget token"),
        (PATH, {**WIDGET, "origin": "https://evil.example"}, 403, ""),
    ],
)
async def test_the_widget_comes_before_the_token_before_the_origin_before_the_body(
    server: TestServer, path: str, headers: dict, status: int, text: str
) -> None:
    answered = await server.send("POST", path, {}, headers)
    assert (answered.status, answered.json["success"]) == (status, False)
    assert not text or answered.json["error"] == text
    assert "access-control-allow-origin" not in answered.headers


async def test_a_browser_of_the_site_is_answered_with_cors_and_the_budget_of_the_session(
    server: TestServer,
) -> None:
    answered = await chat(server, {**WIDGET, "origin": ORIGIN})
    assert answered.headers["access-control-allow-origin"] == ORIGIN
    assert answered.headers["x-ratelimit-limit"] == "20"
    assert answered.headers["x-ratelimit-remaining"] == "19"


async def test_the_21st_message_of_a_minute_is_refused_and_not_stored(server: TestServer) -> None:
    await start(server, sessionId="s1")
    for _ in range(20):
        assert (await chat(server)).status == 200
    refused = await chat(server)
    assert (refused.status, refused.json["reason"]) == (429, "chat_session_minute")
    assert refused.json["error"] == "Usage limit exceeded"
    assert int(refused.headers["retry-after"]) >= 1
    assert (await chat(server, sessionId="s2")).status == 200
    server.clock.advance(60_000)
    assert (await chat(server)).status == 200


async def test_the_message_that_makes_a_session_is_one_of_its_twenty(server: TestServer) -> None:
    statuses = [(await chat(server, sessionId="fresh")).status for _ in range(21)]
    assert statuses == [200] * 20 + [429]


async def test_the_token_may_stand_in_the_body_and_the_body_in_gzip_and_text(
    server: TestServer,
) -> None:
    body = {"sessionId": "s1", "message": "Hello", "token": "wk_dev"}
    answered = await server.send("POST", PATH, body, {"content-type": "text/plain"})
    assert answered.status == 200
    packed = gzip.compress(msgspec.json.encode(body))
    headers = {"content-encoding": "gzip", "content-type": "text/plain"}
    assert (await server.send("POST", PATH, packed, headers)).status == 200


async def test_a_body_is_bounded_as_sent_and_decoded(server: TestServer) -> None:
    large = {"sessionId": "s1", "message": "Hello", "extra": "x" * 70_000}
    assert (await server.send("POST", PATH, large, WIDGET)).status == 413
    bomb = gzip.compress(b" " * 600_000)
    answered = await server.send("POST", PATH, bomb, {**WIDGET, "content-encoding": "gzip"})
    assert (answered.status, answered.json["reason"]) == (413, "body_too_large")


# ---- conversations and sessions


async def test_a_conversation_goes_on_under_its_id(server: TestServer) -> None:
    first = (await chat(server)).json["conversationId"]
    assert first.startswith("conv_")
    for wanted in (first, None):
        change = {} if wanted is None else {"conversationId": wanted}
        assert (await chat(server, **change)).json["conversationId"] == first


async def test_an_adopted_conversation_is_found_and_is_its_session_s(server: TestServer) -> None:
    await chat(server, conversationId="conv-456")
    found = await server.parts.store.find("ws_dev", "conv-456")
    assert found == await server.parts.runtime.find("ws_dev", "s1")


async def test_another_session_s_conversation_is_not_found(server: TestServer) -> None:
    await chat(server, conversationId="conv-456")
    answered = await chat(server, sessionId="s2", conversationId="conv-456")
    assert (answered.status, answered.json["reason"]) == (404, "conversation_not_found")
    assert answered.json["field"] == "conversationId"


async def test_a_conversation_of_another_workspace_is_an_unknown_one(server: TestServer) -> None:
    await chat(server, conversationId="conv-456")
    path, token = "/api/widgets/ws_other/chat", {"authorization": "Bearer wk_other"}
    body = {"sessionId": "s1", "message": "Hi", "conversationId": "conv-456"}
    answered = await server.send("POST", path, body, token)
    assert (answered.status, answered.json["conversationId"]) == (200, "conv-456")


async def test_a_session_id_whose_session_ended_begins_a_new_session(server: TestServer) -> None:
    await chat(server, conversationId="conv-456")
    first = await server.parts.runtime.find("ws_dev", "s1")
    await server.pass_time(1_800_000)
    answered = await chat(server, conversationId="conv-456")
    assert answered.status == 200
    assert answered.json["conversationId"] not in (None, "conv-456")
    second = await server.parts.runtime.find("ws_dev", "s1")
    assert first is not None
    assert second is not None
    assert (second.session != first.session, second.visitor) == (True, first.visitor)


async def test_a_session_of_the_api_is_named_by_its_own_id(server: TestServer) -> None:
    session = await server.open_session()
    await chat(server, sessionId=session["session_id"])
    ref = await server.parts.runtime.find("ws_dev", session["session_id"])
    assert ref is not None
    assert ref.session == session["session_id"]
    assert len(await server.parts.runtime.messages(ref, 0, 10)) == 2


async def test_a_session_of_another_site_is_not_found(server: TestServer) -> None:
    session = await server.open_session()
    strict = {"authorization": "Bearer wk_strict", "origin": "https://strict.example"}
    answered = await chat(server, strict, sessionId=session["session_id"])
    assert (answered.status, answered.json["reason"]) == (404, "session_not_found")


async def test_words_come_with_their_page_and_their_visitor(server: TestServer) -> None:
    await chat(server, visitorId="v1", userId="u7", page={"url": AC_PAGE, "title": "AC"})
    ref = await server.parts.runtime.find("ws_dev", "s1")
    assert ref is not None
    assert ref.visitor == "v1"
    read = await server.parts.runtime.read(ref)
    assert read is not None
    assert read[0].state.attrs["page.url"] == AC_PAGE
    assert read[1].attrs["visitor.user_id"] == "u7"


async def test_without_a_visitor_id_it_follows_from_the_session(server: TestServer) -> None:
    await chat(server)
    first = await server.parts.runtime.find("ws_dev", "s1")
    await server.pass_time(1_800_000)
    await chat(server)
    second = await server.parts.runtime.find("ws_dev", "s1")
    assert first is not None
    assert second is not None
    assert first.visitor == second.visitor


async def test_a_visitor_token_of_somebody_else_is_refused(server: TestServer) -> None:
    await chat(server, sessionId="s1")
    token = (await start(server, sessionId="s2")).json["visitorToken"]
    answered = await chat(server, sessionId="s1", visitorToken=token)
    assert (answered.status, answered.json["reason"]) == (401, "invalid_credentials")
    assert (await chat(server, visitorToken="vt1.x.y")).status == 401


# ---- the same message again


async def test_the_same_message_id_answers_the_same_body_and_stores_once(
    server: TestServer,
) -> None:
    first = await chat(server, messageId="page0001-1")
    again = await chat(server, messageId="page0001-1")
    assert first.body == again.body
    ref = await server.parts.runtime.find("ws_dev", "s1")
    assert ref is not None
    assert len(await server.parts.runtime.messages(ref, 0, 10)) == 2


async def test_the_same_message_at_the_same_time_is_one_message(server: TestServer) -> None:
    await start(server, sessionId="s1")
    answers = await asyncio.gather(*(chat(server, messageId="m-1") for _ in range(8)))
    assert {answer.body for answer in answers} == {answers[0].body}
    ref = await server.parts.runtime.find("ws_dev", "s1")
    assert ref is not None
    assert len(await server.parts.runtime.messages(ref, 0, 10)) == 2


async def test_a_message_id_of_an_ended_session_is_new_words(server: TestServer) -> None:
    first = await chat(server, messageId="m-1")
    await server.pass_time(1_800_000)
    again = await chat(server, messageId="m-1")
    assert again.status == 200
    assert again.json["messageId"] not in (None, first.json["messageId"])


async def test_a_session_that_is_full_takes_no_more_words(
    server: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await chat(server)
    ref = await server.parts.runtime.find("ws_dev", "s1")
    assert ref is not None
    read = await server.parts.runtime.read(ref)
    assert read is not None
    # Only the number matters here; two thousand messages would take minutes of rate limits.
    monkeypatch.setattr(read[0], "offset", MESSAGES_MAX)
    answered = await chat(server)
    assert (answered.status, answered.json["reason"]) == (400, "too_many")


# ---- quick replies


async def test_a_clicked_reply_is_the_visitor_s_message_and_its_action_answers(
    server: TestServer,
) -> None:
    card = await meet_card(server)
    click = {"messageId": card["id"], "value": "tell_me_more"}
    answered = await chat(server, message="Tell me more", quickReply=click)
    assert answered.json["message"] == "We repair and install."
    assert answered.json["metadata"]["model"] == "answers"
    again = await chat(server, message="Tell me more", quickReply=click)
    assert again.body == answered.body
    other = {"messageId": card["id"], "value": "talk_to_a_person"}
    ignored = await chat(server, message="Talk to a person", quickReply=other)
    assert (ignored.status, ignored.json["message"]) == (200, "")


async def test_a_reply_of_an_answer_is_clicked_like_any_other(server: TestServer) -> None:
    answer = (await chat(server)).json
    click = {"messageId": answer["messageId"], "value": "get_a_quote"}
    answered = await chat(server, message="Get a quote", quickReply=click)
    assert answered.status == 200
    assert "quote" in answered.json["message"]


async def test_a_dismissal_begins_no_conversation(server: TestServer) -> None:
    card = await meet_card(server)
    click = {"messageId": card["id"], "value": "no_thanks"}
    answered = await chat(server, message="No thanks", quickReply=click)
    assert answered.status == 200
    assert answered.json["conversationId"] is None
    assert (answered.json["message"], answered.json["metadata"]["model"]) == ("", "none")


@pytest.mark.parametrize("click", [{"value": "other"}, {"messageId": "msg_other"}])
async def test_a_reply_that_nobody_offered_is_unknown(server: TestServer, click: dict) -> None:
    card = await meet_card(server)
    whole = {"messageId": card["id"], "value": "tell_me_more", **click}
    answered = await chat(server, quickReply=whole)
    assert (answered.status, answered.json["reason"]) == (400, "unknown_quick_reply")


async def test_a_reply_of_another_session_s_message_is_unknown(server: TestServer) -> None:
    card = await meet_card(server)
    click = {"messageId": card["id"], "value": "tell_me_more"}
    answered = await chat(server, sessionId="s2", quickReply=click)
    assert answered.json["reason"] == "unknown_quick_reply"


# ---- when the assistant is silent


async def test_a_conversation_in_a_person_s_hands_gets_the_away_message(
    server: TestServer,
) -> None:
    await chat(server)
    ref = await server.parts.runtime.find("ws_dev", "s1")
    assert ref is not None
    await server.parts.runtime.post(ref, Post("msg_agent", "agent", "Hello, Ana here", by="Ana"))
    answered = await chat(server)
    assert answered.json["message"] == "We will answer here shortly."
    assert answered.json["metadata"] == {"model": "none", "tokens": 0}
    assert (answered.json["messageId"], answered.json["quickReplies"]) == (None, [])


async def test_asking_for_a_person_hands_over(server: TestServer) -> None:
    card = await meet_card(server)
    click = {"messageId": card["id"], "value": "talk_to_a_person"}
    answered = await chat(server, message="Talk to a person", quickReply=click)
    assert answered.json["message"] == "We will answer here shortly."
    assert answered.json["metadata"]["model"] == "none"


async def test_a_conversation_without_a_place_at_the_assistant_waits(
    tmp_path: Path, anyio_backend: str
) -> None:
    text = SHOP.replace('name = "Helper"\n', 'name = "Helper"\n  max_active_sessions = 1\n')
    async with shop(tmp_path, text) as server:
        assert (await chat(server)).json["metadata"]["model"] == "answers"
        for _ in range(2):
            queued = await chat(server, sessionId="s2")
            assert queued.json["message"] == "We will answer here shortly."
            assert queued.json["metadata"]["model"] == "none"
        ref = await server.parts.runtime.find("ws_dev", "s2")
        assert ref is not None
        view = await server.parts.runtime.view(ref)
        assert view is not None
        assert view.status == "queued"


async def test_a_model_that_is_not_reached_answers_with_the_fallback_and_says_so(
    tmp_path: Path, anyio_backend: str
) -> None:
    model = (
        'name = "Second"\n  kind = "openai"\n  base_url = "http://127.0.0.1:9/v1"\n  model = "m"\n'
    )
    async with shop(tmp_path, SHOP.replace('name = "Second"\n', model)) as server:
        answered = await chat(server, message="Do you paint?", assistantId="asst-123")
        assert answered.status == 200
        assert answered.json["message"] == "The second does not know."
        assert answered.json["metadata"]["error"] == "model_unavailable"


# ---- consent


@pytest.mark.parametrize("headers", [{**WIDGET, "sec-gpc": "1"}, WIDGET])
async def test_words_without_consent_are_refused_and_nothing_is_stored(
    tmp_path: Path, headers: dict, anyio_backend: str
) -> None:
    text = SHOP
    if "sec-gpc" not in headers:
        text = SHOP.replace(f'["{ORIGIN}"]', f'["{ORIGIN}"]\n  consent = "required"', 1)
    async with shop(tmp_path, text) as server:
        refused = await chat(server, headers, visitorId="v1")
        assert (refused.status, refused.json["reason"]) == (403, "no_consent")
        assert refused.json["code"] == "PERMISSION_DENIED"
        assert await server.parts.store.find_alias("ws_dev", "s1") is None
        assert await server.parts.store.visitor("ws_dev", "v1") is None
        assert (await start(server, headers, sessionId="s1")).status == 403
        granted = await start(server, headers, sessionId="s1", consent="granted")
        assert granted.status == 200
        assert (await chat(server, headers)).status == 200


async def test_a_visitor_who_denied_consent_is_refused(server: TestServer) -> None:
    await server.track({"sessionId": "s1", "event": "click", "consent": "denied"})
    assert (await chat(server)).json["reason"] == "no_consent"
