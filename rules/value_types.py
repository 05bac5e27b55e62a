"""The types of values: how literals are read, how wire values are converted, how values print."""

import re
import unicodedata
from datetime import UTC, date, datetime, tzinfo
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache

from rules.checked import Value, ValueType

NUMBER_MAX = 9_007_199_254_740_991
"""The largest size of a number or of whole hundredths: above it a double is no longer exact."""

TEXT_CACHE_MAX = 4_096
MINUTES_A_DAY = 1_440
_PLAIN_MAX = 10**13

# Without nested quantifiers: linear on any input.
_DECIMAL = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{1,30})?")
_CLOCK_TIME = re.compile(r"([0-9]{1,2}):([0-9]{2})")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def fold(text: str) -> str:
    """Bring a text into the form in which texts are compared: casefold, NFC, no outer spaces."""
    if text.isascii():
        return text.strip().lower()
    return _fold_unicode(text)


@lru_cache(maxsize=TEXT_CACHE_MAX)
def _fold_unicode(text: str) -> str:
    decomposed = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFC", decomposed.casefold()).strip()


def parse_number(text: str) -> int | float | None:
    """Read a decimal number, whole ones as int; None when it is none or over NUMBER_MAX."""
    if not _DECIMAL.fullmatch(text):
        return None
    exact = Decimal(text)
    if abs(exact) > NUMBER_MAX:
        return None
    return int(exact) if exact == exact.to_integral_value() else float(exact)


def parse_money(text: str) -> tuple[str, int] | None:
    """Read `$1,200.50` into its symbol and whole hundredths; None when it is over NUMBER_MAX."""
    exact = Decimal(text[1:].replace(",", "")) * 100
    return None if exact > NUMBER_MAX else (text[0], int(exact))


def parse_date(text: str) -> int | None:
    """Read `2026-07-31` into the day's proleptic ordinal; None when there is no such day."""
    if not _DATE.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text).toordinal()
    except ValueError:
        return None


def parse_percent(text: str) -> float | None:
    """Read `60%` into 60.0; None outside 0..100."""
    percent = parse_number(text.removesuffix("%"))
    return float(percent) if percent is not None and 0 <= percent <= 100 else None


def parse_time_of_day(text: str) -> int | None:
    """Read `09:30` into minutes since midnight, 0..1439; None when there is no such time."""
    match = _CLOCK_TIME.fullmatch(text)
    if match is None:
        return None
    hour, minute = int(match[1]), int(match[2])
    return hour * 60 + minute if hour < 24 and minute < 60 else None


def convert(value_type: ValueType, wire: object, zone: tzinfo = UTC) -> Value | None:
    """Convert a JSON scalar to the units of the checked form; None when it does not fit.

    Text keeps its case and spaces; a one_of becomes its option as declared; money whole hundredths; a
    date its ordinal, an RFC 3339 time the ordinal of its day in `zone`.
    """
    match value_type.kind:
        case "text":
            return _arriving_text(wire)
        case "number" | "duration" | "percent":
            return _arriving_number(wire)
        case "money":
            return _arriving_money(wire)
        case "yes_no":
            return wire if isinstance(wire, bool) else None
        case "date":
            return _arriving_date(wire, zone)
        case "one_of":
            return _arriving_option(value_type.options, wire)


def is_of_type(value_type: ValueType, value: Value) -> bool:
    """Tell whether a value in checked units is one of a type."""
    match value_type.kind:
        case "text":
            return isinstance(value, str)
        case "one_of":
            return isinstance(value, str) and value in value_type.options
        case "yes_no":
            return isinstance(value, bool)
        case _:
            return isinstance(value, int | float) and not isinstance(value, bool)


def _arriving_text(wire: object) -> str | None:
    if isinstance(wire, str):
        return wire
    number = _arriving_number(wire)
    return None if number is None else print_number(number)


def _arriving_number(wire: object) -> int | float | None:
    if isinstance(wire, str):
        return parse_number(wire)
    if isinstance(wire, bool) or not isinstance(wire, int | float):
        return None
    # A NaN is not within any bounds, so it is refused here too.
    return wire if -NUMBER_MAX <= wire <= NUMBER_MAX else None


def exact_hundredths(wire: object) -> int | None:
    """Return the hundredths of a plain number >= 0, as amounts of money are; None: reckon it with Decimal.

    A float is taken only when it is written with two decimals at most, and 15 digits: so many tell any two
    decimal numbers apart, so that what stands for the hundredths is what was written.
    """
    if type(wire) is int:
        return wire * 100 if 0 <= wire < _PLAIN_MAX else None
    if type(wire) is float and 0.0 <= wire < _PLAIN_MAX:
        hundredths = round(wire * 100)
        return hundredths if hundredths / 100.0 == wire else None
    return None


def _arriving_money(wire: object) -> int | None:
    plain = exact_hundredths(wire)
    if plain is not None:
        return plain
    number = _arriving_number(wire)
    if number is None:
        return None
    exact = Decimal(wire if isinstance(wire, str) else repr(number)) * 100
    if abs(exact) > NUMBER_MAX:
        return None
    return int(exact.to_integral_value(ROUND_HALF_EVEN))


def _arriving_date(wire: object, zone: tzinfo) -> int | None:
    if not isinstance(wire, str):
        return None
    if len(wire) == len("2026-07-31"):
        return parse_date(wire)
    if len(wire) < len("2026-07-31T00:00:00Z") or wire[10] not in "Tt ":
        return None
    try:
        moment = datetime.fromisoformat(wire)
        return None if moment.tzinfo is None else moment.astimezone(zone).date().toordinal()
    except (ValueError, OverflowError):
        return None


def _arriving_option(options: tuple[str, ...], wire: object) -> str | None:
    text = _arriving_text(wire)
    if text is None:
        return None
    folded = fold(text)
    return next((option for option in options if fold(option) == folded), None)


def print_number(number: float) -> str:
    """Print a number without trailing zeros and without an exponent: `9`, `2.5`."""
    if isinstance(number, int):
        return str(number)
    if number.is_integer():
        return str(int(number))
    return format(Decimal(repr(number)), "f")


def print_money(hundredths: int, symbol: str) -> str:
    """Print money with its symbol and thousands: `$1,200`, `$9.50`, `-$3`."""
    whole, rest = divmod(abs(hundredths), 100)
    sign = "-" if hundredths < 0 else ""
    return f"{sign}{symbol}{whole:,}" + (f".{rest:02}" if rest else "")


def print_date(ordinal: int) -> str:
    """Print a day's ordinal as `2026-07-31`."""
    return date.fromordinal(ordinal).isoformat()


def print_value(value_type: ValueType, value: Value, symbol: str) -> str:
    """Print a value in checked units as a visitor reads it (LANGUAGE.md 7.7); `symbol` for money."""
    match value_type.kind:
        case "yes_no":
            return "yes" if value else "no"
        case "money" if isinstance(value, int):
            return print_money(value, symbol)
        case "date" if isinstance(value, int):
            return print_date(value)
        case _:
            return value if isinstance(value, str) else print_number(value)
