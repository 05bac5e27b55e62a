"""A live session under other rules: what both remember stays, what is new starts from the journal."""

import pytest

from engine.late import take_event
from engine.migrate import has_new_registers, move_session
from engine.rehearsal import Rehearsal
from rules.compiler import Program
from tests.engine.world import HELP, program_of, visit

CLICKS = HELP.replace("time_on_page >= 45s", "at least 2 click this session")
HELD = HELP.replace("time_on_page >= 45s", '(page "/pricing") for 10s')
PAGE_COUNT = HELP.replace(
    "time_on_page >= 45s", "at least 2 click this page and scroll_depth >= 1%"
)


def clicked(text: str) -> Rehearsal:
    made = visit(text)
    made.happen(0, made.event("view", 0, url="https://site.test/pricing"))
    made.happen(1_000, made.event("click", 1_000))
    made.happen(31_000, made.event("activity", 31_000))
    return made


def settle(made: Rehearsal) -> None:
    """Let so much time pass that what came before is no longer kept event by event."""
    for at_ms in (40_000, 55_000, 70_000):
        made.happen(at_ms, made.event("activity", at_ms))


def move(made: Rehearsal, program: Program, *, with_past: bool = False) -> None:
    keys = [register.key for register in made.program.registers]
    past = [
        (made.start_ms, made.event("view", 0, url="https://site.test/pricing")),
        (made.start_ms + 1_000, made.event("click", 1_000)),
    ]
    move_session(program, made.session, keys, past if with_past else ())
    made.program = program


def test_equal_registers_keep_what_they_hold() -> None:
    made = clicked(CLICKS)
    newer = program_of(CLICKS + HELP.replace("rule help", "rule other"))
    assert not has_new_registers(newer, [register.key for register in made.program.registers])
    move(made, newer)
    made.happen(32_000, made.event("click", 32_000))
    assert [sent.message.rule for sent in made.sent] == ["help"]


def test_new_registers_start_from_the_past() -> None:
    made = clicked(HELP)
    move(made, program_of(CLICKS), with_past=True)
    made.happen(32_000, made.event("click", 32_000))
    assert [sent.message.rule for sent in made.sent] == ["help"]


def test_without_a_past_new_registers_start_from_the_latest_events_alone() -> None:
    made = clicked(CLICKS.replace("2 click", "9 click"))
    settle(made)
    move(made, program_of(CLICKS.replace("click", "activity")))
    made.look(71_000)
    assert len(made.sent) == 1
    made = clicked(CLICKS.replace("2 click", "9 click"))
    settle(made)
    move(made, program_of(CLICKS.replace("2 click", '1 click of "/pricing"')))
    made.look(71_000)
    assert made.sent == []


@pytest.mark.parametrize("with_past", [True, False])
def test_a_new_held_condition_is_looked_at_before_it_is_asked(*, with_past: bool) -> None:
    made = clicked(HELP.replace("45s", "10m"))
    settle(made)
    move(made, program_of(HELD.replace("for 10s", "for 60s")), with_past=with_past)
    made.look(71_000)
    assert len(made.sent) == (1 if with_past else 0)
    made.look(140_000)
    assert len(made.sent) == 1


def test_an_attribute_of_another_type_is_dropped() -> None:
    number = "attribute visitor.size: number optional\n" + HELP
    made = clicked(number)
    made.happen(32_000, made.event("set", 32_000, attributes={"visitor.size": 5}))
    assert made.session.state.attrs["visitor.size"] == 5
    settle(made)
    move(made, program_of(number.replace("number", "text")))
    assert "visitor.size" not in made.session.state.attrs


def test_a_late_event_after_the_move_only_counts() -> None:
    made = clicked(CLICKS)
    move(made, program_of(CLICKS + HELP.replace("rule help", "rule other")))
    late = made.event("click", 32_000, late_ms=8_000)
    take_event(made.program, made.session, late, made.start_ms + 32_000)
    assert made.session.late_events == 1
    made.look(33_000)
    assert len(made.sent) == 1


def test_page_counts_of_a_tab_in_the_background_start_again() -> None:
    made = visit(PAGE_COUNT)
    made.happen(0, made.event("view", 0, url="https://site.test/pricing", tab="a"))
    made.happen(1_000, made.event("view", 1_000, url="https://site.test/other", tab="b"))
    assert made.session.state.tabs["a"].counts == [0]
    move(made, program_of(HELD))
    made.happen(2_000, made.event("click", 2_000, tab="a"))
    assert made.session.state.page_key == "site.test/pricing"


def test_without_the_old_keys_everything_starts_from_the_past() -> None:
    made = clicked(CLICKS)
    past = [(made.start_ms + 1_000, made.event("click", 1_000))]
    newer = program_of(CLICKS + HELP.replace("rule help", "rule other"))
    move_session(newer, made.session, (), past)
    made.program = newer
    made.happen(32_000, made.event("click", 32_000))
    assert [sent.message.rule for sent in made.sent] == ["help"]
