"""What a model may call, and that nothing it makes up is taken for true."""

from contextlib import suppress
from datetime import date, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.conversations.appointments import Customer
from engine.conversations.assistant_tools import (
    DAYS_DEFAULT,
    DAYS_MAX,
    TEAMS_MAX,
    BadArguments,
    Book,
    FindSlots,
    HandOver,
    Offered,
    customer_of,
    days_of,
    names_of,
    read_book,
    read_find_slots,
    read_hand_over,
    start_of,
    team_of,
    tools_of,
)

TODAY = date(2026, 11, 21)


def described(offered: Offered) -> list[dict]:
    return [msgspec.json.decode(tool) for tool in tools_of(offered)]


@pytest.mark.parametrize(
    ("offered", "names"),
    [
        (Offered(), []),
        (Offered(has_calendar=True), ["find_slots", "book"]),
        (Offered(teams=("sales",)), ["hand_over"]),
        (Offered(True, ("sales",)), ["find_slots", "book", "hand_over"]),
    ],
)
def test_a_tool_is_offered_where_there_is_use_for_it(offered: Offered, names: list[str]) -> None:
    tools = described(offered)
    assert [tool["function"]["name"] for tool in tools] == names == list(names_of(offered))
    assert {tool["type"] for tool in tools} <= {"function"}


def test_many_teams_are_told_in_part() -> None:
    teams = tuple(f"team-{n}" for n in range(TEAMS_MAX + 1))
    (tool,) = described(Offered(teams=teams))
    listed = tool["function"]["parameters"]["properties"]["team"]["enum"]
    assert tuple(listed) == teams[:TEAMS_MAX]
    assert team_of(HandOver(teams[-1]), teams) == teams[-1]


# ---- arguments


@pytest.mark.parametrize("read", [read_find_slots, read_book, read_hand_over])
@pytest.mark.parametrize("text", ["[]", "7", '"x"', "{", '{"name": 7}{', "\ud800", '{"a":' * 5_000])
def test_arguments_that_are_none_are_answered_in_words(read: object, text: str) -> None:
    with pytest.raises(BadArguments, match="one JSON object"):
        read(text)  # type: ignore[operator]  # one of three readers


@pytest.mark.parametrize("text", ["", " ", "{}", '{"date_from": null}', '{"unknown": [1]}'])
def test_no_arguments_are_fine_where_none_are_needed(text: str) -> None:
    assert read_find_slots(text) == FindSlots()


@given(st.text(max_size=60))
def test_whatever_the_model_writes_is_read_or_answered(text: str) -> None:
    for read in (read_find_slots, read_book, read_hand_over):
        with suppress(BadArguments):
            assert isinstance(read(text), msgspec.Struct)


# ---- days


@pytest.mark.parametrize(
    ("first", "last", "days"),
    [
        (None, None, (0, DAYS_DEFAULT)),
        ("", " ", (0, DAYS_DEFAULT)),
        ("2026-11-24", None, (3, 3 + DAYS_DEFAULT)),
        ("2026-11-24", "2026-11-24", (3, 3)),
        ("2020-01-01", "2026-11-22", (0, 1)),
        ("2026-11-24T09:00:00", None, (3, 3 + DAYS_DEFAULT)),
    ],
)
def test_days_are_from_today_on_and_a_week_by_default(
    first: str | None, last: str | None, days: tuple[int, int]
) -> None:
    found = days_of(FindSlots(first, last), TODAY)
    assert tuple((day - TODAY).days for day in found) == days


def test_a_range_of_days_is_cut() -> None:
    first, last = days_of(FindSlots("2026-11-24", "2030-01-01"), TODAY)
    assert (last - first).days == DAYS_MAX
    assert days_of(FindSlots("9999-12-31"), TODAY)[1] == date.max


@pytest.mark.parametrize(
    "given_days",
    [FindSlots("tomorrow"), FindSlots("2026-11-30", "2026-11-24"), FindSlots("2026-13-1")],
)
def test_days_that_are_none_are_answered_in_words(given_days: FindSlots) -> None:
    with pytest.raises(BadArguments):
        days_of(given_days, TODAY)


# ---- the slot


def test_a_slot_without_an_offset_is_on_the_calendar_s_clock() -> None:
    with_offset = start_of(Book("2026-11-24T14:00:00-06:00"), "UTC")
    without = start_of(Book(" 2026-11-24T14:00 "), "America/Chicago")
    assert with_offset == without == datetime.fromisoformat("2026-11-24T20:00:00+00:00")


@pytest.mark.parametrize(
    "text", ["", "tomorrow at 2", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59"]
)
def test_a_slot_that_is_none_is_answered_in_words(text: str) -> None:
    with pytest.raises(BadArguments, match="call find_slots"):
        start_of(Book(text), "UTC")


# ---- the customer


SPOKEN = ("I am Ada", "write to Ada@Example.com or call (312) 555-0100, please")


def test_a_customer_is_whom_the_visitor_described() -> None:
    by_mail = customer_of(Book(name=" Ada  L. ", email="ada@example.com"), {}, SPOKEN)
    assert by_mail == Customer("Ada L.", "ada@example.com")
    by_phone = customer_of(Book(name="Ada", phone="+1 312 555 0100"), {}, SPOKEN)
    assert by_phone == Customer("Ada", phone="+1 312 555 0100")


def test_what_is_known_need_not_be_asked() -> None:
    contact = {"first_name": "Ada", "email": "ada@known.example"}
    assert customer_of(Book(), contact, ()) == Customer("Ada", "ada@known.example")
    same = customer_of(Book(email="ada@known.example"), contact, ())
    assert same == Customer("Ada", "ada@known.example")
    other = customer_of(Book(phone="312-555-0100"), contact, SPOKEN)
    assert other == Customer("Ada", phone="312-555-0100")


@pytest.mark.parametrize(
    ("book", "words"),
    [
        (Book(email="ada@example.com"), "name is missing"),
        (Book(name="Ada"), "e-mail address or a phone number first"),
        (Book(name="Ada", email="john@example.com"), "wrote no such e-mail"),
        (Book(name="Ada", email="ada at example"), "is no e-mail"),
        (Book(name="Ada", email="ada@example.com\n"), ""),
        (Book(name="Ada", phone="+1 312 555 9999"), "wrote no such phone"),
        (Book(name="Ada", phone="555"), "is no phone"),
        (Book(name="Ada", phone="call me"), "is no phone"),
        (Book(name="Ada", email="a" * 300 + "@example.com"), "is no e-mail"),
    ],
)
def test_what_the_visitor_never_wrote_is_not_booked(book: Book, words: str) -> None:
    if not words:
        assert customer_of(book, {}, SPOKEN).email == "ada@example.com"
        return
    with pytest.raises(BadArguments, match=words):
        customer_of(book, {}, SPOKEN)


# ---- the team


def test_a_team_is_one_of_the_workspace_s_in_any_spelling() -> None:
    teams = ("Sales", "Service")
    assert team_of(HandOver(" sales "), teams) == "Sales"
    assert team_of(HandOver(), teams) == team_of(HandOver(""), teams) == ""
    with pytest.raises(BadArguments, match="no such team"):
        team_of(HandOver("billing"), teams)
