"""A TCP proxy that makes faults: one upstream, many connections, everything drawn from a seed."""

import asyncio
import socket
import struct
import threading
from collections import Counter
from collections.abc import Awaitable, Coroutine
from random import Random
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

import msgspec

T = TypeVar("T")
LOOPBACK = "127.0.0.1"
CHUNK_BYTES = 64 * 1024
# A blackhole reads on without passing on: the sender must not notice anything by its buffers.
Way = Literal["up", "down"]
Act = Literal["forward", "blackhole", "drop_reply", "delay", "reset", "slow"]


class Faults(msgspec.Struct):
    """What the proxy does to what passes; changed while it runs.

    `blackhole` names the ways that swallow everything: "up" to the server, "down" to the client.
    `drop_reply` is the chance that a connection is aborted instead of passing an answer on, `delay` the
    chance that a piece waits `delay_ms`. `bytes_per_s` 0 = as fast as it goes.
    """

    blackhole: frozenset[Way] = frozenset()
    drop_reply: float = 0.0
    delay: float = 0.0
    delay_ms: int = 0
    bytes_per_s: int = 0


class Proxy:
    """Listens on loopback and passes everything on to a port, in a thread of its own; use it as `with`."""

    def __init__(self, upstream: int, seed: int = 1) -> None:
        """Pass on to a port of this machine."""
        self.port = 0
        self.acts: Counter[Act] = Counter()
        self._faults = Faults()
        self._upstream = upstream
        self._random = Random(seed)
        self._loop = asyncio.new_event_loop()
        self._pairs: set[_Pair] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._call(asyncio.start_server(self._serve, LOOPBACK, 0))
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._call(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def set(self, **faults: object) -> None:
        """Change some of `Faults`; the others become what they are at the start."""
        self._faults = Faults(**faults)  # type: ignore[arg-type]  # by name

    def forward(self) -> None:
        """Make no faults from now on."""
        self.set()

    def retarget(self, upstream: int) -> None:
        """Pass new connections on to another port; those that are open are reset."""
        self._upstream = upstream
        self.reset()

    def reset(self) -> int:
        """Reset all connections (RST) and answer how many there were."""
        return self._call(self._reset())

    @property
    def connections(self) -> int:
        """Count the open connections."""
        return len(self._pairs)

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            upstream = await asyncio.open_connection(LOOPBACK, self._upstream)
        except OSError:
            _abort(writer)
            return
        except asyncio.CancelledError:
            _abort(writer)
            raise
        pair = _Pair(self, (reader, writer), upstream)
        self._pairs.add(pair)
        try:
            await pair.run()
        finally:
            self._pairs.discard(pair)

    async def _reset(self) -> int:
        pairs = list(self._pairs)
        for pair in pairs:
            self.acts["reset"] += 1
            pair.abort()
        return len(pairs)

    async def _stop(self) -> None:
        self._server.close()
        for pair in list(self._pairs):
            pair.abort()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        # Connections that were aborted end in the loop's next rounds.
        await asyncio.sleep(0.01)

    async def treat(self, piece: bytes, way: Way, pair: "_Pair") -> bool:
        """Do to one piece what the settings say; False: it is not to be passed on."""
        faults, random = self._faults, self._random
        if way in faults.blackhole:
            self.acts["blackhole"] += 1
            return False
        if way == "down" and random.random() < faults.drop_reply:
            self.acts["drop_reply"] += 1
            pair.abort()
            return False
        if random.random() < faults.delay:
            self.acts["delay"] += 1
            await asyncio.sleep(faults.delay_ms / 1_000)
        if faults.bytes_per_s:
            self.acts["slow"] += 1
            await asyncio.sleep(len(piece) / faults.bytes_per_s)
        self.acts["forward"] += 1
        return True


Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _Pair:
    """A client's connection and the one to the server."""

    def __init__(self, proxy: Proxy, client: Stream, server: Stream) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server

    async def run(self) -> None:
        """Pass on both ways until one side ends."""
        ways: list[Awaitable[None]] = [
            self._pass(self._client[0], self._server[1], "up"),
            self._pass(self._server[0], self._client[1], "down"),
        ]
        tasks = [asyncio.ensure_future(way) for way in ways]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._client[1].close()
            self._server[1].close()

    def abort(self) -> None:
        """Reset both connections."""
        _abort(self._client[1])
        _abort(self._server[1])

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Way
    ) -> None:
        try:
            while piece := await reader.read(CHUNK_BYTES):
                if await self._proxy.treat(piece, way, self):
                    writer.write(piece)
                    await writer.drain()
        except (ConnectionError, OSError):
            return


def _abort(writer: asyncio.StreamWriter) -> None:
    """End a connection with RST rather than FIN: nothing that waits is sent any more."""
    connection = writer.get_extra_info("socket")
    if connection is not None and connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
