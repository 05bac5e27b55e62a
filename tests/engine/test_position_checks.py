"""Looks at partitions of which nobody told anything: each in its turn, and never all at once."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from engine.position_checks import MOMENTS, POSITION_CHECK_S, next_check_s


@given(partition=st.integers(0, 255), now_s=st.floats(0, 1e7))
def test_a_partition_is_looked_at_within_the_time_of_a_check(partition: int, now_s: float) -> None:
    pause_s = next_check_s(partition, now_s) - now_s
    assert 0 < pause_s <= POSITION_CHECK_S + 1e-6


@given(now_s=st.floats(0, 1e7))
def test_the_looks_at_many_partitions_are_spread_over_the_time(now_s: float) -> None:
    moments = Counter(round(next_check_s(number, now_s) - now_s, 3) for number in range(256))
    assert len(moments) >= MOMENTS
    assert max(moments.values()) <= -(-256 // MOMENTS)
