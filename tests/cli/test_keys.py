"""`opportune keys`: with the server stopped and running, in force at once, never shown twice."""

import http.client
import io
import json
import re
import sys
from pathlib import Path

import pytest

from engine.clock import SystemClock
from server.access.api_keys import is_possible
from server.access.jwt_tokens import DashboardTokens
from server.access.passwords import password_matches
from server.cli.command import Exit
from server.cli.main import main
from server.config import load_config
from tests.cli.running import CONFIG, DEADLINE_S, serving

SECOND = """
[[workspaces]]
id = "ws_two"
name = "Two"
  [[workspaces.sites]]
  source_id = "site_two"
  origins = []
"""


class Said:
    """What one command said: its exit code, stdout, stderr."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *arguments: str) -> None:
        self.code = main(["keys", *arguments])
        said = capsys.readouterr()
        self.out, self.err = said.out, said.err

    @property
    def key(self) -> str:
        """Return the key that `create` printed: all of its result."""
        assert self.code == Exit.CLEAN, self.err
        return self.out.strip()

    @property
    def id(self) -> str:
        found = re.search(r"key_[0-9A-Z]{26}", self.err + self.out)
        assert found is not None
        return found[0]


def status_with(port: int, key: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
    headers = {"Authorization": f"Bearer {key}", "X-Workspace-ID": "ws_dev"}
    try:
        connection.request("GET", "/v1/live-chat/sessions/chat_nobody", headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_key_is_shown_once_and_listed_without_itself(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = Said(capsys, "create", "crm", "--scope", "sessions:read", "--scope", "messages:send")
    assert is_possible(made.key)
    assert made.key.startswith("op_live_")
    assert "shown once" in made.err
    listed = Said(capsys, "list")
    assert made.key not in listed.out
    assert "dev_key_0123456789abcdef" not in listed.out
    first, second = listed.out.splitlines()
    assert first.startswith("of the file  …cdef  in the file")
    assert second.startswith("crm")
    assert made.id in second
    assert "sessions:read messages:send" in second
    assert second.endswith("never used")


def test_the_list_can_be_read_by_a_program(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = Said(capsys, "create", "crm", "--label", "test")
    rows = json.loads(Said(capsys, "list", "--format", "json").out)
    assert [row["name"] for row in rows] == ["of the file", "crm"]
    assert rows[1]["id"] == made.id
    assert made.key.startswith("op_test_")


def test_a_revoked_key_is_said_to_be_revoked(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = Said(capsys, "create", "crm")
    assert Said(capsys, "revoke", "crm").code == Exit.CLEAN
    assert "revoked 20" in Said(capsys, "list").out
    again = Said(capsys, "revoke", "crm")
    assert again.code == Exit.USAGE
    assert "has no key crm" in again.err
    assert Said(capsys, "revoke", made.id).code == Exit.CLEAN


def test_keys_are_in_force_at_once_while_the_server_runs_and_stay_after_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = Said(capsys, "create", "before")
    with serving(folder) as port:
        assert status_with(port, before.key) == 404
        made = Said(capsys, "create", "crm")
        assert status_with(port, made.key) == 404
        listed = Said(capsys, "list").out
        assert made.id in listed
        assert "used 20" in listed
        assert Said(capsys, "revoke", "before").code == Exit.CLEAN
        assert status_with(port, before.key) == 401
        wrong = Said(capsys, "create", "crm", "--scope", "nothing")
        assert (wrong.code, wrong.err.count("\n")) == (Exit.USAGE, 1)
        assert "there is no scope nothing" in wrong.err
    assert not (folder / "data" / "operator.token").exists()
    stopped = Said(capsys, "list").out
    assert made.id in stopped
    assert "revoked 20" in stopped
    assert Said(capsys, "revoke", "crm").code == Exit.CLEAN
    with serving(folder) as port:
        assert status_with(port, made.key) == 401


def test_a_token_that_a_killed_server_left_is_no_obstacle(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "data").mkdir()
    (folder / "data" / "operator.token").write_text("t\nhttp://127.0.0.1:9\n", "ascii")
    assert is_possible(Said(capsys, "create", "crm").key)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["create", "crm", "--workspace", "ws_nowhere"], "no workspace ws_nowhere"),
        (["create", "crm", "--scope", "all"], "there is no scope all"),
        (["revoke", "of the file"], "configuration file"),
        (["list", "--config", "missing.toml"], "missing.toml"),
        (["jwt", "--role", "owner"], "invalid choice"),
        (["jwt", "--role", "admin", "--hours", "0"], "no number of hours"),
        ([], "required"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    said = Said(capsys, *arguments)
    assert (said.code, said.err.count("\n")) == (Exit.USAGE, 1)
    assert words in said.err


def test_of_several_workspaces_one_must_be_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "opportune.toml").write_text(CONFIG + SECOND, encoding="utf-8")
    said = Said(capsys, "list")
    assert said.code == Exit.USAGE
    assert "Try: --workspace ws_dev (or ws_two)" in said.err
    assert "no keys" in Said(capsys, "list", "--workspace", "ws_two").err


def test_memory_keeps_no_keys_while_nothing_runs(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = CONFIG.replace("port = 0", 'port = 0\n[store]\nurl = "memory:"')
    (folder / "opportune.toml").write_text(text, encoding="utf-8")
    said = Said(capsys, "create", "crm")
    assert (said.code, said.err.count("\n")) == (Exit.USAGE, 1)
    assert "Try: opportune serve" in said.err


def test_a_password_is_hashed_as_the_file_wants_it(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("open sesame\n"))
    said = Said(capsys, "password")
    line = re.fullmatch(r'password_scrypt = "(scrypt\$.+)"\n', said.out)
    assert line is not None
    assert password_matches("open sesame", line[1])
    user = f'  [[workspaces.users]]\n  name = "maria"\n  role = "admin"\n  {said.out}'
    (folder / "opportune.toml").write_text(CONFIG + user, encoding="utf-8")
    assert load_config(folder / "opportune.toml", {}).workspaces[0].users[0].name == "maria"


def test_an_empty_password_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n"))
    assert Said(capsys, "password").code == Exit.USAGE


def test_a_token_for_a_dashboard_is_good_for_its_hours(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = Said(capsys, "jwt", "--role", "viewer", "--sub", "ci", "--hours", "2")
    tokens = DashboardTokens(load_config(folder / "opportune.toml", {}).workspaces, folder)
    now_ms = SystemClock().now_ms()
    person = tokens.verify(said.out.strip(), now_ms)
    assert (person.sub, person.role) == ("ci", "viewer")
    assert 0 < person.exp_ms - now_ms <= 2 * 3_600_000


def test_without_a_secret_there_is_no_token(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "opportune.toml").write_text(CONFIG + SECOND, encoding="utf-8")
    said = Said(capsys, "jwt", "--role", "viewer", "--workspace", "ws_two")
    assert said.code == Exit.USAGE
    assert "[workspaces.jwt]" in said.err
