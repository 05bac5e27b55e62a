"""The record of a decision names what came nearest, and the ledger what silenced a rule."""

from engine.limits import CLOSEST_RULES_MAX
from tests.engine.world import HELP, visit

OTHERS = (
    HELP
    + """
rule keen "Keen" {
  on page "/pricing"
  when score >= 90 and seen click
  say "Pricing for you?"
    reply "Yes" -> handoff
    reply "No"  -> dismiss
}
rule deep "Deep" {
  on page "/pricing"
  when scroll_depth >= 60%
  say "Pricing for you?"
    reply "Yes" -> handoff
    reply "No"  -> dismiss
}
rule elsewhere "Elsewhere" {
  on page "/other"
  say "Other things?"
    reply "Yes" -> handoff
    reply "No"  -> dismiss
}
"""
)


def test_a_sent_message_names_the_rule_that_came_nearest() -> None:
    made = visit(OTHERS)
    made.happen(0, made.event("view", 0, url="https://site.test/pricing"))
    made.look(60_000)
    (row,) = made.rows
    assert (row.rule, row.outcome, row.reason) == ("help", "sent", "fired")
    assert row.why == "help spoke on /pricing: 45 s"
    assert row.closest == "deep by when scroll_depth >= 60%"


def test_a_suppressed_rule_names_its_gates_and_when_they_open_once() -> None:
    made = visit(OTHERS)
    made.happen(0, made.event("view", 0, url="https://site.test/pricing"))
    made.happen(5_000, made.event("scroll", 5_000, properties={"depth": 80}))
    made.happen(6_000, made.event("activity", 6_000))
    (row,) = made.rows
    assert (row.rule, row.outcome, row.gates) == ("deep", "suppressed", ("first_after",))
    assert row.why == "deep was held back: it was too early in the visit; it opens in 25 s"
    assert row.closest == "help by when time_on_page >= 45s"


def test_without_another_rule_for_the_page_nothing_is_closest() -> None:
    made = visit(HELP)
    made.happen(0, made.event("view", 0, url="https://site.test/pricing"))
    made.look(60_000)
    assert made.rows[0].closest == ""


def test_only_the_strongest_rules_of_a_page_are_looked_at_for_the_nearest() -> None:
    strong = "".join(
        OTHERS.split("rule deep")[0]
        .split("rule keen")[1]
        .join((f"rule strong{n}", ""))
        .replace("on page", "priority 90\n  on page")
        for n in range(CLOSEST_RULES_MAX)
    )
    made = visit(OTHERS + strong)
    made.happen(0, made.event("view", 0, url="https://site.test/pricing"))
    made.look(60_000)
    assert made.rows[0].closest.startswith("strong0 by when")
