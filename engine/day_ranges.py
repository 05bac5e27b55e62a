"""Hours of the day and days of the year on a local clock: inside now, and when that changes.

Times of day are read on the local wall clock. A time that a spring gap leaves out is the first instant
after the gap; in an autumn overlap a range holds in both passes (LANGUAGE.md 9). Local time is used
here, at the edge of a gate, and nowhere else.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from rules.checked import DayRange
from rules.facts import NEVER_MS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE_MS = 60_000
_DAYS_AHEAD = 8


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo | None:
    """Return the IANA zone of that name, or None when there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


def is_inside(day_range: DayRange, now_ms: int, tz: ZoneInfo) -> bool:
    """Tell whether the instant lies in the range; a wrapped range belongs to the day it started on."""
    local = _local(now_ms, tz)
    minute_of_day = local.hour * 60 + local.minute
    start, end = day_range.start_min, day_range.end_min
    if start < end:
        return start <= minute_of_day < end and _is_day(day_range, local.date())
    if minute_of_day >= start:
        return _is_day(day_range, local.date())
    return minute_of_day < end and _is_day(day_range, local.date() - timedelta(days=1))


def next_start_ms(day_range: DayRange, now_ms: int, tz: ZoneInfo) -> int:
    """Find the earliest instant after now at which the range holds; `NEVER_MS` beyond eight days."""
    today = _local(now_ms, tz).date()
    for ahead in range(_DAYS_AHEAD + 1):
        day = today + timedelta(days=ahead)
        for at_ms in instants(day, day_range.start_min, tz):
            if at_ms > now_ms and is_inside(day_range, at_ms, tz):
                return at_ms
    return NEVER_MS


def next_end_ms(day_range: DayRange, now_ms: int, tz: ZoneInfo) -> int:
    """Find the earliest instant after now at which the range, which holds now, holds no longer."""
    today = _local(now_ms, tz).date()
    for ahead in range(_DAYS_AHEAD + 1):
        for at_ms in instants(today + timedelta(days=ahead), day_range.end_min, tz):
            if at_ms > now_ms and not is_inside(day_range, at_ms, tz):
                return at_ms
    return NEVER_MS


class Watch:
    """One range in one zone, which remembers the stretch it was asked about last.

    `changes_ms` is the end of that stretch, > the instant asked about; NEVER_MS beyond eight days.
    """

    __slots__ = ("_from_ms", "_inside", "_range", "_zone", "changes_ms")

    def __init__(self, day_range: DayRange, tz: ZoneInfo) -> None:
        """Know no stretch yet."""
        self._range = day_range
        self._zone = tz
        self._from_ms = 0
        self._inside = False
        self.changes_ms = 0

    def is_inside(self, now_ms: int) -> bool:
        """Tell whether the instant lies in the range."""
        if not self._from_ms <= now_ms < self.changes_ms:
            self._inside = is_inside(self._range, now_ms, self._zone)
            find = next_end_ms if self._inside else next_start_ms
            self._from_ms, self.changes_ms = now_ms, find(self._range, now_ms, self._zone)
        return self._inside


@lru_cache(maxsize=4096)
def watch(day_range: DayRange, zone_name: str) -> Watch:
    """Return the watch over a range in a zone that exists."""
    tz = zone(zone_name)
    assert tz is not None, "a zone is checked before it is watched"
    return Watch(day_range, tz)


def day_start_ms(ordinal: int, tz: ZoneInfo) -> int:
    """Return the first instant of a calendar day, given as a proleptic ordinal."""
    return instants(date.fromordinal(ordinal), 0, tz)[0]


def day_ordinal(now_ms: int, tz: ZoneInfo) -> int:
    """Return the local calendar day of an instant as a proleptic ordinal."""
    return _local(now_ms, tz).toordinal()


def instants(day: date, minute_of_day: int, tz: ZoneInfo) -> list[int]:
    """List the instants at which a local clock shows that minute: one, or two in an autumn overlap.

    For a minute inside a spring gap: the first instant after the gap.
    """
    wall = datetime.combine(day, time(minute_of_day // 60, minute_of_day % 60))
    found: list[int] = []
    for fold in (0, 1):
        at_ms = unix_ms(wall.replace(tzinfo=tz, fold=fold))
        if _local(at_ms, tz).replace(tzinfo=None, fold=0) == wall and at_ms not in found:
            found.append(at_ms)
    return sorted(found) or [_gap_end_ms(wall, tz)]


def _gap_end_ms(wall: datetime, tz: ZoneInfo) -> int:
    """Search the minute at which the offset jumps over a wall time that does not exist."""
    # In a gap fold=1 reads the offset after it and so lies before the jump, fold=0 the other way round.
    before = unix_ms(wall.replace(tzinfo=tz, fold=1))
    after = unix_ms(wall.replace(tzinfo=tz, fold=0))
    offset = _local(before, tz).utcoffset()
    while after - before > _MINUTE_MS:
        middle = (before + after) // 2 // _MINUTE_MS * _MINUTE_MS
        if middle in (before, after):
            break
        if _local(middle, tz).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after


def _local(now_ms: int, tz: ZoneInfo) -> datetime:
    return (_EPOCH + timedelta(milliseconds=now_ms)).astimezone(tz)


def unix_ms(moment: datetime) -> int:
    """Return an aware instant as Unix milliseconds."""
    return (moment.astimezone(UTC) - _EPOCH) // timedelta(milliseconds=1)


def _is_day(day_range: DayRange, day: date) -> bool:
    return not day_range.days or day.isoweekday() in day_range.days
