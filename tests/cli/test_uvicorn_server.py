"""Signals of a serving process: the first one drains, the second one or the end of the grace ends it at once."""

import asyncio
import signal
from dataclasses import dataclass, field

import pytest
import uvicorn

from server.cli import uvicorn_server
from server.cli.uvicorn_server import Course, Server

pytestmark = pytest.mark.anyio


@dataclass
class Heard:
    """What a server was told to do."""

    asked: int = 0
    left: list[int] = field(default_factory=list)

    def ask(self) -> None:
        self.asked += 1


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Heard:
    heard = Heard()
    monkeypatch.setattr(uvicorn_server, "leave_at_once", heard.left.append)
    return heard


def serving(heard: Heard, grace_s: float = 60, *, is_alone: bool = True) -> Server:
    async def drain() -> None:
        return

    course = Course(ready=lambda: None, asked=heard.ask, drain=drain)
    return Server(uvicorn.Config("none:app"), course, grace_s, is_alone=is_alone)


async def test_the_first_signal_asks_it_to_end_and_the_second_ends_it(heard: Heard) -> None:
    server = serving(heard)
    server.handle_exit(signal.SIGTERM, None)
    assert (server.should_exit, heard.asked, heard.left) == (True, 1, [])
    server.handle_exit(signal.SIGINT, None)
    assert (heard.asked, heard.left) == (1, [signal.SIGINT])


async def test_a_worker_takes_the_signal_that_its_supervisor_got_too_for_one(
    heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = serving(heard, is_alone=False)
    worker.handle_exit(signal.SIGTERM, None)
    worker.handle_exit(signal.SIGTERM, None)
    assert heard.left == []
    monkeypatch.setattr(uvicorn_server, "REPEAT_S", 0)
    worker.handle_exit(signal.SIGTERM, None)
    assert heard.left == [signal.SIGTERM]


async def test_the_end_of_the_grace_ends_it(heard: Heard) -> None:
    serving(heard, grace_s=0.01).handle_exit(signal.SIGTERM, None)
    async with asyncio.timeout(5):
        while not heard.left:  # noqa: ASYNC110  # nobody sets an event
            await asyncio.sleep(0.005)


async def test_ctrl_c_is_the_supervisor_s_to_pass_on(heard: Heard) -> None:
    for is_alone, expected in ((True, 1), (False, 0)):
        heard.asked = 0
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            with serving(heard, is_alone=is_alone).capture_signals():
                signal.raise_signal(signal.SIGINT)
                await asyncio.sleep(0.05)
        finally:
            signal.signal(signal.SIGINT, before)
        assert heard.asked == expected
