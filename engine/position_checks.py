"""When a partition of a shared store is looked at although nobody told of anything new in it. Pure.

What is told gets lost only with a connection, after which everything is looked at anyway. This is for what
nobody thought of, so it may be rare, and it is spread: no moment has all partitions.
"""

POSITION_CHECK_S = 15.0
"""How often each partition is looked at; of 256, every 5 s would cost an idle worker half a percent of a core."""

MOMENTS = 10
"""Moments in that time; the partitions of one are asked together, which costs least."""


def next_check_s(partition: int, now_s: float) -> float:
    """Return the first moment of a partition after `now_s`, at most `POSITION_CHECK_S` later."""
    moment_s = partition % MOMENTS / MOMENTS * POSITION_CHECK_S
    return now_s + POSITION_CHECK_S - (now_s - moment_s) % POSITION_CHECK_S
