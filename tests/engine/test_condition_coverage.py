"""Which conditions the tests of a rule set saw from both sides."""

from engine.condition_coverage import ConditionCoverage
from engine.rule_tests import run_tests
from tests.engine.world import program_of

RULES = """
rule help "Help" {
  on page "/pricing"
  when time_on_page >= 45s
  and scroll_depth >= 50%
  unless seen add_to_cart
  say "Questions?"
    reply "Yes" -> ask "Which?"
    reply "No"  -> dismiss
}
"""
SILENT = """
test "too early" {
  at 0s view "/pricing"
  at 10s expect no message
}
"""
SPOKEN = """
test "in time" {
  at 0s view "/pricing"
  at 10s scroll 60%
  at 45s expect message from help
  at 50s event add_to_cart
}
"""


def covered(text: str) -> ConditionCoverage:
    program = program_of(text)
    coverage = ConditionCoverage(program)
    assert all(outcome.passed for outcome in run_tests(program, coverage.look))
    return coverage


def test_without_tests_nothing_was_seen() -> None:
    coverage = covered(RULES)
    assert (coverage.conditions, coverage.conditions_seen, coverage.rules_spoken) == (3, 0, 0)


def test_a_condition_seen_from_one_side_is_named() -> None:
    coverage = covered(RULES + SILENT)
    assert (coverage.conditions_seen, coverage.rules_spoken) == (0, 0)
    assert coverage.unseen() == (
        "help: time_on_page >= 45s was never true",
        "help: scroll_depth >= 50% was never true",
        "help: seen add_to_cart was never true",
    )


def test_conditions_seen_from_both_sides_are_covered() -> None:
    coverage = covered(RULES + SPOKEN)
    assert (coverage.conditions_seen, coverage.rules_spoken) == (3, 1)
    assert coverage.unseen() == ()


def test_a_page_that_no_test_looks_at_shows_nothing() -> None:
    coverage = covered(RULES + SILENT.replace("/pricing", "/docs"))
    assert coverage.conditions_seen == 0
