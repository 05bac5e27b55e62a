"""Credentials in the configuration file: what could let nobody in stops the start, and says where."""

import subprocess
import sys
from pathlib import Path

import pytest

from server.config_file import ConfigProblem
from tests.server.running import write_config

BASE = """
[[workspaces]]
id = "ws_a"
name = "A"
{lines}
  [[workspaces.sites]]
  source_id = "site_a"
  origins = []
"""
JWT = '  [workspaces.jwt]\n  secret = "0123456789012345678901234567890123"\n'
USER = '  [[workspaces.users]]\n  name = "maria"\n  role = "admin"\n'
RS256 = '  [workspaces.jwt]\n  algorithm = "RS256"\n  public_key_file = "key.pem"\n'


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (JWT + USER, "exactly one of password and password_scrypt"),
        (JWT + USER + '  password = "a"\n  password_scrypt = "b"\n', "exactly one of"),
        (JWT + USER + '  password_scrypt = "md5$abc"\n', "opportune keys password"),
        (USER + '  password = "a"\n', "a login needs"),
        (RS256 + USER + '  password = "a"\n', "a login needs"),
        ('  [workspaces.jwt]\n  algorithm = "HS256"\n', "HS256 needs a secret"),
        ('  [workspaces.jwt]\n  secret = "short"\n', "32"),
        ('  [workspaces.jwt]\n  algorithm = "ES256"\n', "needs a public key"),
        ('  [workspaces.jwt]\n  algorithm = "none"\n', "jwt.algorithm"),
        (
            '  [[workspaces.api_keys]]\n  name = "k"\n  key = "0123456789abcdef"\n  scopes = ["all"]\n',
            '"all" is no scope',
        ),
        ("  [workspaces.limits]\n  failed_auth_per_minute = 5\n", "unknown key"),
    ],
)
def test_a_credential_that_lets_nobody_in_is_a_problem_of_the_file(
    tmp_path: Path, lines: str, words: str
) -> None:
    with pytest.raises(ConfigProblem, match=r"opportune\.toml") as problem:
        write_config(tmp_path, BASE.format(lines=lines))
    assert words in str(problem.value)


def test_a_public_key_that_is_not_there_stops_the_start_in_one_line(tmp_path: Path) -> None:
    text = "[server]\nport = 0\n" + BASE.format(lines=RS256)
    (tmp_path / "opportune.toml").write_text(text, encoding="utf-8")
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "server.cli.main", "serve", "--config", "opportune.toml"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(root), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "key.pem is not a public key in PEM" in done.stderr
