"""`opportune demo` as a real process: it says where it is, its visitors come, it ends with what it kept."""

import http.client
import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.clock import Stopwatch
from server.cli.command import Exit
from tests.cli.processes import DEADLINE_S, Process

ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)/demo\b")
TRACKED = re.compile(r'opportune_http_requests_total\{operation="track",status="200"\} [1-9]')


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Process]:
    process = Process(tmp_path, "demo", "--port", "0", "--shoppers", "25")
    yield process
    if process.child.poll() is None:
        process.child.kill()
    process.child.wait()


def port_of(process: Process) -> int:
    process.wait_for("Stop: Ctrl-C")
    found = ADDRESS.search(process.said)
    assert found, process.said
    return int(found[1])


def asked(port: int, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_it_says_where_to_look_and_ends_with_what_it_kept(demo: Process, tmp_path: Path) -> None:
    port = port_of(demo)
    assert "3 rules" in demo.said
    assert "25 synthetic visitors are browsing, and you are one more" in demo.said
    assert asked(port, "/demo/shop/home")[0] == 200
    demo.child.send_signal(signal.SIGINT)
    assert demo.ended() == Exit.CLEAN
    assert re.search(r"stopped\. \d+ events? kept in data/demo\.db; make run goes on", demo.said)
    assert (tmp_path / "data" / "demo.db").exists()
    assert "Traceback" not in demo.said


def test_its_visitors_come_over_http_and_over_sockets(demo: Process) -> None:
    port, watch = port_of(demo), Stopwatch()
    missing = [re.compile(r"^opportune_sockets [1-9]", re.MULTILINE), TRACKED]
    while missing:
        assert watch.elapsed_ms() < 2 * DEADLINE_S * 1_000, missing
        time.sleep(0.2)
        metrics = asked(port, "/metrics")[1]
        missing = [figure for figure in missing if not figure.search(metrics)]
    assert "Traceback" not in demo.said


def test_a_taken_port_is_refused_with_another_to_try(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        process = Process(tmp_path, "demo", "--port", str(number))
        assert process.ended() == Exit.USAGE
    assert f"127.0.0.1:{number}: address already in use. Try: --port {number + 1}" in process.said
