"""Conditions: one kind of value for each question that can be true, false or unknown."""

from dataclasses import dataclass, field
from typing import Literal as OneOf

from rules.checked.patterns import PageList, Pattern
from rules.checked.vocabulary import AttributePlan, ClockName, CompareOp, Value
from rules.span import Span


def span_field() -> Span | None:
    """Declare where a value stands in the rule text, for traces: kept, but no part of equality."""
    span: Span | None = field(default=None, compare=False, repr=False)
    return span


@dataclass(frozen=True, slots=True)
class All:
    """Conjunction of two or more."""

    items: tuple["Cond", ...]
    key: str
    span: Span | None = span_field()


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Disjunction of two or more."""

    items: tuple["Cond", ...]
    key: str
    span: Span | None = span_field()


@dataclass(frozen=True, slots=True)
class Negation:
    """`not c`."""

    item: "Cond"
    key: str
    span: Span | None = span_field()


@dataclass(frozen=True, slots=True)
class Throughout:
    """`(c) for d`: c is true throughout [now - hold_ms, now]; never before session start."""

    item: "Cond"
    hold_ms: int
    key: str
    span: Span | None = span_field()


@dataclass(frozen=True, slots=True)
class ClockTest:
    """A built-in clock against a literal, in milliseconds; `=` and `!=` are at the exact millisecond."""

    clock: ClockName
    op: CompareOp
    ms: int
    key: str
    span: Span | None = span_field()


@dataclass(frozen=True, slots=True)
class ScoreTest:
    """The score against a whole number, or (`op` "=", `!=`, ...) any comparison of it."""

    op: CompareOp
    number: float
    key: str
    span: Span | None = span_field()


@dataclass(frozen=True, slots=True)
class ScrollTest:
    """`scroll_depth OP percent`."""

    op: CompareOp
    percent: float
    key: str
    span: Span | None = span_field()


@dataclass(frozen=True, slots=True)
class AttributeTest:
    """An attribute against a literal; unknown while the attribute is absent."""

    attribute: AttributePlan
    op: CompareOp
    value: Value
    key: str
    span: Span | None = span_field()


@dataclass(frozen=True, slots=True)
class AttributePair:
    """An attribute against another one of the same type; unknown while either is absent."""

    attribute: AttributePlan
    op: CompareOp
    other: AttributePlan
    key: str
    span: Span | None = span_field()


@dataclass(frozen=True, slots=True)
class Member:
    """An attribute in a list of values. `not in` is a Negation of this."""

    attribute: AttributePlan
    values: tuple[Value, ...]
    key: str
    span: Span | None = span_field()


@dataclass(frozen=True, slots=True)
class TextCheck:
    """contains, starts_with (folded text) or matches (RE2 source, as written)."""

    attribute: AttributePlan
    test: OneOf["contains", "starts_with", "matches"]
    text: str
    key: str
    span: Span | None = span_field()


@dataclass(frozen=True, slots=True)
class Known:
    """`x is known`; `is unknown` is a Negation of this. Never unknown itself."""

    attribute: AttributePlan
    key: str
    span: Span | None = span_field()


@dataclass(frozen=True, slots=True)
class YesNo:
    """A yes_no attribute alone: `x = yes`."""

    attribute: AttributePlan
    key: str
    span: Span | None = span_field()


@dataclass(frozen=True, slots=True)
class PageTest:
    """`page LIST`: false before the first view."""

    pages: PageList
    key: str
    span: Span | None = span_field()


@dataclass(frozen=True, slots=True)
class CountTest:
    """`at least|most n PATTERN` in the last `window_ms`, in this session, or on this page.

    `seen A` is at least 1 this session; `seen A in last w` is at least 1 in the last w.
    """

    bound: OneOf["least", "most"]
    number: int
    pattern: Pattern
    scope: OneOf["window", "session", "page"]
    window_ms: int | None
    key: str
    span: Span | None = span_field()


@dataclass(frozen=True, slots=True)
class SequenceTest:
    """`seen A then B ...` with two or more steps, or any `seen ... then no C for d`.

    `tail`: "ever" a match exists; "within" a match exists whose last - first <= tail_ms; "in_last" a
    match ends in (now - tail_ms, now]; "then_no" no `absent` after the newest match, and
    now - its end >= tail_ms.
    """

    steps: tuple[Pattern, ...]
    tail: OneOf["ever", "within", "in_last", "then_no"]
    tail_ms: int | None
    absent: Pattern | None
    key: str
    span: Span | None = span_field()


@dataclass(frozen=True, slots=True)
class QuietFor:
    """`no PATTERN for d`: now - t >= d, with t = the latest match, or the session start."""

    pattern: Pattern
    quiet_ms: int
    key: str
    span: Span | None = span_field()


@dataclass(frozen=True, slots=True)
class Constant:
    """Always true or always false: a rule without `when`, an empty `unless`."""

    value: bool
    key: str
    span: Span | None = span_field()


Cond = (
    All | AnyOf | Negation | Throughout | ClockTest | ScoreTest | ScrollTest | AttributeTest | AttributePair
    | Member | TextCheck | Known | YesNo | PageTest | CountTest | SequenceTest | QuietFor | Constant
)  # fmt: skip
