"""What a configuration may offer: telephone numbers that exist, hours that slots fit in."""

from pathlib import Path

import pytest

from server.bookable import hours_problem, number_problem
from server.capacity import calendars_of, places_of, pools_of
from server.config_file import ConfigProblem
from tests.api.offices import OFFICE, office_config
from tests.server.running import write_config


@pytest.mark.parametrize(
    "number", ["+14165559999", "+12025550123", "+442079460958", "+49301234567", "+81312345678"]
)
def test_a_number_that_can_be_called_is_taken(number: str) -> None:
    assert number_problem(number) is None


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("", "is no telephone number"),
        ("call me", "is no telephone number"),
        ("4165559999", "is no telephone number"),
        ("+999123456789", "is no telephone number"),
        ("+1416555999", "has the wrong length"),
        ("+141655599990", "has the wrong length"),
        ("+15555555555", "is in no range"),
        ("+1 416 555 9999", 'write "+14165559999"'),
        ("+1(416)555-9999", 'write "+14165559999"'),
    ],
)
def test_another_is_refused_with_what_to_write(number: str, words: str) -> None:
    assert words in (number_problem(number) or "")


@pytest.mark.parametrize(
    ("week", "words"),
    [
        ({0: [(480, 1_080)]}, None),
        ({0: [(480, 720), (720, 1_080)]}, None),
        ({0: [(0, 1_440)], 1: [(0, 1_440)]}, None),
        ({6: [(1_320, 120)], 0: [(120, 240)]}, None),
        ({}, "no range is as long as a slot of 60 minutes"),
        ({0: [(480, 500)]}, "no range is as long as a slot of 60 minutes"),
        ({0: [(480, 480)]}, "mon 08:00-08:00 is empty"),
        ({0: [(480, 720), (660, 900)]}, "mon 08:00-12:00 and mon 11:00-15:00 overlap"),
        ({0: [(1_320, 360)], 1: [(300, 480)]}, "mon 22:00-06:00 and tue 05:00-08:00 overlap"),
        ({6: [(1_320, 120)], 0: [(60, 240)]}, "sun 22:00-02:00 and mon 01:00-04:00 overlap"),
    ],
)
def test_hours_have_room_for_a_slot_and_do_not_overlap(
    week: dict[int, list[tuple[int, int]]], words: str | None
) -> None:
    found = hours_problem([week.get(day, []) for day in range(7)], 60)
    assert found is None if words is None else words in (found or "")


@pytest.mark.parametrize(
    ("wrong", "right", "key", "words"),
    [
        ("+14165550000", "+1416555", "voice.numbers", "has the wrong length"),
        ("+14165550000", "+14165559999", "voice.numbers", "stands twice"),
        ('hold = "10m"', 'hold = "0s"', "voice.hold", "nobody can call"),
        ("Europe/Berlin", "Europe/Nowhere", "timezone", "is no IANA zone"),
        ('mon = ["09:00-10:00"]', 'mon = ["09:00-09:10"]', "hours", "no range is as long"),
        ('"2025-06-18"', '"2025-06-31"', "closed", "date"),
    ],
)
def test_a_wrong_value_stops_the_start_in_one_line(
    tmp_path: Path, wrong: str, right: str, key: str, words: str
) -> None:
    assert wrong in OFFICE
    with pytest.raises(ConfigProblem) as found:
        write_config(tmp_path, office_config(OFFICE.replace(wrong, right)))
    line = str(found.value)
    assert "\n" not in line
    assert key in line
    assert words in line


def test_settings_become_what_the_engine_lends_and_books(tmp_path: Path) -> None:
    config = write_config(tmp_path, office_config())
    main, short = calendars_of(config)["ws_dev"]
    assert (main.timezone, short.timezone) == ("America/Chicago", "Europe/Berlin")
    assert (main.slot_minutes, main.capacity, main.lead_ms, main.horizon_days) == (
        120,
        1,
        3_600_000,
        60,
    )
    assert main.hours[0] == ((480, 1_080),)
    assert main.hours[5] == ()
    assert [day.isoformat() for day in main.closed] == ["2025-06-18"]
    assert pools_of(config)["ws_dev"].hold_ms == 600_000
    assert "ws_other" not in pools_of(config)
    assert places_of(config) == {}


def test_an_assistant_with_a_limit_has_so_many_places(tmp_path: Path) -> None:
    limited = '\n  name = "Helper"\n  max_active_sessions = 3\n'
    text = office_config().replace('\n  name = "Helper"\n', limited)
    assert places_of(write_config(tmp_path, text)) == {("ws_dev", "asst_dev"): 3}
