"""What the random pairs reached: every kind of node, every operator, every value."""

from collections.abc import Iterable, Iterator
from itertools import product

from rules import checked as c
from rules.history import History
from rules.interpreter import value
from tests.strategies import COMPARE_OPS, EQUALITY_OPS

CLOCKS = ("time_on_page", "time_on_site", "page_age", "session_age")
EQUAL_KINDS = ("text", "one_of", "yes_no")
ORDERED_KINDS = ("number", "money", "date")
FIELD_KINDS = (*EQUAL_KINDS, *ORDERED_KINDS, "percent")


def _typed_ops(kinds: Iterable[str]) -> Iterator[str]:
    for kind in kinds:
        ops = EQUALITY_OPS if kind in EQUAL_KINDS else COMPARE_OPS
        yield from (f"{kind} {op}" for op in ops)


def _counts() -> Iterator[str]:
    for bound, scope in product(("least", "most"), ("window", "session", "page")):
        yield f"CountTest {bound} {scope}"


SYNTAX: frozenset[str] = frozenset(
    {
        *(f"ClockTest {clock} {op}" for clock, op in product(CLOCKS, COMPARE_OPS)),
        *(f"ScoreTest {op}" for op in COMPARE_OPS),
        *(f"ScrollTest {op}" for op in COMPARE_OPS),
        *(f"AttributeTest {typed}" for typed in _typed_ops((*EQUAL_KINDS, *ORDERED_KINDS))),
        *(f"AttributePair {typed}" for typed in _typed_ops((*EQUAL_KINDS, *ORDERED_KINDS))),
        *(f"Member {kind}" for kind in (*EQUAL_KINDS, *ORDERED_KINDS)),
        *(f"TextCheck {test}" for test in ("contains", "starts_with")),
        *_counts(),
        *(f"SequenceTest {tail}" for tail in ("ever", "within", "in_last", "then_no")),
        *(f"SequenceTest of {number}" for number in (1, 2, 3)),
        *("All", "AnyOf", "Negation", "Known", "YesNo", "PageTest", "QuietFor", "Constant"),
        *("Throughout", "Throughout in Throughout", "Throughout of a score", "Throughout in a score"),
        *(f"filter compare {typed}" for typed in _typed_ops(FIELD_KINDS)),
        *(f"filter in {kind}" for kind in FIELD_KINDS),
        *(f"filter between {kind}" for kind in (*ORDERED_KINDS, "percent")),
        *("filter contains text", "filter starts_with text"),
        *("pattern of pages", "pattern activity", "pattern without filters"),
        *("on page", "on any page", "except page", "unless"),
        *(f"{form} {term}" for form, term in product(
            ("points", "likelihood"), ("StartTerm", "WhenTerm", "TimeTerm", "EventTerm"))),
    }
)  # fmt: skip

CAN_BE_UNKNOWN = (
    "All", "AnyOf", "Negation", "AttributeTest", "AttributePair", "Member", "TextCheck", "YesNo"
)  # fmt: skip
CERTAIN = (
    "ClockTest", "ScoreTest", "ScrollTest", "CountTest", "SequenceTest", "QuietFor", "Throughout",
    "PageTest", "Known", "Constant",
)  # fmt: skip
VALUES: frozenset[str] = frozenset(
    {
        *(f"{kind} is {it}" for kind, it in product((*CAN_BE_UNKNOWN, *CERTAIN), (True, False))),
        *(f"{kind} is None" for kind in CAN_BE_UNKNOWN),
    }
)


def syntax_of(checked: c.CheckedSet) -> Iterator[str]:
    """Name every node and operator of a rule set."""
    for term in checked.score.terms:
        yield f"{'likelihood' if checked.score.likelihood else 'points'} {type(term).__name__}"
        if isinstance(term, c.WhenTerm):
            yield from _cond_names(term.condition, "a score")
        if isinstance(term, c.EventTerm):
            yield from _pattern_names(term.pattern)
    for rule in checked.rules:
        yield "on any page" if rule.on is None else "on page"
        if rule.except_on is not None:
            yield "except page"
        yield from _cond_names(rule.when, "")
        for cond in rule.unless:
            yield "unless"
            yield from _cond_names(cond, "")


def values_of(checked: c.CheckedSet, past: History, now_ms: int) -> Iterator[str]:
    """Name the value of every condition of the rules at an instant."""
    for rule in checked.rules:
        for top in (rule.when, *rule.unless):
            for cond in nested(top):
                yield f"{type(cond).__name__} is {value(cond, past, now_ms)}"


def nested(cond: c.Cond) -> Iterator[c.Cond]:
    """List a condition and all its parts."""
    yield cond
    match cond:
        case c.All() | c.AnyOf():
            for item in cond.items:
                yield from nested(item)
        case c.Negation() | c.Throughout():
            yield from nested(cond.item)
        case _:
            return


def _cond_names(top: c.Cond, where: str) -> Iterator[str]:
    for cond in nested(top):
        kind = type(cond).__name__
        match cond:
            case c.ClockTest():
                yield f"{kind} {cond.clock} {cond.op}"
            case c.ScoreTest() | c.ScrollTest():
                yield f"{kind} {cond.op}"
            case c.AttributeTest() | c.AttributePair():
                yield f"{kind} {cond.attribute.type.kind} {cond.op}"
            case c.Member():
                yield f"{kind} {cond.attribute.type.kind}"
            case c.TextCheck():
                yield f"{kind} {cond.test}"
            case c.CountTest():
                yield f"{kind} {cond.bound} {cond.scope}"
                yield from _pattern_names(cond.pattern)
            case c.SequenceTest():
                yield f"{kind} {cond.tail}"
                yield f"{kind} of {len(cond.steps)}"
                for step in cond.steps:
                    yield from _pattern_names(step)
            case c.QuietFor():
                yield kind
                yield from _pattern_names(cond.pattern)
            case c.Throughout():
                yield kind
                yield from _held_names(cond, where)
            case _:
                yield kind


def _held_names(cond: c.Throughout, where: str) -> Iterator[str]:
    if where:
        yield f"Throughout in {where}"
    for inner in nested(cond.item):
        if isinstance(inner, c.Throughout):
            yield "Throughout in Throughout"
        if isinstance(inner, c.ScoreTest):
            yield "Throughout of a score"


def _pattern_names(pattern: c.Pattern) -> Iterator[str]:
    if pattern.event == "activity":
        yield "pattern activity"
    if pattern.page is not None:
        yield "pattern of pages"
    if not pattern.filters:
        yield "pattern without filters"
    for test in pattern.filters:
        op = f" {test.op}" if test.op else ""
        yield f"filter {test.test} {test.kind}{op}"
