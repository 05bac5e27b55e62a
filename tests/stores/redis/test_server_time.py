"""The servers' time: from the quickest answers, the median of the servers, never back."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.clock import Stopwatch
from engine.stores.redis.server_time import Offset, ServerTime


class Steps(Stopwatch):
    """A watch that shows what a test says."""

    def __init__(self) -> None:
        super().__init__()
        self.ms = 0.0

    def elapsed_ms(self) -> float:
        return self.ms


def offset_of(us: int) -> Offset:
    offset = Offset()
    offset.add(0.0, 0.0, us)
    return offset


def test_the_quickest_of_the_last_answers_counts() -> None:
    offset = Offset()
    offset.add(0.0, 10.0, 1_009_000)
    assert offset.offset_us == 1_004_000
    offset.add(100.0, 101.0, 1_100_500)
    assert offset.offset_us == 1_000_000
    offset.add(200.0, 260.0, 1_200_000)
    assert offset.offset_us == 1_000_000
    for turn in range(16):
        offset.add(1_000.0 + turn, 1_004.0 + turn, 2_004_000 + turn * 1_000)
    assert offset.offset_us == 1_002_000


def test_the_median_of_the_servers_counts() -> None:
    watch = Steps()
    time = ServerTime(watch)
    wrong, right, near = offset_of(9_000_000_000), offset_of(5_000_000), offset_of(5_001_000)
    time.follow([wrong, right, near, Offset()])
    watch.ms = 2.0
    assert time.now_ms() == 5_003


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(-(10**9), 10**9)), max_size=30))
def test_it_never_steps_back(steps: list[tuple[int, int]]) -> None:
    watch = Steps()
    time = ServerTime(watch)
    before = 0
    for forward_ms, offset_us in steps:
        watch.ms += forward_ms
        time.follow([offset_of(offset_us)])
        assert time.now_ms() >= before
        before = time.now_ms()


def test_a_clock_that_jumps_is_told_and_followed(caplog: pytest.LogCaptureFixture) -> None:
    offset = offset_of(0)
    with caplog.at_level(logging.WARNING, "opportune.stores"):
        offset.add(1_000.0, 1_100.0, 61_050_000)
    assert offset.offset_us == 60_000_000
    assert "jumped by 60.0 s" in caplog.text
