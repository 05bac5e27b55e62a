"""`opportune test`: the tests of rule files and how their ends are told."""

import json
from pathlib import Path

import pytest

from server.cli.command import Exit
from server.cli.main import main

RULES = """\
rule hello {
  on page "/pricing"
  when time_on_page >= 45s
  say "Questions about pricing?"
    reply "Yes" -> handoff
    reply "No"  -> dismiss
}
test "after 45 seconds" {
  at 0s  view "/pricing"
  at 44s expect no message
  at 45s expect message from hello
}
"""
FAILING = """\
test "too soon" {
  at 0s  view "/pricing"
  at 40s expect message from hello
}
"""


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = Path("main.rules")
    path.write_text(RULES, encoding="utf-8")
    return path


def test_passing_tests_end_with_0(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", str(rules)]) == Exit.CLEAN
    shown = capsys.readouterr()
    assert shown.out == "main.rules   ✓ 1\n"
    assert shown.err.startswith("1 passed, 0 failed: 1 min of visitor time in ")


def test_a_failing_test_ends_with_1_and_says_where_and_why(
    rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules.write_text(RULES + FAILING, encoding="utf-8")
    assert main(["test", str(rules)]) == Exit.FINDINGS
    shown = capsys.readouterr()
    assert "✓ 1   ✗ 1" in shown.out
    assert '✗ "too soon"' in shown.out
    assert "main.rules:15" in shown.out
    assert "time_on_page >= 45" in shown.out


def test_json_lists_every_test(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules.write_text(RULES + FAILING, encoding="utf-8")
    assert main(["test", "--format", "json", str(rules)]) == Exit.FINDINGS
    report = json.loads(capsys.readouterr().out)
    assert (report["ok"], report["passed"], report["failed"]) == (False, 1, 1)
    assert [test["name"] for test in report["tests"]] == ["after 45 seconds", "too soon"]


def test_github_gets_the_failures(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules.write_text(RULES + FAILING, encoding="utf-8")
    main(["test", "--format", "github", str(rules)])
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("::error file=main.rules,line=15,title=OP510::too soon%0A")


def test_a_name_picks_tests(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules.write_text(RULES + FAILING, encoding="utf-8")
    assert main(["test", "--name", "45 sec", str(rules)]) == Exit.CLEAN
    assert capsys.readouterr().err.startswith("1 passed, 0 failed")


def test_rules_with_errors_run_no_test(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules.write_text(RULES.replace(">= 45s", ">= 45"), encoding="utf-8")
    assert main(["test", str(rules)]) == Exit.FINDINGS
    shown = capsys.readouterr()
    assert "error OP101" in shown.out
    assert "no test was run" in shown.err


def test_the_packs_we_ship_pass(capsys: pytest.CaptureFixture[str]) -> None:
    root = Path(__file__).resolve().parents[2]
    folders = ["rules/packs/local_service.rules", "server/demo/rules", "benchmarks/nasa/rules"]
    assert main(["check", "--hints", *(str(root / name) for name in folders)]) == Exit.CLEAN
    assert main(["test", *(str(root / name) for name in folders)]) == Exit.CLEAN
    assert " 0 failed" in capsys.readouterr().err


def test_the_pack_that_init_writes_passes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["init", str(tmp_path), "--site", "https://acme.example", "--timezone", "Asia/Tokyo"])
    assert main(["check", str(tmp_path / "rules")]) == Exit.CLEAN
    assert main(["test", str(tmp_path / "rules")]) == Exit.CLEAN
    assert " 0 failed" in capsys.readouterr().err
