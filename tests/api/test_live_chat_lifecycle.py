"""A live chat session over the platform API: queued, closed, released; once for each Idempotency-Key."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.runtime_types import SessionView
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
PATH = "/v1/live-chat/sessions"
OTHER = {"authorization": "Bearer dev_key_other_012345678", "x-workspace-id": "ws_other"}
CAREFUL = CONFIG.replace(
    'origins = ["https://shop.example"]',
    'origins = ["https://shop.example"]\n  consent = "required"',
)
ONE_PLACE = CONFIG.replace('name = "Helper"', 'name = "Helper"\n  max_active_sessions = 1', 1)


@pytest.fixture
async def desk(tmp_path: Path, anyio_backend: str) -> AsyncIterator[TestServer]:
    """A server whose assistant serves one session at a time."""
    async with in_process(write_config(tmp_path, ONE_PLACE)) as running:
        yield running


async def post(server: TestServer, rest: str, body: object = None, **headers: str) -> Answered:
    return await server.send("POST", PATH + rest, body, {**PLATFORM, **headers})


async def view_of(server: TestServer, session_id: str) -> tuple[SessionRef, SessionView]:
    ref = await server.parts.runtime.find("ws_dev", session_id)
    assert ref is not None
    view = await server.parts.runtime.view(ref)
    assert view is not None
    return ref, view


# ---- queue


async def test_a_session_without_a_place_is_queued_with_an_estimate(desk: TestServer) -> None:
    first = await desk.open_session()
    second = await desk.open_session()
    third = await desk.open_session()
    assert (first["status"], first["estimated_wait"]) == ("active", 0)
    assert (second["status"], third["status"]) == ("queued", "queued")
    assert 0 < second["estimated_wait"] < third["estimated_wait"]
    shown = await desk.send("GET", f"{PATH}/{third['session_id']}", headers=PLATFORM)
    assert shown.json["data"]["estimated_wait"] == third["estimated_wait"]
    queued = await desk.send("GET", PATH + "?status=queued", headers=PLATFORM)
    rows = [row["session_id"] for row in queued.json["data"]]
    assert rows == [third["session_id"], second["session_id"]]


async def test_the_first_words_of_a_queued_session_are_kept_unanswered(desk: TestServer) -> None:
    await desk.open_session()
    body = {"source_id": "site_dev", "visitor": {}, "initial_message": "Is anybody there?"}
    made = (await post(desk, "", body)).json["data"]
    ref, view = await view_of(desk, made["session_id"])
    assert (made["status"], view.status, view.engaged) == ("queued", "queued", True)
    said = [(m.author, m.text) for m in await desk.parts.runtime.messages(ref, 0, 10)]
    assert said == [("visitor", "Is anybody there?")]


async def test_the_next_in_line_gets_the_place_of_a_closed_session(desk: TestServer) -> None:
    first, second = await desk.open_session(), await desk.open_session()
    await post(desk, f"/{first['session_id']}/close")
    ref, _ = await view_of(desk, first["session_id"])
    await desk.parts.app.services.desk.leave(ref)
    _, view = await view_of(desk, second["session_id"])
    assert view.status == "active"


# ---- close


async def test_a_closed_session_says_so_and_stays_as_it_is(server: TestServer) -> None:
    made = await server.open_session()
    first = await post(server, f"/{made['session_id']}/close", {"reason": "solved"})
    assert (first.status, first.json["data"]["status"]) == (200, "closed")
    closed_at = first.json["data"]["closed_at"]
    assert closed_at is not None
    server.clock.advance(5_000)
    again = await post(server, f"/{made['session_id']}/close", {})
    assert (again.status, again.json["data"]["closed_at"]) == (200, closed_at)


async def test_close_needs_no_body(server: TestServer) -> None:
    made = await server.open_session()
    assert (await post(server, f"/{made['session_id']}/close")).json["data"]["status"] == "closed"


async def test_a_reason_has_at_most_200_characters(server: TestServer) -> None:
    made = await server.open_session()
    answered = await post(server, f"/{made['session_id']}/close", {"reason": "x" * 201})
    details = answered.json["error"]["details"]
    assert (details["field"], details["reason"]) == ("reason", "too_long")
    _, view = await view_of(server, made["session_id"])
    assert view.status == "active"


async def test_a_visitor_whose_session_was_closed_gets_a_new_one(server: TestServer) -> None:
    first = await server.open_session(id="visitor_1")
    await post(server, f"/{first['session_id']}/close")
    second = await server.open_session(id="visitor_1")
    assert second["created"] is True
    assert second["session_id"] != first["session_id"]


# ---- release


async def test_release_lets_the_assistant_speak_again_and_twice_is_fine(
    server: TestServer,
) -> None:
    made = await server.open_session()
    path = f"/{made['session_id']}"
    await post(server, path + "/messages", {"text": "I take over", "agent_name": "Maria"})
    _, paused = await view_of(server, made["session_id"])
    assert (paused.paused, paused.agent_name) == (True, "Maria")
    for _ in range(2):
        answered = await post(server, path + "/release")
        assert answered.status == 200
        assert answered.json["data"]["paused"] is False
        assert answered.json["data"]["agent_name"] is None


@pytest.mark.parametrize("action", ["close", "release", "messages"])
async def test_a_session_of_another_workspace_is_an_unknown_one(
    server: TestServer, action: str
) -> None:
    made = await server.open_session()
    body = {"text": "Hi"} if action == "messages" else {}
    foreign = await server.send("POST", f"{PATH}/{made['session_id']}/{action}", body, OTHER)
    unknown = await server.send("POST", f"{PATH}/chat_none/{action}", body, OTHER)
    assert (foreign.status, foreign.json["error"]) == (404, unknown.json["error"])
    _, view = await view_of(server, made["session_id"])
    assert (view.status, view.paused) == ("active", False)


# ---- create, again


async def test_one_idempotency_key_makes_one_session(server: TestServer) -> None:
    body = {"source_id": "site_dev", "visitor": {}, "initial_message": "Hi"}
    first = await post(server, "", body, **{"idempotency-key": "k1"})
    again = await post(server, "", body, **{"idempotency-key": "k1"})
    other = await post(server, "", body, **{"idempotency-key": "k2"})
    assert first.status == 200, first.body
    assert again.json["data"] == first.json["data"]
    assert other.json["data"]["session_id"] != first.json["data"]["session_id"]
    ref, _ = await view_of(server, first.json["data"]["session_id"])
    visitor = [m for m in await server.parts.runtime.messages(ref, 0, 10) if m.author == "visitor"]
    assert len(visitor) == 1


@pytest.mark.parametrize("address", ["203.0.113.9", "2001:db8::1"])
async def test_an_address_of_either_kind_is_taken_and_kept_nowhere(
    server: TestServer, address: str
) -> None:
    made = await server.open_session(ip_address=address)
    read = await server.parts.runtime.read(
        SessionRef("ws_dev", made["visitor_id"], made["session_id"])
    )
    assert read is not None
    assert address not in repr(read[:2])


async def test_fields_of_a_visitor_become_attributes(server: TestServer) -> None:
    made = await server.open_session(name="Sarah Miller", phone="+14165550123")
    shown = await server.send("GET", f"{PATH}/{made['session_id']}", headers=PLATFORM)
    attributes = shown.json["data"]["visitor"]["attributes"]
    assert attributes["visitor.name"] == "Sarah Miller"
    assert attributes["visitor.phone"] == "+14165550123"


@pytest.mark.parametrize("consent", ["pending", "denied"])
async def test_a_site_that_requires_consent_keeps_nothing_of_a_visitor_before_it(
    tmp_path: Path, consent: str
) -> None:
    visitor = {
        "id": "visitor_1",
        "consent": consent,
        "email": "sarah@example.com",
        "page_url": "https://shop.example/secret",
    }
    body = {"source_id": "site_dev", "visitor": visitor, "custom_fields": {"lead": "Ads"}}
    async with in_process(write_config(tmp_path, CAREFUL)) as server:
        made = (await post(server, "", body)).json["data"]
        shown = await server.send("GET", f"{PATH}/{made['session_id']}", headers=PLATFORM)
        data = shown.json["data"]
        assert (data["visitor"]["attributes"], data["custom_fields"]) == ({}, {})
        assert data["visitor"]["page_url"] is None
        agreed = {**body, "visitor": {**visitor, "id": "visitor_2", "consent": "granted"}}
        made = (await post(server, "", agreed)).json["data"]
        shown = await server.send("GET", f"{PATH}/{made['session_id']}", headers=PLATFORM)
        assert shown.json["data"]["visitor"]["attributes"] == {"visitor.email": "sarah@example.com"}
