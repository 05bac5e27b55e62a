"""What a rule's messages achieved, read from the counters: how many, how many converted, and against whom."""

from collections.abc import Mapping

import msgspec

from engine.counts import CAMPAIGN, RULE, split_count
from engine.results.stats import (
    Interval,
    Share,
    Verdict,
    difference_interval,
    share_interval,
    verdict,
)

Numbers = dict[str, int]
_COUNTED = (
    "eligible",
    "held_out",
    "sent",
    "delivered",
    "displayed",
    "read",
    "replied",
    "dismissed",
    "expired",
    "converted",
    "converted_held_out",
)


class Outcome(msgspec.Struct, frozen=True):
    """One rule's variant, or one campaign, over some days.

    `eligible` are the visitors for whom it was their turn: those who were sent a message and those held
    out. `conversion_rate` is of the messages sent; `lift` is that minus the share of the held-out
    visitors who converted, None without any.
    """

    rule: str
    variant: str
    eligible: int
    held_out: int
    sent: int
    delivered: int
    displayed: int
    read: int
    replied: int
    dismissed: int
    expired: int
    converted: int
    converted_held_out: int
    conversion_rate: Interval
    lift: Interval | None
    verdict: Verdict


def prefix_of_rule(rule: str | None) -> str:
    """Return how the counters of a rule begin, of every rule for None."""
    return RULE if rule is None else f"{RULE}{rule}|"


def prefix_of_campaign(campaign: str) -> str:
    """Return how the counters of a campaign begin; others may begin like it."""
    return f"{CAMPAIGN}{campaign}|"


def rule_outcomes(counts: Mapping[str, int]) -> tuple[Outcome, ...]:
    """Read the outcomes of rules, by name and variant."""
    found: dict[tuple[str, str], Numbers] = {}
    for name, number in counts.items():
        rule, variant, what = split_count(name)
        found.setdefault((rule, variant), {})[what] = number
    return tuple(_outcome(*key, numbers) for key, numbers in sorted(found.items()))


def campaign_outcome(campaign: str, counts: Mapping[str, int]) -> Outcome:
    """Read the outcome of one campaign; it has no variants."""
    numbers: Numbers = {}
    for name, number in counts.items():
        other, what = split_count(name)
        if other == campaign:
            numbers[what] = number
    return _outcome("", "", numbers)


def _outcome(rule: str, variant: str, numbers: Numbers) -> Outcome:
    counted = {what: numbers.get(what, 0) for what in _COUNTED}
    treated = _share(counted["converted"], counted["sent"])
    control = _share(counted["converted_held_out"], counted["held_out"])
    return Outcome(
        rule=rule,
        variant=variant,
        conversion_rate=share_interval(treated),
        lift=difference_interval(treated, control) if control.trials and treated.trials else None,
        verdict=verdict(treated, control),
        **counted,
    )


def _share(hits: int, trials: int) -> Share:
    """Count no more hits than trials: a message sent before the first day may convert after it."""
    return Share(min(hits, trials), trials)
