"""Clocks never go back."""

import time

import pytest

from engine.clock import Stopwatch, SystemClock
from engine.testing.manual_clock import ManualClock


def test_the_wall_clock_repeats_itself_while_it_is_set_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    readings = iter([5_000_000_000, 3_000_000_000, 6_000_000_000])
    monkeypatch.setattr(time, "time_ns", lambda: next(readings))
    clock = SystemClock()
    assert [clock.now_ms() for _ in range(3)] == [5_000, 5_000, 6_000]


def test_a_manual_clock_moves_only_by_hand() -> None:
    clock = ManualClock(1_000)
    assert clock.now_ms() == 1_000
    assert clock.advance(250) == 1_250
    assert clock.set(2_000) == 2_000
    assert clock.now_ms() == 2_000


def test_a_manual_clock_refuses_to_go_back() -> None:
    with pytest.raises(ValueError, match="cannot go back from 1000 to 999"):
        ManualClock(1_000).set(999)


def test_a_stopwatch_measures() -> None:
    watch = Stopwatch()
    first = watch.elapsed_ms()
    assert 0 <= first <= watch.elapsed_ms()
