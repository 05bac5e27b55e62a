"""The slow obvious evaluator, which defines the meaning: conditions, the score, a rule's stages."""

import math
from collections.abc import Sequence
from typing import Literal as OneOf
from typing import assert_never

from rules.checked import (
    All,
    AnyOf,
    AttributePair,
    AttributePlan,
    AttributeTest,
    ClockTest,
    CompareOp,
    Cond,
    Constant,
    CountTest,
    EventTerm,
    Known,
    Member,
    Negation,
    PageList,
    PageTest,
    QuietFor,
    RulePlan,
    ScorePlan,
    ScoreTest,
    ScrollTest,
    SequenceTest,
    StartTerm,
    Term,
    TextCheck,
    Throughout,
    TimeTerm,
    Value,
    WhenTerm,
    YesNo,
)
from rules.facts import Facts
from rules.page_globs import matches
from rules.value_types import fold

Stage = OneOf["page", "except", "when", "unless"]

EXPONENT_MAX = 700.0
"""Below minus this sum of log-odds the score is 0; `math.exp` overflows a little later."""


def value(cond: Cond, facts: Facts, now_ms: int) -> bool | None:
    """Return a condition's value at an instant: true, false, None for unknown (LANGUAGE.md 8).

    `now_ms` >= the time of the latest event that the facts hold.
    """
    match cond:
        case All():
            return conjunction([value(item, facts, now_ms) for item in cond.items])
        case AnyOf():
            return disjunction([value(item, facts, now_ms) for item in cond.items])
        case Negation():
            item = value(cond.item, facts, now_ms)
            return None if item is None else not item
        case Throughout():
            since = facts.since(cond, now_ms)
            return since is not None and now_ms - since >= cond.hold_ms
        case ClockTest():
            return compare(facts.clock_ms(cond.clock, now_ms), cond.op, cond.ms)
        case ScoreTest():
            return compare(score(facts.score_plan, facts, now_ms), cond.op, cond.number)
        case ScrollTest():
            return compare(facts.scroll_percent(), cond.op, cond.percent)
        case PageTest():
            return on_pages(cond.pages, facts)
        case CountTest():
            return _count_holds(cond, facts, now_ms)
        case SequenceTest():
            return _sequence_holds(cond, facts, now_ms)
        case QuietFor():
            return now_ms - quiet_since(cond, facts) >= cond.quiet_ms
        case Constant():
            return cond.value
        case _:
            return _attribute_value(cond, facts)


def conjunction(values: Sequence[bool | None]) -> bool | None:
    """Join values by *and*: false wins, then unknown."""
    if False in values:
        return False
    return None if None in values else True


def disjunction(values: Sequence[bool | None]) -> bool | None:
    """Join values by *or*: true wins, then unknown."""
    if True in values:
        return True
    return None if None in values else False


def compare(left: Value, op: CompareOp, right: Value) -> bool:
    """Compare two values of one type; the checker saw to it that ordered types alone are ordered."""
    if op == "=":
        return left == right
    if op == "!=":
        return left != right
    assert not isinstance(left, str)
    assert not isinstance(right, str)
    match op:
        case "<":
            return left < right
        case "<=":
            return left <= right
        case ">":
            return left > right
        case ">=":
            return left >= right
    assert_never(op)


def attribute(plan: AttributePlan, facts: Facts) -> Value | None:
    """Return an attribute as received, else its default, else None for unknown."""
    received = facts.attribute(plan.name)
    return plan.default if received is None else received


def comparable(received: Value) -> Value:
    """Return a value in the form in which values are compared: texts folded."""
    return fold(received) if isinstance(received, str) else received


def on_pages(pages: PageList, facts: Facts) -> bool:
    """Tell whether the current page is one of a list; false before the first view."""
    key = facts.page_key()
    return any(matches(glob, key) for glob in pages.globs)


def quiet_since(cond: QuietFor, facts: Facts) -> int:
    """Return from when `no E for d` counts: the latest match, or the session's start."""
    latest = facts.latest(cond.pattern)
    return facts.start_ms if latest is None else latest


AttributeCond = AttributeTest | AttributePair | Member | TextCheck | Known | YesNo


def _attribute_value(cond: AttributeCond, facts: Facts) -> bool | None:
    received = attribute(cond.attribute, facts)
    if isinstance(cond, Known):
        return received is not None
    if received is None:
        return None
    match cond:
        case AttributeTest():
            return compare(comparable(received), cond.op, cond.value)
        case AttributePair():
            other = attribute(cond.other, facts)
            if other is None:
                return None
            return compare(comparable(received), cond.op, comparable(other))
        case Member():
            return comparable(received) in cond.values
        case TextCheck():
            return _text_holds(cond, str(received))
        case YesNo():
            return received is True
        case _:
            assert_never(cond)


def _text_holds(cond: TextCheck, received: str) -> bool:
    match cond.test:
        case "contains":
            return cond.text in fold(received)
        case "starts_with":
            return fold(received).startswith(cond.text)
        case "matches":
            raise AssertionError("the checker refuses `matches` (OP127)")
    assert_never(cond.test)


def _count_holds(cond: CountTest, facts: Facts, now_ms: int) -> bool:
    seen = _matches_counted(cond, facts, now_ms)
    return seen >= cond.number if cond.bound == "least" else seen <= cond.number


def _matches_counted(cond: CountTest, facts: Facts, now_ms: int) -> int:
    if cond.scope != "window":
        return facts.count(cond.pattern, cond.scope)
    assert cond.window_ms is not None
    return sum(at > now_ms - cond.window_ms for at in facts.times(cond.pattern, cond.number + 1))


def _sequence_holds(cond: SequenceTest, facts: Facts, now_ms: int) -> bool:
    state = facts.sequence(cond)
    match cond.tail:
        case "ever" | "within":
            return state.matched
        case "in_last":
            assert cond.tail_ms is not None
            return state.end_ms is not None and state.end_ms > now_ms - cond.tail_ms
        case "then_no":
            assert cond.tail_ms is not None
            if state.end_ms is None or state.broken:
                return False
            return now_ms - state.end_ms >= cond.tail_ms
    assert_never(cond.tail)


# ---- score


def score(plan: ScorePlan, facts: Facts, now_ms: int) -> int:
    """Add up the score at an instant: a whole number, 0..100 (LANGUAGE.md 7.6)."""
    total = 0.0
    for term in plan.terms:
        total += term_amount(term, facts, now_ms)
    if not plan.likelihood:
        return int(max(0.0, min(100.0, total)))
    if total < -EXPONENT_MAX:
        return 0
    return math.floor(100 / (1 + math.exp(-total)) + 0.5)


def term_amount(term: Term, facts: Facts, now_ms: int) -> float:
    """Return what one term adds at an instant."""
    match term:
        case StartTerm():
            return term.amount
        case WhenTerm():
            return term.amount if value(term.condition, facts, now_ms) is True else 0.0
        case TimeTerm():
            periods = facts.clock_ms(term.clock, now_ms) // term.every_ms
            return _bounded(term.amount, periods, term.up_to)
        case EventTerm():
            return _bounded(term.amount, facts.count(term.pattern, "session"), term.up_to)
    assert_never(term)


def _bounded(amount: float, times: int, up_to: float) -> float:
    return math.copysign(min(abs(amount) * times, up_to), amount)


# ---- rules


def rule_stage(rule: RulePlan, facts: Facts, now_ms: int) -> Stage | None:
    """Return the first stage that keeps a rule silent at an instant, None when all of them hold.

    An `unless` must be *false*: unknown blocks. Gates come after the stages and are the engine's.
    """
    if rule.on is not None and not on_pages(rule.on, facts):
        return "page"
    if rule.except_on is not None and on_pages(rule.except_on, facts):
        return "except"
    if value(rule.when, facts, now_ms) is not True:
        return "when"
    if any(value(cond, facts, now_ms) is not False for cond in rule.unless):
        return "unless"
    return None
