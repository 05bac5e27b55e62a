"""Several workers on one listening socket: started, watched, started again, ended together."""

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from server.cli.banner import farewell
from server.cli.command import Exit
from server.cli.output import talk
from server.cli.serving import operator_token
from server.cli.uvicorn_server import SIGNALS, leave_at_once
from server.cli.worker import REPORT_CHARS_MAX, REPORT_END, TOKEN_VARIABLE, worker_command
from server.config import Config

RESTART_S, RESTART_S_MAX = 1.0, 10.0
"""Before a dead worker is started again, doubling while it does not come to serving."""


@dataclass(frozen=True, slots=True)
class Start:
    """What workers are started with: extra options of theirs, and settings given by flags, as variables."""

    options: Sequence[str]
    environment: Mapping[str, str]


def supervise(config: Config, listener: socket.socket, start: Start) -> Exit:
    """Run `server.workers` processes on a bound socket until a signal.

    The first one starts alone, so that what keeps all of them from starting is said once.
    """
    with operator_token(config, listener) as token:
        environment = {**os.environ, **start.environment, TOKEN_VARIABLE: token}
        started = Start(start.options, environment)
        return asyncio.run(Supervisor(config, listener, started).run())


class Supervisor:
    """Keeps the workers of one configuration running."""

    def __init__(self, config: Config, listener: socket.socket, start: Start) -> None:
        """Start nothing yet; workers inherit `listener`."""
        self._config = config
        self._listener = listener
        self._start = start
        self._count = config.server.workers
        self._running: dict[int, Process] = {}
        self._ready = {number: asyncio.Event() for number in range(1, self._count + 1)}
        self._stop = asyncio.Event()
        self._banner = ""
        self._is_clean = True

    async def run(self) -> Exit:
        """Run until a signal, or until the first worker refuses to start."""
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self._end, number)
        refused = await self._first()
        if refused is not None:
            return refused
        greeting = loop.create_task(self._greet())
        await asyncio.gather(*(self._keep(number) for number in self._ready))
        greeting.cancel()
        talk(farewell(self._config.store.url))
        return Exit.CLEAN if self._is_clean else Exit.INTERNAL

    # ---- one worker

    async def _first(self) -> Exit | None:
        """Start worker 1; how it all ends when that does not come to serving, and has said why."""
        process = await self._spawn(1)
        if await self._became_ready(1, process):
            return None
        code = await process.wait()
        if self._stop.is_set():
            return Exit.CLEAN
        return Exit.USAGE if code == Exit.USAGE else Exit.INTERNAL

    async def _keep(self, number: int) -> None:
        """Let a worker run, and start it again when it ends by itself."""
        pause_s = RESTART_S
        while not self._stop.is_set():
            serves = number in self._running
            if not serves:
                serves = await self._became_ready(number, await self._spawn(number))
            code = await self._running[number].wait()
            del self._running[number]
            if self._stop.is_set():
                # One that was still starting had nothing to end in order.
                self._is_clean &= code in (Exit.CLEAN, -signal.SIGTERM)
                return
            pause_s = RESTART_S if serves else min(2 * pause_s, RESTART_S_MAX)
            talk(f"worker {number} ended ({_how(code)}); it starts again in {pause_s:g} s")
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._stop.wait()

    async def _spawn(self, number: int) -> Process:
        """Start a worker's process; only the first watches the rule files, the others hear of changes."""
        listener = self._listener.fileno()
        command = worker_command(self._config, number, listener, self._start.options)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            stdout=PIPE,
            pass_fds=(listener,),
            env=dict(self._start.environment),
            limit=8 * REPORT_CHARS_MAX,
        )
        self._running[number] = process
        if self._stop.is_set():
            process.terminate()
        return process

    async def _became_ready(self, number: int, process: Process) -> bool:
        """Wait until a worker serves, False when it ends before."""
        assert process.stdout is not None, "it is a pipe"
        with suppress(asyncio.IncompleteReadError):
            said = (await process.stdout.readuntil(REPORT_END.encode())).decode()
            self._banner = self._banner or said.removesuffix(REPORT_END)
            self._ready[number].set()
            return True
        return False

    async def _greet(self) -> None:
        """Say what runs once every worker serves."""
        for ready in self._ready.values():
            await ready.wait()
        talk(self._banner)

    # ---- the end

    def _end(self, number: int) -> None:
        """Pass a signal on: the first lets the workers finish, a second ends them at once."""
        is_first = not self._stop.is_set()
        self._stop.set()
        self._listener.close()
        for process in self._running.values():
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM if is_first else signal.SIGKILL)
        if not is_first:
            leave_at_once(number)


def _how(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    return signal.Signals(-code).name
