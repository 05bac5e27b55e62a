"""The way to one endpoint: how many go at once, whose turn comes when, and what becomes of the dead."""

from hypothesis import given
from hypothesis import strategies as st

from engine.outbox.lane import (
    FAILURES_MAX,
    IN_FLIGHT_MAX,
    PROBE_MS,
    PUT_BACK_MS_MAX,
    WAITING_MAX,
    Lane,
)

NOW_MS = 1_750_000_000_000


def filled(lane: Lane, now_ms: int = NOW_MS) -> int:
    """Enter until it is full; returns how many went in."""
    entered = 0
    while lane.enter(now_ms) is None:
        entered += 1
    return entered


def dead() -> Lane:
    lane = Lane()
    for _ in range(FAILURES_MAX):
        assert lane.enter(NOW_MS) is None
        lane.leave(NOW_MS, 10, is_taken=False)
    return lane


def test_few_wait_for_an_endpoint_that_never_answered_and_for_a_slow_one_nobody() -> None:
    lane = Lane()
    assert filled(lane) == 2 * IN_FLIGHT_MAX
    for _ in range(lane.open):
        lane.leave(NOW_MS, 15_000, is_taken=True)
    assert filled(lane) == IN_FLIGHT_MAX


def test_more_wait_for_a_fast_endpoint_up_to_a_limit() -> None:
    lane = Lane()
    for _ in range(50):
        assert lane.enter(NOW_MS) is None
        lane.leave(NOW_MS, 5, is_taken=True)
    assert filled(lane) == IN_FLIGHT_MAX + WAITING_MAX


def test_what_is_put_back_comes_one_after_the_other() -> None:
    lane = Lane()
    filled(lane)
    turns = [lane.enter(NOW_MS) for _ in range(100)]
    assert all(turn is not None and turn > NOW_MS for turn in turns)
    assert turns == sorted(turns)
    assert len(set(turns)) > 50


def test_a_dead_endpoint_is_tried_by_one_at_a_time_every_five_seconds() -> None:
    lane = dead()
    assert lane.is_dead
    assert lane.enter(NOW_MS + PROBE_MS - 1) is not None
    assert lane.enter(NOW_MS + PROBE_MS) is None
    assert lane.enter(NOW_MS + PROBE_MS) is not None
    lane.leave(NOW_MS + PROBE_MS, 10, is_taken=False)
    assert lane.enter(NOW_MS + 2 * PROBE_MS - 1) is not None
    assert lane.enter(NOW_MS + 2 * PROBE_MS) is None
    lane.leave(NOW_MS + 2 * PROBE_MS, 10, is_taken=True)
    assert not lane.is_dead
    assert filled(lane, NOW_MS + 2 * PROBE_MS) >= IN_FLIGHT_MAX


def test_what_waits_for_the_dead_is_looked_at_ever_more_seldom_up_to_a_limit() -> None:
    lane = dead()
    pauses = [
        lane.after_death_ms(NOW_MS + ms) - NOW_MS - ms for ms in (0, 1_000, 60_000, 86_400_000)
    ]
    assert pauses == [PROBE_MS, PROBE_MS, 60_000, PUT_BACK_MS_MAX]


@given(
    st.lists(
        st.tuples(st.sampled_from(["enter", "good", "bad", "up"]), st.integers(0, 20_000)),
        max_size=200,
    )
)
def test_a_lane_is_never_over_its_limit_and_never_stuck(steps: list[tuple[str, int]]) -> None:
    lane, now_ms = Lane(), NOW_MS
    for step, ms in steps:
        now_ms += ms
        if step == "enter":
            turn_ms = lane.enter(now_ms)
            assert turn_ms is None or turn_ms > now_ms
        elif lane.open and step == "up":
            lane.give_up()
        elif lane.open:
            lane.leave(now_ms, ms, is_taken=step == "good")
        assert 0 <= lane.open <= IN_FLIGHT_MAX + WAITING_MAX
    while lane.open:
        lane.leave(now_ms, 1, is_taken=False)
    assert lane.enter(now_ms + PROBE_MS) is None
