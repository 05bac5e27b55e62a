"""Sessions of agents: the seed's example field for field, every row of API.md 4.2, and who may see what."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from engine.conversations.answering import Answering
from engine.conversations.assistants import Reply
from engine.conversations.orders import Post
from engine.stores.base import SessionRef
from server.assistants import terms_by_workspace
from server.routes import agent_sessions as agent_routes
from tests.engine.conversations.answerers import Writer
from tests.server.running import CONFIG, Answered, TestServer, in_process, write_config

pytestmark = pytest.mark.anyio

AGENT_KEY = {"x-api-key": "ah_live_0123456789abcdefghij"}
OTHER_KEY = {"x-api-key": "ah_live_other_0123456789abcd"}
PATH = "/api/v1/sessions"
EXAMPLE = b"""{
  "agent_id": 123,
  "session_type": "agent_voice",
  "metadata": {
    "source": "web_app",
    "device": "desktop"
  }
}"""
FIELDS = {
    "session_id",
    "agent_id",
    "agent_name",
    "session_type",
    "status",
    "started_at",
    "metadata",
    "avatar_id",
    "avatar_name",
    "avatar_url",
    "voice_id",
}
AGENTS = """
[[workspaces]]
id = "ws_agents"
name = "Agents"
rules = "rules"
  [[workspaces.api_keys]]
  name = "agents"
  key = "ah_live_0123456789abcdefghij"
  [[workspaces.api_keys]]
  name = "reader"
  key = "ah_live_reader_0123456789abc"
  scopes = ["sessions:read"]
  [[workspaces.sites]]
  source_id = "site_agents"
  origins = []
  [[workspaces.assistants]]
  id = "asst_first"
  name = "First"
  [[workspaces.assistants]]
  id = "asst_sales"
  agent_id = 123
  name = "Sales Support Agent"
  fallback = "I do not know."
  away_message = "A person will answer."
  avatar_id = 1
  avatar_name = "Professional Avatar"
  avatar_url = "https://example.com/avatar.jpg"
  voice_id = "21m00Tcm4TlvDq8ikWAM"
  [[workspaces.assistants]]
  id = "asst_plain"
  agent_id = 124
  name = "Plain"
  kind = "openai"
  base_url = "https://llm.example.com/v1"
  model = "gpt-4o-mini"
  fallback = "No model."

[[workspaces]]
id = "ws_agents_other"
name = "Other agents"
  [[workspaces.api_keys]]
  name = "other"
  key = "ah_live_other_0123456789abcd"
  [[workspaces.sites]]
  source_id = "site_agents_other"
  origins = []
  [[workspaces.assistants]]
  id = "asst_other_sales"
  agent_id = 500
  name = "Other sales"
"""
RULES = """
site "agents" timezone "UTC"
answer cost { asked "repair cost" say "A visit is $89." }
"""


@pytest.fixture
async def server(tmp_path: Path, anyio_backend: str) -> AsyncIterator[TestServer]:
    async with in_process(write_config(tmp_path, CONFIG + AGENTS, RULES)) as running:
        yield running


async def post(
    server: TestServer, path: str, body: object, headers: dict[str, str] | None = None
) -> Answered:
    return await server.send("POST", PATH + path, body, {**AGENT_KEY, **(headers or {})})


async def begun(server: TestServer, **fields: object) -> dict:
    answered = await post(server, "", {"agent_id": 123, **fields})
    assert answered.status == 200, answered.body
    return answered.json["session"]


async def look(server: TestServer, number: object, key: dict[str, str] = AGENT_KEY) -> Answered:
    return await server.send("GET", f"{PATH}/{number}", headers=key)


async def chat_ref(server: TestServer, number: int) -> SessionRef:
    chat_session = (await look(server, number)).json["session"]["chat_session_id"]
    ref = await server.parts.runtime.find("ws_agents", chat_session)
    assert ref is not None
    return ref


# ---- create: the seed, and each field


async def test_create_session_of_the_seed_answers_field_for_field(server: TestServer) -> None:
    answered = await post(server, "", EXAMPLE, {"content-type": "application/json"})
    assert answered.status == 200, answered.body
    assert set(answered.json) == {"success", "session", "message"}
    session = answered.json["session"]
    assert set(session) == FIELDS
    assert answered.json["success"] is True
    assert answered.json["message"] == "Session started successfully"
    assert session == {
        "session_id": 1,
        "agent_id": 123,
        "agent_name": "Sales Support Agent",
        "session_type": "agent_voice",
        "status": "active",
        "started_at": session["started_at"],
        "metadata": {"source": "web_app", "device": "desktop"},
        "avatar_id": 1,
        "avatar_name": "Professional Avatar",
        "avatar_url": "https://example.com/avatar.jpg",
        "voice_id": "21m00Tcm4TlvDq8ikWAM",
    }
    assert session["started_at"].endswith("Z")


async def test_an_unknown_agent_of_the_seed_is_refused_in_its_words(server: TestServer) -> None:
    answered = await post(server, "", {"agent_id": 999})
    assert answered.status == 404
    assert answered.json == {
        "success": False,
        "error": "Agent not found or access denied",
        "code": "NOT_FOUND",
        "reason": "agent_not_found",
        "field": "agent_id",
    }


async def test_an_agent_of_another_workspace_is_as_unknown_as_any(server: TestServer) -> None:
    foreign = await post(server, "", {"agent_id": 500})
    unknown = await post(server, "", {"agent_id": 999})
    assert (foreign.status, foreign.body) == (unknown.status, unknown.body)


async def test_avatar_and_voice_are_null_where_none_is_configured(server: TestServer) -> None:
    session = await begun(server, agent_id=124)
    assert [session[name] for name in ("avatar_id", "avatar_name", "avatar_url", "voice_id")] == [
        None
    ] * 4


@pytest.mark.parametrize(
    ("asked", "answered", "channel"),
    [
        (None, "agent_voice", "voice"),
        ("voice", "agent_voice", "voice"),
        ("agent_voice", "agent_voice", "voice"),
        ("agent_video", "agent_video", "video"),
        ("agent_chat", "agent_chat", "chat"),
        ("webrtc_video", "webrtc_video", "video"),
    ],
)
async def test_each_session_type_has_its_channel(
    server: TestServer, asked: str | None, answered: str, channel: str
) -> None:
    session = await begun(server, session_type=asked) if asked else await begun(server)
    assert session["session_type"] == answered
    view = await server.parts.runtime.view(await chat_ref(server, session["session_id"]))
    assert view is not None
    assert view.channel == channel


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ({}, "agent_id", "required"),
        ({"agent_id": "123"}, "agent_id", "invalid_type"),
        ({"agent_id": True}, "agent_id", "invalid_type"),
        ({"agent_id": 0}, "agent_id", "out_of_range"),
        ({"agent_id": -1}, "agent_id", "out_of_range"),
        ({"agent_id": 123, "session_type": "telepathy"}, "session_type", "unknown_session_type"),
        ({"agent_id": 123, "session_type": 7}, "session_type", "invalid_type"),
        ({"agent_id": 123, "metadata": []}, "metadata", "invalid_type"),
        ({"agent_id": 123, "metadata": {"x": "y" * 16_384}}, "metadata", "too_long"),
        (
            {"agent_id": 123, "metadata": {"visitor_id": "a\x00b"}},
            "metadata.visitor_id",
            "invalid_id",
        ),
        ({"agent_id": 123, "metadata": {"visitor_id": ""}}, "metadata.visitor_id", "required"),
        (
            {"agent_id": 123, "metadata": {"visitor_id": "v" * 257}},
            "metadata.visitor_id",
            "too_long",
        ),
    ],
)
async def test_a_field_that_does_not_fit_is_named_and_nothing_is_stored(
    server: TestServer, body: dict, field: str, reason: str
) -> None:
    answered = await post(server, "", body)
    assert (answered.status, answered.json["success"]) == (400, False)
    assert (answered.json["field"], answered.json["reason"]) == (field, reason)
    assert (await begun(server))["session_id"] == 1


async def test_metadata_comes_back_unchanged_up_to_its_limit(server: TestServer) -> None:
    nested = {"a": [1, 2.5, None, True, {"b": "ü"}], "visitor_id": 7, "n": 2**63 - 1}
    room = 16_384 - len(msgspec.json.encode({**nested, "x": ""}))
    metadata = {**nested, "x": "y" * room}
    session = await begun(server, metadata=metadata)
    assert session["metadata"] == metadata
    assert (await look(server, 1)).json["session"]["metadata"] == metadata
    assert (await begun(server))["metadata"] == {}


async def test_a_visitor_s_id_in_the_metadata_ties_the_session_to_the_visitor(
    server: TestServer,
) -> None:
    session = await begun(server, metadata={"visitor_id": "visitor_abc123"})
    ref = await chat_ref(server, session["session_id"])
    assert ref.visitor == "visitor_abc123"


async def test_a_visitor_who_is_on_the_site_gets_a_session_of_its_own(server: TestServer) -> None:
    runtime = server.parts.runtime
    first = await begun(server, metadata={"visitor_id": "visitor_abc123"})
    second = await begun(server, metadata={"visitor_id": "visitor_abc123"})
    one = await chat_ref(server, first["session_id"])
    two = await chat_ref(server, second["session_id"])
    assert one.session != two.session
    await post(server, f"/{second['session_id']}/end", {})
    view = await runtime.view(one)
    assert view is not None
    assert view.status == "active"


async def test_numbers_count_up_from_one_in_each_workspace(server: TestServer) -> None:
    mine = [(await begun(server))["session_id"] for _ in range(3)]
    other = await server.send("POST", PATH, {"agent_id": 500}, OTHER_KEY)
    assert (mine, other.json["session"]["session_id"]) == ([1, 2, 3], 1)


async def test_sessions_begun_at_once_have_numbers_of_their_own(server: TestServer) -> None:
    made = await asyncio.gather(*(begun(server) for _ in range(20)))
    assert sorted(session["session_id"] for session in made) == list(range(1, 21))


async def test_a_repeat_with_the_same_key_is_the_same_session(server: TestServer) -> None:
    key = {"idempotency-key": "once"}
    first = await post(server, "", {"agent_id": 123}, key)
    again = await post(server, "", {"agent_id": 123}, key)
    assert again.body == first.body
    assert (await begun(server))["session_id"] == 2


async def test_a_session_can_be_looked_at_as_the_chat_session_it_is(server: TestServer) -> None:
    await begun(server, session_type="agent_chat")
    ref = await chat_ref(server, 1)
    view = await server.parts.runtime.view(ref)
    assert view is not None
    assert (view.source, view.assistant) == ("site_agents", "asst_sales")


# ---- get, talk, end


async def test_get_adds_the_chat_session_and_the_end(server: TestServer) -> None:
    made = await begun(server)
    answered = await look(server, 1)
    assert answered.json["message"] == "OK"
    session = answered.json["session"]
    assert set(session) == FIELDS | {"chat_session_id", "ended_at"}
    assert {name: session[name] for name in FIELDS} == made
    assert session["chat_session_id"].startswith("chat_")
    assert session["ended_at"] is None


async def test_send_message_answers_by_that_agent_s_assistant(server: TestServer) -> None:
    await begun(server, session_type="agent_chat")
    answered = await post(server, "/1/messages", {"message": " What is the repair cost? "})
    assert answered.status == 200, answered.body
    assert set(answered.json) == {"success", "session_id", "response", "message"}
    assert (answered.json["success"], answered.json["session_id"]) == (True, 1)
    assert answered.json["message"] == "Message sent successfully"
    response = answered.json["response"]
    assert set(response) == {"message_id", "text", "timestamp", "metadata"}
    assert response["text"] == "A visit is $89."
    assert response["metadata"] == {"model": "answers", "tokens": 0}
    unknown = await post(server, "/1/messages", {"message": "bananas"})
    assert unknown.json["response"]["text"] == "I do not know."
    ref = await chat_ref(server, 1)
    texts = [message.text for message in await server.parts.runtime.messages(ref, 0, 10)]
    assert texts == ["What is the repair cost?", "A visit is $89.", "bananas", "I do not know."]


async def test_an_agent_whose_model_is_not_there_says_so(server: TestServer) -> None:
    await begun(server, agent_id=124)
    answered = await post(server, "/1/messages", {"message": "bananas"})
    assert answered.json["response"]["text"] == "No model."
    assert answered.json["response"]["metadata"] == {
        "model": "answers",
        "tokens": 0,
        "error": "model_unavailable",
    }


async def test_where_a_person_has_taken_over_the_away_message_answers(server: TestServer) -> None:
    await begun(server)
    ref = await chat_ref(server, 1)
    await server.parts.runtime.post(ref, Post("msg_agent", "agent", "Maria here."))
    answered = await post(server, "/1/messages", {"message": "repair cost"})
    response = answered.json["response"]
    assert (response["message_id"], response["text"]) == (None, "A person will answer.")
    assert response["metadata"] == {"model": "none", "tokens": 0}


async def test_who_waited_long_enough_gets_the_away_message_and_the_answer_still_comes(
    server: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await begun(server)
    ref = await chat_ref(server, 1)
    services, writer = server.parts.app.services, Writer(Reply("At last."))
    writer.gate.clear()
    configured = terms_by_workspace(services.config)
    services.answering = Answering(services.runtime, configured, services.secret, lambda _: writer)
    monkeypatch.setattr(agent_routes, "ANSWER_WAIT_S", 0.02)
    answered = await post(server, "/1/messages", {"message": "hello"})
    assert answered.json["response"]["text"] == "A person will answer."
    words = (await services.runtime.messages(ref, 0, 10))[0]
    writer.gate.set()
    reply = await services.answering.answer(ref, words.id)
    assert reply is not None
    assert (reply.text, len(writer.asked)) == ("At last.", 1)


async def test_a_message_repeated_with_the_same_key_is_said_once(server: TestServer) -> None:
    await begun(server)
    key = {"idempotency-key": "words"}
    first = await post(server, "/1/messages", {"message": "repair cost"}, key)
    again = await post(server, "/1/messages", {"message": "repair cost"}, key)
    assert again.body == first.body
    ref = await chat_ref(server, 1)
    assert len(await server.parts.runtime.messages(ref, 0, 10)) == 2


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ({}, "message", "required"),
        ({"message": ""}, "message", "too_short"),
        ({"message": "  "}, "message", "too_short"),
        ({"message": "x" * 4_001}, "message", "too_long"),
        ({"message": 7}, "message", "invalid_type"),
        ({"message": "hi", "metadata": "x"}, "metadata", "invalid_type"),
        ({"message": "hi", "metadata": {"x": "y" * 16_384}}, "metadata", "too_long"),
    ],
)
async def test_words_that_do_not_fit_are_refused_and_not_stored(
    server: TestServer, body: dict, field: str, reason: str
) -> None:
    await begun(server)
    answered = await post(server, "/1/messages", body)
    assert answered.status == 400
    assert (answered.json["field"], answered.json["reason"]) == (field, reason)
    ref = await chat_ref(server, 1)
    assert await server.parts.runtime.messages(ref, 0, 10) == ()


async def test_the_longest_message_is_taken(server: TestServer) -> None:
    await begun(server)
    assert (await post(server, "/1/messages", {"message": "x" * 4_000})).status == 200


async def test_end_session_closes_it_once_and_twice_is_200(server: TestServer) -> None:
    await begun(server)
    server.clock.advance(5_000)
    first = await post(server, "/1/end", {})
    server.clock.advance(5_000)
    again = await server.send("POST", f"{PATH}/1/end", headers=AGENT_KEY)
    assert (first.status, again.status, again.body) == (200, 200, first.body)
    assert first.json["message"] == "Session ended successfully"
    session = first.json["session"]
    assert session["status"] == "ended"
    assert session["ended_at"] > session["started_at"]
    assert (await look(server, 1)).json["session"] == session


async def test_a_message_to_an_ended_session_is_refused(server: TestServer) -> None:
    await begun(server)
    await post(server, "/1/end", {})
    answered = await post(server, "/1/messages", {"message": "hello"})
    assert (answered.status, answered.json["reason"]) == (400, "session_closed")


async def test_a_session_that_fell_silent_has_ended(server: TestServer) -> None:
    await begun(server)
    await server.pass_time(31 * 60_000)
    session = (await look(server, 1)).json["session"]
    assert session["status"] == "ended"
    assert session["ended_at"] is not None
    answered = await post(server, "/1/messages", {"message": "hello"})
    assert (answered.status, answered.json["reason"]) == (400, "session_closed")


# ---- who may


@pytest.mark.parametrize("number", ["2", "0", "-1", "1.0", "abc", "9" * 18, "9" * 400, "１"])
async def test_a_number_of_no_session_is_not_found(server: TestServer, number: str) -> None:
    await begun(server)
    answered = await look(server, number)
    assert answered.status == 404
    assert answered.json == {
        "success": False,
        "error": "Session not found or access denied",
        "code": "NOT_FOUND",
        "reason": "session_not_found",
    }


async def test_a_session_of_another_workspace_is_as_unknown_as_any(server: TestServer) -> None:
    await begun(server)
    for method, path, body in (
        ("GET", "/1", None),
        ("POST", "/1/messages", {"message": "hello"}),
        ("POST", "/1/end", {}),
    ):
        foreign = await server.send(method, PATH + path, body, OTHER_KEY)
        unknown = await server.send(method, PATH + path.replace("1", "77"), body, AGENT_KEY)
        assert (foreign.status, foreign.body) == (404, unknown.body)
    assert (await look(server, 1)).json["session"]["status"] == "active"


@pytest.mark.parametrize("headers", [{}, {"x-api-key": "ah_live_wrong_0123456789abcd"}])
async def test_without_a_valid_key_nothing_is_told(
    server: TestServer, headers: dict[str, str]
) -> None:
    answered = await server.send("POST", PATH, {"agent_id": 123}, headers)
    assert answered.status == 401
    assert answered.json["error"] == "Invalid or missing API key"


async def test_a_key_needs_the_scope_and_its_own_workspace(server: TestServer) -> None:
    reader = {"x-api-key": "ah_live_reader_0123456789abc"}
    answered = await server.send("POST", PATH, {"agent_id": 123}, reader)
    assert (answered.status, answered.json["reason"]) == (403, "missing_scope")
    named = await post(server, "", {"agent_id": 123}, {"x-workspace-id": "ws_dev"})
    assert (named.status, named.json["reason"]) == (403, "workspace_mismatch")
    agreed = await post(server, "", {"agent_id": 123}, {"x-workspace-id": "ws_agents"})
    assert agreed.status == 200
