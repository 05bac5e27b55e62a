"""`POST /v1/integration-events`: events of other systems, told to webhooks and to a visitor's rules."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.causes import Cause, IntegrationEvent
from engine.stores.base import SessionRef
from tests.server.running import (
    CONFIG,
    PLATFORM,
    Answered,
    TestServer,
    in_process,
    write_config,
)

pytestmark = pytest.mark.anyio
PATH = "/v1/integration-events"
HOOK = """
  [[workspaces.webhooks]]
  id = "whk_{0}"
  url = "https://crm.example.com/{0}"
  events = [{1}]
  secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"
"""
HOOKS = (
    HOOK.format("calls", '"call.completed"')
    + HOOK.format("all", '"*"')
    + HOOK.format("chats", '"chat.started"')
)
WITH_HOOKS = CONFIG.replace(
    '\n[[workspaces]]\nid = "ws_other"',
    HOOKS
    + '\n  [workspaces.voice]\n  numbers = ["+14165550123"]\n\n[[workspaces]]\nid = "ws_other"',
)


@pytest.fixture
async def hooked(tmp_path: Path, anyio_backend: str) -> AsyncIterator[TestServer]:
    """A server with webhook endpoints and one telephone number."""
    async with in_process(write_config(tmp_path, WITH_HOOKS)) as running:
        yield running


async def post(server: TestServer, body: object) -> Answered:
    return await server.send("POST", PATH, body, PLATFORM)


def heard_by(server: TestServer) -> list[Cause]:
    causes: list[Cause] = []
    server.parts.runtime.on_cause(causes.append)
    return causes


async def test_an_event_is_told_with_what_was_posted(hooked: TestServer) -> None:
    heard = heard_by(hooked)
    body = {"event": "call.completed", "data": {"seconds": 63, "to": "+14165550123"}}
    answered = await post(hooked, body)
    assert answered.status == 200, answered.body
    data = answered.json["data"]
    assert data == {"event_id": data["event_id"], "subscribers": 2}
    (cause,) = [one for one in heard if isinstance(one.body, IntegrationEvent)]
    assert (cause.id, cause.workspace) == (data["event_id"], "ws_dev")
    assert cause.body == IntegrationEvent("call.completed", body["data"])


@pytest.mark.parametrize(
    ("name", "count"), [("sms.received", 1), ("custom.deal_won", 1), ("call.completed", 2)]
)
async def test_subscribers_are_the_endpoints_that_want_the_event(
    hooked: TestServer, name: str, count: int
) -> None:
    answered = await post(hooked, {"event": name, "data": {}})
    assert answered.json["data"]["subscribers"] == count


@pytest.mark.parametrize("place", ["session_id", "visitor_id"])
async def test_with_a_visitor_rules_see_it(server: TestServer, place: str) -> None:
    made = await server.open_session(id="visitor_1")
    wanted = {"session_id": made["session_id"], "visitor_id": "visitor_1"}[place]
    await post(server, {"event": "custom.DealWon", "data": {"dealSize": 3}, place: wanted})
    read = await server.parts.runtime.read(SessionRef("ws_dev", "visitor_1", made["session_id"]))
    assert read is not None
    assert read[0].state.last_event == "custom_deal_won"


async def test_a_visitor_without_a_session_gets_one(server: TestServer) -> None:
    await post(server, {"event": "sms.received", "data": {"text": "Hi"}, "visitor_id": "v9"})
    ref = await server.parts.runtime.latest_session("ws_dev", "v9")
    assert ref is not None


async def test_a_finished_call_gives_its_number_back(hooked: TestServer) -> None:
    made = await hooked.open_session(id="visitor_1")
    voice = hooked.parts.app.services.voice
    ref = SessionRef("ws_dev", "visitor_1", made["session_id"])
    await voice.lend(ref)
    assert len(await voice.lent("ws_dev")) == 1
    # The visitor has left the site meanwhile.
    path = f"/v1/live-chat/sessions/{made['session_id']}/close"
    await hooked.send("POST", path, None, PLATFORM)
    body = {"event": "call.completed", "data": {}, "session_id": made["session_id"]}
    assert (await post(hooked, body)).status == 200
    assert await voice.lent("ws_dev") == ()


@pytest.mark.parametrize(
    ("body", "status", "field", "reason"),
    [
        ({"data": {}}, 400, "event", "required"),
        ({"event": "call.completed"}, 400, "data", "required"),
        ({"event": "call.completed", "data": []}, 400, "data", "invalid_type"),
        ({"event": "call.completed", "data": {"a": "x" * 17_000}}, 400, "data", "too_long"),
        ({"event": "call.completed", "data": {"a": 10**40}}, 400, "data.a", "out_of_range"),
        ({"event": "chat.started", "data": {}}, 400, "event", "unknown_event"),
        ({"event": "custom.", "data": {}}, 400, "event", "unknown_event"),
        ({"event": "custom.a b", "data": {}}, 400, "event", "unknown_event"),
        ({"event": "x" * 129, "data": {}}, 400, "event", "too_long"),
        ({"event": "sms.received", "data": {}, "timestamp": "now"}, 400, "timestamp", "invalid_timestamp"),
        ({"event": "sms.received", "data": {}, "session_id": "chat_none"}, 404, "session_id", "session_not_found"),
        ({"event": "sms.received", "data": {}, "visitor_id": ""}, 400, "visitor_id", "required"),
    ],
)  # fmt: skip
async def test_a_wrong_field_is_named(
    server: TestServer, body: dict, status: int, field: str, reason: str
) -> None:
    heard = heard_by(server)
    answered = await post(server, body)
    details = answered.json["error"]["details"]
    assert (answered.status, details["field"], details["reason"]) == (status, field, reason)
    assert heard == []


async def test_a_session_of_another_visitor_is_a_mismatch(server: TestServer) -> None:
    made = await server.open_session(id="somebody")
    body = {
        "event": "sms.received",
        "data": {},
        "session_id": made["session_id"],
        "visitor_id": "x",
    }
    details = (await post(server, body)).json["error"]["details"]
    assert (details["field"], details["reason"]) == ("visitor_id", "visitor_mismatch")


async def test_a_session_of_another_workspace_is_an_unknown_one(server: TestServer) -> None:
    made = await server.open_session()
    other = {"authorization": "Bearer dev_key_other_012345678", "x-workspace-id": "ws_other"}
    body = {"event": "sms.received", "data": {}, "session_id": made["session_id"]}
    foreign = await server.send("POST", PATH, body, other)
    unknown = await server.send("POST", PATH, {**body, "session_id": "chat_none"}, other)
    assert (foreign.status, foreign.json["error"]) == (404, unknown.json["error"])


async def test_an_event_of_the_future_is_one_of_now(server: TestServer) -> None:
    heard = heard_by(server)
    body = {"event": "sms.received", "data": {}, "timestamp": "2999-01-01T00:00:00Z"}
    assert (await post(server, body)).status == 200
    assert [cause.at_ms for cause in heard] == [server.clock.now_ms()]
