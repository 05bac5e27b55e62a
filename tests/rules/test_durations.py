"""Durations: what reads, and the precise reason for what does not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.durations import (
    ACROSS_MS_MAX,
    ACROSS_SESSIONS,
    AFTER_WAIT,
    IN_SESSION,
    IN_TEST,
    SESSION_MS_MAX,
    DurationPlace,
    DurationProblem,
    parse_duration,
    print_duration,
    print_session_duration,
)


@pytest.mark.parametrize(
    ("text", "ms"),
    [("45s", 45_000), ("1m30s", 90_000), ("2h", 7_200_000), ("500ms", 500), ("1h1ms", 3_600_001)],
)
def test_units_add_up(text: str, ms: int) -> None:
    assert parse_duration(text, IN_SESSION) == ms


@pytest.mark.parametrize(
    ("text", "place", "code", "suggestion"),
    [
        ("10mins", IN_SESSION, "OP102", "10m"),
        ("45sec", IN_SESSION, "OP102", "45s"),
        ("1M", IN_SESSION, "OP102", "1m"),
        ("2w", ACROSS_SESSIONS, "OP102", "14d"),
        ("3weeks", ACROSS_SESSIONS, "OP102", "21d"),
        ("1x", IN_SESSION, "OP102", "1s"),
        ("1d", IN_SESSION, "OP103", "24h"),
        ("30h", IN_SESSION, "OP103", "24h"),
        ("1.5h", IN_SESSION, "OP104", "1h30m"),
        ("30m1h", IN_SESSION, "OP104", "1h30m"),
        ("1m2m", IN_SESSION, "OP104", "3m"),
        ("0s", IN_SESSION, "OP104", "1s"),
        ("9999d", ACROSS_SESSIONS, "OP105", "3650d"),
        ("9" * 400 + "s", IN_SESSION, "OP103", "24h"),
        ("9" * 400 + ".5s", IN_SESSION, "OP104", "24h"),
    ],
)
def test_a_refusal_has_its_code_and_a_duration_that_would_do(
    text: str, place: DurationPlace, code: str, suggestion: str
) -> None:
    problem = parse_duration(text, place)
    assert isinstance(problem, DurationProblem)
    assert (problem.code, problem.suggestion) == (code, suggestion)
    assert isinstance(parse_duration(problem.suggestion, place), int)


def test_a_month_is_explained() -> None:
    problem = parse_duration("1M", IN_SESSION)
    assert isinstance(problem, DurationProblem)
    assert "there is no month" in problem.why


def test_zero_and_days_stand_only_where_they_mean_something() -> None:
    assert parse_duration("0s", AFTER_WAIT) == 0
    assert parse_duration("0s", IN_TEST) == 0
    assert parse_duration("14d", ACROSS_SESSIONS) == 14 * 86_400_000
    assert isinstance(parse_duration("1d", IN_TEST), DurationProblem)


@settings(max_examples=100)
@given(st.integers(1, ACROSS_MS_MAX))
def test_a_printed_duration_reads_back(ms: int) -> None:
    assert parse_duration(print_duration(ms), ACROSS_SESSIONS) == ms


@settings(max_examples=100)
@given(st.integers(1, SESSION_MS_MAX))
def test_a_duration_printed_for_a_session_reads_back_there(ms: int) -> None:
    assert parse_duration(print_session_duration(ms), IN_SESSION) == ms
