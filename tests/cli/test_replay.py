"""`opportune replay`: logs in, decisions out, the same every time."""

import gzip
import json
from pathlib import Path

import pytest

from server.cli.command import Exit
from server.cli.main import main

NOW_MS = 1_750_000_000_000
RULES = """\
rule hello {
  on page "/pricing"
  when time_on_page >= 45s
  say "Questions about pricing?"
    reply "Yes" -> handoff
    reply "No"  -> dismiss
}
rule elsewhere {
  on page "/elsewhere"
  say "Questions?"
    reply "Yes" -> handoff
    reply "No"  -> dismiss
}
"""


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = Path("main.rules")
    path.write_text(RULES, encoding="utf-8")
    return path


def _view(visitor: str, at_s: int, path: str = "/pricing") -> str:
    return json.dumps(
        {
            "kind": "event",
            "name": "page_view",
            "visitor_id": visitor,
            "at_ms": NOW_MS + at_s * 1000,
            "page": {"url": f"https://shop.example{path}"},
        }
    )


def _log(*lines: str, name: str = "log.jsonl") -> str:
    Path(name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return name


def _replayed(*arguments: str, capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    command = ["replay", *arguments, "--rules", "main.rules", "--format", "json"]
    assert main(command) == Exit.CLEAN
    report: dict[str, object] = json.loads(capsys.readouterr().out)
    return report


def test_it_says_whom_when_and_by_which_rule(
    rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = _log(_view("ana", 0), _view("bob", 5), _view("bob", 20, "/"), _view("cleo", 30))
    report = _replayed(log, capsys=capsys)
    assert report["by_rule"] == {"hello": 2}
    decisions = report["decisions"]
    assert isinstance(decisions, list)
    sent = [(d["visitor"], d["at_ms"] - NOW_MS, d["rule"]) for d in decisions]
    assert sent == [("ana", 45_000, "hello"), ("cleo", 75_000, "hello")]


def test_the_text_shows_every_rule_and_the_first_decisions(
    rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = _log(*(_view(f"v{number}", number) for number in range(5)))
    assert main(["replay", log, "--rules", str(rules), "--show", "2"]) == Exit.CLEAN
    shown = capsys.readouterr().out
    assert shown.startswith("5 sessions of 5 visitors, 5 events: 5 messages\n")
    assert "  elsewhere                     0\n" in shown
    assert shown.count(" hello ") == 3
    assert "and 3 more: --show 0 lists all" in shown


def test_the_same_log_gives_the_same_digest(
    rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = _log(_view("ana", 0), _view("bob", 5))
    first = _replayed(log, capsys=capsys)
    assert first == _replayed(log, capsys=capsys)
    other = _replayed(_log(_view("ana", 1), _view("bob", 5)), capsys=capsys)
    assert other["digest"] != first["digest"]


def test_a_packed_log_is_read_like_a_plain_one(
    rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = _log(_view("ana", 0))
    with gzip.open("log.jsonl.gz", "wb") as packed:
        packed.write(Path(log).read_bytes())
    assert _replayed("log.jsonl.gz", capsys=capsys) == _replayed(log, capsys=capsys)


def test_logs_follow_each_other_as_one_stretch(
    rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _log(_view("ana", 0), name="a.jsonl")
    _log(_view("ana", 30), name="b.jsonl")
    report = _replayed("a.jsonl", "b.jsonl", capsys=capsys)
    assert report["sessions"] == 1
    decisions = report["decisions"]
    assert isinstance(decisions, list)
    assert [each["at_ms"] - NOW_MS for each in decisions] == [75_000]


@pytest.mark.parametrize(
    ("line", "why"),
    [("{", "log.jsonl:2: "), ('{"kind": "event", "name": "x"}', "needs name, visitor_id")],
)
def test_a_line_that_is_no_event_is_named(
    rules: Path, line: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    log = _log(_view("ana", 0), line)
    assert main(["replay", log, "--rules", str(rules)]) == Exit.USAGE
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert why in error


@pytest.mark.parametrize("broken", [b"\x1f\x8b\x08\x00garbage", b"\x1f\x8b"])
def test_a_broken_archive_is_refused(
    rules: Path, broken: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("log.gz").write_bytes(broken)
    assert main(["replay", "log.gz", "--rules", str(rules)]) == Exit.USAGE
    assert "log.gz" in capsys.readouterr().err


def test_a_missing_log_is_refused(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "none.jsonl", "--rules", str(rules)]) == Exit.USAGE
    assert "none.jsonl: No such file" in capsys.readouterr().err


def test_without_a_log_it_wants_a_store(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "--rules", str(rules)]) == Exit.USAGE
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "opportune.toml" in error


def test_rules_with_errors_replay_nothing(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules.write_text(RULES.replace("45s", "45"), encoding="utf-8")
    assert main(["replay", _log(_view("ana", 0)), "--rules", str(rules)]) == Exit.FINDINGS
    shown = capsys.readouterr()
    assert "error OP101" in shown.out
    assert "nothing was replayed" in shown.err
