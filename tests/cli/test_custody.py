"""`opportune export` and `opportune erase`: with the server running and stopped, and nothing by halves."""

import gzip
import http.client
import io
import json
from pathlib import Path

import pytest

from server.cli.command import Exit
from server.cli.main import main
from tests.cli.running import DEADLINE_S, serving

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
