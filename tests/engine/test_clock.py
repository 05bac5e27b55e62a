"""Clocks never go back."""

import time

import pytest

from engine.clock import Stopwatch, StoreClock, SystemClock
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


class Monotonic:
    """A monotonic clock moved by hand, with a beginning that means nothing."""

    def __init__(self) -> None:
        self.at_ms = 777

    def __call__(self) -> int:
        return self.at_ms


def test_a_store_s_clock_runs_between_two_looks_at_the_store() -> None:
    monotonic = Monotonic()
    clock = StoreClock(5_000, monotonic)
    assert clock.now_ms() == 5_000
    monotonic.at_ms += 250
    assert clock.now_ms() == 5_250
    assert clock.follow(5_260) == 10
    assert clock.now_ms() == 5_260


def test_a_store_s_clock_stands_while_the_store_s_time_steps_back() -> None:
    monotonic = Monotonic()
    clock = StoreClock(5_000, monotonic)
    assert clock.follow(4_000) == -1_000
    monotonic.at_ms += 900
    assert clock.now_ms() == 5_000
    monotonic.at_ms += 200
    assert clock.now_ms() == 5_100


def test_a_store_s_clock_runs_by_itself_on_the_machine_s_monotonic_clock() -> None:
    clock = StoreClock(5_000)
    first = clock.now_ms()
    assert 5_000 <= first <= clock.now_ms()
