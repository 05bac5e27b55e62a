"""Times of clients' clocks in ours: corrected by the sending, in the device's own order, never in the future."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.ingest.client_clocks import (
    CLOCK_STEP_MS,
    CLOCKS_LEN_MAX,
    POINTS_MAX,
    ClientClocks,
)

NOW_MS = 1_800_000_000_000
DAY_MS = 86_400_000
EVENTS_MAX = 5


def corrected(
    clocks: ClientClocks, client_ms: int | None, sent_ms: int | None, now_ms: int, device: str = "v"
) -> int:
    return clocks.corrected("ws", device, client_ms, sent_ms, now_ms)


@st.composite
def requests(draw: st.DrawFn) -> list[tuple[int, int, list[int]]]:
    """(now, sent by the device's clock, its events), as they arrive: late ones after earlier ones."""
    behind_ms = draw(st.integers(-3 * DAY_MS, 3 * DAY_MS))
    rows = []
    for _ in range(draw(st.integers(1, POINTS_MAX // EVENTS_MAX))):
        sent_ms = NOW_MS - behind_ms + draw(st.integers(0, 100_000))
        late_ms = draw(st.integers(0, CLOCK_STEP_MS // 2))
        ages = draw(st.lists(st.integers(0, 100_000), min_size=1, max_size=EVENTS_MAX))
        rows.append((sent_ms + behind_ms + late_ms, sent_ms, [sent_ms - age for age in ages]))
    return sorted(rows, key=lambda row: row[0])


@given(requests())
def test_no_event_of_a_device_passes_an_earlier_one_of_its_clock(
    rows: list[tuple[int, int, list[int]]],
) -> None:
    clocks = ClientClocks()
    placed = [
        (client_ms, corrected(clocks, client_ms, sent_ms, now_ms), now_ms)
        for now_ms, sent_ms, events in rows
        for client_ms in events
    ]
    assert all(at_ms <= now_ms for _, at_ms, now_ms in placed)
    in_order = sorted({(client_ms, at_ms) for client_ms, at_ms, _ in placed})
    for (client_ms, at_ms), (later_ms, later_at_ms) in pairwise(in_order):
        assert client_ms < later_ms, "one instant of the device is one instant here"
        assert at_ms <= later_at_ms


@given(
    st.lists(st.tuples(st.integers(0, 2_000), st.integers(-DAY_MS, 30_000)), max_size=POINTS_MAX)
)
def test_a_device_that_does_not_say_when_it_sent_keeps_its_order_too(
    steps: list[tuple[int, int]],
) -> None:
    clocks, now_ms, placed = ClientClocks(), NOW_MS, []
    for step_ms, ahead_ms in steps:
        now_ms += step_ms
        at_ms = corrected(clocks, now_ms + ahead_ms, None, now_ms)
        assert at_ms <= now_ms
        placed.append((now_ms + ahead_ms, at_ms))
    for (_, at_ms), (_, later_at_ms) in pairwise(sorted(placed)):
        assert at_ms <= later_at_ms


@given(st.lists(st.integers(0, 40 * DAY_MS), max_size=50), st.integers(-DAY_MS, DAY_MS))
def test_events_of_one_request_are_moved_by_one_and_the_same_time(
    ages: list[int], behind_ms: int
) -> None:
    clocks, sent_ms = ClientClocks(), NOW_MS - behind_ms
    for age_ms in ages:
        assert corrected(clocks, sent_ms - age_ms, sent_ms, NOW_MS) == NOW_MS - age_ms


def test_an_event_without_a_time_is_now() -> None:
    assert corrected(ClientClocks(), None, NOW_MS - 5_000, NOW_MS) == NOW_MS


def test_without_a_time_of_sending_the_client_s_clock_is_taken_as_right() -> None:
    assert corrected(ClientClocks(), NOW_MS - 5_000, None, NOW_MS) == NOW_MS - 5_000


@pytest.mark.parametrize("sent_ms", [None, NOW_MS])
def test_a_time_in_the_future_becomes_now(sent_ms: int | None) -> None:
    assert corrected(ClientClocks(), NOW_MS + 1, sent_ms, NOW_MS) == NOW_MS


def test_a_time_long_ago_stays_what_it_is() -> None:
    old_ms = NOW_MS - 400 * DAY_MS
    assert corrected(ClientClocks(), old_ms, NOW_MS, NOW_MS) == old_ms


def test_an_event_is_moved_no_further_than_to_the_one_it_would_pass() -> None:
    clocks = ClientClocks()
    assert corrected(clocks, 1_000, 1_000, NOW_MS + 900) == NOW_MS + 900
    # Its request was quicker: by itself it would have been 800 ms before the first one.
    assert corrected(clocks, 1_100, 1_100, NOW_MS + 950) == NOW_MS + 950
    assert corrected(clocks, 1_050, 1_100, NOW_MS + 960) == NOW_MS + 910
    assert corrected(clocks, 1_020, 1_020, NOW_MS + 1_900) == NOW_MS + 910


def test_a_request_that_was_long_on_its_way_moves_nothing_that_followed_it() -> None:
    clocks = ClientClocks()
    assert corrected(clocks, 10_000, 10_000, NOW_MS) == NOW_MS
    assert corrected(clocks, 9_000, 9_000, NOW_MS + 20_000) == NOW_MS
    assert corrected(clocks, 11_000, 11_000, NOW_MS + 20_000) == NOW_MS + 20_000


def test_a_clock_that_was_set_begins_anew() -> None:
    clocks, ahead_ms = ClientClocks(), CLOCK_STEP_MS + 5_000
    assert corrected(clocks, NOW_MS + ahead_ms, None, NOW_MS) == NOW_MS
    assert corrected(clocks, NOW_MS + 9_000, None, NOW_MS + 9_000) == NOW_MS + 9_000


def test_devices_and_workspaces_have_clocks_of_their_own() -> None:
    clocks = ClientClocks()
    assert corrected(clocks, 5_000, 5_000, NOW_MS) == NOW_MS
    assert corrected(clocks, 4_000, 4_000, NOW_MS + 500, "w") == NOW_MS + 500
    assert clocks.corrected("other", "v", 4_000, 4_000, NOW_MS + 500) == NOW_MS + 500
    assert len(clocks) == 3


def test_the_device_heard_of_longest_ago_is_forgotten() -> None:
    assert CLOCKS_LEN_MAX > 2
    clocks = ClientClocks(limit=2)
    for device in ("a", "b", "a", "c"):
        corrected(clocks, 5_000, 5_000, NOW_MS, device)
    assert len(clocks) == 2
    assert corrected(clocks, 4_000, 4_000, NOW_MS + 500, "a") == NOW_MS
    assert corrected(clocks, 4_000, 4_000, NOW_MS + 500, "b") == NOW_MS + 500


def test_the_earliest_times_of_a_device_are_forgotten() -> None:
    clocks = ClientClocks()
    for number in range(POINTS_MAX + 1):
        # Each request takes another time, so that no time follows from its neighbours.
        sent_ms, late_ms = number * 1_000, number * (POINTS_MAX - number)
        corrected(clocks, sent_ms, sent_ms, NOW_MS + sent_ms + late_ms)
    now_ms, first_kept_ms = NOW_MS + 40_000, NOW_MS + 1_000 + POINTS_MAX - 1
    assert corrected(clocks, 1_000, 1_000, now_ms) == first_kept_ms
    # Known, the first one would still be at NOW_MS; forgotten, it only stays before those that are known.
    assert corrected(clocks, 0, 30_000, now_ms) == first_kept_ms
