"""`GET` and `DELETE /v1/outbound/live-chat/message/{message_id}`, and what else a send may say."""

import pytest

from engine.causes import ConversationStarted
from engine.stores.base import SessionRef
from tests.server.running import AC_PAGE, PLATFORM, Answered, TestServer

pytestmark = pytest.mark.anyio
PATH = "/v1/outbound/live-chat/message"
SESSIONS = "/v1/live-chat/sessions"
OTHER = {"authorization": "Bearer dev_key_other_012345678", "x-workspace-id": "ws_other"}


async def sent(server: TestServer, **change: object) -> dict:
    await server.open_session(id="visitor_1", page_url=AC_PAGE)
    server.clock.advance(31_000)
    body = {"visitor_id": "visitor_1", "message": "Hello", **change}
    answered = await server.send("POST", PATH, body, PLATFORM)
    assert answered.status == 200, answered.body
    return answered.json["data"]


async def get(server: TestServer, message_id: str) -> Answered:
    return await server.send("GET", f"{PATH}/{message_id}", headers=PLATFORM)


async def delete(server: TestServer, message_id: str) -> Answered:
    return await server.send("DELETE", f"{PATH}/{message_id}", headers=PLATFORM)


def details(answered: Answered) -> dict:
    return answered.json["error"]["details"]


async def happens(server: TestServer, name: str, message_id: str) -> None:
    event = {"event": name, "metadata": {"message_id": message_id}}
    ref = await server.parts.runtime.latest_session("ws_dev", "visitor_1")
    assert ref is not None
    answered = await server.track({"sessionId": ref.session, **event})
    assert answered.status == 200, answered.body


async def test_a_message_is_shown_with_its_times(server: TestServer) -> None:
    made = await sent(server)
    shown = (await get(server, made["message_id"])).json["data"]
    assert list(shown)[: len(made)] == list(made)
    assert shown == {
        **made,
        "sent_at": "2025-06-15T15:07:11Z",
        "delivered_at": None,
        "displayed_at": None,
        "read_at": None,
    }
    ref = SessionRef("ws_dev", "visitor_1", made["session_id"])
    await server.parts.runtime.delivered(ref, [made["message_id"]])
    server.clock.advance(1_000)
    await happens(server, "message_displayed", made["message_id"])
    seen = (await get(server, made["message_id"])).json["data"]
    assert (seen["status"], seen["delivered_at"]) == ("delivered", "2025-06-15T15:07:11Z")
    assert seen["displayed_at"] == "2025-06-15T15:07:12Z"


async def test_a_held_message_is_shown_before_it_goes(server: TestServer) -> None:
    await server.open_session(id="visitor_1", page_url=AC_PAGE)
    body = {"visitor_id": "visitor_1", "message": "Hello"}
    made = (await server.send("POST", PATH, body, PLATFORM)).json["data"]
    shown = (await get(server, made["message_id"])).json["data"]
    assert shown["deliver_after"] == made["deliver_after"] is not None


async def test_a_withdrawn_message_gives_its_place_back(server: TestServer) -> None:
    made = await sent(server)
    for _ in range(2):
        gone = await delete(server, made["message_id"])
        assert (gone.status, gone.json["data"]["outcome"]) == (200, "withdrawn")
    body = {
        "visitor_id": "visitor_1",
        "message": "Again",
        "options": {"override_policy": ["cooldown"]},
    }
    assert (await server.send("POST", PATH, body, PLATFORM)).status == 200


async def test_a_message_that_was_seen_stays(server: TestServer) -> None:
    made = await sent(server)
    await happens(server, "message_displayed", made["message_id"])
    refused = await delete(server, made["message_id"])
    assert (refused.status, details(refused)["reason"]) == (400, "already_displayed")
    assert (await get(server, made["message_id"])).json["data"]["outcome"] is None


async def test_the_words_of_a_visitor_are_no_sent_message(server: TestServer) -> None:
    made = await server.open_session()
    body = {"from": "visitor", "text": "Hi"}
    path = f"{SESSIONS}/{made['session_id']}/messages"
    said = (await server.send("POST", path, body, PLATFORM)).json["data"]
    for answered in (
        await get(server, said["message_id"]),
        await delete(server, said["message_id"]),
    ):
        assert (answered.status, details(answered)["reason"]) == (404, "message_not_found")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_message_of_another_workspace_is_an_unknown_one(
    server: TestServer, method: str
) -> None:
    made = await sent(server)
    foreign = await server.send(method, f"{PATH}/{made['message_id']}", headers=OTHER)
    unknown = await server.send(method, f"{PATH}/msg_none", headers=OTHER)
    assert (foreign.status, foreign.json["error"]) == (404, unknown.json["error"])
    assert (await get(server, made["message_id"])).json["data"]["outcome"] is None


async def test_reading_needs_its_own_scope(server: TestServer) -> None:
    reader = {**PLATFORM, "authorization": "Bearer dev_key_reader_0123456"}
    refused = await server.send("GET", f"{PATH}/msg_none", headers=reader)
    assert details(refused) == {"reason": "missing_scope", "scope": "messages:read"}


async def test_the_callers_trigger_stays_with_the_message(server: TestServer) -> None:
    trigger = {
        "type": "cart_abandonment",
        "page_url": AC_PAGE,
        "time_on_page": 45,
        "scroll_depth": 60,
        "data": {"cart": {"items": 3}, "vip": True},
    }
    made = await sent(server, trigger=trigger)
    path = f"{SESSIONS}/{made['session_id']}/messages"
    (row,) = (await server.send("GET", path, headers=PLATFORM)).json["data"]
    assert row["trigger"] == trigger


async def test_a_trigger_holds_4_kb_of_the_callers_own(server: TestServer) -> None:
    await server.open_session(id="visitor_1", page_url=AC_PAGE)
    body = {"visitor_id": "visitor_1", "message": "Hi", "trigger": {"data": {"a": "x" * 4_088}}}
    assert (await server.send("POST", PATH, body, PLATFORM)).status == 200
    body["trigger"] = {"data": {"a": "x" * 4_089}}
    refused = await server.send("POST", PATH, body, PLATFORM)
    assert details(refused) == {"field": "trigger.data", "reason": "too_long"}


async def test_a_closed_session_is_sent_nothing(server: TestServer) -> None:
    made = await server.open_session(id="visitor_1")
    await server.send("POST", f"{SESSIONS}/{made['session_id']}/close", None, PLATFORM)
    body = {"session_id": made["session_id"], "message": "Hi"}
    refused = await server.send("POST", PATH, body, PLATFORM)
    assert (refused.status, details(refused)["reason"]) == (400, "session_closed")


async def test_a_long_quick_reply_is_advised_against(server: TestServer) -> None:
    await server.open_session(id="visitor_1", page_url=AC_PAGE)
    body = {
        "visitor_id": "visitor_1",
        "message": "Hi",
        "trigger": {"page_url": AC_PAGE, "time_on_page": 45},
        "personalization": {},
        "quick_replies": [{"text": "x" * 20}, {"text": "y" * 21}],
    }
    answered = await server.send("POST", PATH, body, PLATFORM)
    (warning,) = answered.json["meta"]["warnings"]
    assert (warning["reason"], warning["field"]) == ("long_quick_reply", "quick_replies[1].text")


async def test_a_reply_without_latin_letters_gets_a_value_of_its_own(server: TestServer) -> None:
    made = await sent(server, quick_replies=[{"text": "見積もり"}, {"text": "後で"}])
    path = f"{SESSIONS}/{made['session_id']}/messages"
    (row,) = (await server.send("GET", path, headers=PLATFORM)).json["data"]
    assert [reply["value"] for reply in row["quick_replies"]] == ["reply_1", "reply_2"]


async def test_a_blank_reply_is_refused(server: TestServer) -> None:
    body = {"visitor_id": "v", "message": "Hi", "quick_replies": [{"text": " "}, {"text": "A"}]}
    refused = await server.send("POST", PATH, body, PLATFORM)
    assert details(refused) == {"field": "quick_replies[0].text", "reason": "too_short"}


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"trigger": {"type": "x" * 65}}, "trigger.type", "invalid_value"),
        ({"trigger": {"page_url": "https://a/" + "x" * 2_040}}, "trigger.page_url", "too_long"),
        ({"trigger": {"time_on_page": 86_401}}, "trigger.time_on_page", "out_of_range"),
        ({"personalization": {str(n): n for n in range(51)}}, "personalization", "too_many"),
        ({"personalization": {"a": "x" * 501}}, "personalization", "too_long"),
        ({"personalization": {"a": {}}}, "personalization", "invalid_type"),
        ({"options": {"expires_in": 86_401}}, "options.expires_in", "out_of_range"),
        ({"options": {"display": "toast"}}, "options.display", "invalid_value"),
        ({"options": {"campaign_id": "x" * 65}}, "options.campaign_id", "too_long"),
        ({"options": {"sound": "loud"}}, "options.sound", "invalid_type"),
        ({"visitor_id": "x" * 257}, "visitor_id", "too_long"),
        ({"quick_replies": [{"text": "A", "value": "a b"}, {"text": "B"}]}, "quick_replies[0].value", "invalid_value"),
        ({"quick_replies": [{"text": ""}, {"text": "B"}]}, "quick_replies[0].text", "too_short"),
        ({"quick_replies": [{"text": "A", "payload": "x" * 2_001}, {"text": "B"}]}, "quick_replies[0].pay", "too_long"),
    ],
)  # fmt: skip
async def test_a_limit_of_a_field_is_held(
    server: TestServer, change: dict, field: str, reason: str
) -> None:
    body = {"visitor_id": "v", "message": "Hi", **change}
    found = details(await server.send("POST", PATH, body, PLATFORM))
    assert found["field"].startswith(field)
    assert found["reason"] == reason


async def test_a_visitor_never_seen_has_no_conversation_before_they_answer(
    server: TestServer,
) -> None:
    heard = []
    server.parts.runtime.on_cause(heard.append)
    body = {"visitor_id": "visitor_9", "message": "Hi", "trigger": {"time_on_page": 45}}
    made = (await server.send("POST", PATH, body, PLATFORM)).json["data"]
    shown = await server.send("GET", f"{SESSIONS}/{made['session_id']}", headers=PLATFORM)
    assert shown.json["data"]["conversation_id"] is None
    assert not any(isinstance(cause.body, ConversationStarted) for cause in heard)
