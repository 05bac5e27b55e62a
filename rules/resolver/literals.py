"""Literals against the type that is wanted: the value in checked units, or what is wrong with it."""

from calendar import monthrange
from dataclasses import dataclass
from typing import assert_never

from rules.checked import Value, ValueType
from rules.durations import DurationPlace, DurationProblem, parse_duration
from rules.nearest import nearest
from rules.nodes import Literal
from rules.value_types import fold, parse_date, parse_money, parse_number, parse_percent

WORDS = {
    "text": "a text",
    "number": "a number",
    "yes_no": "yes or no",
    "money": "an amount of money",
    "date": "a date",
    "one_of": "one of a list of texts",
    "duration": "a duration",
    "percent": "a percentage",
}
"""How each type is called in a message."""

_BARE_NUMBERS = frozenset({"int", "number", "signed"})
_WRITTEN_AS = {
    "text": "a text",
    "percent": "a percentage",
    "money": "an amount of money",
    "date": "a date",
    "duration": "a duration",
    "time_of_day": "a time of day",
    "name": "a word without quotes",
}


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Why a literal does not fit; `suggestion` is a literal that would."""

    code: str
    message: str
    why: str
    suggestion: str


class Currency:
    """The one currency sign of a rule set: the first that is written."""

    def __init__(self) -> None:
        """Start with none."""
        self.sign = ""

    def settle(self, sign: str) -> bool:
        """Take the first sign; tell whether this one is the same."""
        self.sign = self.sign or sign
        return self.sign == sign


def quoted(text: str) -> str:
    """Write a text as a literal."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def read_literal(
    literal: Literal, wanted: ValueType, place: DurationPlace, currency: Currency
) -> Value | Mismatch:
    """Convert a literal to the units of `wanted`; texts come back folded."""
    match wanted.kind:
        case "text":
            return fold(literal.text) if literal.kind == "text" else _not_text(literal)
        case "one_of":
            return _option(literal, wanted)
        case "number":
            return _number(literal)
        case "yes_no":
            return _yes_no(literal)
        case "money":
            return _money(literal, currency)
        case "date":
            return _date(literal)
        case "duration":
            return read_duration(literal, place)
        case "percent":
            return _percent(literal)
        case never:
            assert_never(never)


def read_duration(literal: Literal, place: DurationPlace) -> int | Mismatch:
    """Convert a duration to milliseconds."""
    if literal.kind == "duration":
        ms = parse_duration(literal.text, place)
        if isinstance(ms, DurationProblem):
            return Mismatch(ms.code, ms.message, ms.why, ms.suggestion)
        return ms
    if literal.kind in _BARE_NUMBERS:
        number = literal.text.lstrip("+-").partition(".")[0]
        return Mismatch(
            "OP101",
            f"{literal.text} has no unit of time",
            "Nobody can tell whether seconds or minutes are meant.",
            f"{number[:5]}s" if number.strip("0") else "1s",
        )
    return _mismatch(literal, "duration", "45s")


def _mismatch(literal: Literal, wanted: str, suggestion: str) -> Mismatch:
    written = _WRITTEN_AS.get(literal.kind, "a number")
    return Mismatch(
        "OP120",
        f"this wants {WORDS[wanted]}, and {_shown(literal)} is {written}",
        "Values of two types are never equal, so the condition could never hold.",
        suggestion,
    )


def _shown(literal: Literal) -> str:
    text = quoted(literal.text) if literal.kind == "text" else literal.text
    return text if len(text) <= 40 else text[:37] + '..."'


def _not_text(literal: Literal) -> Mismatch:
    return _mismatch(literal, "text", quoted(literal.text))


def _option(literal: Literal, wanted: ValueType) -> Value | Mismatch:
    options = {fold(option): option for option in wanted.options}
    folded = fold(literal.text)
    if literal.kind != "text":
        return _mismatch(literal, "one_of", quoted(options.get(folded, wanted.options[0])))
    if folded in options:
        return folded
    near = nearest(literal.text, wanted.options)
    listed = ", ".join(quoted(option) for option in wanted.options[:8])
    return Mismatch(
        "OP122",
        f"{_shown(literal)} is not in the list"
        + (f"; did you mean {quoted(near)}?" if near else ""),
        f"The attribute is one of {listed}.",
        quoted(near or wanted.options[0]),
    )


def _number(literal: Literal) -> Value | Mismatch:
    if literal.kind not in _BARE_NUMBERS:
        return _mismatch(literal, "number", _digits_of(literal) or "1")
    number = parse_number(literal.text)
    if number is None:
        return Mismatch(
            "OP105", "this number is too large", "Numbers have up to 15 digits.", "999999999999999"
        )
    return number


def _digits_of(literal: Literal) -> str:
    digits = "".join(char for char in literal.text if char.isdigit() or char == ".")
    return digits if parse_number(digits) is not None else ""


def _yes_no(literal: Literal) -> Value | Mismatch:
    if literal.kind == "name" and literal.text in ("yes", "no"):
        return literal.text == "yes"
    agrees = literal.text.casefold() in ("yes", "true", "1", "y", "on")
    return _mismatch(literal, "yes_no", "yes" if agrees else "no")


def _money(literal: Literal, currency: Currency) -> Value | Mismatch:
    sign = currency.sign or "$"
    if literal.kind in _BARE_NUMBERS:
        return Mismatch(
            "OP124",
            f"{literal.text} is a number, and this is an amount of money",
            "Money is written with its currency sign.",
            sign + _money_digits(literal.text),
        )
    if literal.kind != "money":
        return _mismatch(literal, "money", f"{sign}{_digits_of(literal) or '75'}")
    if not currency.settle(literal.text[0]):
        return Mismatch(
            "OP124",
            f"{literal.text[0]} and {currency.sign} are two currencies",
            "A rule set has one currency; the sign is a label, nothing is converted.",
            currency.sign + literal.text[1:],
        )
    money = parse_money(literal.text)
    if money is None:
        return Mismatch(
            "OP105",
            "this amount is too large",
            "Amounts have up to 13 digits before the point.",
            f"{sign}1,000,000",
        )
    return money[1]


def _money_digits(text: str) -> str:
    whole, _, decimals = text.lstrip("+-").partition(".")
    return f"{whole}.{(decimals + '0')[:2]}" if decimals else whole


def _date(literal: Literal) -> Value | Mismatch:
    day = parse_date(literal.text)
    if literal.kind != "date":
        return _mismatch(literal, "date", literal.text if day is not None else "2026-07-31")
    if day is not None:
        return day
    return Mismatch(
        "OP105",
        f"there is no day {literal.text}",
        "A date is year-month-day, as in 2026-07-31.",
        _near_date(literal.text),
    )


def _near_date(text: str) -> str:
    year, month, day = (int(part) for part in text.split("-"))
    year, month = min(max(year, 1), 9999), min(max(month, 1), 12)
    last = monthrange(year, month)[1]
    return f"{year:04}-{month:02}-{min(max(day, 1), last):02}"


def _percent(literal: Literal) -> Value | Mismatch:
    if literal.kind in _BARE_NUMBERS:
        return Mismatch(
            "OP125",
            f"{literal.text} is a number, and this is a percentage",
            "A percentage is written with its sign.",
            f"{min(100, int(literal.text.lstrip('+-').partition('.')[0][:4]))}%",
        )
    if literal.kind != "percent":
        return _mismatch(literal, "percent", "60%")
    percent = parse_percent(literal.text)
    if percent is None:
        return Mismatch(
            "OP105", f"{literal.text} is over 100%", "A percentage is from 0% to 100%.", "100%"
        )
    return percent
