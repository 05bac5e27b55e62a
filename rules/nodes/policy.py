"""The policy and score blocks and their clauses."""

from dataclasses import dataclass
from typing import Literal as OneOf

from rules.nodes.conditions import Condition, EventPattern
from rules.nodes.words import Literal, Name, PageRef, Text, span_field
from rules.span import Span


@dataclass(frozen=True, slots=True)
class Scope:
    """What a cap or limit counts over: the session, the visitor, or a rolling duration."""

    kind: OneOf["session", "visitor", "duration"]
    duration: Literal | None = None
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class FirstAfter:
    """`first message after D`."""

    duration: Literal
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class Cap:
    """`at most N per SCOPE [unless engaged]`."""

    number: Literal
    scope: Scope
    unless_engaged: bool
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class Cooldown:
    """`wait D after dismiss|message|chat`."""

    duration: Literal
    after: OneOf["dismiss", "message", "chat"]
    span: Span = span_field()


ClockWord = OneOf["visitor", "site"]


@dataclass(frozen=True, slots=True)
class Quiet:
    """`quiet hours A to B in CLOCK time`."""

    start: Literal
    end: Literal
    clock: ClockWord
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class NeverOn:
    """`never on page LIST`."""

    pages: tuple[PageRef, ...]
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class PolicyHoldout:
    """`holdout P by UNIT`."""

    share: Literal
    unit: OneOf["visitor", "session", "company"]
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class Allow:
    """`allow CODE because "..."`."""

    code: str
    because: Text
    span: Span = span_field()


PolicyItem = FirstAfter | Cap | Cooldown | Quiet | NeverOn | PolicyHoldout | Allow


@dataclass(frozen=True, slots=True)
class Policy:
    """The policy block."""

    items: tuple[PolicyItem, ...]
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class StartAt:
    """`start N`."""

    amount: Literal
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class PointsWhen:
    """`±N when CONDITION`."""

    points: Literal
    condition: Condition
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class PointsPerTime:
    """`±N per D of CLOCK up to M`."""

    points: Literal
    every: Literal
    clock: Name
    up_to: Literal
    span: Span = span_field()


@dataclass(frozen=True, slots=True)
class PointsPerEvent:
    """`±N per PATTERN up to M`."""

    points: Literal
    pattern: EventPattern
    up_to: Literal
    span: Span = span_field()


ScoreItem = StartAt | PointsWhen | PointsPerTime | PointsPerEvent


@dataclass(frozen=True, slots=True)
class Score:
    """The score block."""

    likelihood: bool
    items: tuple[ScoreItem, ...]
    span: Span = span_field()
