"""The WebSocket clients of `deliver` take whole frames whatever pieces they come in, and time the right one."""

import asyncio

import pytest

from benchmarks.deliver.visitors import Timed, Visitor
from benchmarks.deliver.workload import answer_of, event_of

pytestmark = pytest.mark.anyio
UPGRADED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
PING = b"\x89\x02hi"


class Wire(asyncio.Transport):
    """Keeps what a client writes."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))


def text_frame(payload: bytes) -> bytes:
    size = len(payload)
    head = bytes((0x81, size)) if size < 126 else b"\x81\x7e" + size.to_bytes(2)
    return head + payload


async def opened(auth: bytes = b"") -> tuple[Visitor, Wire, Timed]:
    timed, wire = Timed(), Wire()
    visitor = Visitor("/path", auth, timed)
    visitor.connection_made(wire)
    visitor.data_received(UPGRADED)
    return visitor, wire, timed


async def test_an_answer_is_timed_with_its_last_byte() -> None:
    visitor, _, timed = await opened()
    visitor.ask(1, 3)
    answer = text_frame(b'{"type":"message","text":' + answer_of(3) + b"x" * 300 + b"}")
    for place in range(len(answer) - 1):
        visitor.data_received(answer[place : place + 1])
        assert not timed.waits_ms
    visitor.data_received(answer[-1:])
    assert len(timed.waits_ms) == 1
    assert timed.is_idle.is_set()


async def test_frames_that_answer_nothing_are_left_aside() -> None:
    visitor, _, timed = await opened()
    visitor.ask(1, 3)
    visitor.data_received(text_frame(b'{"type":"track_ack"}') + text_frame(answer_of(2)))
    assert timed.pending == 1
    visitor.data_received(text_frame(answer_of(3)))
    assert timed.pending == 0


async def test_warm_rounds_are_answered_and_not_timed() -> None:
    visitor, _, timed = await opened()
    timed.first_round = 1
    visitor.ask(1, 0)
    visitor.data_received(text_frame(answer_of(0)))
    assert timed.is_idle.is_set()
    assert not timed.waits_ms


async def test_a_ping_is_answered_with_its_payload() -> None:
    visitor, wire, _ = await opened()
    visitor.data_received(PING)
    assert wire.written[-1] == b"\x8a\x82\0\0\0\0hi"


async def test_a_client_with_a_token_is_ready_when_it_is_greeted() -> None:
    visitor, wire, _ = await opened(b'{"type":"auth"}')
    assert wire.written[-1].endswith(b'{"type":"auth"}')
    assert not visitor.ready.done()
    visitor.data_received(text_frame(b'{"type":"hello"}'))
    assert visitor.ready.done()


async def test_a_close_fails_the_visitor_with_its_code() -> None:
    visitor, _, _ = await opened()
    visitor.data_received(b"\x88\x02" + (4401).to_bytes(2))
    assert visitor.failure == "closed with 4401"


def test_the_echo_of_an_event_is_an_answer_to_it() -> None:
    assert answer_of(12) in event_of(7, 12)
    assert answer_of(1) not in event_of(7, 12)
