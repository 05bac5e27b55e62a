"""`GET /v1/visitors/{visitor_id}/export` and `DELETE /v1/visitors/{visitor_id}`: data in their owner's hands."""

from pathlib import Path

import msgspec
import pytest

from engine.event_log import read_log
from engine.identity import link_user
from tests.api.offices import office
from tests.server.running import (
    AC_PAGE,
    CONFIG,
    PLATFORM,
    WIDGET,
    Answered,
    TestServer,
    close_code,
    in_process,
    listening,
    write_config,
)

pytestmark = pytest.mark.anyio
CANARY = "canary7f3a"
ALL = f"vis_{CANARY}"
NEIGHBOUR = "vis_neighbour"
DAY_MS = 86_400_000


async def visit(server: TestServer, visitor: str, words: str = "hello") -> str:
    """Let a visitor look at a page, be approached, and write; returns the session."""
    page = {
        "event": "page_view",
        "visitorId": visitor,
        "sessionId": f"own_{visitor}",
        "page": {"url": f"{AC_PAGE}?q={words}", "title": f"AC {words}"},
        "metadata": {"note": words},
    }
    assert (await server.track(page)).status == 200
    await server.pass_time(45_000)
    body = {"visitorId": visitor, "sessionId": f"own_{visitor}", "message": f"{words}!"}
    said = await server.send("POST", "/api/widgets/ws_dev/chat", body, WIDGET)
    assert said.status == 200, said.body
    found = await server.send("GET", f"/v1/visitors/{visitor}", headers=PLATFORM)
    return found.json["data"]["session_id"]


async def exported(server: TestServer, visitor: str) -> list[dict]:
    answered = await server.send("GET", f"/v1/visitors/{visitor}/export", headers=PLATFORM)
    assert answered.status == 200, answered.body
    assert answered.headers["content-type"] == "application/x-ndjson"
    return [msgspec.json.decode(line) for line in answered.body.splitlines()]


async def erase(server: TestServer, visitor: str) -> Answered:
    return await server.send("DELETE", f"/v1/visitors/{visitor}", headers=PLATFORM)


async def test_an_export_holds_all_that_is_kept_and_ends_with_its_number(
    server: TestServer,
) -> None:
    session = await visit(server, ALL, CANARY)
    *lines, end = await exported(server, ALL)
    assert end == {"end": True, "count": len(lines)}
    kinds = {line["kind"] for line in lines}
    assert {"profile", "session", "event", "step", "message", "decision", "alias"} <= kinds
    said = [line for line in lines if line["kind"] == "message"]
    assert f"{CANARY}!" in [line["value"].get("text") for line in said]
    assert {line["session_id"] for line in said} == {session}


async def test_an_export_is_an_event_log_that_replay_reads(server: TestServer) -> None:
    await visit(server, ALL)
    answered = await server.send("GET", f"/v1/visitors/{ALL}/export", headers=PLATFORM)
    logged = list(read_log(answered.body.splitlines()))
    assert {one.visitor for one in logged} == {ALL}
    assert f"{AC_PAGE}?q=hello" in [one.event.url for one in logged]


async def test_nobody_has_no_export_and_cannot_be_erased(server: TestServer) -> None:
    answered = await server.send("GET", "/v1/visitors/nobody/export", headers=PLATFORM)
    assert answered.status == 404
    assert answered.json["error"]["details"]["reason"] == "visitor_not_found"
    assert (await erase(server, "nobody")).status == 404


async def test_an_erased_visitor_is_gone_and_erasing_again_is_not_found(server: TestServer) -> None:
    session = await visit(server, ALL, CANARY)
    await visit(server, NEIGHBOUR)
    before = await exported(server, NEIGHBOUR)
    answered = await erase(server, ALL)
    assert answered.status == 200, answered.body
    assert answered.json["data"]["visitor_id"] == ALL
    assert answered.json["data"]["erased"] is True
    for path in (f"/v1/visitors/{ALL}", f"/v1/live-chat/sessions/{session}"):
        assert (await server.send("GET", path, headers=PLATFORM)).status == 404
    decisions = await server.send("GET", f"/v1/decisions?visitor_id={ALL}", headers=PLATFORM)
    assert decisions.json["data"] == []
    assert (await erase(server, ALL)).status == 404
    assert await exported(server, NEIGHBOUR) == before


async def test_a_visitor_whose_visit_ended_long_ago_is_exported_and_erased_with_the_agents_notes(
    tmp_path: Path, anyio_backend: str
) -> None:
    agent = CONFIG.replace('id = "asst_dev"', 'id = "asst_dev"\n  agent_id = 1')
    metadata = {"visitor_id": ALL, "note": CANARY}
    body = {"agent_id": 1, "session_type": "agent_chat", "metadata": metadata}
    key = {"x-api-key": PLATFORM["authorization"].removeprefix("Bearer ")}
    async with in_process(write_config(tmp_path, agent)) as server:
        begun = await server.send("POST", "/api/v1/sessions", body, key)
        assert begun.status == 200, begun.body
        for _ in range(3):
            await server.pass_time(DAY_MS // 2)
            await server.parts.store.sweep(server.clock.now_ms())
        kinds = {line.get("kind") for line in await exported(server, ALL)}
        assert {"session", "step", "agent_session"} <= kinds
        agent_sessions = server.parts.app.services.agent_sessions
        assert await agent_sessions.find("ws_dev", 1) is not None
        assert (await erase(server, ALL)).status == 200
        assert await agent_sessions.find("ws_dev", 1) is None


async def test_events_of_an_erased_visitor_are_dropped_for_a_day(server: TestServer) -> None:
    await visit(server, ALL)
    await erase(server, ALL)
    late = {"event": "page_view", "visitorId": ALL, "sessionId": f"own_{ALL}"}
    assert (await server.track(late)).status == 200
    assert (await server.send("GET", f"/v1/visitors/{ALL}", headers=PLATFORM)).status == 404
    server.clock.advance(DAY_MS)
    assert (await server.track(late)).status == 200
    assert (await server.send("GET", f"/v1/visitors/{ALL}", headers=PLATFORM)).status == 200


async def test_a_person_is_erased_with_every_browser_that_was_theirs(server: TestServer) -> None:
    await visit(server, "vis_phone")
    store, secret = server.parts.store, server.parts.app.services.secret
    known = await link_user(store, secret, "ws_dev", "vis_phone", "maria")
    assert known is not None
    answered = await erase(server, "vis_phone")
    assert answered.status == 200
    for visitor in ("vis_phone", known):
        assert (await server.send("GET", f"/v1/visitors/{visitor}", headers=PLATFORM)).status == 404


async def test_an_erased_visitor_s_appointment_is_gone_and_its_place_is_free(
    tmp_path: Path, anyio_backend: str
) -> None:
    async with office(tmp_path) as server:
        session = await visit(server, ALL)
        path = "/v1/appointments/availability"
        slots = (await server.send("GET", path, headers=PLATFORM)).json["data"]["slots"]
        body = {
            "session_id": session,
            "appointment_slot": slots[0]["appointment_slot"],
            "customer": {"name": CANARY, "email": f"{CANARY}@example.com"},
        }
        booked = await server.send("POST", "/v1/appointments", body, PLATFORM)
        assert booked.status == 200, booked.body
        *lines, _ = await exported(server, ALL)
        assert CANARY in str([line for line in lines if line["kind"] == "appointment"])
        assert (await erase(server, ALL)).status == 200
        again = await server.send("GET", path, headers=PLATFORM)
        assert again.json["data"]["slots"] == slots
        listed = await server.send("GET", "/v1/appointments", headers=PLATFORM)
        assert CANARY not in listed.body.decode()


async def test_the_socket_of_an_erased_visitor_closes_4410(
    tmp_path: Path, anyio_backend: str
) -> None:
    async with listening(write_config(tmp_path)) as live:
        created = await live.server.open_session(id=ALL)
        async with live.socket(created["session_id"]) as socket:
            token = created["visitor_token"]
            await socket.send(msgspec.json.encode({"type": "auth", "token": token}).decode())
            await socket.recv()
            assert (await erase(live.server, ALL)).status == 200
            assert await close_code(socket) == 4410


async def test_an_erasure_that_a_failure_ended_is_taken_up_again(
    server: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await visit(server, ALL)
    services = server.parts.app.services

    async def fail(*_: object) -> None:
        raise RuntimeError("the process ends here")

    with monkeypatch.context() as broken:
        broken.setattr(services.bookings, "forget_visitor", fail)
        with pytest.raises(RuntimeError):
            await services.custody.erase("ws_dev", ALL)
    assert await server.parts.store.list_docs("ws_dev", "erasure") != ()
    await services.custody.tidy(("ws_dev",))
    assert await server.parts.store.list_docs("ws_dev", "erasure") == ()
    causes = await server.parts.store.take_causes(server.parts.store.partition_of("ws_dev"))
    assert sum(b"visitor_erased" in cause.body for cause in causes) == 1
