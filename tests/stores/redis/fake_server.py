"""A server that speaks Redis badly: it cuts, is silent, or says too much, exactly when a test wants."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import hiredis

CUT = b""
"""Instead of a reply: close the connection."""

Behave = Callable[[list[bytes]], bytes | None]
"""Takes a command and returns the bytes to answer, `CUT`, or None for silence."""

_GREETING = {
    b"HELLO": b"+OK\r\n",
    b"CLIENT": b"+OK\r\n",
    b"SELECT": b"+OK\r\n",
    b"SCRIPT": b"+OK\r\n",
    b"INFO": b"$11\r\nrole:master\r\n",
    b"TIME": b"*2\r\n$1\r\n1\r\n$1\r\n0\r\n",
    b"PEXPIRE": b":1\r\n",
    b"SET": b"+OK\r\n",
}


def echo(words: list[bytes]) -> bytes:
    """Answer a command's last word."""
    return b"$%d\r\n%b\r\n" % (len(words[-1]), words[-1])


class FakeServer:
    """Greets as a primary; all else is answered by `behave`. `heard` are those commands."""

    def __init__(self, behave: Behave) -> None:
        self.behave = behave
        self.heard: list[list[bytes]] = []
        self.was_heard = asyncio.Event()
        self.connections = 0
        self.port = 0
        self._writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        with suppress(ConnectionError):
            await self._answer(reader, writer)
        writer.close()

    async def end(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        parser = hiredis.Reader()
        while received := await reader.read(65_536):
            parser.feed(received)
            while (words := parser.gets()) is not False:
                answer = _GREETING.get(words[0])
                if answer is None:
                    self.heard.append(words)
                    self.was_heard.set()
                    answer = self.behave(words)
                if answer == CUT:
                    writer.transport.abort()
                    return
                writer.write(answer or b"")


@asynccontextmanager
async def faking(behave: Behave, port: int = 0) -> AsyncIterator[FakeServer]:
    """Serve on loopback while the block runs."""
    fake = FakeServer(behave)
    server = await asyncio.start_server(fake.serve, "127.0.0.1", port)
    fake.port = server.sockets[0].getsockname()[1]
    try:
        yield fake
    finally:
        server.close()
        await fake.end()
