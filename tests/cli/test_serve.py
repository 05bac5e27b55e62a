"""`opportune serve` as a real process: it starts, it refuses in one line, it ends."""

import http.client
import json
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from engine.clock import Stopwatch
from server.cli.command import Exit
from tests.cli.processes import DEADLINE_S, ROOT, Process

CONFIG = """\
[[workspaces]]
id = "ws_dev"
name = "Dev"
rules = "rules"

  [[workspaces.api_keys]]
  name = "dev"
  key = "dev_key_0123456789abcdef"

  [[workspaces.sites]]
  source_id = "site_dev"
  origins = []

  [[workspaces.widget_tokens]]
  token = "wk_dev"
  site = "site_dev"

  [[workspaces.assistants]]
  id = "asst_dev"
  name = "Helper"
"""
RULES = """\
rule hello {
  on page "/pricing"
  when time_on_page >= 45s
  say "Questions about pricing?"
    reply "Yes" -> handoff
    reply "No"  -> dismiss
}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "opportune.toml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "main.rules").write_text(RULES, encoding="utf-8")
    return tmp_path


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


@pytest.fixture
def started() -> Iterator[list[Process]]:
    processes: list[Process] = []
    yield processes
    for process in processes:
        if process.child.poll() is None:
            process.child.kill()
        process.child.wait()


def _serve(started: list[Process], folder: Path, port: int, *more: str) -> Process:
    process = Process(folder, "serve", "--port", str(port), *more)
    started.append(process)
    process.wait_for("Stop: Ctrl-C")
    return process


def _ready(port: int) -> tuple[int, dict[str, object]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def _refused(folder: Path, *arguments: str) -> str:
    process = Process(folder, "serve", *arguments)
    try:
        assert process.ended() == Exit.USAGE, process.said
    finally:
        process.child.kill()
    lines = process.said.splitlines()
    assert lines[-1].startswith("opportune: "), process.said
    return process.said


def test_it_serves_and_a_signal_ends_it_cleanly(
    folder: Path, port: int, started: list[Process]
) -> None:
    process = _serve(started, folder, port)
    status, ready = _ready(port)
    assert (status, ready["store"], ready["durability"]) == (200, "sqlite", "D2")
    assert "ws_dev/main   rules   1 rule" in process.said
    process.child.send_signal(signal.SIGTERM)
    assert process.ended() == Exit.CLEAN
    kept = "stopped; everything that was answered is in data/opportune.db\n"
    assert process.said.endswith(kept)
    assert "Traceback" not in process.said


def test_a_saved_rule_file_is_live_and_a_broken_one_changes_nothing(
    folder: Path, port: int, started: list[Process]
) -> None:
    process = _serve(started, folder, port, "--watch")
    rules = folder / "rules" / "main.rules"
    more = RULES + RULES.replace("rule hello", "rule again")
    watch = Stopwatch()
    while "version 2 is live, 2 rules" not in process.said:
        # The watcher starts beside the first requests: save until it has seen it.
        assert watch.elapsed_ms() < DEADLINE_S * 1000, process.said
        rules.write_text(more, encoding="utf-8")
        time.sleep(0.3)
    rules.write_text(RULES.replace("45s", "45"), encoding="utf-8")
    process.wait_for("the rules before stay in force")
    assert "OP101" in process.said
    assert _ready(port)[0] == 200


@pytest.mark.skipif(shutil.which("curl") is None, reason="the pasted commands need curl")
def test_the_readmes_commands_let_a_visitor_come_and_listen(
    tmp_path: Path, port: int, started: list[Process]
) -> None:
    """The message itself takes 45 seconds; here the page view goes in and the socket says hello."""
    demo = ROOT / "server" / "demo"
    store = f"sqlite:///{tmp_path / 'demo.db'}"
    _serve(started, tmp_path, port, "--config", str(demo / "opportune.toml"), "--store", store)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    set_up = [line for line in readme.splitlines() if line.startswith(("API=", "api() "))]
    moment = readme.partition("The moment itself")[2].split("```")[1]
    commands = [line.removeprefix("$ ") for line in moment.splitlines() if line.startswith("$ ")]
    assert (len(set_up), len(commands)) == (2, 3)
    script = "\n".join((*set_up, *commands)).replace("sleep 90", "sleep 1")
    script = script.replace(":8700", f":{port}")
    done = subprocess.run(
        ["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    session, tracked, hello = done.stdout.splitlines()
    assert session.startswith("chat_")
    assert json.loads(tracked) == {"success": True}
    assert json.loads(hello)["session_id"] == session


def test_a_taken_port_is_refused_with_another_to_try(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        said = _refused(folder, "--port", str(number))
    assert f"127.0.0.1:{number}: address already in use" in said
    assert f"Try: --port {number + 1}" in said
    assert said.count("\n") == 1


def test_a_missing_configuration_is_refused(tmp_path: Path) -> None:
    said = _refused(tmp_path)
    assert "opportune.toml: no such file" in said
    assert said.count("\n") == 1


def test_an_unknown_key_is_refused_by_line(folder: Path, port: int) -> None:
    config = folder / "opportune.toml"
    config.write_text("[server]\nprot = 8700\n" + CONFIG, encoding="utf-8")
    said = _refused(folder, "--port", str(port))
    assert "opportune.toml:2 server.prot: unknown key; did you mean port?" in said
    assert said.count("\n") == 1


def test_a_store_in_use_is_refused(folder: Path, port: int, started: list[Process]) -> None:
    process = _serve(started, folder, port)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        other: int = probe.getsockname()[1]
    said = _refused(folder, "--port", str(other))
    assert "in use" in said
    assert str(process.child.pid) in said
    assert said.count("\n") == 1


def test_an_unknown_store_is_refused(folder: Path, port: int) -> None:
    said = _refused(folder, "--port", str(port), "--store", "mysql://localhost/x")
    assert "use memory:, sqlite:///data/opportune.db, redis://" in said


def test_broken_rules_start_nothing(folder: Path, port: int) -> None:
    rules = folder / "rules" / "main.rules"
    rules.write_text(RULES.replace("45s", "45"), encoding="utf-8")
    said = _refused(folder, "--port", str(port))
    assert "error OP101" in said
    assert "the rules of ws_dev have errors; nothing was started" in said
    assert not (folder / "data").exists()


def test_weaker_durability_is_refused_unless_allowed(
    folder: Path, port: int, started: list[Process]
) -> None:
    config = folder / "opportune.toml"
    config.write_text('[store]\ndurability = "D3"\n' + CONFIG, encoding="utf-8")
    said = _refused(folder, "--port", str(port))
    assert "store.durability is D3, this store keeps D2" in said
    process = _serve(started, folder, port, "--allow-weaker-durability")
    assert process.child.poll() is None


# ---- the end


def _half_a_request(port: int) -> socket.socket:
    """Begin a request whose body does not come yet."""
    client = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)
    client.sendall(
        b"POST /api/widgets/ws_dev/track HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Authorization: Bearer wk_dev\r\nContent-Length: 36\r\n\r\n"
    )
    time.sleep(0.2)
    return client


def test_while_it_ends_what_is_under_way_is_answered_and_what_is_new_refused(
    folder: Path, port: int, started: list[Process]
) -> None:
    process = _serve(started, folder, port)
    with _half_a_request(port) as client:
        process.child.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        status, ready = _ready(port)
        assert (status, ready["status"]) == (503, "stopping")
        client.sendall(b'{"sessionId":"s1","event":"clicked"}')
        assert client.recv(65_536).startswith(b"HTTP/1.1 200")
    assert process.ended() == Exit.CLEAN


def _session(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
    headers = {
        "Authorization": "Bearer dev_key_0123456789abcdef",
        "X-Workspace-ID": "ws_dev",
        "Content-Type": "application/json",
    }
    body = json.dumps({"source_id": "site_dev", "visitor": {}})
    connection.request("POST", "/v1/live-chat/sessions", body, headers)
    session: str = json.loads(connection.getresponse().read())["data"]["session_id"]
    connection.close()
    return session


def test_its_sockets_are_told_to_come_back_when_it_ends(
    folder: Path, port: int, started: list[Process]
) -> None:
    process = _serve(started, folder, port)
    address = f"ws://127.0.0.1:{port}/v1/sessions/{_session(port)}"
    with ExitStack() as stack:
        sockets = [stack.enter_context(connect(address)) for _ in range(10)]
        for each in sockets:
            each.send('{"type":"auth","token":"wk_dev"}')
            assert json.loads(each.recv(DEADLINE_S))["type"] == "hello"
        process.child.send_signal(signal.SIGTERM)
        for each in sockets:
            with pytest.raises(ConnectionClosed) as closed:
                each.recv(DEADLINE_S)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1012
    assert process.ended() == Exit.CLEAN
    assert "Traceback" not in process.said


def test_a_second_signal_ends_it_at_once(folder: Path, port: int, started: list[Process]) -> None:
    process = _serve(started, folder, port)
    with _half_a_request(port):
        process.child.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert process.child.poll() is None
        process.child.send_signal(signal.SIGTERM)
        assert process.ended() == 128 + signal.SIGTERM
    assert "stopped at once" in process.said


def test_the_end_of_the_grace_ends_it(folder: Path, port: int, started: list[Process]) -> None:
    config = folder / "opportune.toml"
    config.write_text('[server]\nshutdown_grace = "1s"\n' + CONFIG, encoding="utf-8")
    process = _serve(started, folder, port)
    with _half_a_request(port):
        watch = Stopwatch()
        process.child.send_signal(signal.SIGTERM)
        process.ended()
        assert watch.elapsed_ms() < 4_000


@pytest.mark.parametrize("store", ["memory:", "sqlite:///data/x.db"])
def test_several_workers_need_a_store_that_they_can_share(
    folder: Path, port: int, store: str
) -> None:
    said = _refused(folder, "--port", str(port), "--store", store, "--workers", "2")
    assert "set store.url to redis://" in said
    assert said.count("\n") == 1


def test_a_number_of_workers_out_of_range_is_refused(folder: Path) -> None:
    assert "0 is not 1 to 256" in _refused(folder, "--workers", "0")


def test_a_password_in_the_store_s_url_is_not_said(folder: Path, port: int) -> None:
    store = "redis://app:s3cretword@127.0.0.1:99999"
    assert "s3cretword" not in _refused(folder, "--port", str(port), "--store", store)
