"""When a session begins."""

from engine.limits import LATE_MS_MAX
from engine.openings import first_instant

NOW_MS = 1_750_000_000_000


def test_a_session_begins_with_its_earliest_event() -> None:
    assert first_instant([NOW_MS - 10, NOW_MS - 300], NOW_MS) == NOW_MS - 300


def test_a_browser_whose_clock_is_ahead_begins_its_session_now() -> None:
    assert first_instant([NOW_MS + 145], NOW_MS) == NOW_MS


def test_an_event_that_is_too_late_for_its_place_begins_nothing_before_now() -> None:
    assert first_instant([NOW_MS - LATE_MS_MAX - 1], NOW_MS) == NOW_MS
