"""Times of day, days of the week, scopes of caps and time zones."""

from collections.abc import Sequence
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from rules.checked import CapPlan, ClockWord, DayRange, ScopeKind
from rules.durations import ACROSS_SESSIONS
from rules.nearest import nearest
from rules.nodes import Literal, Name, Text
from rules.nodes import Scope as ScopeNode
from rules.resolver.literals import quoted
from rules.resolver.scope import Scope
from rules.value_types import parse_time_of_day

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def time_of_day(scope: Scope, literal: Literal) -> int | None:
    """Read a time of day into minutes since midnight, or report OP105."""
    minutes = parse_time_of_day(literal.text)
    if minutes is None:
        scope.findings.mend(
            "OP105",
            literal.span,
            f"there is no time {literal.text}",
            "Times are from 00:00 to 23:59; midnight is 00:00.",
            "00:00" if literal.text.startswith("24") else "23:59",
        )
    return minutes


def day_range(
    scope: Scope, start: Literal, end: Literal, clock: ClockWord, days: Sequence[Name]
) -> DayRange | None:
    """Resolve a range of the day; None when a part of it was reported."""
    first, last = time_of_day(scope, start), time_of_day(scope, end)
    numbers = [_day(scope, day) for day in days]
    if first is None or last is None or None in numbers:
        return None
    if first == last:
        scope.findings.mend(
            "OP141",
            start.span.to(end.span),
            "this range of the day has nothing in it",
            "It ends when it starts.",
            f"{start.text} to {(last // 60 + 8) % 24:02}:{last % 60:02}",
        )
        return None
    found = sorted({number for number in numbers if number is not None})
    return DayRange(first, last, clock, tuple(found))


def _day(scope: Scope, day: Name) -> int | None:
    if day.text in DAYS:
        return DAYS.index(day.text) + 1
    near = next((name for name in DAYS if day.text.casefold().startswith(name)), None)
    near = near or nearest(day.text, DAYS)
    message = f'"{day.text}" is not a day'
    why = f"Days are {', '.join(DAYS)}."
    if near is None:
        scope.findings.say("OP107", day.span, message, why)
    else:
        scope.findings.mend("OP107", day.span, f'{message}; did you mean "{near}"?', why, near)
    return None


def cap(
    scope: Scope, number: int | None, where: ScopeNode, *, unless_engaged: bool = False
) -> CapPlan | None:
    """Resolve what a cap or limit counts over."""
    if where.kind != "duration" or where.duration is None:
        kind: ScopeKind = "session" if where.kind == "session" else "visitor"
        return None if number is None else CapPlan(number, kind, None, unless_engaged)
    ms = scope.duration(where.duration, ACROSS_SESSIONS)
    if number is None or ms is None:
        return None
    return CapPlan(number, "window", ms, unless_engaged)


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


@lru_cache(maxsize=256)
def is_zone(name: str) -> bool:
    """Tell whether a text is the name of an IANA time zone."""
    try:
        return ZoneInfo(name).key == name
    except (KeyError, ValueError, OSError):
        return False


def time_zone(scope: Scope, text: Text) -> str | None:
    """Check an IANA zone, or report OP130."""
    if is_zone(text.value):
        return text.value
    near = _near_zone(text.value)
    message = f"{quoted(text.value)} is not a time zone"
    why = "Zones are written as in the IANA list: Continent/City."
    if near is None:
        scope.findings.mend("OP130", text.span, message, why, quoted("UTC"))
    else:
        scope.findings.mend(
            "OP130", text.span, f"{message}; did you mean {quoted(near)}?", why, quoted(near)
        )
    return None


def _near_zone(name: str) -> str | None:
    """Find the zone by its near spelling, or by the name of its city."""
    near = nearest(name, sorted(_zones()))
    if near is not None:
        return near
    city = name.rpartition("/")[2].strip().replace(" ", "_").casefold()
    found = [zone for zone in sorted(_zones()) if zone.rpartition("/")[2].casefold() == city]
    return found[0] if len(found) == 1 else None
