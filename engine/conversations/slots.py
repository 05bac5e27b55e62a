"""Slots to book: cut from a calendar's opening hours on its local clock, as instants. Pure.

A slot's length is real time. Where the clock is set forward a slot whose start the clock leaves out, or
that would be shorter than it says, does not exist; where it is set back the hour that comes twice is
offered once. Local time is used here and in `engine/day_ranges.py`, and nowhere else.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

from engine.day_ranges import instants, zone

MINUTE_MS = 60_000
DAY_MIN = 1_440
DAY_MS = DAY_MIN * MINUTE_MS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)

Ranges = tuple[tuple[int, int], ...]
"""Opening hours of one weekday: (start, end) in minutes of its day; an end up to the start is on the next."""


class Calendar(msgspec.Struct, frozen=True):
    """What may be booked: `hours` by weekday from Monday, `closed` local days, an existing IANA `timezone`.

    Hours do not overlap. A slot can be booked when it starts `lead_ms` from now or later and at most
    `horizon_days` local days after today; `capacity` bookings fit in it.
    """

    id: str
    timezone: str
    hours: tuple[Ranges, Ranges, Ranges, Ranges, Ranges, Ranges, Ranges]
    name: str = ""
    slot_minutes: int = 120
    capacity: int = 1
    lead_ms: int = 3_600_000
    horizon_days: int = 60
    closed: frozenset[date] = frozenset()


class Slot(msgspec.Struct, frozen=True):
    """One slot: its bounds and the local day on which it starts."""

    start_ms: int
    end_ms: int
    day: date


def slots_of_day(calendar: Calendar, day: date) -> Iterator[Slot]:
    """Yield the slots of the hours that begin on a local day, earliest first, whether free or not."""
    if day in calendar.closed:
        return
    for start, end in sorted(calendar.hours[day.weekday()]):
        last = end if end > start else end + DAY_MIN
        yield from _slots_of_range(calendar, day, start, last)


def slots_between(calendar: Calendar, first: date, last: date, now_ms: int) -> Iterator[Slot]:
    """Yield the slots that may be booked now and start on a local day from `first` to `last`, both included."""
    today = local_day(calendar, now_ms)
    day = max(first, today) - _DAY
    horizon = today + calendar.horizon_days * _DAY
    end = min(last, horizon)
    while day <= end:
        for slot in slots_of_day(calendar, day):
            if first <= slot.day <= end and slot.start_ms >= now_ms + calendar.lead_ms:
                yield slot
        day += _DAY


def next_slots(calendar: Calendar, now_ms: int) -> Iterator[Slot]:
    """Yield all slots that may be booked now, earliest first."""
    return slots_between(calendar, local_day(calendar, now_ms), date.max, now_ms)


def slot_at(calendar: Calendar, start_ms: int, now_ms: int) -> Slot | None:
    """Find the slot that starts at an instant; None when there is none or it may not be booked now."""
    if not now_ms <= start_ms <= now_ms + (calendar.horizon_days + 2) * DAY_MS:
        return None
    day = local_day(calendar, start_ms)
    found = (s for s in slots_between(calendar, day, day, now_ms) if s.start_ms == start_ms)
    return next(found, None)


def local_day(calendar: Calendar, at_ms: int) -> date:
    """Return the calendar's local day of an instant."""
    return local(calendar.timezone, at_ms).date()


def local(timezone: str, at_ms: int) -> datetime:
    """Show an instant on the clock of an IANA zone that exists."""
    return (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(_zone(timezone))


def instant_ms(moment: datetime) -> int:
    """Return an aware instant as Unix milliseconds, rounded down; any year will do."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def clock_text(timezone: str, start_ms: int, end_ms: int) -> str:
    """Write hours as a person reads them on the clock of a zone: `2:00 PM - 4:00 PM`."""
    return hours_text(local(timezone, start_ms), local(timezone, end_ms))


def hours_text(start: datetime, end: datetime) -> str:
    """Write the hours from one local time to another: `2:00 PM - 4:00 PM`."""
    return f"{_clock(start)} - {_clock(end)}"


def offset_text(timezone: str, at_ms: int) -> str:
    """Write an instant on the clock of a zone, with its offset: `2024-01-22T14:00:00-05:00`."""
    return local(timezone, at_ms).isoformat(timespec="seconds")


def place_of(calendar_id: str, start_ms: int) -> str:
    """Name a slot as the store counts its bookings; places of a calendar sort by their start."""
    return f"{calendar_id}|{sortable(start_ms)}"


def sortable(at_ms: int) -> str:
    """Write an instant as text that sorts like it: `20240122T190000Z`."""
    return (_EPOCH + timedelta(milliseconds=at_ms)).strftime("%Y%m%dT%H%M%SZ")


def _slots_of_range(calendar: Calendar, day: date, start: int, last: int) -> Iterator[Slot]:
    step = calendar.slot_minutes
    minutes = range(start, last - step + 1, step)
    start_ms = _first_instant(calendar, day, start)
    if _first_instant(calendar, day, last) - start_ms == (last - start) * MINUTE_MS:
        # The clock is not changed in between: what is a minute on it is a minute.
        for minute in minutes:
            at_ms = start_ms + (minute - start) * MINUTE_MS
            yield Slot(at_ms, at_ms + step * MINUTE_MS, day + minute // DAY_MIN * _DAY)
        return
    found = (_slot(calendar, day, minute) for minute in minutes)
    yield from (slot for slot in found if slot is not None)


def _slot(calendar: Calendar, day: date, minute: int) -> Slot | None:
    """Place the slot that a day's clock starts at `minute` (>= 1,440: after midnight), if it exists."""
    start_ms = _wall_ms(calendar, day, minute)
    if start_ms is None:
        return None
    end_ms = start_ms + calendar.slot_minutes * MINUTE_MS
    if _first_instant(calendar, day, minute + calendar.slot_minutes) < end_ms:
        return None
    return Slot(start_ms, end_ms, day + minute // DAY_MIN * _DAY)


def _wall_ms(calendar: Calendar, day: date, minute: int) -> int | None:
    """Return the first instant at which the clock shows a minute, None when it leaves it out."""
    at_ms = _first_instant(calendar, day, minute)
    shown = local(calendar.timezone, at_ms)
    wanted = day + minute // DAY_MIN * _DAY, minute % DAY_MIN
    return at_ms if (shown.date(), shown.hour * 60 + shown.minute) == wanted else None


def _first_instant(calendar: Calendar, day: date, minute: int) -> int:
    ahead, rest = divmod(minute, DAY_MIN)
    return instants(day + ahead * _DAY, rest, _zone(calendar.timezone))[0]


@lru_cache(maxsize=1_024)
def _zone(name: str) -> ZoneInfo:
    found = zone(name)
    assert found is not None, "a calendar's zone is checked when it is read"
    return found


def _clock(at: datetime) -> str:
    half = "AM" if at.hour < 12 else "PM"
    return f"{at.hour % 12 or 12}:{at.minute:02} {half}"
