"""When a session begins, and on what device."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.events import Event
from engine.limits import LATE_MS_MAX
from engine.openings import device_of, first_instant

NOW_MS = 1_750_000_000_000
TIMES = st.one_of(
    st.integers(-3, 3),
    st.integers(LATE_MS_MAX - 3, LATE_MS_MAX + 3),
    st.integers(-(1 << 40), 1 << 40),
)


def begins_ms(*times_ms: int) -> int:
    return first_instant([Event("", "click", at_ms) for at_ms in times_ms], NOW_MS)


def test_a_session_begins_with_its_earliest_event() -> None:
    assert begins_ms(NOW_MS - 10, NOW_MS - 300) == NOW_MS - 300


def test_a_browser_whose_clock_is_ahead_begins_its_session_now() -> None:
    assert begins_ms(NOW_MS + 145) == NOW_MS


def test_an_event_that_is_too_late_for_its_place_begins_nothing_before_now() -> None:
    assert begins_ms(NOW_MS - LATE_MS_MAX - 1) == NOW_MS


@given(st.lists(TIMES, max_size=6))
def test_it_begins_with_the_earliest_of_those_in_place_or_now(ages_ms: list[int]) -> None:
    in_place = [NOW_MS - age_ms for age_ms in ages_ms if age_ms <= LATE_MS_MAX]
    assert begins_ms(*(NOW_MS - age_ms for age_ms in ages_ms)) == min([NOW_MS, *in_place])


@pytest.mark.parametrize(
    ("user_agent", "device"),
    [
        ("", "desktop"),
        ("Mozilla/5.0 (X11; Linux x86_64)", "desktop"),
        ("Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) Mobile/15E148", "tablet"),
        ("Mozilla/5.0 (Linux; Android 14; SM-X200)", "tablet"),
        ("Mozilla/5.0 (Linux; Android 14; Pixel 8) Mobile", "mobile"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)", "mobile"),
        ("Mozilla/5.0 (Windows Phone 10.0)", "mobile"),
    ],
)
def test_a_user_agent_tells_the_kind_of_device(user_agent: str, device: str) -> None:
    assert device_of(user_agent) == device
