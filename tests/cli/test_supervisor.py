"""The supervisor's own work, over workers that only say that they serve, or do not."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from server.cli import supervisor
from server.cli.command import Exit
from server.cli.supervisor import Start, Supervisor
from server.cli.worker import REPORT_CHARS_MAX, REPORT_END, _report, worker_command
from tests.server.running import write_config

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).resolve().parents[2]
SERVES = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("the banner of worker", sys.argv[1], end="\\0", flush=True)
time.sleep(60)
"""
DEAF = SERVES.replace("lambda *_: sys.exit(0)", "signal.SIG_IGN")
REFUSES = "import sys; sys.exit(2)"
BREAKS = "import sys; sys.exit(1)"

Script = Callable[[int], str]


class Watched:
    """A supervisor whose workers run scripts instead of the server."""

    def __init__(self, folder: Path, workers: int) -> None:
        config = write_config(folder)
        settings = msgspec.structs.replace(config.server, workers=workers)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.supervisor = Supervisor(
            msgspec.structs.replace(config, server=settings),
            self.listener,
            Start((), dict(os.environ)),
        )

    @property
    def pids(self) -> dict[int, int]:
        return {number: process.pid for number, process in self.supervisor._running.items()}

    def end(self, number: int = signal.SIGTERM) -> None:
        self.supervisor._end(number)


@asynccontextmanager
async def watched(
    folder: Path, monkeypatch: pytest.MonkeyPatch, script: Script, workers: int = 2
) -> AsyncIterator[tuple[Watched, asyncio.Task[Exit]]]:
    def command(_: object, number: int, *__: object) -> list[str]:
        return ["-c", script(number), str(number)]

    monkeypatch.setattr(supervisor, "worker_command", command)
    one = Watched(folder, workers)
    running = asyncio.create_task(one.supervisor.run())
    try:
        yield one, running
    finally:
        for process in one.supervisor._running.values():
            if process.returncode is None:
                process.kill()
        if not running.done():
            one.supervisor._stop.set()
            await running
        one.listener.close()


async def said(capsys: pytest.CaptureFixture[str], is_said: Callable[[str], bool]) -> str:
    text = ""
    async with asyncio.timeout(20):
        while not is_said(text):
            text += capsys.readouterr().err
            await asyncio.sleep(0.01)
    return text


async def test_the_banner_is_said_once_when_all_workers_serve(
    tmp_path: Path,
    anyio_backend: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with watched(tmp_path, monkeypatch, lambda _: SERVES, 3) as (one, running):
        text = await said(capsys, lambda text: "banner" in text)
        assert len(one.pids) == 3
        one.end()
        assert await running is Exit.CLEAN
        text += capsys.readouterr().err
    assert text.splitlines() == ["the banner of worker 1", "stopped; memory: keeps nothing"]


async def test_a_first_worker_that_refuses_ends_all_with_its_exit_code(
    tmp_path: Path, anyio_backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[int] = []

    def script(number: int) -> str:
        started.append(number)
        return REFUSES

    async with watched(tmp_path, monkeypatch, script) as (_, running):
        assert await running is Exit.USAGE
    assert started == [1]


async def test_a_first_worker_that_breaks_ends_all_as_a_mistake(
    tmp_path: Path, anyio_backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watched(tmp_path, monkeypatch, lambda _: BREAKS) as (_, running):
        assert await running is Exit.INTERNAL


async def test_a_dead_worker_is_started_again_and_the_others_stay(
    tmp_path: Path,
    anyio_backend: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(supervisor, "RESTART_S", 0.01)
    async with watched(tmp_path, monkeypatch, lambda _: SERVES) as (one, running):
        await said(capsys, lambda text: "banner" in text)
        before = one.pids
        os.kill(before[2], signal.SIGKILL)
        text = await said(capsys, lambda text: "starts again" in text)
        assert text == "worker 2 ended (SIGKILL); it starts again in 0.01 s\n"
        async with asyncio.timeout(10):
            while one.pids.get(2) in (None, before[2]):  # noqa: ASYNC110  # nobody sets an event
                await asyncio.sleep(0.01)
        assert one.pids[1] == before[1]
        one.end()
        assert await running is Exit.CLEAN


async def test_a_worker_that_never_serves_is_started_ever_more_seldom(
    tmp_path: Path,
    anyio_backend: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(supervisor, "RESTART_S", 0.01)
    monkeypatch.setattr(supervisor, "RESTART_S_MAX", 0.05)

    def script(number: int) -> str:
        return SERVES if number == 1 else BREAKS

    async with watched(tmp_path, monkeypatch, script) as (one, running):
        text = await said(capsys, lambda text: text.count("starts again") >= 5)
        pauses = [line.split()[-2] for line in text.splitlines()][:5]
        assert pauses == ["0.02", "0.04", "0.05", "0.05", "0.05"]
        assert "banner" not in text
        one.end()
        assert await running is Exit.CLEAN


async def test_the_first_signal_is_passed_on_and_the_second_ends_at_once(
    tmp_path: Path,
    anyio_backend: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    left: list[int] = []
    monkeypatch.setattr(supervisor, "leave_at_once", left.append)
    async with watched(tmp_path, monkeypatch, lambda _: DEAF) as (one, running):
        await said(capsys, lambda text: "banner" in text)
        one.end()
        assert one.listener.fileno() == -1
        await asyncio.sleep(0.1)
        assert not running.done()
        assert not left
        one.end()
        assert left == [signal.SIGTERM]
        assert await running is Exit.INTERNAL


def test_a_worker_whose_supervisor_has_died_meanwhile_starts_nothing(tmp_path: Path) -> None:
    nobody_s_parent = ["--number", "1", "--listener", "0", "--supervisor", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "server.cli.worker", *nobody_s_parent],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_long_banner_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    _report("x" * (REPORT_CHARS_MAX + 1))
    assert capsys.readouterr().out == "x" * REPORT_CHARS_MAX + REPORT_END


def test_only_the_first_worker_watches_the_rule_files(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    options = ("--watch", "--allow-weaker-durability")
    commands = [worker_command(config, number, 7, options) for number in (1, 2)]
    assert ["--watch" in command for command in commands] == [True, False]
    assert all("--allow-weaker-durability" in command for command in commands)
    assert not any("secret" in word for command in commands for word in command)
