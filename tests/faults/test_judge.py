"""The judge counts what it is there to count, and the table shows it."""

from collections import Counter
from pathlib import Path

import pytest

from engine.message import Item, Message, Notice
from tests.faults.judge import Held, early, judge, over_the_cap, places_of, shown_twice
from tests.faults.load import History, Line
from tests.faults.runs import Outcome, seeds, table


@pytest.fixture
def history(tmp_path: Path) -> History:
    made = History(tmp_path / "history.jsonl")
    for op, (event, status) in enumerate([("ev_1", 503), ("ev_1", 200), ("ev_2", 0)]):
        made.add(Line(op, "track", "s1", event, op, op + 0.5, status))
    made.close()
    return made


def test_what_was_acknowledged_and_is_not_held_is_lost(history: History) -> None:
    verdict = judge(history, Held(events=Counter({"ev_2": 1})))
    assert (verdict.acked, verdict.lost, verdict.doubled) == (1, ("ev_1",), ())


def test_what_is_held_more_than_once_is_doubled(history: History) -> None:
    assert judge(history, Held(events=Counter({"ev_1": 2}))).doubled == ("ev_1",)


def test_what_nobody_sent_is_unasked(history: History) -> None:
    assert judge(history, Held(events=Counter({"ev_1": 1, "ev_9": 1}))).unasked == ("ev_9",)


def test_an_unanswered_event_may_be_held_or_not(history: History) -> None:
    for events in ({"ev_1": 1}, {"ev_1": 1, "ev_2": 1}):
        verdict = judge(history, Held(events=Counter(events)))
        assert (verdict.lost, verdict.doubled, verdict.unasked) == ((), (), ())


def test_two_messages_of_one_engagement_are_over_the_cap_and_of_two_are_not() -> None:
    assert over_the_cap(Held(places={("s1", 0): 2, ("s2", 0): 1, ("s2", 1): 1})) == ["s1"]


def test_a_message_that_expired_makes_room_for_one_and_a_second_expiry_for_none() -> None:
    first, second, third = (Message(name, "", 0) for name in ("m1", "m2", "m3"))
    gone = Notice("e1", "message_withdrawn", 0, {"message_id": "m1"})
    items: list[Item] = [first, gone, second, Message("m4", "", 0, epoch=1)]
    assert places_of(items) == ({0: 1, 1: 1}, {0: 1, 1: 1})
    assert places_of([*items, third])[0] == {0: 2, 1: 1}
    assert places_of([first, second, gone]) == ({0: 2}, {0: 1})


def test_one_message_shown_twice_is_one_message(history: History) -> None:
    history.shown = {"s1": ["m1", "m1"], "s2": ["m1", "m2"]}
    assert shown_twice(history) == ["s2"]


def test_a_wake_up_before_its_instant_is_early() -> None:
    assert early(Held(wakes={"s1": [(100, 99), (200, 200)], "s2": [(100, 150)]})) == 1


def test_the_history_is_a_line_an_attempt(tmp_path: Path, history: History) -> None:
    lines = (tmp_path / "history.jsonl").read_text().splitlines()
    assert len(lines) == len(history.lines)
    assert '"status":503' in lines[0]


def test_it_is_told_when_the_first_success_came(history: History) -> None:
    assert history.first_success_after(0.2) == pytest.approx(1.3)
    assert history.first_success_after(2.0) == float("inf")
    assert history.refusals() == {503: 1, 0: 1}


def test_the_table_has_a_line_a_test_below_the_names() -> None:
    lines = table([Outcome("T1 one", acked=5, notes="a note"), Outcome("T2 another", lost=1)])
    assert [line.split()[0] for line in lines] == ["test", "T1", "T2"]
    assert lines[1].endswith("a note")


def test_a_seed_that_failed_once_runs_before_this_runs_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "seeds.txt"
    kept.write_text("T12 77\nT3 5\nT12 78\n")
    monkeypatch.setattr("tests.faults.runs._KEPT", kept)
    monkeypatch.setattr("tests.faults.runs.SEED", 1)
    assert seeds("T12") == [77, 78, 1]
