"""Durations: `1h30m` into milliseconds, with the precise reason when one cannot be read or stand here."""

import re
from dataclasses import dataclass

UNIT_MS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
"""Milliseconds a unit, from large to small, the order in which they are written."""

SESSION_MS_MAX = UNIT_MS["d"]
ACROSS_MS_MAX = 3_650 * UNIT_MS["d"]

_PIECE = re.compile(r"([0-9]+)(\.[0-9]+)?([A-Za-z]+)")
_WORDS = {
    **dict.fromkeys(("sec", "secs", "second", "seconds", "S"), "s"),
    **dict.fromkeys(("min", "mins", "minute", "minutes", "M"), "m"),
    **dict.fromkeys(("hr", "hrs", "hour", "hours", "H"), "h"),
    **dict.fromkeys(("day", "days", "D"), "d"),
    **dict.fromkeys(("msec", "msecs", "millis", "MS", "Ms"), "ms"),
}
_WEEK_WORDS = frozenset({"w", "W", "wk", "wks", "week", "weeks"})


@dataclass(frozen=True, slots=True)
class DurationPlace:
    """What a duration may be where it stands: in days, and zero, or not."""

    across_sessions: bool
    zero: bool


IN_SESSION = DurationPlace(across_sessions=False, zero=False)
ACROSS_SESSIONS = DurationPlace(across_sessions=True, zero=False)
AFTER_WAIT = DurationPlace(across_sessions=True, zero=True)
IN_TEST = DurationPlace(across_sessions=False, zero=True)


@dataclass(frozen=True, slots=True)
class DurationProblem:
    """Why a duration is refused: its code, a sentence, the reason, and a duration that would do."""

    code: str
    message: str
    why: str
    suggestion: str


def print_duration(ms: int) -> str:
    """Print milliseconds in the fewest units: `1m30s`, `0s`."""
    pieces = []
    for unit, size in UNIT_MS.items():
        count, ms = divmod(ms, size)
        if count:
            pieces.append(f"{count}{unit}")
    return "".join(pieces) or "0s"


def print_session_duration(ms: int) -> str:
    """Print milliseconds without days, as a session's durations are written: `24h`."""
    hours, rest = divmod(ms, UNIT_MS["h"])
    tail = print_duration(rest) if rest else ""
    return (f"{hours}h" if hours else "") + tail or "0s"


def parse_duration(text: str, place: DurationPlace) -> int | DurationProblem:
    """Read a duration as written into whole milliseconds (OP102 to OP105)."""
    pieces = _PIECE.findall(text)
    unknown = [unit for _, _, unit in pieces if unit not in UNIT_MS]
    if unknown:
        return _unknown_unit(text, unknown[0], pieces, place)
    ms = sum(int(count[:15]) * UNIT_MS[unit] for count, _, unit in pieces)
    if any(decimals for _, decimals, _ in pieces):
        return _in_decimals(text, pieces, place)
    order = [list(UNIT_MS).index(unit) for _, _, unit in pieces]
    if order != sorted(set(order)):
        return _out_of_order(text, ms, place)
    if ms == 0 and not place.zero:
        return _zero(text)
    return _within_reach(text, ms, place, has_days="d" in (unit for _, _, unit in pieces))


def _printed(ms: int, place: DurationPlace) -> str:
    if place.across_sessions:
        return print_duration(min(max(ms, UNIT_MS["s"]), ACROSS_MS_MAX))
    return print_session_duration(min(max(ms, UNIT_MS["s"]), SESSION_MS_MAX))


def _unknown_unit(
    text: str, unit: str, pieces: list[tuple[str, str, str]], place: DurationPlace
) -> DurationProblem:
    total = 0
    for count, _, written in pieces:
        size = UNIT_MS["d"] * 7 if written in _WEEK_WORDS else 0
        total += int(count[:15]) * (size or UNIT_MS[_WORDS.get(written, _near_unit(written))])
    why = "Units are ms, s, m, h and d."
    if unit == "M":
        why = "Units are ms, s, m, h and d; m is minutes, and there is no month."
    return DurationProblem(
        "OP102", f'"{unit}" in {text} is not a unit of time', why, _printed(total, place)
    )


def _near_unit(written: str) -> str:
    first = written[0].lower()
    return first if first in UNIT_MS else "s"


def _in_decimals(
    text: str, pieces: list[tuple[str, str, str]], place: DurationPlace
) -> DurationProblem:
    total = sum(
        float(count[:15] + decimals[:15]) * UNIT_MS[unit] for count, decimals, unit in pieces
    )
    return DurationProblem(
        "OP104",
        f"{text} has decimals",
        "A duration is written in whole numbers, with a smaller unit for the rest.",
        _printed(round(total), place),
    )


def _out_of_order(text: str, ms: int, place: DurationPlace) -> DurationProblem:
    return DurationProblem(
        "OP104",
        f"{text} has its units repeated or out of order",
        "Units go from large to small, each at most once.",
        _printed(ms, place),
    )


def _zero(text: str) -> DurationProblem:
    return DurationProblem(
        "OP104",
        f"{text} is no time at all",
        "Only a pause after `wait` and a step of a test may be zero.",
        "1s",
    )


def _within_reach(
    text: str, ms: int, place: DurationPlace, *, has_days: bool
) -> int | DurationProblem:
    if place.across_sessions:
        if ms <= ACROSS_MS_MAX:
            return ms
        return DurationProblem(
            "OP105", f"{text} is over 3650d", "Nothing is remembered for so long.", "3650d"
        )
    if not has_days and ms <= SESSION_MS_MAX:
        return ms
    return DurationProblem(
        "OP103",
        f"{text} is in days, but this looks at one visit"
        if has_days
        else f"{text} is longer than a visit can be",
        "A visit ends after 24 hours at the latest; days count only across visits.",
        _printed(ms, place),
    )
