"""Conditions and event patterns of the syntax tree."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal as OneOf

from rules.nodes.words import Literal, Name, PageRef, Ref, SetRef, Text, span_field
from rules.span import Span

CompareOp = OneOf["=", "!=", "<", "<=", ">", ">="]


@dataclass(frozen=True, slots=True)
class And:
    """Two or more conditions joined by `and`."""

    items: tuple["Condition", ...]
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class Or:
    """Two or more conditions joined by `or`."""

    items: tuple["Condition", ...]
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class Not:
    """A negated condition."""

    item: "Condition"
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class Held:
    """`(condition) for duration`."""

    item: "Condition"
    duration: Literal
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class Compare:
    """`ref OP value`; the right side is a literal or another reference."""

    ref: Ref
    op: CompareOp
    value: Literal | Ref
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class InSet:
    """`ref in SET` or `ref not in SET`."""

    ref: Ref
    negated: bool
    values: SetRef
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class Between:
    """`ref between A and B`, both ends included."""

    ref: Ref
    low: Literal
    high: Literal
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class TextTest:
    """`ref contains "x"`, `ref starts with "x"` or `ref matches "re"`."""

    ref: Ref
    test: OneOf["contains", "starts_with", "matches"]
    text: Text
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class Presence:
    """`ref is known` or `ref is unknown`."""

    ref: Ref
    known: bool
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class Truthy:
    """A reference that stands alone: a yes_no attribute or a define."""

    ref: Ref
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class OnPage:
    """`page LIST` as a condition."""

    pages: tuple[PageRef, ...]
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class Filter:
    """One test of an event's field, in the parentheses of a pattern."""

    field: Name
    test: OneOf["compare", "in", "between", "contains", "starts_with"]
    op: CompareOp | None = None
    values: tuple[Literal, ...] = ()
    set_name: Name | None = None
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class EventPattern:
    """`NAME [of PAGE] [(FILTER, ...)]`."""

    event: Name
    page: PageRef | None
    filters: tuple[Filter, ...]
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class Window:
    """`in last D`, `this session` or `this page`."""

    kind: OneOf["in_last", "this_session", "this_page"]
    duration: Literal | None = None
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class ThenNo:
    """`then no PATTERN for D` at the end of a sequence."""

    pattern: EventPattern
    duration: Literal
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class Within:
    """`within D` at the end of a sequence."""

    duration: Literal
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class Seen:
    """`seen A [then B ...] [within D | in last D | then no C for D]`."""

    steps: tuple[EventPattern, ...]
    tail: Within | Window | ThenNo | None
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class Count:
    """`at least|most N PATTERN [WINDOW]`."""

    bound: OneOf["least", "most"]
    number: Literal
    pattern: EventPattern
    window: Window | None
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class Absent:
    """`no PATTERN for D`."""

    pattern: EventPattern
    duration: Literal
    span: Span = span_field()


Condition = (
    And
    | Or
    | Not
    | Held
    | Compare
    | InSet
    | Between
    | TextTest
    | Presence
    | Truthy
    | OnPage
    | Seen
    | Count
    | Absent
)


def conditions_below(condition: Condition) -> Iterator[Condition]:
    """Yield a condition and everything inside it, outermost first."""
    yield condition
    match condition:
        case And(items=items) | Or(items=items):
            for item in items:
                yield from conditions_below(item)
        case Not(item=item) | Held(item=item):
            yield from conditions_below(item)
        case _:
            return
