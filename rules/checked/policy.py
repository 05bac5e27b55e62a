"""The policy in force: caps, pauses, quiet hours and the holdout."""

from dataclasses import dataclass
from typing import Literal as OneOf

from rules.checked.patterns import PageList

ClockWord = OneOf["visitor", "site"]
ScopeKind = OneOf["session", "visitor", "window"]


@dataclass(frozen=True, slots=True)
class CapPlan:
    """At most `number` messages per session, per visitor for ever, or per rolling window."""

    number: int
    scope: ScopeKind
    window_ms: int | None = None
    unless_engaged: bool = False


@dataclass(frozen=True, slots=True)
class DayRange:
    """A range of minutes of the day, [start_min, end_min); start >= end wraps midnight.

    `days`: ISO weekdays 1..7 on which the range starts; empty means every day.
    """

    start_min: int
    end_min: int
    clock: ClockWord
    days: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Holdout:
    """A share 0..100 of units that get no message."""

    percent: float
    unit: OneOf["visitor", "session", "company"]


@dataclass(frozen=True, slots=True)
class PolicyPlan:
    """The policy in force, defaults filled in (LANGUAGE.md 7.5)."""

    first_after_ms: int = 30_000
    caps: tuple[CapPlan, ...] = (CapPlan(1, "session", None, unless_engaged=True),)
    wait_dismiss_ms: int = 86_400_000
    wait_message_ms: int = 60_000
    wait_chat_ms: int = 300_000
    quiet: tuple[DayRange, ...] = ()
    never_on: PageList | None = None
    holdout: Holdout | None = None
