"""What a configuration may offer to book and to call: opening hours that slots fit in, numbers that exist."""

from collections.abc import Sequence

import phonenumbers

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_MIN = 24 * 60
_WEEK_MIN = 7 * _DAY_MIN


def number_problem(number: str) -> str | None:
    """Say what is wrong with a telephone number that a visitor is to call; None when nothing is."""
    example = 'write it like "+14165559999": a plus, the country, the number, nothing else'
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return f'"{number}" is no telephone number; {example}'
    if not phonenumbers.is_possible_number(parsed):
        return f'"{number}" has the wrong length for its country; {example}'
    if not phonenumbers.is_valid_number(parsed):
        return f'"{number}" is in no range that its country gives out; check the digits'
    written = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return None if written == number else f'"{number}" is not written as E.164; write "{written}"'


def hours_problem(week: Sequence[Sequence[tuple[int, int]]], slot_minutes: int) -> str | None:
    """Say why slots cannot be cut from a week's hours, (start, end) in minutes by day; None when they can.

    An end before its start is on the next day.
    """
    ranges: list[tuple[int, int, str]] = []
    for index, day in enumerate(week):
        for start, end in day:
            if start == end:
                return f"{_DAYS[index]} {_text(start, end)} is empty; a whole day is 00:00-24:00"
            length = (end - start) % _DAY_MIN or _DAY_MIN
            begin = index * _DAY_MIN + start
            ranges.append((begin, begin + length, f"{_DAYS[index]} {_text(start, end)}"))
    if not any(end - begin >= slot_minutes for begin, end, _ in ranges):
        return f"no range is as long as a slot of {slot_minutes} minutes"
    return _overlap(sorted(ranges))


def _overlap(ranges: list[tuple[int, int, str]]) -> str | None:
    """Find two ranges that share a minute, also over the end of the week."""
    first_begin, first_end, first = ranges[0]
    again = (first_begin + _WEEK_MIN, first_end + _WEEK_MIN, first)
    for (_, end, one), (begin, _, other) in zip(ranges, [*ranges[1:], again], strict=True):
        if begin < end:
            return f"{one} and {other} overlap; join them"
    return None


def _text(start: int, end: int) -> str:
    return f"{start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}"
