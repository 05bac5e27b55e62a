"""What the commands print, to the letter: rules with mistakes, and an hour of real visitors."""

from pathlib import Path

import pytest

from benchmarks.nasa.convert import main as convert
from server.cli.command import Exit
from server.cli.main import main
from tests.golden.golden import assert_golden

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden" / "cli"
VISITORS = ROOT / "tests" / "cases" / "nasa" / "first_1000_of_1995_07_01.tsv"
KSC_RULES = ROOT / "benchmarks" / "nasa" / "rules"


@pytest.mark.parametrize("style", ["text", "json", "github"])
def test_check_golden(
    style: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(GOLDEN)
    assert main(["check", "rules", "--format", style]) == Exit.FINDINGS
    assert_golden(GOLDEN / f"check.{style}.txt", capsys.readouterr().out)


@pytest.mark.parametrize("style", ["text", "json", "github"])
def test_fmt_golden(
    style: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(GOLDEN)
    command = ["fmt", "--check", "rules/second.rules", "--format", style]
    assert main(command) == Exit.FINDINGS
    assert_golden(GOLDEN / f"fmt.{style}.txt", capsys.readouterr().out)


def test_replay_golden_of_real_visitors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "ksc.jsonl.gz"
    assert convert([str(VISITORS), "--out", str(log)]) == 0
    command = ["replay", str(log), "--rules", str(KSC_RULES), "--show", "0"]
    assert main(command) == Exit.CLEAN
    assert_golden(GOLDEN / "replay.text.txt", capsys.readouterr().out)
