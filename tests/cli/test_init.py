"""`opportune init`: what it writes, what it shows once, and what it refuses."""

import hashlib
import tomllib
from pathlib import Path

import pytest

from server.access.api_keys import is_possible
from server.access.passwords import password_matches
from server.assets import STATIC
from server.cli.command import Exit
from server.cli.init import make_keys
from server.cli.main import main
from server.config import load_config
from server.rulebook.live_rules import compile_folder, rule_folders


def test_it_writes_a_configuration_and_rules(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = ["--site", "https://www.acme.example", "--timezone", "America/Chicago"]
    assert main(["init", str(tmp_path), *site]) == Exit.CLEAN
    shown = capsys.readouterr().out
    config = tomllib.loads((tmp_path / "opportune.toml").read_text(encoding="utf-8"))
    workspace = config["workspaces"][0]
    assert workspace["id"] == "ws_acme"
    assert workspace["sites"][0]["origins"] == ["https://www.acme.example"]
    rules = (tmp_path / "rules" / "main.rules").read_text(encoding="utf-8")
    assert 'site "acme" timezone "America/Chicago"' in rules
    assert "\ntest " in rules
    assert f'data-token="{workspace["widget_tokens"][0]["token"]}"' in shown
    assert "from pack local_service: 4 rules, 9 tests, all pass" in shown


def test_what_it_writes_can_be_served(tmp_path: Path) -> None:
    main(["init", str(tmp_path), "--site", "https://Shop.Acme.example:8443/start"])
    config = load_config(tmp_path / "opportune.toml", {})
    (workspace,) = config.workspaces
    assert workspace.sites[0].origins == ("https://shop.acme.example:8443",)
    assert compile_folder(rule_folders(config)[0]).program.rules


def test_the_key_is_shown_once_and_kept_as_a_hash(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["init", str(tmp_path)])
    shown = capsys.readouterr().out
    key = next(word for word in shown.split() if word.startswith("op_live_"))
    assert shown.count(key) == 1
    text = (tmp_path / "opportune.toml").read_text(encoding="utf-8")
    assert key not in text
    assert hashlib.sha256(key.encode()).hexdigest() in text
    assert is_possible(key)


def test_it_refuses_to_overwrite_and_says_what_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "opportune.toml").write_text("mine", encoding="utf-8")
    assert main(["init", str(tmp_path)]) == Exit.USAGE
    assert "opportune.toml" in capsys.readouterr().err
    assert (tmp_path / "opportune.toml").read_text(encoding="utf-8") == "mine"
    assert not (tmp_path / "rules").exists()


def test_force_overwrites(tmp_path: Path) -> None:
    (tmp_path / "opportune.toml").write_text("mine", encoding="utf-8")
    assert main(["init", str(tmp_path), "--force"]) == Exit.CLEAN
    assert (tmp_path / "opportune.toml").read_text(encoding="utf-8") != "mine"


@pytest.mark.parametrize(
    ("option", "value"),
    [("--site", "acme"), ("--site", "ftp://acme.example"), ("--timezone", "Chicago")],
)
def test_a_wrong_option_is_refused_in_one_line(
    tmp_path: Path, option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", str(tmp_path), option, value]) == Exit.USAGE
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "Try:" in error
    assert not list(tmp_path.iterdir())


def test_keys_differ() -> None:
    draws = iter(range(256))
    keys = {make_keys("acme", lambda count: bytes([next(draws)]) * count).api_key for _ in range(5)}
    assert len(keys) == 5


def test_the_login_is_shown_once_and_its_password_kept_as_a_hash(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["init", str(tmp_path)])
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("login")]
    name, _, password = line.split()[1:4]
    (workspace,) = load_config(tmp_path / "opportune.toml", {}).workspaces
    (user,) = workspace.users
    assert (user.name, user.role) == (name, "admin")
    assert user.password_scrypt is not None
    assert password_matches(password, user.password_scrypt)
    assert password not in (tmp_path / "opportune.toml").read_text(encoding="utf-8")
    secret = tmp_path / "data" / "dashboard.secret"
    assert secret.stat().st_mode & 0o777 == 0o600
    assert workspace.jwt is not None
    assert workspace.jwt.secret == secret.read_text().strip()


# ---- the snippet

STRICT = """
[server]
public_url = "https://chat.acme.example"
[privacy]
honour_gpc = false
[[workspaces]]
id = "ws_acme"
name = "Acme"
  [[workspaces.sites]]
  source_id = "site_acme"
  origins = ["https://www.acme.example", "https://acme.example"]
  consent = "required"
  [[workspaces.sites]]
  source_id = "site_blog"
  origins = []
  [[workspaces.widget_tokens]]
  token = "wk_acme"
  site = "site_acme"
  [[workspaces.widget_tokens]]
  token = "wk_acme_old"
  site = "site_acme"
"""


def test_the_snippet_of_a_new_workspace_is_shown_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["init", str(tmp_path), "--site", "https://www.acme.example"])
    (tag,) = tags_of(capsys.readouterr().out)
    assert main(["init", str(tmp_path), "--show-snippet"]) == Exit.CLEAN
    assert tags_of(capsys.readouterr().out) == [tag]
    assert tag.startswith('<script async src="http://127.0.0.1:8700/widget.js" data-widget="ws_')
    config = ["--config", str(tmp_path / "opportune.toml")]
    assert main(["init", "--show-snippet", *config]) == Exit.CLEAN
    assert tags_of(capsys.readouterr().out) == [tag]


def tags_of(shown: str) -> list[str]:
    return [line.strip() for line in shown.splitlines() if "/widget.js" in line]


def test_a_snippet_says_what_its_site_wants(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "opportune.toml").write_text(STRICT, encoding="utf-8")
    assert main(["init", str(tmp_path), "--show-snippet"]) == Exit.CLEAN
    said = capsys.readouterr()
    (tag,) = tags_of(said.out)
    assert tag == (
        '<script async src="https://chat.acme.example/widget.js" data-widget="ws_acme"'
        ' data-token="wk_acme" data-consent="required" data-gpc="ignore"></script>'
    )
    assert "site_acme of ws_acme, https://www.acme.example, https://acme.example:" in said.out
    assert "site_blog of ws_acme has no token" in said.err


def test_without_any_token_there_is_nothing_to_paste(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = STRICT.partition("  [[workspaces.widget_tokens]]")[0]
    (tmp_path / "opportune.toml").write_text(text, encoding="utf-8")
    assert main(["init", str(tmp_path), "--show-snippet"]) == Exit.USAGE
    assert "Try: [[workspaces.widget_tokens]]" in capsys.readouterr().err


def test_showing_the_snippet_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", str(tmp_path), "--show-snippet"]) == Exit.USAGE
    assert "no such file" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_configuration_is_named_for_the_snippet_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", str(tmp_path), "--config", "opportune.toml"]) == Exit.USAGE
    assert "--show-snippet" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_line_for_early_calls_is_the_one_that_is_served(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["init", str(tmp_path)])
    stub = (STATIC / "stub.js").read_text(encoding="utf-8").strip()
    assert f"<script>{stub}</script>" in capsys.readouterr().out
    assert len(stub.encode()) <= 300
    assert "</" not in stub
