"""uvicorn as we run it: its protocol settings, its signals, and an end in the right order."""

import asyncio
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

import uvicorn

from server.app import Shell
from server.cli.output import talk
from server.cli.socket_protocol import EndingSocket
from server.settings import ServerSettings

PING_EVERY_S = 25.0
PONG_WITHIN_S = 10.0
FRAME_BYTES_MAX = 128 * 1024
KEEP_ALIVE_S = 65

REPEAT_S = 1.0
"""Of a supervised worker: a second signal that comes sooner is the first one, sent to it and to its supervisor."""

SIGNALS = (signal.SIGINT, signal.SIGTERM)
KILLED_BASE = 128
"""What is added to the number of the signal that ended a process, as shells do."""


def uvicorn_config(settings: ServerSettings, app: Shell) -> uvicorn.Config:
    """Say how the application is served."""
    return uvicorn.Config(
        app,
        http="httptools",
        ws=EndingSocket,
        ws_max_size=FRAME_BYTES_MAX,
        ws_ping_interval=PING_EVERY_S,
        ws_ping_timeout=PONG_WITHIN_S,
        ws_per_message_deflate=False,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=max(1, settings.shutdown_grace // 4_000),
    )


@dataclass(frozen=True, slots=True)
class Course:
    """What happens around serving: each is called once, `asked` on the signal, `drain` before the end."""

    ready: Callable[[], None]
    asked: Callable[[], None]
    drain: Callable[[], Awaitable[None]]


class Server(uvicorn.Server):
    """Ends on a signal: what is under way is finished within the grace; a second signal ends it at once."""

    def __init__(
        self, config: uvicorn.Config, course: Course, grace_s: float, *, is_alone: bool = True
    ) -> None:
        """Serve by `config`; one of several workers leaves new connections to the others when it ends."""
        super().__init__(config)
        self._course = course
        self._grace_s = grace_s
        self._is_alone = is_alone
        self._asked_s = 0.0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        if self.started:
            self._course.ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End in order; while a server alone does, it still answers, with a refusal."""
        if not self._is_alone:
            for server in self.servers:
                server.close()
        try:
            await self._course.drain()
        finally:
            await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end; at the second signal, or when the grace is over, leave at once."""
        loop = asyncio.get_running_loop()
        if not self.should_exit:
            self.should_exit = True
            self._asked_s = loop.time()
            self._course.asked()
            loop.call_later(self._grace_s, leave_at_once, sig)
        elif self._is_alone or loop.time() - self._asked_s >= REPEAT_S:
            leave_at_once(sig)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take SIGTERM on the loop, alone SIGINT too: a terminal's Ctrl-C is the supervisor's to pass on."""
        loop = asyncio.get_running_loop()
        signals = SIGNALS if self._is_alone else (signal.SIGTERM,)
        for number in signals:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in signals:
                loop.remove_signal_handler(number)


def leave_at_once(sig: int) -> None:
    """End the process without any more work: what was answered is kept, the rest was never promised."""
    talk("stopped at once; what was answered is kept")
    os._exit(KILLED_BASE + sig)
