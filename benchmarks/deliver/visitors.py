"""Many WebSocket clients in one process: they open, send an event each in turn, and time its answer."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import cast

from benchmarks.deliver.workload import Workload, answer_of, event_of
from benchmarks.load import cpu_seconds
from benchmarks.outcome import Outcome

OPENED_AT_ONCE = 50
OPEN_S_MAX = 60
ANSWER_S_MAX = 5.0
"""Events that are not answered so long after the last one was sent count as lost."""
PACE_S = 0.001
_MASKED = 0x80
_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10


@dataclass(slots=True)
class Timed:
    """What was answered in the measured rounds, and how many events have no answer yet."""

    waits_ms: list[float] = field(default_factory=list)
    first_round: int = 0
    pending: int = 0
    is_idle: asyncio.Event = field(default_factory=asyncio.Event)

    def asked(self) -> None:
        """Note an event."""
        self.pending += 1
        self.is_idle.clear()

    def answered(self, number: int, waited_s: float) -> None:
        """Note the answer of a round's event."""
        if number >= self.first_round:
            self.waits_ms.append(waited_s * 1_000)
        self.pending -= 1
        if not self.pending:
            self.is_idle.set()


class Visitor(asyncio.Protocol):
    """One client; `ready` ends when it is greeted, or open where nobody greets."""

    def __init__(self, path: str, auth: bytes, timed: Timed) -> None:
        """Ask for `path`; `auth` is sent first and answered by a greeting, b"": there is none."""
        self._path = path
        self._auth = auth
        self._timed = timed
        self._buffer = b""
        self._is_open = False
        self._asked: dict[int, float] = {}
        self._transport: asyncio.Transport | None = None
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.failure = ""

    def ask(self, socket: int, number: int) -> None:
        """Send the event of a round."""
        self._asked[number] = time.perf_counter()
        self._timed.asked()
        self._send(_TEXT, event_of(socket, number))

    def close(self) -> None:
        """Drop the connection."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        # uvloop's transports have the methods without the base class.
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(
            f"GET {self._path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail: no server here hangs up."""
        self._fail("the connection ended")

    def data_received(self, data: bytes) -> None:
        """Take what is whole."""
        self._buffer += data
        if not self._is_open and not self._upgraded():
            return
        for opcode, payload in self._frames():
            self._take(opcode, payload)

    def _upgraded(self) -> bool:
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return False
        if not head.startswith(b"HTTP/1.1 101"):
            self._fail(head.partition(b"\r\n")[0].decode())
            return False
        self._buffer, self._is_open = rest, True
        if self._auth:
            self._send(_TEXT, self._auth)
        else:
            self.ready.set_result(None)
        return True

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == _PING:
            self._send(_PONG, payload)
        elif opcode == _CLOSE:
            self._fail(f"closed with {int.from_bytes(payload[:2])}")
        elif not self.ready.done():
            self.ready.set_result(None)
        else:
            self._answered(payload)

    def _answered(self, payload: bytes) -> None:
        number = next((number for number in self._asked if answer_of(number) in payload), -1)
        if number >= 0:
            self._timed.answered(number, time.perf_counter() - self._asked.pop(number))

    def _frames(self) -> Iterator[tuple[int, bytes]]:
        """Take whole frames off the buffer; servers send them unmasked and, here, unsplit."""
        while len(self._buffer) >= 2:
            buffer = self._buffer
            size, start = buffer[1], 2
            if size == 126:
                size, start = int.from_bytes(buffer[2:4]), 4
            if len(buffer) < start + size:
                return
            self._buffer = buffer[start + size :]
            yield buffer[0] & 15, buffer[start : start + size]

    def _send(self, opcode: int, payload: bytes) -> None:
        # A mask of zeros leaves the payload as it is.
        assert self._transport is not None
        size = len(payload)
        head = bytes((_MASKED | opcode,))
        head += (
            bytes((_MASKED | size,)) if size < 126 else bytes((_MASKED | 126,)) + size.to_bytes(2)
        )
        self._transport.write(head + b"\0\0\0\0" + payload)

    def _fail(self, why: str) -> None:
        self.failure = self.failure or why
        if not self.ready.done():
            self.ready.set_exception(ConnectionError(why))


@dataclass(frozen=True, slots=True)
class Target:
    """A server, and each visitor's path and first frame."""

    port: int
    pid: int
    paths: Sequence[str]
    auths: Sequence[bytes]


async def visit(workload: Workload, target: Target) -> Outcome:
    """Open all sockets, play all rounds, and report how long answers took."""
    timed = Timed(first_round=workload.warm_rounds)
    visitors: list[Visitor] = []
    before_s = sum(cpu_seconds(target.pid))
    try:
        await _open_all(workload, target, timed, visitors)
        opened_s = sum(cpu_seconds(target.pid)) - before_s
        await _play(workload, visitors, range(workload.warm_rounds))
        before_s, began_s = sum(cpu_seconds(target.pid)), time.perf_counter()
        await _play(workload, visitors, range(workload.warm_rounds, workload.rounds))
        seconds = time.perf_counter() - began_s
        with suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_S_MAX):
                await timed.is_idle.wait()
        used_s = sum(cpu_seconds(target.pid)) - before_s
    finally:
        for visitor in visitors:
            visitor.close()
    waits = sorted(timed.waits_ms)
    events = workload.sockets * workload.measured_rounds
    assert waits, "no event was answered"
    values = {
        "p50_ms": waits[len(waits) // 2],
        "p99_ms": waits[len(waits) * 99 // 100],
        "cpu_us": used_s / events * 1e6,
        "open_ms": opened_s / workload.sockets * 1e3,
        "lost": 1 - len(waits) / events,
    }
    return Outcome(events, seconds, {}, values)


async def _open_all(
    workload: Workload, target: Target, timed: Timed, visitors: list[Visitor]
) -> None:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(OPEN_S_MAX):
        for first in range(0, workload.sockets, OPENED_AT_ONCE):
            some = []
            for number in range(first, min(first + OPENED_AT_ONCE, workload.sockets)):
                make = partial(Visitor, target.paths[number], target.auths[number], timed)
                _, visitor = await loop.create_connection(make, "127.0.0.1", target.port)
                some.append(visitor)
            visitors += some
            await asyncio.gather(*(visitor.ready for visitor in some))


async def _play(workload: Workload, visitors: Sequence[Visitor], rounds: range) -> None:
    """Send one event after the other at the workload's pace, the visitors in turns."""
    total = len(rounds) * len(visitors)
    began_s, sent = time.perf_counter(), 0
    while sent < total:
        due = int((time.perf_counter() - began_s) * workload.events_per_s) + 1
        for number in range(sent, min(due, total)):
            place, step = number % len(visitors), number // len(visitors)
            visitors[place].ask(place, rounds[step])
        sent = max(sent, min(due, total))
        await asyncio.sleep(PACE_S)
    failed = next((visitor.failure for visitor in visitors if visitor.failure), "")
    assert not failed, failed
