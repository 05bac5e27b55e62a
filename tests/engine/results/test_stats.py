"""Intervals against published values, and what holds for every count."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.results.stats import (
    CONVERSIONS_MIN,
    TRIALS_MIN,
    Share,
    difference_interval,
    share_interval,
    verdict,
)


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_a_share_has_the_published_interval(
    hits: int, trials: int, low: float, high: float
) -> None:
    """R. G. Newcombe, Statistics in Medicine 17 (1998), 857-872, Table I, method 3."""
    interval = share_interval(Share(hits, trials))
    assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)
    assert interval.value == hits / trials


@pytest.mark.parametrize(
    ("one", "two", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_a_difference_has_the_published_interval(
    one: tuple[int, int], two: tuple[int, int], low: float, high: float
) -> None:
    """R. G. Newcombe, Statistics in Medicine 17 (1998), 873-890, Table II, method 10."""
    interval = difference_interval(Share(*one), Share(*two))
    assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)


shares = st.integers(0, 10_000).flatmap(
    lambda trials: st.integers(0, trials).map(lambda hits: Share(hits, trials))
)


@given(shares)
def test_an_interval_holds_its_share_and_stays_between_none_and_all(share: Share) -> None:
    interval = share_interval(share)
    assert 0 <= interval.low <= interval.value <= interval.high <= 1


@given(shares, shares)
def test_a_difference_turned_round_is_its_mirror(one: Share, two: Share) -> None:
    there, back = difference_interval(one, two), difference_interval(two, one)
    assert there.value == pytest.approx(-back.value)
    assert there.low == pytest.approx(-back.high)
    assert there.high == pytest.approx(-back.low)
    assert -1 <= there.low <= there.value <= there.high <= 1


@given(shares)
def test_ten_times_the_trials_know_more(share: Share) -> None:
    if share.trials:
        few, many = share_interval(share), share_interval(Share(share.hits * 10, share.trials * 10))
        assert many.high - many.low < few.high - few.low


def test_nothing_is_known_without_trials() -> None:
    interval = share_interval(Share(0, 0))
    assert (interval.value, interval.low, interval.high) == (0, 0, 1)


def test_a_verdict_waits_for_enough_of_both() -> None:
    assert verdict(Share(20, TRIALS_MIN - 1), Share(0, 1_000)) == "too_few"
    assert verdict(Share(20, 1_000), Share(0, TRIALS_MIN - 1)) == "too_few"
    assert verdict(Share(CONVERSIONS_MIN - 1, 1_000), Share(0, 1_000)) == "too_few"
    assert verdict(Share(CONVERSIONS_MIN, 1_000), Share(0, 1_000)) != "too_few"


def test_a_verdict_is_what_the_interval_says() -> None:
    assert verdict(Share(90, 1_000), Share(60, 1_000)) == "helps"
    assert verdict(Share(60, 1_000), Share(90, 1_000)) == "hurts"
    assert verdict(Share(61, 1_000), Share(60, 1_000)) == "inconclusive"
