"""A server on loopback that speaks `/chat/completions` as its script says: in pieces, badly, or not at all."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import msgspec

from tests.engine.conversations.completions import spoken

Behaviour = Callable[["Exchange"], Awaitable[None]]


class Exchange:
    """One request on a connection, and what is sent back."""

    def __init__(
        self, body: bytes, headers: Mapping[str, str], writer: asyncio.StreamWriter
    ) -> None:
        self.body = body
        self.headers = headers
        self.writer = writer

    @property
    def json(self) -> dict:
        return msgspec.json.decode(self.body)

    async def head(self, status: int = 200, **headers: str) -> None:
        lines = [f"HTTP/1.1 {status} As-Scripted"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.writer.write("\r\n".join([*lines, "", ""]).encode())
        await self.writer.drain()

    async def piece(self, piece: bytes) -> None:
        if piece:
            self.writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            await self.writer.drain()

    async def end(self) -> None:
        self.writer.write(b"0\r\n\r\n")
        await self.writer.drain()

    def reset(self) -> None:
        """Let the connection break off with a reset."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class ModelServer:
    """Keeps what it was asked; each request gets the next behaviour of the script, the last one again."""

    def __init__(self, *script: Behaviour) -> None:
        self.script = list(script)
        self.asked: list[dict] = []
        self.headers: list[Mapping[str, str]] = []
        self.connections = 0
        self.url = ""

    def now(self, *script: Behaviour) -> None:
        self.script = list(script)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while (exchange := await _request(reader, writer)) is not None:
                self.asked.append(exchange.json)
                self.headers.append(exchange.headers)
                behave = self.script.pop(0) if len(self.script) > 1 else self.script[0]
                await behave(exchange)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    @property
    def said(self) -> list[str]:
        """List what the latest request's messages say, with their roles."""
        return [f"{one['role']}: {one['content']}" for one in self.asked[-1]["messages"]]


@asynccontextmanager
async def model_server(*script: Behaviour) -> AsyncIterator[ModelServer]:
    """Run a model's server with a script."""
    model = ModelServer(*(script or (words("Yes."),)))
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(model.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    model.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield model
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def _request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Exchange | None:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    assert first == "POST /v1/chat/completions HTTP/1.1", first
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    body = await reader.readexactly(int(headers["content-length"]))
    return Exchange(body, headers, writer)


# ---- how it is sent


def sends(body: bytes, size: int = 0, content_type: str = "text/event-stream") -> Behaviour:
    """Send a body, in pieces of `size` bytes."""

    async def behave(exchange: Exchange) -> None:
        await exchange.head(content_type=content_type, transfer_encoding="chunked")
        step = size or max(1, len(body))
        for start in range(0, len(body), step):
            await exchange.piece(body[start : start + step])
        await exchange.end()

    return behave


def words(*texts: str, **given: object) -> Behaviour:
    """Say something, as it should be said."""
    return sends(spoken(*texts, **given))  # type: ignore[arg-type]


def dies(body: bytes) -> Behaviour:
    """Send the beginning of an answer, and break off with a reset once the client had time to read it."""

    async def behave(exchange: Exchange) -> None:
        await exchange.head(content_type="text/event-stream", transfer_encoding="chunked")
        await exchange.piece(body)
        await asyncio.sleep(0.05)
        exchange.reset()

    return behave


def refuses(status: int, body: bytes = b"{}", **headers: str) -> Behaviour:
    """Answer with an error."""

    async def behave(exchange: Exchange) -> None:
        await exchange.head(status, content_length=str(len(body)), **headers)
        exchange.writer.write(body)
        await exchange.writer.drain()

    return behave


def hangs_up() -> Behaviour:
    """Close without an answer."""

    async def behave(exchange: Exchange) -> None:
        exchange.reset()
        await asyncio.sleep(0)

    return behave


def is_silent(body: bytes = b"") -> Behaviour:
    """Begin an answer, if there is a body, and say nothing more."""

    async def behave(exchange: Exchange) -> None:
        if body:
            await exchange.head(content_type="text/event-stream", transfer_encoding="chunked")
            await exchange.piece(body)
        await asyncio.Event().wait()

    return behave


def drips(body: bytes) -> Behaviour:
    """Send the same again and again, and never an end."""

    async def behave(exchange: Exchange) -> None:
        await exchange.head(content_type="text/event-stream", transfer_encoding="chunked")
        while True:
            await exchange.piece(body)
            await asyncio.sleep(0.02)

    return behave
