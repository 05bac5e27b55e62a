"""`GET …/messages` and `POST …/ack`: a conversation without a socket (API.md 4.1)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.conversations.orders import Post
from tests.api.widget_shop import chat, meet_card, shop, start
from tests.server.running import AC_PAGE, WIDGET, Answered, TestServer

pytestmark = pytest.mark.anyio
PATH = "/api/widgets/ws_dev/messages"
ACK = "/api/widgets/ws_dev/ack"


@pytest.fixture
async def server(tmp_path: Path, anyio_backend: str) -> AsyncIterator[TestServer]:
    async with shop(tmp_path) as running:
        yield running


async def token_of(server: TestServer, session_id: str = "s1") -> str:
    return (await start(server, sessionId=session_id)).json["visitorToken"]


async def read(server: TestServer, query: str, token: str | None) -> Answered:
    more = {} if token is None else {"x-visitor-token": token}
    return await server.send("GET", f"{PATH}?{query}", headers={**WIDGET, **more})


async def ack(server: TestServer, **body: object) -> Answered:
    return await server.send("POST", ACK, body, WIDGET)


async def test_messages_are_read_back_after_an_offset(server: TestServer) -> None:
    token = await token_of(server)
    answer = (await chat(server)).json
    answered = await read(server, "sessionId=s1", token)
    assert answered.status == 200
    body = answered.json
    assert set(body) == {"success", "epoch", "messages", "nextCheckMs"}
    assert [frame["offset"] for frame in body["messages"]] == [1, 2]
    words, reply = body["messages"]
    assert (words["type"], words["from"], words["kind"]) == ("message", "visitor", "chat")
    assert (reply["from"], reply["id"]) == ("assistant", answer["messageId"])
    assert reply["epoch"] == body["epoch"]
    assert reply["quick_replies"] == answer["quickReplies"]
    later = await read(server, "sessionId=s1&after=1", token)
    assert [frame["offset"] for frame in later.json["messages"]] == [2]
    assert (await read(server, "sessionId=s1&after=2", token)).json["messages"] == []
    assert 250 <= body["nextCheckMs"] <= 15_000


async def test_what_happened_is_told_as_an_event_frame(server: TestServer) -> None:
    token = await token_of(server)
    await chat(server)
    ref = await server.parts.runtime.find("ws_dev", "s1")
    assert ref is not None
    await server.parts.runtime.post(ref, Post("msg_agent", "agent", "Hello", by="Ana"))
    frames = (await read(server, "sessionId=s1&after=2", token)).json["messages"]
    handoff = next(frame for frame in frames if frame["type"] == "event")
    assert handoff["event"] == "handoff"
    assert handoff["data"]["agent_name"] == "Ana"
    assert [frame["offset"] for frame in frames] == [3, 4]


async def test_a_proactive_message_is_delivered_by_reading(server: TestServer) -> None:
    token = await token_of(server)
    await server.track({"sessionId": "s1", "event": "page_view", "page": {"url": AC_PAGE}})
    first = await read(server, "sessionId=s1", token)
    assert first.json["messages"] == []
    assert first.json["nextCheckMs"] == 15_000
    await server.pass_time(45_000)
    (card,) = (await read(server, "sessionId=s1", token)).json["messages"]
    assert (card["kind"], card["engagement_epoch"]) == ("proactive", 0)
    found = await server.parts.runtime.message("ws_dev", card["id"])
    assert found is not None
    assert found[1].status == "delivered"


async def test_a_card_is_read_back_with_what_became_of_it(server: TestServer) -> None:
    token = await token_of(server)
    card = await meet_card(server)
    assert (card["status"], card["outcome"]) == ("sent", None)
    assert "clicked" not in card

    async def now() -> tuple[str, str | None, str | None]:
        frames = (await read(server, "sessionId=s1", token)).json["messages"]
        again = next(frame for frame in frames if frame.get("id") == card["id"])
        return again["status"], again["outcome"], again.get("clicked")

    assert await now() == ("delivered", None, None)
    named = {"sessionId": "s1", "visitorToken": token, "messageId": card["id"]}
    await ack(server, **named, state="displayed")
    assert await now() == ("displayed", None, None)
    await ack(server, **named, state="read")
    assert await now() == ("read", None, None)
    click = {"messageId": card["id"], "value": "tell_me_more"}
    assert (await chat(server, message="Tell me more", quickReply=click)).status == 200
    assert await now() == ("read", "replied", "tell_me_more")


async def test_a_card_that_was_closed_is_read_back_as_dismissed(server: TestServer) -> None:
    token = await token_of(server)
    card = await meet_card(server)
    named = {"sessionId": "s1", "visitorToken": token, "messageId": card["id"]}
    await ack(server, **named, state="dismissed")
    frames = (await read(server, "sessionId=s1", token)).json["messages"]
    (again,) = (frame for frame in frames if frame["type"] == "message")
    assert (again["status"], again["outcome"]) == ("displayed", "dismissed")
    (told,) = {
        (frame["data"]["status"], frame["data"]["outcome"])
        for frame in frames
        if frame["type"] == "event" and frame["data"]["outcome"]
    }
    assert told == ("displayed", "dismissed")


async def test_an_answer_is_read_back_with_the_reply_that_was_clicked(server: TestServer) -> None:
    token = await token_of(server)
    answer = (await chat(server)).json
    click = {"messageId": answer["messageId"], "value": "get_a_quote"}
    assert (await chat(server, message="Get a quote", quickReply=click)).status == 200
    words, again, *_ = (await read(server, "sessionId=s1", token)).json["messages"]
    assert (again["id"], again["clicked"]) == (answer["messageId"], "get_a_quote")
    assert (again["status"], again["outcome"]) == ("read", "replied")
    assert not {"status", "outcome", "clicked"} & set(words)


@pytest.mark.parametrize(
    ("query", "field", "reason"),
    [
        ("", "sessionId", "required"),
        ("sessionId=s1&after=x", "after", "invalid_value"),
        ("sessionId=s1&after=-1", "after", "out_of_range"),
        ("sessionId=" + "x" * 257, "sessionId", "too_long"),
        ("sessionId=a%0Ab", "sessionId", "invalid_id"),
    ],
)
async def test_a_query_that_does_not_fit_names_its_parameter(
    server: TestServer, query: str, field: str, reason: str
) -> None:
    answered = await read(server, query, await token_of(server))
    assert answered.status == 400
    assert (answered.json["field"], answered.json["reason"]) == (field, reason)


async def test_only_the_visitor_s_own_token_reads(server: TestServer) -> None:
    token = await token_of(server)
    other = await token_of(server, "s2")
    for wrong, reason in (
        (None, "missing_credentials"),
        ("vt1.a.b", "invalid_credentials"),
        (other, "invalid_credentials"),
    ):
        refused = await read(server, "sessionId=s1", wrong)
        assert (refused.status, refused.json["reason"]) == (401, reason)
        body = {"sessionId": "s1", "messageId": "m", "state": "read", "visitorToken": wrong}
        assert (await ack(server, **body)).status == 401
    assert (await read(server, "sessionId=nobody", token)).status == 401
    server.clock.advance(86_400_000)
    assert (await read(server, "sessionId=s1", token)).status == 401


async def test_a_token_of_another_workspace_reads_nothing(server: TestServer) -> None:
    token = await token_of(server)
    path = "/api/widgets/ws_other/messages?sessionId=s1"
    headers = {"authorization": "Bearer wk_other", "x-visitor-token": token}
    refused = await server.send("GET", path, headers=headers)
    assert (refused.status, refused.json["reason"]) == (401, "invalid_credentials")


async def test_the_widget_its_token_and_the_origin_come_first(server: TestServer) -> None:
    unknown = await server.send("GET", "/api/widgets/nobody/messages?sessionId=s1", headers=WIDGET)
    assert unknown.status == 404
    assert (await server.send("GET", f"{PATH}?sessionId=s1")).status == 401
    evil = {**WIDGET, "origin": "https://evil.example"}
    assert (await server.send("GET", f"{PATH}?sessionId=s1", headers=evil)).status == 403
    assert (await server.send("POST", ACK, {}, evil)).status == 403


async def test_a_message_is_acknowledged_once_and_step_by_step(server: TestServer) -> None:
    token = await token_of(server)
    card = await meet_card(server)
    body = {"sessionId": "s1", "visitorToken": token, "messageId": card["id"]}
    for state, status, outcome in (
        ("displayed", "delivered", None),
        ("displayed", "delivered", None),
        ("read", "read", None),
        ("dismissed", "read", "dismissed"),
        ("displayed", "read", "dismissed"),
    ):
        answered = await ack(server, **body, state=state)
        assert (answered.status, answered.json) == (200, {"success": True})
        found = await server.parts.runtime.message("ws_dev", card["id"])
        assert found is not None
        assert (found[1].status, found[1].outcome) == (status, outcome)


@pytest.mark.parametrize(
    ("change", "status", "field", "reason"),
    [
        ({"state": "seen"}, 400, "state", "invalid_value"),
        ({"messageId": ""}, 400, "messageId", "too_short"),
        ({"messageId": "msg_unknown"}, 404, "messageId", "message_not_found"),
    ],
)
async def test_an_acknowledgement_that_does_not_fit_is_refused(
    server: TestServer, change: dict, status: int, field: str, reason: str
) -> None:
    token = await token_of(server)
    body = {"sessionId": "s1", "visitorToken": token, "messageId": "m", "state": "read", **change}
    answered = await ack(server, **body)
    assert answered.status == status
    assert (answered.json["field"], answered.json["reason"]) == (field, reason)


async def test_a_message_of_another_session_looks_unknown(server: TestServer) -> None:
    card = await meet_card(server, sessionId="s2")
    token = await token_of(server)
    body = {"sessionId": "s1", "visitorToken": token, "messageId": card["id"], "state": "read"}
    assert (await ack(server, **body)).json["reason"] == "message_not_found"


async def test_a_poll_of_track_gives_an_agent_s_words_once(server: TestServer) -> None:
    answer = (await chat(server)).json
    ref = await server.parts.runtime.find("ws_dev", "s1")
    assert ref is not None
    await server.parts.runtime.post(ref, Post("msg_agent", "agent", "Hello", by="Ana"))
    poll = {"sessionId": "s1", "event": "active", "deliver": True}
    messages = (await server.track(poll)).json["messages"]
    assert [message["id"] for message in messages] == ["msg_agent"]
    assert answer["messageId"] != "msg_agent"
    assert (await server.track(poll)).json["messages"] == []
