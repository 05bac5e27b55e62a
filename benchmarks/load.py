"""A client on loopback: as many connections as wanted, one request under way on each."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import cast

PATIENCE_S = 5.0
"""How long a first answer is waited for after a window that was too short for one."""

TICKS_A_SECOND = 100
"""The unit of the kernel's CPU times in /proc."""


@dataclass(slots=True)
class Load:
    """What came back: good answers while it was measured, other ones, and the CPU the server used."""

    answers: int = 0
    refused: int = 0
    seconds: float = 0.0
    server_user_s: float = 0.0
    server_system_s: float = 0.0
    waits_ms: list[float] = field(default_factory=list)

    def values(self) -> dict[str, float]:
        """Return the measurements beside the rate."""
        waits = sorted(self.waits_ms)
        return {
            "cpu_us": (self.server_user_s + self.server_system_s) / max(1, self.answers) * 1e6,
            "system_us": self.server_system_s / max(1, self.answers) * 1e6,
            "p50_ms": waits[len(waits) // 2],
            "p99_ms": waits[len(waits) * 99 // 100],
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """How to load a server: where, over how many connections, for how long."""

    port: int
    server_pid: int
    connections: int
    warm_s: float
    measured_s: float


Requests = Callable[[int], Iterator[bytes]]
"""Makes the endless requests of one connection by its number."""


class _Connection(asyncio.Protocol):
    """Sends the next request when an answer is complete."""

    def __init__(self, requests: Iterator[bytes], take: Callable[[bool, float], bool]) -> None:
        self._requests = requests
        self._take = take
        self._buffer = b""
        self._sent_s = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods without the base class.
        self._transport = cast("asyncio.Transport", transport)
        self._next()

    def data_received(self, data: bytes) -> None:  # the name is asyncio's
        buffer = self._buffer + data if self._buffer else data
        if not is_complete(buffer):
            self._buffer = buffer
            return
        self._buffer = b""
        if self._take(buffer.startswith(b"HTTP/1.1 200"), time.perf_counter() - self._sent_s):
            self._next()
        elif self._transport is not None:
            self._transport.close()

    def _next(self) -> None:
        assert self._transport is not None
        self._sent_s = time.perf_counter()
        self._transport.write(next(self._requests))


def is_complete(answer: bytes) -> bool:
    """Tell whether a whole answer is there; all servers here name its length."""
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        return False
    head = answer[:end].lower()
    start = head.find(b"content-length:")
    length = head[start + 15 :].split(b"\r\n", 1)[0] if start >= 0 else b"0"
    return len(answer) >= end + 4 + int(length)


async def drive(plan: Plan, requests: Requests) -> Load:
    """Load a server: first to warm it, then measured."""
    load = Load()
    began_s = time.perf_counter()
    start_s, end_s = began_s + plan.warm_s, began_s + plan.warm_s + plan.measured_s

    def take(is_good: bool, waited_s: float) -> bool:  # noqa: FBT001  # one hot call an answer
        now_s = time.perf_counter()
        if now_s < start_s:
            return True
        load.answers += is_good
        load.refused += not is_good
        load.waits_ms.append(waited_s * 1_000)
        return now_s < end_s

    loop = asyncio.get_running_loop()
    transports = []
    for number in range(plan.connections):
        connect = partial(_Connection, requests(number), take)
        transport, _ = await loop.create_connection(connect, "127.0.0.1", plan.port)
        transports.append(transport)
    await asyncio.sleep(max(0.0, start_s - time.perf_counter()))
    before, from_s = cpu_seconds(plan.server_pid), time.perf_counter()
    await asyncio.sleep(max(0.0, end_s - time.perf_counter()))
    load.seconds = time.perf_counter() - from_s
    after = cpu_seconds(plan.server_pid)
    load.server_user_s, load.server_system_s = after[0] - before[0], after[1] - before[1]
    while not load.answers and time.perf_counter() < end_s + PATIENCE_S:  # noqa: ASYNC110  # a load has no event
        await asyncio.sleep(0.01)
    for transport in transports:
        transport.abort()
    assert load.answers, "the server answered nothing"
    assert not load.refused, f"{load.refused} requests were refused"
    return load


def cpu_seconds(pid: int) -> tuple[float, float]:
    """Return the CPU time that a process has used, its own and the kernel's for it."""
    after_name = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return int(after_name[11]) / TICKS_A_SECOND, int(after_name[12]) / TICKS_A_SECOND


def post(path: str, body: bytes, headers: bytes = b"") -> bytes:
    """Write a POST request with a JSON body."""
    return (
        b"POST " + path.encode() + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n" + headers
        + b"Content-Type: application/json\r\nContent-Length: " + str(len(body)).encode()
        + b"\r\n\r\n" + body
    )  # fmt: skip
