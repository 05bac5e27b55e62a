"""What waits for one client is bounded, and one that does not read is gone."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvicorn

from server.cli import socket_protocol
from server.cli.socket_protocol import EndingSocket
from server.sockets import connection
from server.sockets.bounded_writer import (
    ABORT,
    CALL,
    IS_FREE,
    QUEUED_BYTES_MAX,
    QUEUED_FRAMES_MAX,
    BoundedWriter,
    TooSlow,
)
from tests.server.running import (
    ListeningServer,
    authenticated,
    listening,
    next_frame,
    say,
    write_config,
)
from tests.server.wires import Wire

pytestmark = pytest.mark.anyio
LONG_S = 60.0


def stalled() -> tuple[Wire, BoundedWriter, list[str]]:
    """Make a writer to a client that reads nothing, and a list that tells of its abort."""
    wire, aborted = Wire(), list[str]()
    wire.reads.clear()
    scope = {"extensions": {ABORT: {CALL: lambda: aborted.append("aborted")}}}
    return wire, BoundedWriter(scope, wire.send), aborted


async def waiting(writer: BoundedWriter, frames: int, size_bytes: int) -> list[asyncio.Task[None]]:
    tasks = [
        asyncio.create_task(writer.write(b"x" * size_bytes, LONG_S), name=str(number))
        for number in range(frames)
    ]
    await asyncio.sleep(0)
    return tasks


async def test_frames_are_sent_in_order() -> None:
    wire, writer, _ = stalled()
    tasks = [asyncio.create_task(writer.write(b"%d" % n, LONG_S)) for n in range(5)]
    await asyncio.sleep(0)
    wire.reads.set()
    await asyncio.gather(*tasks)
    assert [message["text"] for message in wire.sent] == ["0", "1", "2", "3", "4"]


async def test_a_connection_that_is_free_takes_a_frame_without_a_timer() -> None:
    wire, free = Wire(), [True]
    writer = BoundedWriter({"extensions": {ABORT: {IS_FREE: lambda: free[0]}}}, wire.send)
    await writer.write(b"one", 0.0)
    free[0] = False
    wire.reads.clear()
    with pytest.raises(TooSlow):
        await writer.write(b"two", 0.0)
    assert [message["text"] for message in wire.sent] == ["one"]


async def test_more_frames_than_may_wait_are_too_many() -> None:
    wire, writer, _ = stalled()
    tasks = await waiting(writer, QUEUED_FRAMES_MAX, 1)
    with pytest.raises(TooSlow):
        await writer.write(b"x", LONG_S)
    wire.reads.set()
    await asyncio.gather(*tasks)
    await writer.write(b"x", LONG_S)


async def test_more_bytes_than_may_wait_are_too_many_but_one_frame_may_be_long() -> None:
    wire, writer, _ = stalled()
    tasks = await waiting(writer, 1, QUEUED_BYTES_MAX + 1)
    with pytest.raises(TooSlow):
        await writer.write(b"x", LONG_S)
    wire.reads.set()
    await asyncio.gather(*tasks)


async def test_a_frame_that_is_not_taken_in_time_is_too_slow() -> None:
    _, writer, aborted = stalled()
    with pytest.raises(TooSlow):
        await writer.write(b"x", 0.01)
    assert not aborted


async def test_a_client_that_does_not_even_take_the_close_is_dropped() -> None:
    aborted: list[str] = []

    async def never(_: object) -> None:
        await asyncio.Event().wait()

    scope = {"extensions": {ABORT: {CALL: lambda: aborted.append("aborted")}}}
    await BoundedWriter(scope, never).close(4413, 0.01)
    assert aborted == ["aborted"]
    # A server without our protocol class has no such extension.
    await BoundedWriter({}, never).close(4413, 0.01)


# ---- real connections


@pytest.fixture
async def live(
    tmp_path: Path, anyio_backend: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[ListeningServer]:
    """Run a server with our own protocol class, as `opportune serve` does."""
    monkeypatch.setitem(uvicorn.config.WS_PROTOCOLS, "websockets-sansio", _PROTOCOL)
    async with listening(write_config(tmp_path)) as running:
        yield running


_PROTOCOL = f"{EndingSocket.__module__}:{EndingSocket.__name__}"


class Impatient(EndingSocket):
    """Expects a pong at once."""

    def start_keepalive(self) -> None:
        self.ping_interval = self.ping_timeout = 0.1
        super().start_keepalive()


async def test_a_client_that_answers_no_ping_is_closed_4408(
    tmp_path: Path, anyio_backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = f"{Impatient.__module__}:{Impatient.__name__}"
    monkeypatch.setitem(uvicorn.config.WS_PROTOCOLS, "websockets-sansio", place)
    async with listening(write_config(tmp_path)) as live:
        session = await live.server.open_session()
        client = await _stalling(live, session["session_id"])
        got = b""
        async with asyncio.timeout(5):
            while part := await asyncio.get_running_loop().sock_recv(client, 65_536):
                got += part
        assert (4408).to_bytes(2, "big") in got
        client.close()


async def _stalling(live: ListeningServer, session_id: str) -> socket.socket:
    """Open a chat socket by hand, authenticate, and read nothing any more."""
    client = socket.create_connection(("127.0.0.1", live.port))
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    client.setblocking(False)
    loop = asyncio.get_running_loop()
    head = (
        f"GET /v1/sessions/{session_id} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nAuthorization: Bearer wk_dev\r\n\r\n"
    )
    await loop.sock_sendall(client, head.encode())
    assert b"101" in await loop.sock_recv(client, 512)
    return client


async def test_a_stalled_client_is_gone_and_the_others_are_served(
    live: ListeningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "SEND_WAIT_S", 0.1)
    services = live.server.parts.app.services
    session = await live.server.open_session()
    other = await live.server.open_session()
    stalled_client = await _stalling(live, session["session_id"])
    async with live.socket(other["session_id"]) as healthy:
        await authenticated(healthy)
        async with asyncio.timeout(10):
            ref = await live.server.parts.runtime.find("ws_dev", session["session_id"])
            assert ref is not None
            number = 0
            while services.sockets.has(ref) or not number:
                number += 1
                await live.server.parts.runtime.say(ref, "x" * 3_900, f"c{number}")
                await asyncio.sleep(0)
        await say(healthy, type="ping", id=1)
        assert (await next_frame(healthy, "pong"))["id"] == 1
    assert 4413 in services.metrics._closes
    stalled_client.close()


async def test_a_connection_that_is_over_is_dropped_though_its_client_keeps_it(
    live: ListeningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket_protocol, "LINGER_S", 0.1)
    session = await live.server.open_session()
    client = await _stalling(live, session["session_id"])
    loop = asyncio.get_running_loop()
    binary = bytes([0x82, 0x80, 0, 0, 0, 0])
    await loop.sock_sendall(client, binary)
    got = b""
    async with asyncio.timeout(5):
        # The close frame is not answered; the server drops the connection all the same.
        try:
            while part := await loop.sock_recv(client, 65_536):
                got += part
        except ConnectionError:
            pass
    assert (4400).to_bytes(2, "big") in got
    client.close()


def test_the_bounds_are_those_of_the_contract() -> None:
    assert (QUEUED_FRAMES_MAX, QUEUED_BYTES_MAX) == (64, 262_144)
