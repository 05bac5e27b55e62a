"""The runner's side of a contender's process: start it, ask for a repetition, end it."""

import selectors
import subprocess
import sys
from pathlib import Path

import msgspec

from benchmarks.outcome import Ready, Report

ROOT = Path(__file__).parents[1]
WAIT_S_MAX = 300
"""No contender is waited for longer; it counts as failed then."""

_ready = msgspec.json.Decoder(Ready)
_report = msgspec.json.Decoder(Report)


class Failed(Exception):
    """A contender's process ended, or was not done in time."""


class ContenderProcess:
    """One contender in a process of its own; after `wait_ready`, `ready` is what it said of itself.

    `failure` says why it could not be prepared, "" when it could.
    """

    def __init__(self, folder: str, contender: str, size: str, seed: int) -> None:
        """Start the process; the contender prepares itself at once."""
        command = [sys.executable, "-m", "benchmarks.contender", folder, contender, size, str(seed)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.ready, self.failure = Ready(contender), ""

    def wait_ready(self) -> None:
        """Wait until the contender is prepared."""
        try:
            self.ready = _ready.decode(self._line())
        except Failed as failed:
            self.failure = str(failed)

    def repeat(self) -> Report:
        """Let the contender do its work once; raises Failed."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(b"run\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise Failed("its process ended") from error
        return _report.decode(self._line())

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def _line(self) -> bytes:
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if not selector.select(WAIT_S_MAX):
                self._process.kill()
                raise Failed(f"not done in {WAIT_S_MAX} s")
        line: bytes = self._process.stdout.readline()
        if not line:
            raise Failed("its process ended; standard error says why")
        return line
