"""Hours of the day on local clocks: midnight, spring gaps, autumn overlaps."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from engine.day_ranges import day_start_ms, instants, is_inside, next_end_ms, next_start_ms, zone
from rules.checked import DayRange
from rules.facts import NEVER_MS

CHICAGO = ZoneInfo("America/Chicago")
NIGHT = DayRange(22 * 60, 7 * 60, "site")
OFFICE = DayRange(9 * 60, 17 * 60, "site", days=(1, 2, 3, 4, 5))


def at(text: str, tz: ZoneInfo = CHICAGO) -> int:
    moment = datetime.fromisoformat(text)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=tz)
    return int(aware.astimezone(UTC).timestamp() * 1_000)


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        ("2026-01-14T21:59:59", False),
        ("2026-01-14T22:00", True),
        ("2026-01-15T06:59:59.999", True),
        ("2026-01-15T07:00", False),
    ],
)
def test_a_range_over_midnight_holds_its_start_and_not_its_end(moment: str, inside: bool) -> None:
    assert is_inside(NIGHT, at(moment), CHICAGO) is inside


def test_a_wrapped_range_belongs_to_the_day_it_started_on() -> None:
    friday_night = DayRange(22 * 60, 2 * 60, "site", days=(5,))
    assert is_inside(friday_night, at("2026-01-17T01:00"), CHICAGO)  # Saturday, started on Friday
    assert not is_inside(friday_night, at("2026-01-16T01:00"), CHICAGO)
    assert not is_inside(friday_night, at("2026-01-17T23:00"), CHICAGO)


def test_it_tells_when_it_ends_and_when_it_starts() -> None:
    assert next_end_ms(NIGHT, at("2026-01-14T23:30"), CHICAGO) == at("2026-01-15T07:00")
    assert next_end_ms(NIGHT, at("2026-01-15T03:00"), CHICAGO) == at("2026-01-15T07:00")
    assert next_start_ms(OFFICE, at("2026-01-16T18:00"), CHICAGO) == at("2026-01-19T09:00")
    assert next_start_ms(OFFICE, at("2026-01-16T08:59"), CHICAGO) == at("2026-01-16T09:00")


def test_a_range_on_no_day_that_comes_never_starts() -> None:
    assert next_start_ms(DayRange(0, 60, "site", days=(9,)), at("2026-01-16T18:00"), CHICAGO) == (
        NEVER_MS
    )


def test_a_time_inside_a_spring_gap_is_the_first_instant_after_it() -> None:
    day = datetime(2026, 3, 8, tzinfo=CHICAGO).date()  # 02:00 to 03:00 does not exist
    assert instants(day, 2 * 60 + 30, CHICAGO) == [at("2026-03-08T03:00")]
    early = DayRange(60, 2 * 60 + 30, "site")
    assert is_inside(early, at("2026-03-08T01:59:59"), CHICAGO)
    assert not is_inside(early, at("2026-03-08T03:00"), CHICAGO)
    assert next_end_ms(early, at("2026-03-08T01:30"), CHICAGO) == at("2026-03-08T03:00")


def test_in_an_autumn_overlap_a_range_holds_in_both_passes() -> None:
    day = datetime(2026, 11, 1, tzinfo=CHICAGO).date()
    first, second = instants(day, 90, CHICAGO)
    assert second - first == 3_600_000
    hour = DayRange(90, 120, "site")
    assert is_inside(hour, first, CHICAGO)
    assert is_inside(hour, second, CHICAGO)
    assert next_start_ms(hour, first + 1_900_000, CHICAGO) == second


def test_a_day_starts_at_local_midnight() -> None:
    ordinal = datetime(2026, 7, 1, tzinfo=CHICAGO).toordinal()
    assert day_start_ms(ordinal, CHICAGO) == at("2026-07-01T00:00")


def test_an_unknown_zone_is_none() -> None:
    assert zone("Mars/Olympus") is None
    assert zone("") is None
    assert zone("../etc/passwd") is None
