"""The command line itself: finding commands, exit codes, and what is imported for them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from server.cli.command import Exit, Parser
from server.cli.main import SUMMARIES, load, main

ROOT = Path(__file__).resolve().parents[2]
NAMES = [name for name, _ in SUMMARIES]


def test_without_a_command_it_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == Exit.USAGE
    shown = capsys.readouterr().out
    assert all(f"\n  {name} " in shown for name in NAMES)


def test_help_is_no_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == Exit.CLEAN
    assert "opportune COMMAND" in capsys.readouterr().out


def test_the_version_is_the_installed_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == Exit.CLEAN
    assert capsys.readouterr().out.startswith("opportune 0.")


def test_an_unknown_command_is_refused_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chek"]) == Exit.USAGE
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "check" in error


@pytest.mark.parametrize("name", NAMES)
def test_every_command_is_found_and_explains_itself(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = load(name)
    assert command is not None
    assert command.name == name
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert f"opportune {name}" in capsys.readouterr().out


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_option_is_refused_in_one_line(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([name, "--no-such-option"]) == Exit.USAGE
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"Try: opportune {name} --help" in error


@pytest.mark.parametrize("name", NAMES)
def test_every_option_is_in_the_documents(name: str) -> None:
    command = load(name)
    assert command is not None
    parser = Parser(prog=name)
    command.add_arguments(parser)
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    section = page.split(f"## {name}\n")[1].split("\n## ")[0]
    options = re.findall(r"--[a-z-]+", parser.format_help())
    missing = {option for option in options if option not in section} - {"--help"}
    assert not missing, f"docs/commands.md, {name}: say what {', '.join(missing)} does"


def test_a_bug_of_ours_ends_with_its_own_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def explode(_: object) -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr("server.cli.main.run", explode)
    assert main(["check"]) == Exit.INTERNAL
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "ZeroDivisionError: planted" in error


@pytest.mark.parametrize("name", ["check", "fmt", "test", "replay", "init"])
def test_the_offline_commands_do_not_load_the_server(name: str) -> None:
    code = (
        "import sys\n"
        "from server.cli.main import load\n"
        f"load({name!r})\n"
        "heavy = {'starlette', 'uvicorn', 'apscheduler', 'prometheus_client', 'watchfiles'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{name} loads {done.stderr}: import it inside a function"
