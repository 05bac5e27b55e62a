"""HTTP for load: one kept connection a port, one request at a time, no retry, no redirect, no surprises."""

import asyncio
from types import TracebackType
from typing import Self

import msgspec

LOOPBACK = "127.0.0.1"


class NoAnswer(Exception):
    """The connection failed or no answer came in time: the request may have been carried out or not."""


class Answer(msgspec.Struct, frozen=True):
    """What a server answered; names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class HttpLine:
    """A connection to a server of this machine, made when it is first needed."""

    def __init__(self, port: int) -> None:
        """Speak to this port."""
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up; the next request connects again."""
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None

    async def post(
        self, path: str, body: object, headers: dict[str, str], within_s: float = 5.0
    ) -> Answer:
        """Send JSON and wait for the answer; see `send`."""
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        return await self.send("POST", path, content, headers, within_s)

    async def send(
        self, method: str, path: str, content: bytes, headers: dict[str, str], within_s: float
    ) -> Answer:
        """Send a request and wait for the answer.

        Raises:
            NoAnswer: the connection broke, or nothing came in time.
        """
        lines = [f"{method} {path} HTTP/1.1", f"host: {LOOPBACK}:{self._port}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines += ["content-type: application/json", f"content-length: {len(content)}", "", ""]
        async with self._turn:
            try:
                async with asyncio.timeout(within_s):
                    return await self._exchange("\r\n".join(lines).encode() + content)
            except (OSError, EOFError, TimeoutError, ValueError) as error:
                self.close()
                raise NoAnswer(repr(error)) from error
            except asyncio.CancelledError:
                self.close()
                raise

    async def post_chunks(
        self, path: str, chunk: bytes, count: int, headers: dict[str, str]
    ) -> Answer:
        """Send a body of so many equal chunks, already framed; see `send`."""
        lines = [f"POST {path} HTTP/1.1", f"host: {LOOPBACK}:{self._port}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        head = "\r\n".join([*lines, "", ""]).encode()
        try:
            async with asyncio.timeout(10):
                return await self._exchange(head + chunk * count + b"0\r\n\r\n")
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            self.close()
            raise NoAnswer(repr(error)) from error

    async def _exchange(self, request: bytes) -> Answer:
        if self._streams is None:
            self._streams = await asyncio.open_connection(LOOPBACK, self._port)
        reader, writer = self._streams
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in head[1:] if line)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        if headers.get("connection", "").lower() == "close":
            self.close()
        return Answer(int(head[0].split()[1]), headers, body)
