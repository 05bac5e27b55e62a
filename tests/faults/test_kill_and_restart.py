"""Killed with SIGKILL and started again: nothing accepted is lost, and the message comes once."""

import json
import os
import subprocess
import sys
from pathlib import Path
from time import monotonic

import pytest
from websockets.sync.client import connect

from tests.faults.processes import ROOT, Server, free_port, serving, workspace

pytestmark = pytest.mark.timeout(60)
PAGE = {"url": "https://shop.test/pricing"}


def proactive(server: Server, session: str, seconds: float) -> dict[str, float]:
    """Listen to a session; returns when each proactive message came, by its id.

    A socket that resumes nothing is shown the last messages again: a browser displays an id once.
    """
    times: dict[str, float] = {}
    deadline = monotonic() + seconds
    with connect(f"ws://127.0.0.1:{server.port}/v1/sessions/{session}") as socket:
        socket.send(json.dumps({"type": "auth", "token": "wk_test"}))
        while (left := deadline - monotonic()) > 0:
            try:
                frame = json.loads(socket.recv(timeout=left))
            except TimeoutError:
                break
            if frame["type"] == "message" and frame["kind"] == "proactive":
                times[frame["id"]] = monotonic()
                shown = {"type": "displayed", "message_id": frame["id"]}
                socket.send(json.dumps(shown))
    return times


def replayed(config: Path) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-m", "server.cli.main", "replay", "--rules", "rules", "--format", "json"],
        cwd=config.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=True,
        timeout=30,
    )
    report: dict[str, object] = json.loads(done.stdout)
    return report


def test_the_message_still_comes_once_after_a_kill(tmp_path: Path) -> None:
    config, port = workspace(tmp_path), free_port()
    with serving(config, port) as server:
        session = server.open_session()
        server.track(session, "page_view", page=PAGE)
        began = monotonic()
        server.kill()
    with serving(config, port) as server:
        came = proactive(server, session, 6)
        assert len(came) == 1
        assert min(came.values()) - began >= 2.9
        assert proactive(server, session, 1).keys() == came.keys()


def test_every_event_that_was_answered_200_is_in_the_journal_after_a_kill(tmp_path: Path) -> None:
    config, port = workspace(tmp_path), free_port()
    with serving(config, port) as server:
        session = server.open_session()
        server.track(session, "page_view", page=PAGE)
        for number in range(50):
            server.track(session, "scroll", metadata={"percent": number})
        server.kill()
    report = replayed(config)
    assert report["events"] == 52  # with the consent that the opening of a session notes
    assert report["approached"] == 1


def test_a_server_that_is_asked_to_stop_ends_cleanly(tmp_path: Path) -> None:
    with serving(workspace(tmp_path), free_port()) as server:
        server.track("any", "page_view", page=PAGE)
        assert server.stop() == 0


def test_a_wake_up_that_fell_due_while_the_server_was_down_is_taken_at_the_start(
    tmp_path: Path,
) -> None:
    config, port = workspace(tmp_path), free_port()
    with serving(config, port) as server:
        session = server.open_session()
        server.track(session, "page_view", page=PAGE)
        due = monotonic() + 3
        server.kill()
    while monotonic() < due:
        os.sched_yield()
    with serving(config, port) as server:
        assert len(proactive(server, session, 3)) == 1


def test_a_second_server_on_the_same_file_is_refused_in_one_line(tmp_path: Path) -> None:
    config = workspace(tmp_path)
    with serving(config, free_port()):
        second = Server(config, free_port())
        assert second.process.wait(20) == 2
        assert second.process.stderr is not None
        said = second.process.stderr.read().decode()
        second.process.stderr.close()
        assert "in use by process" in said
        assert len(said.strip().splitlines()) == 1
