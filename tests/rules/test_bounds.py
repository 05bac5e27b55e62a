"""Bounds by the table of LANGUAGE.md 9: never late, always ahead, and where it is easy exact."""

import pytest

from rules import checked as c
from rules.bounds import (
    earliest_false,
    earliest_true,
    earliest_untrue,
    next_change,
    next_score_change,
    rule_bound,
)  # fmt: skip
from rules.facts import NEVER_MS
from rules.history import Happening, History
from tests.rules.checked_forms import (
    always,
    at,
    both,
    clock,
    count,
    either,
    ended_in_last,
    event,
    held,
    history,
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

NEVER = NEVER_MS


def facts(*more: Happening, score: c.ScorePlan | None = None) -> History:
    """Return a history that begins with a view."""
    plan = score or c.ScorePlan(likelihood=False, terms=())
    return history(event(0, "view"), *more, score=plan)


HIDDEN = facts(event(4, "hide"))

ATOMS = [
    (clock("time_on_page", ">=", 30), facts(), 10, at(30), at(10)),
    (clock("time_on_page", ">=", 30), HIDDEN, 10, NEVER, at(10)),
    (clock("page_age", ">=", 30), HIDDEN, 10, at(30), at(10)),
    (clock("session_age", ">", 30), facts(), 10, at(30) + 1, at(10)),
    (clock("session_age", "<", 30), facts(), 10, at(10), at(30)),
    (clock("session_age", "<=", 30), facts(), 10, at(10), at(30) + 1),
    (clock("session_age", "=", 30), facts(), 30, at(30), at(30) + 1),
    (clock("session_age", "=", 30), facts(), 31, NEVER, at(31)),
    (clock("session_age", "!=", 30), facts(), 10, at(10), at(30)),
    (count("least", 1, "click", 10), facts(event(5, "click")), 6, at(6), at(15)),
    (count("least", 2, "click", 10), facts(event(5, "click")), 6, NEVER, at(6)),
    (count("most", 0, "click", 10), facts(event(5, "click")), 6, at(15), at(6)),
    (count("least", 1, "click"), facts(event(5, "click")), 6, at(6), NEVER),
    (quiet("click", 10), facts(), 3, at(10), at(3)),
    (quiet("click", 10), facts(event(5, "click")), 6, at(15), at(6)),
    (quiet("click", 10), facts(), 12, at(12), NEVER),
    (sequence("view", "click"), facts(), 3, NEVER, at(3)),
    (ended_in_last("view", "click", seconds=9), facts(event(2, "click")), 3, at(3), at(11)),
    (then_no("order", absent="click", seconds=9), facts(event(2, "order")), 3, at(11), at(3)),
    (then_no("order", absent="click", seconds=9), facts(event(2, "order"), event(3, "click")), 3,
     NEVER, at(3)),
    (held(quiet("click", 10), 5), facts(), 3, at(15), at(3)),
    (held(quiet("click", 10), 5), facts(), 12, at(15), at(12)),
    (held(count("least", 1, "view", 20), 5), facts(), 6, at(6), at(20)),
    (unknown(), facts(), 3, NEVER, NEVER),
    (always(), facts(), 3, at(3), NEVER),
]  # fmt: skip


@pytest.mark.parametrize(("cond", "past", "now_s", "true_ms", "false_ms"), ATOMS)
def test_each_atom_has_the_bounds_of_the_table(
    cond: c.Cond, past: History, now_s: float, true_ms: int, false_ms: int
) -> None:
    assert earliest_true(cond, past, at(now_s)) == true_ms
    assert earliest_false(cond, past, at(now_s)) == false_ms
    assert earliest_true(negated(cond), past, at(now_s)) == false_ms


def test_and_waits_for_the_last_and_or_for_the_first() -> None:
    early, late = clock("session_age", ">=", 10), clock("session_age", ">=", 20)
    assert earliest_true(both(early, late), facts(), at(0)) == at(20)
    assert earliest_true(either(early, late), facts(), at(0)) == at(10)
    assert earliest_false(negated(both(early, late)), facts(), at(0)) == at(20)
    assert earliest_true(both(early, unknown()), facts(), at(0)) == NEVER


def test_true_can_turn_unknown_long_before_it_is_false() -> None:
    cond = either(count("least", 1, "view", 10), unknown())
    assert earliest_false(cond, facts(), at(1)) == NEVER
    assert earliest_untrue(cond, facts(), at(1)) == at(10)
    assert next_change(cond, facts(), at(1)) == at(10)
    assert earliest_untrue(unknown(), facts(), at(1)) == at(1)


def test_the_score_changes_with_its_terms() -> None:
    plan = c.ScorePlan(
        likelihood=False,
        terms=(
            c.StartTerm(1),
            c.EventTerm(2, pattern("view"), 20),
            c.TimeTerm(3, "time_on_page", s(10), 6),
            c.WhenTerm(-4, quiet("click", 25)),
        ),
    )
    changes = [next_score_change(plan, facts(score=plan), at(now)) for now in (0, 10, 20, 25)]
    assert changes == [at(10), at(20), at(25), NEVER]
    hidden = facts(event(4, "hide"), score=plan)
    assert next_score_change(plan, hidden, at(5)) == at(25)


def test_a_score_test_waits_for_the_crossing_of_its_number() -> None:
    steps = c.TimeTerm(3, "time_on_page", s(10), 30)
    plan = c.ScorePlan(likelihood=False, terms=(steps,))
    test = c.ScoreTest(">=", 10, "score >= 10")
    assert earliest_true(test, facts(score=plan), at(3)) == at(40)
    assert earliest_false(test, facts(score=plan), at(45)) == NEVER
    with_when = c.ScorePlan(likelihood=False, terms=(steps, c.WhenTerm(1, quiet("click", 25))))
    assert earliest_true(test, facts(score=with_when), at(3)) == at(25)
    endless = c.ScorePlan(likelihood=False, terms=(c.TimeTerm(0.001, "page_age", 1, 50),))
    assert earliest_true(test, facts(score=endless), at(0)) == at(0) + 250


def test_a_rule_waits_for_all_of_its_stages() -> None:
    when, unless = clock("session_age", ">=", 10), count("least", 1, "view", 30)
    assert rule_bound(rule(when), facts(), at(0)) == at(10)
    assert rule_bound(rule(when, unless), facts(), at(0)) == at(30)
    assert rule_bound(rule(when, on=pages("/b")), facts(), at(0)) == NEVER
    assert rule_bound(rule(when, off=pages("/a")), facts(), at(0)) == NEVER
    assert rule_bound(rule(always(), never(), on=pages("/a")), facts(), at(7)) == at(7)
