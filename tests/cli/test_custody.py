"""`opportune export` and `opportune erase`: with the server running and stopped, and nothing by halves."""

import gzip
import http.client
import io
import json
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from threading import Event
from time import sleep

import pytest

from server.cli.command import Exit
from server.cli.main import main
from tests.cli.running import DEADLINE_S, serving
from tests.faults.server import Servers

CANARY = "vis_canary7f3a"


class Said:
    """What one command said: its exit code, stdout, stderr."""

    def __init__(self, capfd: pytest.CaptureFixture[str], *arguments: str) -> None:
        self.code = main(arguments)
        self.out, self.err = capfd.readouterr()

    @property
    def lines(self) -> list[dict]:
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def workspace(folder: Path) -> Path:
    """Let a widget send events to the folder's workspace."""
    path = folder / "opportune.toml"
    token = '  [[workspaces.widget_tokens]]\n  token = "wk_dev"\n  site = "site_dev"\n'
    path.write_text(path.read_text(encoding="utf-8") + token, encoding="utf-8")
    return folder


def visit(port: int, visitor: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
    event = {"event": "page_view", "visitorId": visitor, "sessionId": f"own_{visitor}"}
    headers = {"Authorization": "Bearer wk_dev", "Content-Type": "application/json"}
    try:
        connection.request("POST", "/api/widgets/ws_dev/track", json.dumps(event), headers)
        assert connection.getresponse().status == 200
    finally:
        connection.close()


def test_a_visitor_is_exported_and_erased_while_the_server_runs_and_after_it(
    workspace: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with serving(workspace) as port:
        for visitor in (CANARY, "vis_other"):
            visit(port, visitor)
        running = Said(capfd, "export", "--visitor", CANARY)
        assert running.code == Exit.CLEAN, running.err
        *lines, end = running.lines
        assert end == {"end": True, "count": len(lines)}
        assert {line["visitor_id"] for line in lines} == {CANARY}
        unknown = Said(capfd, "export", "--visitor", "vis_nobody")
        assert (unknown.code, unknown.out) == (Exit.USAGE, "")
    stopped = Said(capfd, "export", "--visitor", CANARY)
    assert stopped.lines[-1] == end
    unknown = Said(capfd, "export", "--visitor", "vis_nobody")
    assert (unknown.code, unknown.out) == (Exit.USAGE, "")
    assert Said(capfd, "erase", CANARY, "--yes").code == Exit.CLEAN
    assert Said(capfd, "erase", CANARY, "--yes").code == Exit.USAGE
    with serving(workspace):
        assert Said(capfd, "export", "--visitor", CANARY).code == Exit.USAGE
        erased = Said(capfd, "erase", "vis_other", "--yes")
        assert erased.code == Exit.CLEAN
        assert "vis_other is erased in ws_dev" in erased.out


def test_the_event_log_is_packed_and_read_back_by_replay(
    workspace: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with serving(workspace) as port:
        visit(port, CANARY)
    name = "events.jsonl.gz"
    assert Said(capfd, "export", "--all", "-o", name).code == Exit.CLEAN
    packed = (workspace / name).read_bytes()
    lines = [json.loads(line) for line in gzip.decompress(packed).splitlines()]
    assert [line.get("name") for line in lines[:-1]] == ["session_start", "view"]
    assert lines[-1] == {"end": True, "count": 2}
    (workspace / "rules").mkdir()
    (workspace / "rules" / "main.rules").write_text('site "dev" timezone "UTC"\n', encoding="utf-8")
    replayed = Said(capfd, "replay", name, "--rules", "rules")
    assert replayed.code == Exit.CLEAN, replayed.err
    again = Said(capfd, "export", "--all", "-o", name)
    assert (again.code, again.err.count("\n")) == (Exit.USAGE, 1)
    assert "exists already" in again.err


def test_what_was_received_outside_the_asked_time_is_left_out(
    workspace: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with serving(workspace) as port:
        visit(port, CANARY)
        said = Said(capfd, "export", "--all", "--until", "2020-01-01T00:00:00Z")
    assert said.out == ""
    wrong = Said(capfd, "export", "--all", "--since", "yesterday")
    assert (wrong.code, "is no instant" in wrong.err) == (Exit.USAGE, True)


def test_erasing_asks_for_the_id_again(
    workspace: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(workspace) as port:
        visit(port, CANARY)
    nobody = Said(capfd, "erase", CANARY)
    assert (nobody.code, "--yes" in nobody.err) == (Exit.USAGE, True)
    for typed, code in (("vis_other", Exit.USAGE), (CANARY, Exit.CLEAN)):
        answer = io.StringIO(f"{typed}\n")
        monkeypatch.setattr(answer, "isatty", lambda: True)
        monkeypatch.setattr("sys.stdin", answer)
        assert Said(capfd, "erase", CANARY).code == code


@pytest.mark.parametrize("arguments", [["export", "--visitor", "v"], ["erase", "v", "--yes"]])
def test_a_store_in_memory_has_nobody_without_its_server(
    workspace: Path, capfd: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    path = workspace / "opportune.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text('[store]\nurl = "memory:"\n' + text, encoding="utf-8")
    said = Said(capfd, *arguments)
    assert (said.code, "while the server runs" in said.err) == (Exit.USAGE, True)


def test_a_backup_is_taken_from_the_running_server_and_from_the_file(
    workspace: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(workspace) as port:
        visit(port, CANARY)
        made = Said(capfd, "export", "--backup", "online.db")
        assert (made.code, "online.db holds all" in made.out) == (Exit.CLEAN, True), made.err
        visit(port, "vis_later")
        refused = Said(capfd, "export", "--backup", "online.db")
        assert (refused.code, "exists already" in refused.err) == (Exit.USAGE, True)
        wrong = Said(capfd, "export", "--backup", "nowhere/b.db")
        assert (wrong.code, "no such file" in wrong.err) == (Exit.USAGE, True)
    beside = Said(capfd, "export", "--backup", "offline.db", "--since", "2026-01-01T00:00:00Z")
    assert (beside.code, "leave --since out" in beside.err) == (Exit.USAGE, True)
    assert Said(capfd, "export", "--backup", "offline.db").code == Exit.CLEAN
    refused = Said(capfd, "export", "--backup", "offline.db")
    assert (refused.code, refused.err.count("\n")) == (Exit.USAGE, 1)
    for name, sessions in (("online.db", 1), ("offline.db", 2)):
        monkeypatch.setenv("OPPORTUNE_STORE__URL", f"sqlite:///{workspace / name}")
        looked = Said(capfd, "doctor", "--verify")
        assert looked.code == Exit.CLEAN, looked.out
        assert f"{sessions} sessions are as their journals say" in looked.out
        assert Said(capfd, "export", "--visitor", CANARY).code == Exit.CLEAN


def test_a_backup_taken_while_visitors_come_holds_all_who_were_answered_before_it(
    workspace: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answered, is_over = list[str](), Event()

    def visits(port: int, visitors: str) -> None:
        for number in count():
            visit(port, f"{visitors}_{number}")
            answered.append(f"{visitors}_{number}")
            if is_over.is_set():
                return

    with serving(workspace) as port, ThreadPoolExecutor(3) as threads:
        coming = [threads.submit(visits, port, f"vis_{number}") for number in range(3)]
        while len(answered) < 10:
            sleep(0.01)
        before = set(answered)
        made = Said(capfd, "export", "--backup", "b.db")
        is_over.set()
        for each in coming:
            each.result()
    assert made.code == Exit.CLEAN, made.err
    monkeypatch.setenv("OPPORTUNE_STORE__URL", f"sqlite:///{workspace / 'b.db'}")
    looked = Said(capfd, "doctor", "--verify")
    assert looked.code == Exit.CLEAN, looked.out
    assert "sessions are as their journals say" in looked.out
    held = {line.get("visitor_id") for line in Said(capfd, "export", "--all").lines}
    assert before <= held


def test_a_store_that_is_no_file_is_not_backed_up(
    workspace: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    valkey: Servers,
) -> None:
    valkey.flush()
    monkeypatch.setenv("OPPORTUNE_STORE__DURABILITY", "D1")
    for url, words in ((valkey.url, "BGREWRITEAOF"), ("memory:", "while the server runs")):
        monkeypatch.setenv("OPPORTUNE_STORE__URL", url)
        said = Said(capfd, "export", "--backup", "b.db")
        assert (said.code, words in said.err, said.err.count("\n")) == (Exit.USAGE, True, 1)
    with serving(workspace):
        said = Said(capfd, "export", "--backup", "b.db")
        assert (said.code, "is in no file" in said.err) == (Exit.USAGE, True)
    assert not (workspace / "b.db").exists()


def test_an_erasure_that_writes_the_file_anew_says_so_with_the_server_running_and_without(
    workspace: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with serving(workspace) as port:
        for visitor in (CANARY, "vis_other", "vis_stays"):
            visit(port, visitor)
        online = Said(capfd, "erase", CANARY, "--yes", "--vacuum")
        assert (online.code, "file was written anew" in online.out) == (Exit.CLEAN, True)
        refused = Said(capfd, "erase", "vis_other", "--yes", "--archive")
        assert (refused.code, "names no archive" in refused.err) == (Exit.USAGE, True)
    offline = Said(capfd, "erase", "vis_other", "--yes", "--vacuum")
    assert (offline.code, "file was written anew" in offline.out) == (Exit.CLEAN, True)
    held = b"".join(path.read_bytes() for path in (workspace / "data").iterdir())
    assert (CANARY.encode() in held, b"vis_stays" in held) == (False, True)
    refused = Said(capfd, "erase", "vis_stays", "--yes", "--archive")
    assert (refused.code, "names no archive" in refused.err) == (Exit.USAGE, True)
    assert Said(capfd, "export", "--visitor", "vis_stays").code == Exit.CLEAN


def test_what_an_erasure_did_not_reach_is_named(
    workspace: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    valkey: Servers,
) -> None:
    valkey.flush()
    settings = {"URL": valkey.url, "DURABILITY": "D1", "ARCHIVE": "kept", "PARTITIONS": "4"}
    for name, value in settings.items():
        monkeypatch.setenv(f"OPPORTUNE_STORE__{name}", value)
    with serving(workspace) as port:
        for visitor in (CANARY, "vis_other"):
            visit(port, visitor)
        said = Said(capfd, "erase", CANARY, "--yes")
        assert "Not reached from here: the archive (--archive), backups" in said.err
        said = Said(capfd, "erase", "vis_other", "--yes", "--archive")
        assert (said.code, "the archive's files hold nothing of it" in said.out) == (0, True)
        assert "the archive (--archive)" not in said.err
        said = Said(capfd, "erase", CANARY, "--yes", "--vacuum")
        assert (said.code, "leave --vacuum out" in said.err) == (Exit.USAGE, True)
