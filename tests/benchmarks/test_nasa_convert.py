"""The converter of the NASA logs: what a page view is, and where a session ends."""

import gzip
import json
from pathlib import Path

import pytest

from benchmarks.nasa.convert import events, main, read_requests

HEADER = "host\tlogname\ttime\tmethod\turl\tresponse\tbytes\t\t"


def _line(host: str, at_s: int, path: str, *, method: str = "GET", status: int = 200) -> str:
    return f"{host}\t-\t{at_s}\t{method}\t{path}\t{status}\t100\t\t"


def _sessions(*lines: str) -> list[object]:
    return [event["session_id"] for event in events(read_requests(lines))]


def test_a_page_view_is_a_get_of_a_page_answered_200() -> None:
    lines = [
        HEADER,
        _line("a", 1, "/"),
        _line("a", 2, "/ksc.html"),
        _line("a", 3, "/old.htm"),
        _line("a", 4, "/logo.gif"),
        _line("a", 5, "/ksc.html", status=304),
        _line("a", 6, "/ksc.html", method="HEAD"),
        _line("a", 7, "/cgi-bin/imagemap"),
    ]
    made = list(events(read_requests(lines)))
    assert [event["at_ms"] for event in made] == [1_000, 2_000, 3_000]
    assert {event["name"] for event in made} == {"page_view"}
    assert made[1]["page"] == {"url": "http://www.ksc.nasa.gov/ksc.html"}


def test_a_session_ends_after_thirty_minutes_without_a_request() -> None:
    gap = 30 * 60
    assert _sessions(_line("a", 0, "/"), _line("a", gap - 1, "/")) == ["a#1", "a#1"]
    assert _sessions(_line("a", 0, "/"), _line("a", gap, "/")) == ["a#1", "a#2"]


def test_a_picture_keeps_a_session_alive() -> None:
    lines = [_line("a", 0, "/"), _line("a", 1_200, "/logo.gif"), _line("a", 2_400, "/")]
    assert _sessions(*lines) == ["a#1", "a#1"]


def test_hosts_have_sessions_of_their_own() -> None:
    lines = [_line("a", 0, "/"), _line("b", 1, "/"), _line("a", 2_000, "/")]
    assert _sessions(*lines) == ["a#1", "b#1", "a#2"]


def test_every_event_has_its_own_id() -> None:
    lines = [_line("a", 0, "/"), _line("a", 0, "/"), _line("b", 0, "/")]
    assert len({event["event_id"] for event in events(read_requests(lines))}) == 3


def test_a_line_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match="line 2 "):
        list(read_requests([HEADER, "a\t-\tsoon\tGET\t/\t200\t1"]))


def test_two_days_in_any_order_come_out_in_order_of_time(tmp_path: Path) -> None:
    late, early, out = tmp_path / "b.tsv", tmp_path / "a.tsv", tmp_path / "log.jsonl.gz"
    late.write_text(f"{HEADER}\n{_line('a', 9_000, '/')}\n", encoding="utf-8")
    early.write_text(f"{HEADER}\n{_line('a', 1, '/')}\n", encoding="utf-8")
    assert main([str(late), str(early), "--out", str(out)]) == 0
    with gzip.open(out, "rt", encoding="utf-8") as log:
        made = [json.loads(line) for line in log]
    assert [(event["at_ms"], event["session_id"]) for event in made] == [
        (1_000, "a#1"),
        (9_000_000, "a#2"),
    ]


def test_a_missing_log_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "none.tsv")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
