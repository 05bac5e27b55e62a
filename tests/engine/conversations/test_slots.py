"""Slots to book: cut from opening hours on a local clock, also on the days on which it is changed."""

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.conversations.slots import (
    DAY_MIN,
    MINUTE_MS,
    Calendar,
    Slot,
    clock_text,
    instant_ms,
    local,
    next_slots,
    offset_text,
    place_of,
    slot_at,
    slots_between,
    slots_of_day,
)

CHICAGO, BERLIN = "America/Chicago", "Europe/Berlin"
MONDAY = date(2026, 6, 1)


def calendar(
    *ranges: tuple[int, int], timezone: str = CHICAGO, slot_minutes: int = 60, **more: object
) -> Calendar:
    """Make a calendar with the same hours, in minutes, on every day."""
    hours = (ranges,) * 7
    return Calendar("main", timezone, hours, slot_minutes=slot_minutes, **more)  # type: ignore[arg-type]


def at(text: str) -> int:
    return instant_ms(datetime.fromisoformat(text))


def shown(one: Calendar, day: date) -> list[str]:
    return [offset_text(one.timezone, slot.start_ms)[11:] for slot in slots_of_day(one, day)]


def test_hours_are_cut_into_slots_and_what_is_too_short_is_none() -> None:
    one = calendar((480, 750), (780, 840), slot_minutes=120)
    assert shown(one, MONDAY) == ["08:00:00-05:00", "10:00:00-05:00"]


def test_a_weekday_has_its_own_hours_and_a_closed_day_none() -> None:
    hours = (((540, 660),), (), (), (), (), (), ())
    one = Calendar("main", "UTC", hours, slot_minutes=60, closed=frozenset({date(2026, 6, 8)}))
    assert len(shown(one, MONDAY)) == 2
    assert shown(one, date(2026, 6, 2)) == []
    assert shown(one, date(2026, 6, 8)) == []


def test_hours_that_cross_midnight_belong_to_the_day_they_begin_on() -> None:
    one = calendar((1_380, 120), timezone="UTC", closed=frozenset({date(2026, 6, 2)}))
    days = [(slot.day.day, local("UTC", slot.start_ms).hour) for slot in slots_of_day(one, MONDAY)]
    assert days == [(1, 23), (2, 0), (2, 1)]
    # The second of June is closed: its own late hours do not begin, those of the first go on.
    found = slots_between(one, date(2026, 6, 2), date(2026, 6, 3), at("2026-05-30T00:00:00Z"))
    assert [(slot.day.day, local("UTC", slot.start_ms).hour) for slot in found] == [
        (2, 0),
        (2, 1),
        (3, 23),
    ]


def test_a_whole_day_ends_at_midnight() -> None:
    assert len(shown(calendar((0, DAY_MIN)), MONDAY)) == 24


@pytest.mark.parametrize(
    ("zone", "day", "expected"),
    [
        # 02:00 to 03:00 is left out: so is the slot that starts then.
        (CHICAGO, date(2026, 3, 8), ["00:00:00-06:00", "01:00:00-06:00", "03:00:00-05:00"]),
        (BERLIN, date(2026, 3, 29), ["00:00:00+01:00", "01:00:00+01:00", "03:00:00+02:00"]),
        # 01:00 to 02:00 in Chicago, 02:00 to 03:00 in Berlin come twice: the first time counts.
        (
            CHICAGO,
            date(2026, 11, 1),
            ["00:00:00-05:00", "01:00:00-05:00", "02:00:00-06:00", "03:00:00-06:00"],
        ),
        (
            BERLIN,
            date(2026, 10, 25),
            ["00:00:00+02:00", "01:00:00+02:00", "02:00:00+02:00", "03:00:00+01:00"],
        ),
    ],
)
def test_a_day_on_which_the_clock_is_changed(zone: str, day: date, expected: list[str]) -> None:
    one = calendar((0, 240), timezone=zone)
    assert shown(one, day) == expected


def test_a_slot_that_would_be_shorter_than_it_says_does_not_exist() -> None:
    """On the clock 01:00 to 03:00 is two hours; on this night one of them is left out."""
    one = calendar((60, 420), slot_minutes=120)
    assert shown(one, date(2026, 3, 8)) == ["03:00:00-05:00", "05:00:00-05:00"]
    assert shown(one, date(2026, 3, 9)) == ["01:00:00-05:00", "03:00:00-05:00", "05:00:00-05:00"]


def test_a_slot_can_be_booked_after_the_lead_and_within_the_horizon() -> None:
    one = calendar((480, 600), lead_ms=60 * MINUTE_MS, horizon_days=2)
    now_ms = at("2026-06-01T07:30:00-05:00")
    found = list(next_slots(one, now_ms))
    assert [offset_text(CHICAGO, slot.start_ms)[:16] for slot in found] == [
        "2026-06-01T09:00",
        "2026-06-02T08:00",
        "2026-06-02T09:00",
        "2026-06-03T08:00",
        "2026-06-03T09:00",
    ]


@pytest.mark.parametrize(
    ("start", "is_found"),
    [
        ("2026-06-02T08:00:00-05:00", True),
        ("2026-06-02T13:00:00Z", True),  # the same instant with another offset
        ("2026-06-02T08:30:00-05:00", False),  # inside a slot
        ("2026-06-02T08:00:01-05:00", False),
        ("2026-06-01T08:00:00-05:00", False),  # inside the lead
        ("2026-05-31T08:00:00-05:00", False),  # in the past
        ("2026-06-03T08:00:00-05:00", True),
        ("2026-06-04T08:00:00-05:00", False),  # beyond the horizon
        ("0001-01-01T00:00:00+14:00", False),
        ("9999-12-31T23:59:59-14:00", False),
    ],
)
def test_only_the_start_of_a_bookable_slot_is_one(start: str, is_found: bool) -> None:
    one = calendar((480, 600), lead_ms=60 * MINUTE_MS, horizon_days=2)
    found = slot_at(one, at(start), at("2026-06-01T07:30:00-05:00"))
    assert (found is not None) is is_found


def test_days_at_the_ends_of_the_calendar_are_no_trouble() -> None:
    one = calendar((480, 600))
    now_ms = at("2026-06-01T07:30:00-05:00")
    assert list(slots_between(one, date.min, date(2026, 5, 31), now_ms)) == []
    assert list(slots_between(one, date.max, date.max, now_ms)) == []


def test_hours_are_written_for_people() -> None:
    noon = at("2024-01-22T12:00:00-06:00")
    assert clock_text(CHICAGO, noon, noon + 120 * MINUTE_MS) == "12:00 PM - 2:00 PM"
    assert clock_text(CHICAGO, noon - 720 * MINUTE_MS, noon - 35 * MINUTE_MS) == (
        "12:00 AM - 11:25 AM"
    )


def test_places_of_a_calendar_sort_by_their_start() -> None:
    early, late = at("2024-01-22T14:00:00-05:00"), at("2024-02-01T00:00:00Z")
    assert place_of("main", early) == "main|20240122T190000Z"
    assert place_of("main", early) < place_of("main", late)


# ---- laws

ZONES = st.sampled_from(
    [CHICAGO, BERLIN, "UTC", "America/Havana", "Australia/Lord_Howe", "Asia/Kolkata", "Asia/Tehran"]
)
# Days on which one of the clocks is changed, and the days before them.
CHANGES = [
    day - timedelta(days=before)
    for day in (
        date(2026, 3, 8),
        date(2026, 11, 1),
        date(2026, 3, 29),
        date(2026, 10, 25),
        date(2026, 4, 5),
        date(2026, 10, 4),
        date(2022, 3, 22),
        date(2021, 9, 22),
    )
    for before in (0, 1)
]
DAYS = st.sampled_from(CHANGES) | st.dates(date(2020, 1, 1), date(2030, 12, 31))


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    """Draw hours of a day that do not overlap; the last range may go on after midnight."""
    edges = draw(st.lists(st.integers(0, DAY_MIN - 1), min_size=2, max_size=6, unique=True))
    edges.sort()
    pairs = list(zip(edges[::2], edges[1::2], strict=False))
    if draw(st.booleans()):
        pairs[-1] = (pairs[-1][0], draw(st.integers(0, pairs[0][0])))
        if pairs[-1][1] == pairs[-1][0]:
            pairs[-1] = (pairs[-1][0], max(0, pairs[-1][1] - 1))
    return calendar(
        *pairs,
        timezone=draw(ZONES),
        slot_minutes=draw(st.integers(5, 240)),
        lead_ms=draw(st.integers(0, 600)) * MINUTE_MS,
        horizon_days=draw(st.integers(1, 12)),
    )


def slots(one: Calendar, first: date, days: int) -> list[Slot]:
    """List all slots from a day on, whether they can still be booked or not."""
    wanted = (first + timedelta(days=ahead) for ahead in range(days))
    return [slot for day in wanted for slot in slots_of_day(one, day)]


@given(calendars(), DAYS)
def test_slots_are_in_order_do_not_overlap_and_are_as_long_as_they_say(
    one: Calendar, day: date
) -> None:
    found = slots(one, day, 3)
    for slot in found:
        assert slot.end_ms - slot.start_ms == one.slot_minutes * MINUTE_MS
        assert slot.day == local(one.timezone, slot.start_ms).date()
    for before, after in itertools.pairwise(found):
        assert before.end_ms <= after.start_ms


@given(calendars(), DAYS)
def test_slots_lie_inside_the_hours_and_start_where_one_is_cut(one: Calendar, day: date) -> None:
    for slot in slots_of_day(one, day):
        wall = local(one.timezone, slot.start_ms).replace(tzinfo=None)
        minute = int((wall - datetime(day.year, day.month, day.day)).total_seconds()) // 60  # noqa: DTZ001 - a clock on a wall
        homes = [
            (start, end if end > start else end + DAY_MIN)
            for start, end in one.hours[0]
            if start <= minute < (end if end > start else end + DAY_MIN)
        ]
        ((start, end),) = homes
        assert (minute - start) % one.slot_minutes == 0
        assert minute + one.slot_minutes <= end


@given(calendars(), DAYS)
def test_each_time_that_the_clock_shows_and_that_fits_is_offered_once(
    one: Calendar, day: date
) -> None:
    """Beside a plain model: every minute of the day's instants, looked at one by one."""
    zone = ZoneInfo(one.timezone)
    begin = int(datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC).timestamp())
    walls: dict[tuple[date, int], int] = {}
    for at_s in range(begin - 3_600, begin + 51 * 3_600, 60):
        wall = datetime.fromtimestamp(at_s, zone)
        walls.setdefault((wall.date(), wall.hour * 60 + wall.minute), at_s * 1_000)
    expected = []
    for start, end in sorted(one.hours[0]):
        last = end if end > start else end + DAY_MIN
        for minute in range(start, last - one.slot_minutes + 1, one.slot_minutes):
            start_ms = walls.get(on_the_wall(day, minute))
            stop = on_the_wall(day, minute + one.slot_minutes)
            # An end that the clock leaves out is the end of the gap: the first instant that shows more.
            end_ms = walls.get(stop) or min(ms for shows, ms in walls.items() if shows > stop)
            if start_ms is not None and end_ms - start_ms >= one.slot_minutes * MINUTE_MS:
                expected.append(start_ms)
    assert [slot.start_ms for slot in slots_of_day(one, day)] == expected


def on_the_wall(day: date, minute: int) -> tuple[date, int]:
    return day + timedelta(days=minute // DAY_MIN), minute % DAY_MIN


@given(calendars(), DAYS, st.integers(0, 86_399))
def test_what_is_shown_can_be_booked_and_nothing_else(
    one: Calendar, day: date, second: int
) -> None:
    now_ms = at(f"{day.isoformat()}T00:00:00Z") + second * 1_000
    offered = {slot.start_ms for slot in next_slots(one, now_ms)}
    today = local(one.timezone, now_ms).date()
    every = slots(one, today - timedelta(days=1), one.horizon_days + 3)
    bookable = {slot.start_ms for slot in every if slot_at(one, slot.start_ms, now_ms) is not None}
    assert bookable == offered
    assert all(start_ms >= now_ms + one.lead_ms for start_ms in offered)
