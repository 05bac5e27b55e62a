"""`opportune fmt`: what it writes, what it only says, and what it leaves alone."""

import json
from pathlib import Path

import pytest

from server.cli.command import Exit
from server.cli.main import main

UNTIDY = """\
rule hello{
 on page "/a"   # the start page
 when time_on_page>=45 seconds
 say "Hi? Can we help?"
 reply "Yes"->handoff
 reply "No"   -> dismiss
}
"""
BROKEN = "rule hello {\n  on page\n"


@pytest.fixture
def untidy(tmp_path: Path) -> Path:
    path = tmp_path / "a.rules"
    path.write_text(UNTIDY, encoding="utf-8")
    return path


def test_it_writes_the_layout_and_names_the_file(
    untidy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fmt", str(untidy)]) == Exit.CLEAN
    assert capsys.readouterr().out == f"{untidy.as_posix()}\n"
    text = untidy.read_text(encoding="utf-8")
    assert "  when time_on_page >= 45s\n" in text
    assert "# the start page" in text


def test_a_second_time_changes_nothing(untidy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["fmt", str(untidy)])
    text = untidy.read_bytes()
    capsys.readouterr()
    assert main(["fmt", str(untidy)]) == Exit.CLEAN
    assert capsys.readouterr().out == ""
    assert untidy.read_bytes() == text
    assert main(["fmt", "--check", str(untidy)]) == Exit.CLEAN


def test_check_shows_the_difference_and_writes_nothing(
    untidy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fmt", "--check", str(untidy)]) == Exit.FINDINGS
    shown = capsys.readouterr().out
    assert shown.startswith(f"--- {untidy.as_posix()}\n+++ ")
    assert "+  when time_on_page >= 45s" in shown
    assert untidy.read_text(encoding="utf-8") == UNTIDY


def test_a_broken_file_is_left_as_it_is(
    tmp_path: Path, untidy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "b.rules"
    broken.write_text(BROKEN, encoding="utf-8")
    assert main(["fmt", str(tmp_path)]) == Exit.FINDINGS
    assert broken.read_text(encoding="utf-8") == BROKEN
    assert untidy.read_text(encoding="utf-8") != UNTIDY
    assert "b.rules: left as it is" in capsys.readouterr().err


def test_json_says_the_same(untidy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fmt", "--check", "--format", "json", str(untidy)]) == Exit.FINDINGS
    shown = json.loads(capsys.readouterr().out)
    assert shown["ok"] is False
    assert [file["changed"] for file in shown["files"]] == [True]


def test_github_names_the_file(untidy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["fmt", "--check", "--format", "github", str(untidy)])
    assert capsys.readouterr().out.startswith(f"::error file={untidy.as_posix()}::")


@pytest.mark.parametrize("command", ["fmt", "check", "test"])
def test_a_missing_path_is_refused_in_one_line(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, str(tmp_path / "none.rules")]) == Exit.USAGE
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "none.rules: no such file or folder" in error


def test_a_folder_without_rules_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fmt", str(tmp_path)]) == Exit.USAGE
    assert "no .rules file" in capsys.readouterr().err
