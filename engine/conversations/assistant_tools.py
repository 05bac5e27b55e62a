"""Tools that a model may call: how they are offered to it, and its arguments read. Pure.

A model invents what it does not know. What it writes is checked, and a wrong argument is told to it in words.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

import msgspec

from engine.conversations.appointments import Customer

T = TypeVar("T", bound=msgspec.Struct)

FIND_SLOTS, BOOK, HAND_OVER = "find_slots", "book", "hand_over"

DAYS_DEFAULT, DAYS_MAX = 7, 31
"""Days that free slots are shown for, as API.md 3.3; a longer range is cut. test_a_range_of_days_is_cut"""

TEAMS_MAX = 50
"""Teams that the model is told of; a further one is taken when it is named. test_many_teams_are_told_in_part"""

LINE_CHARS_MAX = 200
"""Characters of a customer's name, e-mail or phone, as API.md 3.3."""

_EMAIL = re.compile(r"[^\s@,;<>]+@[^\s@,;<>.]+(?:\.[^\s@,;<>.]+)+")
_PHONE = re.compile(r"\+?[0-9() ./\u00a0-]+")
_PHONE_DIGITS = range(7, 16)
_YEARS = range(1970, 9_000)
_NO_SLOT = "appointment_slot is none; call find_slots and copy one of its appointment_slot"


class BadArguments(Exception):
    """Arguments that cannot be used; the sentence tells the model what to do."""


class Offered(msgspec.Struct, frozen=True):
    """What a workspace has to offer: calendars to book in, and teams that a person may be of."""

    has_calendar: bool = False
    teams: tuple[str, ...] = ()


class FindSlots(msgspec.Struct, frozen=True):
    """Arguments of `find_slots`."""

    date_from: str | None = None
    date_to: str | None = None


class Book(msgspec.Struct, frozen=True):
    """Arguments of `book`."""

    appointment_slot: str = ""
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    notes: str | None = None


class HandOver(msgspec.Struct, frozen=True):
    """Arguments of `hand_over`."""

    team: str | None = None


# ---- how they are offered


class _Property(msgspec.Struct, frozen=True, omit_defaults=True):
    type: str
    description: str
    enum: tuple[str, ...] = ()


class _Parameters(msgspec.Struct, frozen=True):
    properties: dict[str, _Property]
    required: tuple[str, ...] = ()
    type: str = "object"


class _Function(msgspec.Struct, frozen=True):
    name: str
    description: str
    parameters: _Parameters


class _Tool(msgspec.Struct, frozen=True):
    function: _Function
    type: str = "function"


def tools_of(offered: Offered) -> tuple[msgspec.Raw, ...]:
    """Describe the tools that a workspace has use for, as JSON; () where it has none."""
    functions = [_FIND_SLOTS, _BOOK] if offered.has_calendar else []
    if offered.teams:
        functions.append(_hand_over(offered.teams))
    return tuple(msgspec.Raw(msgspec.json.encode(_Tool(one))) for one in functions)


def names_of(offered: Offered) -> tuple[str, ...]:
    """Name the tools that are offered."""
    booking = (FIND_SLOTS, BOOK) if offered.has_calendar else ()
    return (*booking, HAND_OVER) if offered.teams else booking


def _day(description: str) -> _Property:
    return _Property("string", f"{description}, like 2026-11-24.")


_FIND_SLOTS = _Function(
    FIND_SLOTS,
    "List free appointment slots. Call it before you name any time to the visitor.",
    _Parameters(
        {
            "date_from": _day("First day; today when left out"),
            "date_to": _day("Last day; a week after the first when left out"),
        }
    ),
)
_BOOK = _Function(
    BOOK,
    "Book an appointment, once the visitor has chosen a free slot and written their name and an e-mail"
    " address or a phone number. Never make these up; ask for what is missing.",
    _Parameters(
        {
            "appointment_slot": _Property("string", "The slot exactly as find_slots listed it."),
            "name": _Property("string", "The visitor's name."),
            "email": _Property("string", "The visitor's e-mail address, as they wrote it."),
            "phone": _Property("string", "The visitor's phone number, as they wrote it."),
            "notes": _Property("string", "What the appointment is for, in a few words."),
        },
        ("appointment_slot",),
    ),
)


def _hand_over(teams: Sequence[str]) -> _Function:
    team = _Property("string", "Which team; any when left out.", tuple(teams[:TEAMS_MAX]))
    return _Function(
        HAND_OVER,
        "Connect the visitor with a person. Call it when they ask for one, or when you cannot help.",
        _Parameters({"team": team}),
    )


# ---- what they are called with


def read_find_slots(arguments: str) -> FindSlots:
    """Read arguments of `find_slots`.

    Raises:
        BadArguments: they are none.
    """
    return _read(arguments, FindSlots)


def read_book(arguments: str) -> Book:
    """Read arguments of `book`.

    Raises:
        BadArguments: they are none.
    """
    return _read(arguments, Book)


def read_hand_over(arguments: str) -> HandOver:
    """Read arguments of `hand_over`.

    Raises:
        BadArguments: they are none.
    """
    return _read(arguments, HandOver)


def days_of(given: FindSlots, today: date) -> tuple[date, date]:
    """Return the first and the last day that are asked for: none before today, DAYS_MAX days at most.

    Raises:
        BadArguments: one is no day, or they are in the wrong order.
    """
    first = max(_read_day(given.date_from, "date_from") or today, today)
    last = _read_day(given.date_to, "date_to")
    if last is None:
        last = first + min(timedelta(days=DAYS_DEFAULT), date.max - first)
    if last < first:
        raise BadArguments(f"date_to is before {first.isoformat()}; today is {today.isoformat()}")
    return first, min(last, first + min(timedelta(days=DAYS_MAX), date.max - first))


def start_of(given: Book, timezone: str) -> datetime:
    """Return the instant that a slot starts; one without an offset is on the clock of `timezone`.

    Raises:
        BadArguments: it is no instant.
    """
    try:
        start = datetime.fromisoformat(given.appointment_slot.strip())
    except ValueError:
        raise BadArguments(_NO_SLOT) from None
    if not _YEARS.start <= start.year < _YEARS.stop:
        raise BadArguments(_NO_SLOT)
    return start if start.tzinfo is not None else start.replace(tzinfo=ZoneInfo(timezone))


def customer_of(given: Book, contact: dict[str, str], words: Iterable[str]) -> Customer:
    """Return who comes: as the visitor wrote it, completed by what is known of them.

    Args:
        given: what the model says.
        contact: what is known: name, first_name, email, phone.
        words: all that the visitor wrote. An address or number that is in none of it is made up.

    Raises:
        BadArguments: something is missing, or the visitor never wrote it.
    """
    spoken = tuple(words)
    name = _line(given.name) or contact.get("name", "") or contact.get("first_name", "")
    if not name:
        raise BadArguments("the name is missing; ask the visitor for it")
    email, phone = _line(given.email), _line(given.phone)
    if email and email != contact.get("email"):
        _check_email(email, spoken)
    if phone and phone != contact.get("phone"):
        _check_phone(phone, spoken)
    if not email and not phone:
        email, phone = contact.get("email", ""), contact.get("phone", "")
    if not email and not phone:
        raise BadArguments("ask the visitor for an e-mail address or a phone number first")
    return Customer(name=name[:LINE_CHARS_MAX], email=email, phone=phone)


def team_of(given: HandOver, teams: Sequence[str]) -> str:
    """Return the team that is asked for, "" = any.

    Raises:
        BadArguments: there is no such team.
    """
    wanted = _line(given.team)
    if not wanted:
        return ""
    found = next((team for team in teams if team.casefold() == wanted.casefold()), None)
    if found is None:
        raise BadArguments(
            "there is no such team; leave team out, or take one of those that are listed"
        )
    return found


def _read(arguments: str, kind: type[T]) -> T:
    try:
        # No arguments at all are what some models write for none.
        return msgspec.json.decode(arguments.strip() or "{}", type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        names = ", ".join(kind.__struct_fields__)
        raise BadArguments(f"the arguments are one JSON object with texts: {names}") from None


def _read_day(text: str | None, name: str) -> date | None:
    if not text or not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip()[:10])
    except ValueError:
        raise BadArguments(f"{name} is no day like 2026-11-24") from None


def _line(text: str | None) -> str:
    """Return a text as one line."""
    return " ".join((text or "").split())


def _check_email(email: str, spoken: Sequence[str]) -> None:
    if len(email) > LINE_CHARS_MAX or not _EMAIL.fullmatch(email):
        raise BadArguments("email is no e-mail address; ask the visitor for it")
    if not any(email.casefold() in words.casefold() for words in spoken):
        raise BadArguments("the visitor wrote no such e-mail address; ask for it, never make it up")


def _check_phone(phone: str, spoken: Sequence[str]) -> None:
    digits = _digits(phone)
    if not _PHONE.fullmatch(phone) or len(digits) not in _PHONE_DIGITS:
        raise BadArguments("phone is no phone number; ask the visitor for it")
    # A country's code may be added: what the visitor wrote is its end.
    local = digits[-_PHONE_DIGITS.start :]
    if not any(local in _digits(words) for words in spoken):
        raise BadArguments("the visitor wrote no such phone number; ask for it, never make it up")


def _digits(text: str) -> str:
    return "".join(char for char in text if char in "0123456789")
