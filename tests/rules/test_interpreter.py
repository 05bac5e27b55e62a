"""The interpreter says what LANGUAGE.md 7.6, 8 and 9 say."""

import pytest

from rules import checked as c
from rules.interpreter import rule_stage, score, value
from tests.rules.checked_forms import (
    always,
    at,
    attribute,
    both,
    change,
    clock,
    count,
    either,
    ended_in_last,
    event,
    held,
    history,
    late,
    negated,
    never,
    pages,
    pattern,
    quiet,
    rule,
    s,
    sequence,
    then_no,
    unknown,
)  # fmt: skip

TRUTHS: dict[str, c.Cond] = {"T": always(), "F": never(), "U": unknown()}
VALUES = {"T": True, "F": False, "U": None}


@pytest.mark.parametrize(
    ("left", "right", "conjunction", "disjunction"),
    ["TTTT", "TFFT", "TUUT", "FTFT", "FFFF", "FUFU", "UTUT", "UFFU", "UUUU"],
)
def test_and_and_or_follow_the_table(
    left: str, right: str, conjunction: str, disjunction: str
) -> None:
    items = (TRUTHS[left], TRUTHS[right])
    assert value(both(*items), history(), at(0)) is VALUES[conjunction]
    assert value(either(*items), history(), at(0)) is VALUES[disjunction]


@pytest.mark.parametrize(("item", "turned"), ["TF", "FT", "UU"])
def test_not_follows_the_table(item: str, turned: str) -> None:
    assert value(negated(TRUTHS[item]), history(), at(0)) is VALUES[turned]


def test_a_window_excludes_its_first_instant() -> None:
    past = history(event(0, "click"))
    seen = count("least", 1, "click", 10)
    assert value(seen, past, at(9.999)) is True
    assert value(seen, past, at(10)) is False


def test_at_most_counts_what_is_left_in_the_window() -> None:
    past = history(event(0, "click"), event(4, "click"), event(5, "click"))
    few = count("most", 2, "click", 10)
    assert value(few, past, at(9.999)) is False
    assert value(few, past, at(10)) is True


def test_at_least_none_always_holds() -> None:
    assert value(count("least", 0, "click", 5), history(event(0, "view")), at(0)) is True


def test_silence_and_a_sighting_are_complements_once_the_session_is_old_enough() -> None:
    past = history(event(0, "view"), event(7, "click"))
    for seconds in (5, 7, 11.999, 12, 30):
        now_ms = at(seconds)
        facts = past.first(1) if seconds < 7 else past
        silent = value(quiet("click", 5), facts, now_ms)
        assert silent is not value(count("least", 1, "click", 5), facts, now_ms)


def test_silence_counts_from_the_start_before_the_first_match() -> None:
    past = history(event(0, "view"))
    assert value(quiet("click", 5), past, at(4.999)) is False
    assert value(quiet("click", 5), past, at(5)) is True


def test_one_event_is_not_two_steps() -> None:
    twice = sequence("click", "click")
    assert value(twice, history(event(0, "click")), at(0)) is False
    assert value(twice, history(event(0, "click"), event(0, "click")), at(0)) is True


def test_within_takes_the_latest_start() -> None:
    quick = sequence("view", "click", within_s=3)
    past = history(event(0, "view"), event(5, "view"), event(8, "click"))
    assert value(quick, past, at(8)) is True
    assert value(quick, history(event(0, "view"), event(3.001, "click")), at(4)) is False


def test_a_quick_match_is_not_forgotten() -> None:
    quick = sequence("view", "click", within_s=3)
    past = history(event(0, "view"), event(3, "click"), event(60, "click"))
    assert value(quick, past, at(90)) is True


def test_a_sequence_in_last_looks_at_its_newest_end() -> None:
    recent = ended_in_last("view", "click", seconds=10)
    past = history(event(0, "view"), event(1, "click"), event(6, "click"))
    assert value(recent, past, at(15.999)) is True
    assert value(recent, past, at(16)) is False


def test_then_no_restarts_at_each_new_match() -> None:
    left = then_no("order", absent="click", seconds=5)
    past = history(event(0, "order"), event(1, "click"), event(2, "order"))
    assert value(left, past, at(6.999)) is False
    assert value(left, past, at(7)) is True
    assert value(left, past.first(2), at(60)) is False


def test_an_event_that_is_both_the_match_and_the_absent_one_is_the_match() -> None:
    left = then_no("click", absent="click", seconds=5)
    assert value(left, history(event(0, "click"), event(2, "click")), at(7)) is True


def test_a_held_condition_needs_its_whole_stretch() -> None:
    rested = held(quiet("click", 5), 3)
    past = history(event(0, "click"))
    assert value(rested, past, at(7.999)) is False
    assert value(rested, past, at(8)) is True


def test_a_held_condition_is_false_while_its_inner_one_is_unknown() -> None:
    past = history(event(0, "view"))
    assert value(held(unknown(), 3), past, at(60)) is False
    assert value(negated(held(unknown(), 3)), past, at(60)) is True


def test_a_refreshed_condition_keeps_its_stretch() -> None:
    """At the very instant at which the old click leaves the window the new one is there."""
    busy = held(count("least", 1, "click", 10), 25)
    past = history(event(0, "click"), event(10, "click"), event(20, "click"))
    assert value(busy, past, at(25)) is True


def test_visible_clocks_stop_while_the_tab_is_hidden() -> None:
    past = history(event(0, "view"), event(10, "hide"), event(60, "show"))
    assert value(clock("time_on_page", ">=", 15), past, at(64.999)) is False
    assert value(clock("time_on_page", ">=", 15), past, at(65)) is True
    assert value(clock("page_age", ">=", 65), past, at(65)) is True


@pytest.mark.parametrize(
    ("op", "before", "on", "after"),
    [
        ("=", False, True, False), ("!=", True, False, True), ("<", True, False, False),
        ("<=", True, True, False), (">", False, False, True), (">=", False, True, True),
    ],
)  # fmt: skip
def test_clocks_compare_to_the_millisecond(
    op: c.CompareOp, before: bool, on: bool, after: bool
) -> None:
    test, past = clock("session_age", op, 5), history(event(0, "view"))
    assert [value(test, past, at(5) + step) for step in (-1, 0, 1)] == [before, on, after]


def test_without_a_page_page_tests_are_false_and_its_clocks_stand_at_zero() -> None:
    past = history(event(0, "click", ""))
    on_page = c.PageTest(pages("/**"), "page /**")
    assert value(on_page, past, at(9)) is False
    assert value(clock("page_age", "<", 1), past, at(9)) is True
    assert value(on_page, history(event(0, "view", "/a/b")), at(0)) is True


def test_texts_compare_without_case_and_outer_spaces() -> None:
    plan = attribute("visitor.name")
    test = c.AttributeTest(plan, "=", "anna", "visitor.name = anna")
    past = history(event(0, "view"), change(1, visitor__name="  ANNA "))
    assert value(test, past, at(1)) is True
    assert value(c.TextCheck(plan, "starts_with", "ann", "k"), past, at(1)) is True
    assert value(c.TextCheck(plan, "contains", "xx", "k"), past, at(1)) is False
    assert value(c.Member(plan, ("bo", "anna"), "k"), past, at(1)) is True


def test_an_absent_attribute_is_unknown_unless_it_has_a_default() -> None:
    past = history(event(0, "view"))
    assert value(c.AttributeTest(attribute("a"), "!=", "x", "k"), past, at(0)) is None
    assert value(c.AttributeTest(attribute("a", "text", "y"), "!=", "x", "k"), past, at(0)) is True
    assert value(c.Known(attribute("a"), "k"), past, at(0)) is False
    assert value(c.YesNo(attribute("a", "yes_no"), "k"), past, at(0)) is None
    assert value(c.YesNo(attribute("a", "yes_no", default=False), "k"), past, at(0)) is False


def test_a_pair_is_unknown_when_either_side_is_absent() -> None:
    left, right = attribute("a", "number"), attribute("b", "number")
    test = c.AttributePair(left, "<", right, "a < b")
    assert value(test, history(event(0, "view"), given={"a": 1}), at(0)) is None
    assert value(test, history(event(0, "view"), given={"a": 1, "b": 2}), at(0)) is True


def test_late_events_count_for_the_session_only() -> None:
    past = history(event(0, "view"), late(20, "click"))
    assert value(count("least", 1, "click"), past, at(20)) is True
    assert value(count("least", 1, "click", 60), past, at(20)) is False
    assert value(sequence("view", "click"), past, at(20)) is False
    assert value(quiet("click", 20), past, at(20)) is True


POINTS = c.ScorePlan(
    likelihood=False,
    terms=(
        c.StartTerm(5),
        c.TimeTerm(2, "time_on_page", s(10), 5),
        c.EventTerm(10, pattern("view", pages("/pricing")), 30),
        c.WhenTerm(-15, quiet("activity", 45)),
    ),
)


def test_points_add_up_and_terms_stay_within_their_bounds() -> None:
    past = history(event(0, "view", "/pricing"), event(0, "view", "/pricing"))
    assert score(POINTS, past, at(0)) == 25
    assert score(POINTS, past, at(19.999)) == 27
    assert score(POINTS, past, at(30)) == 30
    assert score(POINTS, past, at(45)) == 15


@pytest.mark.parametrize(("amount", "expected"), [(140, 100), (-3, 0), (40, 40)])
def test_points_are_clamped(amount: float, expected: int) -> None:
    plan = c.ScorePlan(likelihood=False, terms=(c.StartTerm(amount),))
    assert score(plan, history(), at(0)) == expected


@pytest.mark.parametrize(
    ("amount", "expected"),
    [(0, 50), (-2.2, 10), (2.2, 90), (-1e6, 0), (1e6, 100), (-701.0, 0), (-699.0, 0)],
)
def test_likelihood_is_the_logistic_of_the_sum(amount: float, expected: int) -> None:
    plan = c.ScorePlan(likelihood=True, terms=(c.StartTerm(amount),))
    assert score(plan, history(), at(0)) == expected


def test_a_term_is_added_only_while_its_condition_is_true() -> None:
    plan = c.ScorePlan(likelihood=False, terms=(c.WhenTerm(7, unknown()), c.WhenTerm(3, always())))
    assert score(plan, history(), at(0)) == 3


def test_only_the_first_failing_stage_is_named() -> None:
    past = history(event(0, "view", "/pricing/thanks"))
    pricing, thanks = pages("/pricing/**"), pages("/pricing/thanks")
    assert rule_stage(rule(always(), on=pages("/cart")), past, at(0)) == "page"
    assert rule_stage(rule(never(), on=pricing, off=thanks), past, at(0)) == "except"
    assert rule_stage(rule(unknown(), always()), past, at(0)) == "when"
    assert rule_stage(rule(always(), never(), always()), past, at(0)) == "unless"
    assert rule_stage(rule(always(), never(), on=pricing), past, at(0)) is None


def test_an_unknown_unless_keeps_the_rule_silent() -> None:
    assert rule_stage(rule(always(), unknown()), history(event(0, "view")), at(0)) == "unless"
