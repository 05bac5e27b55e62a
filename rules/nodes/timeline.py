"""Test blocks: what is given, what happens and what is expected."""

from dataclasses import dataclass
from typing import Literal as OneOf

from rules.nodes.conditions import CompareOp
from rules.nodes.words import Literal, Name, Ref, Text, span_field
from rules.span import Span


@dataclass(frozen=True, slots=True)
class GivenClock:
    """`given clock "2026-03-02T14:00"`."""

    text: Text
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class GivenTimezone:
    """`given timezone "Asia/Tokyo"`."""

    text: Text
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class GivenVariant:
    """`given variant RULE = NAME`."""

    rule: Name
    variant: Name
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class GivenSwitch:
    """`given holdout yes|no` and `given display yes|no`."""

    switch: OneOf["holdout", "display"]
    value: Name
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class GivenMessage:
    """`given message from RULE D ago`."""

    rule: Name
    ago: Literal
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class GivenDismiss:
    """`given dismiss D ago`."""

    ago: Literal
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class GivenAttribute:
    """`given ATTR = VALUE`."""

    ref: Ref
    value: Literal
    span: Span = span_field()


Given = (
    GivenClock
    | GivenTimezone
    | GivenVariant
    | GivenSwitch
    | GivenMessage
    | GivenDismiss
    | GivenAttribute
)


@dataclass(frozen=True, slots=True)
class Argument:
    """`field = value` of an event step."""

    name: Name
    value: Literal
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class Happening:
    """What happens at a step: one word of the tracker, or a late or repeated one.

    `text` holds the path, target, words or reply text; `literal` the scroll percent, the value that
    is set, or the lateness of `late`; `inner` the happening that comes late.
    """

    kind: OneOf[
        "view",
        "scroll",
        "click",
        "hide",
        "show",
        "event",
        "set",
        "says",
        "reply",
        "dismiss",
        "late",
        "duplicate",
    ]
    text: Text | None = None
    literal: Literal | None = None
    name: Name | None = None
    ref: Ref | None = None
    arguments: tuple[Argument, ...] = ()
    inner: "Happening | None" = None
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a step expects: `name` is the rule or answer, `other` the variant or the reason."""

    kind: OneOf["message", "no_message", "score", "text", "blocked", "expired", "answer"]
    name: Name | None = None
    other: Name | None = None
    text: Text | None = None
    op: CompareOp | None = None
    number: Literal | None = None
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class Step:
    """`at T happening` or `at T expect expectation`."""

    at: Literal
    what: Happening | Expectation
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class Test:
    """A test block."""

    name: Text
    givens: tuple[Given, ...]
    steps: tuple[Step, ...]
    span: Span = span_field()
