"""Counters of rules and campaigns, read as outcomes."""

from engine.counts import campaign_count, rule_count
from engine.results.results import campaign_outcome, prefix_of_rule, rule_outcomes


def test_each_variant_of_each_rule_is_a_row() -> None:
    counts = {
        rule_count("help", "short", "sent"): 100,
        rule_count("help", "short", "converted"): 9,
        rule_count("help", "short", "held_out"): 50,
        rule_count("help", "short", "converted_held_out"): 1,
        rule_count("help", "long", "sent"): 3,
        rule_count("cart", "", "expired"): 2,
    }
    rows = rule_outcomes(counts)
    assert [(row.rule, row.variant) for row in rows] == [
        ("cart", ""),
        ("help", "long"),
        ("help", "short"),
    ]
    short = rows[2]
    assert (short.sent, short.held_out, short.converted, short.displayed) == (100, 50, 9, 0)
    assert short.conversion_rate.value == 0.09
    assert short.lift is not None
    assert round(short.lift.value, 4) == 0.07
    assert short.verdict == "inconclusive"


def test_without_anybody_held_out_there_is_no_lift() -> None:
    (row,) = rule_outcomes({rule_count("help", "", "sent"): 1_000})
    assert (row.lift, row.verdict) == (None, "too_few")


def test_more_conversions_than_messages_are_all_of_them() -> None:
    counts = {rule_count("help", "", "sent"): 2, rule_count("help", "", "converted"): 3}
    (row,) = rule_outcomes(counts)
    assert (row.converted, row.conversion_rate.value) == (3, 1.0)


def test_a_campaign_is_read_without_those_that_begin_like_it() -> None:
    counts = {
        campaign_count("spring", "sent"): 4,
        campaign_count("spring|sale", "sent"): 5,
        campaign_count("spring|sale", "replied"): 1,
    }
    assert campaign_outcome("spring", counts).sent == 4
    assert campaign_outcome("spring|sale", counts).replied == 1


def test_the_prefix_of_a_rule_is_not_that_of_a_longer_name() -> None:
    assert not rule_count("helper", "", "sent").startswith(prefix_of_rule("help"))
    assert rule_count("help", "a", "sent").startswith(prefix_of_rule("help"))
    assert rule_count("help", "a", "sent").startswith(prefix_of_rule(None))
