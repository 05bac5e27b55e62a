"""`opportune check`: findings, formats and exit codes."""

import json
from pathlib import Path

import pytest

from server.cli.command import Exit
from server.cli.main import main

CLEAN = """\
rule hello {
  on page "/pricing"
  when time_on_page >= 45s
  say "Questions about pricing?"
    reply "Yes" -> handoff
    reply "No"  -> dismiss
}
"""
NO_UNIT = CLEAN.replace("45s", "45")
NO_REPLIES = "\n".join(line for line in CLEAN.splitlines() if "reply" not in line) + "\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules").mkdir()
    return tmp_path / "rules"


def _write(folder: Path, text: str, name: str = "main.rules") -> None:
    (folder / name).write_text(text, encoding="utf-8")


def test_clean_rules_end_with_0_and_an_empty_result(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(folder, CLEAN)
    assert main(["check", "rules"]) == Exit.CLEAN
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("1 file, 1 rule: 0 errors (")


def test_an_error_ends_with_1_and_names_the_place_from_here(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(folder, NO_UNIT)
    assert main(["check", "rules"]) == Exit.FINDINGS
    shown = capsys.readouterr()
    assert shown.out.startswith("rules/main.rules:3:24  error OP101  ")
    assert "try: when time_on_page >= 45s" in shown.out
    assert "1 error" in shown.err


def test_only_warnings_end_with_3(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write(folder, NO_REPLIES)
    assert main(["check", "rules"]) == Exit.LINT
    assert "warning OP302" in capsys.readouterr().out


def test_hints_are_shown_on_demand_and_never_fail(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(folder, CLEAN.replace('reply "No"  -> dismiss', 'reply "No"  -> handoff'))
    assert main(["check", "rules"]) == Exit.CLEAN
    assert "OP309" not in capsys.readouterr().out
    assert main(["check", "--hints", "rules"]) == Exit.CLEAN
    assert "OP309" in capsys.readouterr().out


def test_json_has_the_documented_fields(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write(folder, NO_UNIT)
    assert main(["check", "--format", "json", "rules"]) == Exit.FINDINGS
    shown = capsys.readouterr()
    report = json.loads(shown.out)
    assert (report["ok"], report["errors"], report["warnings"]) == (False, 1, 0)
    (finding,) = report["diagnostics"]
    assert finding["file"] == "rules/main.rules"
    assert finding["start"] == {"line": 3, "column": 24}
    assert finding["severity"] == "error"
    assert shown.err == ""


def test_github_gets_one_command_a_finding(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(folder, NO_UNIT)
    main(["check", "--format", "github", "rules"])
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("::error file=rules/main.rules,line=3,")


def test_a_file_is_a_set_of_its_own_and_a_folder_is_one_set(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(folder, CLEAN, "a.rules")
    _write(folder, CLEAN, "b.rules")
    assert main(["check", "rules/a.rules", "rules/b.rules"]) == Exit.CLEAN
    assert main(["check", "rules"]) == Exit.FINDINGS
    assert "OP115" in capsys.readouterr().out


def test_at_most_ten_findings_of_a_file_are_shown(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "".join(NO_UNIT.replace("hello", f"hello_{number}") for number in range(13))
    _write(folder, text)
    main(["check", "rules"])
    shown = capsys.readouterr()
    assert shown.out.count("error OP101") == 10
    assert shown.out.rstrip().endswith("and 3 more")
    assert "13 errors" in shown.err


def test_a_file_that_is_no_text_is_a_finding(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "main.rules").write_bytes(b"\x80\x81\xff\x00")
    assert main(["check", "rules"]) == Exit.FINDINGS
    assert "error OP004" in capsys.readouterr().out


def test_a_code_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--explain", "op101"]) == Exit.CLEAN
    assert capsys.readouterr().out.startswith("OP101  unit-missing\n")


def test_an_unknown_code_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--explain", "OP999"]) == Exit.USAGE
    assert "there is no code OP999" in capsys.readouterr().err


def test_nothing_is_coloured_away_from_a_terminal(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(folder, NO_UNIT)
    main(["check", "rules"])
    shown = capsys.readouterr()
    assert "\x1b" not in shown.out + shown.err
