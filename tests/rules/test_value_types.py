"""Values: how they are compared, converted on arrival, and printed."""

from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.checked import ValueType
from rules.value_types import (
    NUMBER_MAX,
    convert,
    fold,
    parse_date,
    parse_money,
    parse_number,
    parse_percent,
    parse_time_of_day,
    print_money,
    print_number,
    print_value,
)

NUMBER, MONEY, TEXT = ValueType("number"), ValueType("money"), ValueType("text")
YES_NO, DATE = ValueType("yes_no"), ValueType("date")
PLAN = ValueType("one_of", ("None", "Trial"))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (" Paid ", "paid"),
        ("STRASSE", "straße"),
        ("Cafe\u0301", "CAFÉ"),
        ("\u00a0x\u2003", "X"),
        ("ΌΣΟΣ", "όσοσ"),
    ],
)
def test_texts_are_equal_without_case_form_and_outer_spaces(left: str, right: str) -> None:
    assert fold(left) == fold(right)


@given(
    st.one_of(
        st.integers(-(10**19), 10**19),
        st.floats(allow_nan=False, allow_infinity=False),
        st.decimals("-999", "99999999999999", places=2).map(float),
        st.decimals("-9", "999", places=4).map(float),
        st.sampled_from([0.0, -0.0, 0.005, 0.015, 1.005, 2.675, 10.0**13, 9_999_999_999_999.99]),
    )
)
def test_money_arrives_as_the_hundredths_of_the_number_that_was_written(wire: float) -> None:
    exact = Decimal(repr(wire)) * 100
    fits = abs(wire) <= NUMBER_MAX and abs(exact) <= NUMBER_MAX
    hundredths = int(exact.to_integral_value(ROUND_HALF_EVEN)) if fits else None
    assert convert(MONEY, wire) == hundredths


@settings(max_examples=100)
@given(st.text(max_size=20))
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize(
    ("kind", "wire", "value"),
    [
        (NUMBER, 12, 12),
        (NUMBER, 0.5, 0.5),
        (NUMBER, "-2.5", -2.5),
        (NUMBER, "12.0", 12),
        (NUMBER, "1e3", None),
        (NUMBER, " 12", None),
        (NUMBER, "", None),
        (NUMBER, True, None),
        (NUMBER, float("nan"), None),
        (NUMBER, float("inf"), None),
        (NUMBER, 10**400, None),
        (NUMBER, [1], None),
        (MONEY, 9.5, 950),
        (MONEY, 1.005, 100),
        (MONEY, "1200", 120_000),
        (MONEY, "$5", None),
        (MONEY, NUMBER_MAX, None),
        (YES_NO, True, True),
        (YES_NO, "yes", None),
        (YES_NO, 1, None),
        (TEXT, " As Sent ", " As Sent "),
        (TEXT, 60601, "60601"),
        (TEXT, 2.50, "2.5"),
        (TEXT, False, None),
        (TEXT, None, None),
        (PLAN, " trial", "Trial"),
        (PLAN, "paid", None),
        (PLAN, None, None),
        (DATE, "2026-02-30", None),
        (DATE, 20260731, None),
        (DATE, "2026-07-31T", None),
        (DATE, "2026-07-31T25:00:00Z", None),
        (DATE, "2026-07-31T10:00:00", None),
    ],
)
def test_a_wire_value_is_converted_once_or_does_not_fit(
    kind: ValueType, wire: object, value: object
) -> None:
    converted = convert(kind, wire)
    assert converted == value
    assert type(converted) is type(value)


def test_a_time_is_the_day_it_is_at_the_site() -> None:
    moment = "2026-07-31T23:30:00Z"
    assert convert(DATE, moment) == date(2026, 7, 31).toordinal()
    assert convert(DATE, moment, ZoneInfo("Asia/Tokyo")) == date(2026, 8, 1).toordinal()


def test_a_time_at_the_end_of_all_days_does_not_fit() -> None:
    assert convert(DATE, "9999-12-31T23:59:59Z", ZoneInfo("Asia/Tokyo")) is None


@pytest.mark.parametrize(
    ("number", "text"), [(9, "9"), (9.0, "9"), (2.5, "2.5"), (-0.1, "-0.1"), (1e-7, "0.0000001")]
)
def test_numbers_print_without_trailing_zeros_and_exponents(number: float, text: str) -> None:
    assert print_number(number) == text


@pytest.mark.parametrize(
    ("hundredths", "text"), [(120_000, "$1,200"), (950, "$9.50"), (5, "$0.05"), (-300, "-$3")]
)
def test_money_prints_with_its_sign_and_thousands(hundredths: int, text: str) -> None:
    assert print_money(hundredths, "$") == text


@settings(max_examples=100)
@given(st.integers(0, NUMBER_MAX // 100))
def test_money_reads_what_it_prints(hundredths: int) -> None:
    assert parse_money(print_money(hundredths, "€")) == ("€", hundredths)


def test_values_print_as_a_visitor_reads_them() -> None:
    assert print_value(YES_NO, value=True, symbol="$") == "yes"
    assert print_value(YES_NO, value=False, symbol="$") == "no"
    assert print_value(MONEY, 120_000, "£") == "£1,200"
    assert print_value(DATE, date(2026, 7, 31).toordinal(), "$") == "2026-07-31"
    assert print_value(TEXT, "Ana", "$") == "Ana"
    assert print_value(NUMBER, 2.0, "$") == "2"


def test_literals_are_read_within_their_ranges() -> None:
    assert parse_number("007") == 7
    assert parse_number("9" * 31) is None
    assert parse_number(str(NUMBER_MAX + 1)) is None
    assert parse_money("$" + "9" * 30) is None
    assert parse_percent("100%") == 100
    assert parse_percent("100.5%") is None
    assert parse_date("2026-13-01") is None
    assert parse_date("26-1-1") is None
    assert parse_time_of_day("9:05") == 545
    assert parse_time_of_day("24:00") is None
    assert parse_time_of_day("soon") is None
