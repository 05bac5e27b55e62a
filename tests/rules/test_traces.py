"""Traces say what a condition saw, in words, and when it can change."""

import pytest

from rules import checked as c
from rules.facts import NEVER_MS
from rules.history import Happening
from rules.traces import rule_clauses, spoken_time, trace
from tests.rules.checked_forms import (
    always,
    at,
    attribute,
    both,
    clock,
    count,
    ended_in_last,
    event,
    held,
    history,
    negated,
    pages,
    quiet,
    rule,
    sequence,
    then_no,
    unknown,
)  # fmt: skip


@pytest.mark.parametrize(
    ("ms", "spoken"),
    [(0, "0 s"), (4_000, "4 s"), (9_540, "9.5 s"), (59_999, "59.9 s"), (60_000, "1 m"),
     (90_000, "1 m 30 s"), (7_500_000, "2 h 5 m"), (7_200_000, "2 h")],
)  # fmt: skip
def test_times_are_said_in_their_two_largest_units(ms: int, spoken: str) -> None:
    assert spoken_time(ms) == spoken


CART = c.PageTest(c.PageList(pages("/cart").globs, "cart", ("cart",)), "page cart")
PLAN = attribute("visitor.plan")
BUDGET = attribute("visitor.budget", "money", default=120_050)

SEEN = [
    (clock("time_on_page", ">=", 30), "10 s"),
    (count("least", 1, "click", 60), "4 s ago"),
    (count("most", 0, "click", 60), "4 s ago"),
    (count("least", 2, "click", 60), "once, latest 4 s ago"),
    (count("most", 1, "click", 60), "once, latest 4 s ago"),
    (count("least", 2, "scroll", 60), "2 times or more, latest 8 s ago"),
    (count("least", 2, "order", 60), "not seen"),
    (count("least", 1, "click"), "once"),
    (quiet("click", 60), "latest 4 s ago"),
    (quiet("order", 60), "none since the visit began, 10 s ago"),
    (sequence("view", "click"), "4 s ago"),
    (sequence("view", "order"), "not seen"),
    (sequence("view", "click", within_s=5), "4 s ago, but too slowly"),
    (ended_in_last("view", "click", seconds=30), "4 s ago"),
    (then_no("view", absent="click", seconds=30), "10 s ago, then click came"),
    (then_no("order", absent="click", seconds=30), "not seen, or click came after it"),
    (held(count("least", 1, "click"), 30), "true for 4 s"),
    (held(count("least", 1, "order"), 30), "0 times"),
    (CART, "in pages cart"),
    (c.PageTest(pages("/c*"), "k"), "on /c*"),
    (c.PageTest(pages("/a"), "k"), "the page is /cart"),
    (c.ScoreTest(">=", 5, "k"), "0"),
    (c.ScrollTest(">=", 5, "k"), "40%"),
    (c.AttributeTest(PLAN, "=", "trial", "k"), '"Pro"'),
    (c.AttributeTest(BUDGET, ">", 1, "k"), "€1,200.50 (default)"),
    (c.AttributePair(BUDGET, ">", attribute("price", "money"), "k"),
     "€1,200.50 (default), price not known"),
    (c.YesNo(attribute("visitor.vip", "yes_no"), "k"), "not known"),
    (both(always(), count("least", 1, "order")), "1 of 2 hold"),
    (negated(count("least", 1, "click")), "once"),
    (c.Constant(value=False, key="never"), "never"),
]  # fmt: skip

PAST = history(
    event(0, "view", "/cart"),
    Happening(at(1), "scroll", "/cart", scroll_percent=20.0),
    Happening(at(2), "scroll", "/cart", scroll_percent=40.0),
    event(6, "click", "/cart"),
    given={"visitor.plan": "Pro"},
)


@pytest.mark.parametrize(("cond", "seen"), SEEN)
def test_what_was_seen_is_said_in_words(cond: c.Cond, seen: str) -> None:
    assert trace(cond, PAST, at(10), "€").seen == seen


def test_a_hidden_tab_is_named_as_the_reason() -> None:
    hidden = history(event(0, "view"), event(4, "hide"))
    assert trace(clock("time_on_page", ">=", 9), hidden, at(8)).seen == "4 s (the tab is hidden)"
    blank = history(event(0, "click", ""))
    assert trace(clock("page_age", ">=", 9), blank, at(8)).seen == "0 s (no page yet)"
    assert trace(CART, blank, at(8)).seen == "no page yet"


def test_a_trace_has_the_instants_of_the_bounds() -> None:
    waiting = trace(clock("time_on_page", ">=", 30), PAST, at(10))
    assert (waiting.value, waiting.true_ms, waiting.false_ms) == (False, at(30), at(10))
    assert waiting.change_ms == at(30)
    recent = trace(count("least", 1, "click", 60), PAST, at(10))
    assert (recent.value, recent.true_ms, recent.false_ms) == (True, at(10), at(66))
    assert recent.change_ms == at(66)


def test_an_unknown_condition_names_the_missing_attribute() -> None:
    whole = trace(both(always(), negated(unknown())), PAST, at(10))
    assert (whole.value, whole.missing) == (None, "visitor.absent")
    assert [item.missing for item in whole.items] == [None, "visitor.absent"]
    assert whole.items[1].items[0].seen == "not known"
    assert whole.true_ms == NEVER_MS
    pair = c.AttributePair(BUDGET, ">", attribute("price", "money"), "k")
    assert trace(pair, PAST, at(10)).missing == "price"


def test_each_clause_of_a_rule_is_traced_in_its_order() -> None:
    when = both(always(), count("least", 1, "order"))
    greeting = rule(when, count("least", 1, "click"), on=pages("/cart"), off=pages("/x"))
    clauses = rule_clauses(greeting, PAST, at(10))
    assert [(it.kind, it.holds) for it in clauses] == [
        ("on", True), ("except", True), ("when", True), ("when", False), ("unless", False)
    ]  # fmt: skip
    assert [it.kind for it in rule_clauses(rule(always()), PAST, at(10))] == ["when"]
