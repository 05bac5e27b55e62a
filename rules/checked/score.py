"""The score block in force, term by term."""

from dataclasses import dataclass

from rules.checked.conditions import Cond, span_field
from rules.checked.patterns import Pattern
from rules.checked.vocabulary import ClockName
from rules.span import Span


@dataclass(frozen=True, slots=True)
class StartTerm:
    """`start N`."""

    amount: float
    span: Span | None = span_field()


@dataclass(frozen=True, slots=True)
class WhenTerm:
    """N added while the condition is true."""

    amount: float
    condition: Cond
    span: Span | None = span_field()


@dataclass(frozen=True, slots=True)
class TimeTerm:
    """N for each full `every_ms` of a clock, the whole bounded by `up_to` in size."""

    amount: float
    clock: ClockName
    every_ms: int
    up_to: float
    span: Span | None = span_field()


@dataclass(frozen=True, slots=True)
class EventTerm:
    """N for each match of the pattern in this session, the whole bounded by `up_to` in size."""

    amount: float
    pattern: Pattern
    up_to: float
    span: Span | None = span_field()


Term = StartTerm | WhenTerm | TimeTerm | EventTerm


@dataclass(frozen=True, slots=True)
class ScorePlan:
    """The score block in force. `likelihood` false: whole points, clamped to 0..100 (LANGUAGE.md 7.6)."""

    likelihood: bool
    terms: tuple[Term, ...]
