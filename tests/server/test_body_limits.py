"""Bodies over real connections: reading stops at the limit, however they are sent."""

import asyncio
import os
from pathlib import Path

import pytest

import server.middleware
from tests.server.running import ListeningServer

pytestmark = pytest.mark.anyio
HEAD = (
    b"POST /api/widgets/ws_dev/track HTTP/1.1\r\nhost: test\r\n"
    b"authorization: Bearer wk_dev\r\ncontent-type: text/plain\r\n"
)
TEN_MB = 10_000_000


async def exchange(live: ListeningServer, *parts: bytes) -> bytes:
    """Send bytes as fast as they are taken and return what comes back until the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", live.port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
    except ConnectionError:
        pass
    try:
        async with asyncio.timeout(10):
            return await reader.read(65_536)
    except ConnectionError:
        return b""
    finally:
        writer.close()


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def test_a_declared_ten_megabytes_is_refused_unread(live: ListeningServer) -> None:
    head = HEAD + b"content-length: %d\r\n\r\n" % TEN_MB
    answered = await exchange(live, head, b"x" * 1_000)
    assert answered.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answered


async def test_chunks_are_read_to_the_limit_and_refused(live: ListeningServer) -> None:
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    before = resident_bytes()
    answered = await exchange(live, HEAD + b"transfer-encoding: chunked\r\n\r\n", *[chunk] * 150)
    assert answered == b"" or answered.startswith(b"HTTP/1.1 413 ")
    assert resident_bytes() - before < TEN_MB
    assert (await live.server.track({"sessionId": "s1", "event": "click"})).status == 200


async def test_a_body_that_does_not_come_is_given_up(
    live: ListeningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.middleware, "BODY_WAIT_TICKS", 0)
    answered = await exchange(live, HEAD + b"content-length: 100\r\n\r\n", b"{")
    assert answered.startswith(b"HTTP/1.1 400 ")
    assert b"did not arrive" in answered


async def test_a_small_body_in_pieces_is_read(live: ListeningServer) -> None:
    body = b'{"sessionId":"s1","event":"click"}'
    head = HEAD + b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
    answered = await exchange(live, head, body[:10], body[10:])
    assert answered.startswith(b"HTTP/1.1 200 ")
