"""A chat socket's bounds: a client that does not read, a server that stops, a store that is away."""

import asyncio
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

import server.sockets.connection
from engine.errors import StoreUnavailable
from server.sockets.chat_socket import ChatSocket
from tests.server.running import (
    ListeningServer,
    TestServer,
    authenticated,
    close_code,
    listening,
    next_frame,
    say,
    write_config,
)
from tests.server.wires import Wire

pytestmark = pytest.mark.anyio


def serve(server: TestServer, wire: Wire, session_id: str) -> asyncio.Task[None]:
    scope = {
        "type": "websocket",
        "path": f"/v1/sessions/{session_id}",
        "query_string": b"",
        "headers": [],
        "scheme": "ws",
        "path_params": {"session_id": session_id},
    }
    socket = ChatSocket(server.parts.app.services, scope, wire.receive, wire.send)
    return asyncio.create_task(socket.serve())


async def test_a_client_that_does_not_read_is_closed_4413(
    server: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "SEND_WAIT_S", 0.05)
    session = await server.open_session()
    wire = Wire()
    serving = serve(server, wire, session["session_id"])
    wire.put(type="auth", token="wk_dev")
    await wire.until(lambda message: "hello" in message.get("text", ""))
    wire.reads.clear()
    wire.put(type="ping")
    async with asyncio.timeout(5):
        await serving
    assert wire.sent[-1] == {"type": "websocket.close", "code": 4413}
    ref = await server.parts.runtime.find("ws_dev", session["session_id"])
    assert ref is not None
    assert not server.parts.app.services.sockets.has(ref)


async def test_a_full_server_refuses_the_upgrade_with_503(
    live: ListeningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "SOCKETS_MAX", 0)
    session = await live.server.open_session()
    with pytest.raises(InvalidStatus) as refused:
        async with live.socket(session["session_id"]):
            pass
    assert refused.value.response.status_code == 503
    assert refused.value.response.headers["retry-after"] == "5"


async def test_frames_of_a_client_that_left_are_not_answered(server: TestServer) -> None:
    session = await server.open_session()
    wire = Wire()
    serving = serve(server, wire, session["session_id"])
    wire.incoming.put_nowait({"type": "websocket.disconnect", "code": 1001})
    await serving
    assert [message["type"] for message in wire.sent] == ["websocket.accept"]


async def test_a_stop_of_the_server_closes_1012(tmp_path: Path, anyio_backend: str) -> None:
    async with listening(write_config(tmp_path)) as live:
        session = await live.server.open_session()
        socket = await live.socket(session["session_id"])
        await authenticated(socket)
    assert await close_code(socket) == 1012


async def test_an_absent_store_is_an_error_frame_and_the_socket_stays(
    live: ListeningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await live.server.open_session()
    async with live.socket(session["session_id"]) as socket:
        await authenticated(socket)

        async def refuse(*_: object) -> None:
            raise StoreUnavailable("none", 1_000)

        with monkeypatch.context() as patch:
            patch.setattr(live.server.parts.store, "commit", refuse)
            await say(socket, type="message", text="hello", client_id="c1")
            error = await next_frame(socket, "error")
            assert (error["code"], error["ref"]) == ("SERVICE_UNAVAILABLE", "c1")
        await say(socket, type="message", text="hello", client_id="c1")
        assert (await next_frame(socket, "message_ack"))["offset"] == 1


async def test_an_absent_store_answers_track_503_and_nothing_is_half_done(
    server: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise StoreUnavailable("none", 2_500)

    event = {"sessionId": "s1", "event": "click", "messageId": "aaaaaaaa-1"}
    with monkeypatch.context() as patch:
        patch.setattr(server.parts.store, "commit", refuse)
        answered = await server.track(event)
        assert (answered.status, answered.json["reason"]) == (503, "store_unavailable")
        assert answered.headers["retry-after"] == "3"
        assert answered.headers["x-should-retry"] == "true"
    again = await server.track({"sessionId": "s1", "batch": [event]})
    assert again.json["accepted"] == 1


server_module = server.sockets.connection


ODD_FRAMES = [
    {"type": "message", "text": "\u0000\u202e\ud7ff\U0001f600"},
    {"type": "message", "text": "hi", "client_id": 5},
    {"type": "message", "text": "hi", "client_id": "\x00"},
    {"type": "displayed", "message_id": "msg_unknown"},
    {"type": "dismissed", "message_id": "\x00"},
    {"type": "reply_clicked", "message_id": "msg_unknown", "value": "x"},
    {"type": "page", "url": "http://["},
    {"type": "page", "url": "x" * 20_000, "title": "t" * 20_000},
    {"type": "page"},
    {"type": "visibility", "visible": None},
    {"type": "track", "events": [{"event": "page_view", "page": 7}, 3, None, []]},
    {"type": "track", "events": {}},
    {"type": "track", "events": [{"event": "click", "metadata": {"n": 10**40}}]},
    {"type": "typing", "state": "maybe"},
    {"type": "auth", "token": "again"},
    {"type": "hello"},
    {"type": "ping", "id": {"a": 1}},
    {"type": ""},
]


async def test_no_odd_frame_ends_the_socket(live: ListeningServer) -> None:
    session = await live.server.open_session()
    async with live.socket(session["session_id"]) as socket:
        await authenticated(socket)
        for number, frame in enumerate(ODD_FRAMES):
            await say(socket, **frame)
            await say(socket, type="ping", id=number)
            while (await next_frame(socket, "pong")).get("id") != number:
                pass
