"""Intervals for shares and for the difference of two shares. Pure; no distribution but the normal one.

Wilson (1927) for one share; for a difference the hybrid score interval, method 10 of R. G. Newcombe,
Statistics in Medicine 17 (1998), 873-890. Both hold near 0 and 1 and for few trials, where the usual
"plus or minus" does not.
"""

import math
from typing import Literal

import msgspec

Z_95 = 1.959963984540054
"""The 97.5 % point of the normal distribution: intervals are two-sided, 95 %."""

TRIALS_MIN = 30
"""Fewer in either group: too few for a verdict."""

CONVERSIONS_MIN = 5
"""Fewer conversions in both groups together: too few for a verdict."""

Verdict = Literal["helps", "hurts", "inconclusive", "too_few"]


class Interval(msgspec.Struct, frozen=True):
    """An estimate with its 95 % interval; shares in 0..1, differences in -1..1."""

    value: float
    low: float
    high: float


class Share(msgspec.Struct, frozen=True):
    """So many hits in so many trials; 0 <= hits <= trials."""

    hits: int
    trials: int

    @property
    def value(self) -> float:
        """Return the share, 0 without trials."""
        return self.hits / self.trials if self.trials else 0.0


def share_interval(share: Share) -> Interval:
    """Return a share with its Wilson interval; without trials nothing is known: 0 to 1."""
    if share.trials == 0:
        return Interval(0.0, 0.0, 1.0)
    square = Z_95 * Z_95
    whole = share.trials + square
    middle = (share.hits + square / 2) / whole
    spread = Z_95 * math.sqrt(share.hits * (1 - share.value) + square / 4) / whole
    # At none and at all the bound is the share itself; rounding must not say otherwise.
    low = 0.0 if share.hits == 0 else max(0.0, middle - spread)
    high = 1.0 if share.hits == share.trials else min(1.0, middle + spread)
    return Interval(share.value, low, high)


def difference_interval(treated: Share, control: Share) -> Interval:
    """Return how much the first share is above the second, with Newcombe's interval."""
    one, two = share_interval(treated), share_interval(control)
    value = one.value - two.value
    below = math.hypot(one.value - one.low, two.high - two.value)
    above = math.hypot(one.high - one.value, two.value - two.low)
    return Interval(value, max(-1.0, value - below), min(1.0, value + above))


def verdict(treated: Share, control: Share) -> Verdict:
    """Say what can be said of a difference at 95 %."""
    if min(treated.trials, control.trials) < TRIALS_MIN:
        return "too_few"
    if treated.hits + control.hits < CONVERSIONS_MIN:
        return "too_few"
    lift = difference_interval(treated, control)
    if lift.low > 0:
        return "helps"
    return "hurts" if lift.high < 0 else "inconclusive"
