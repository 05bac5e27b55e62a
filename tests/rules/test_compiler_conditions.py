"""Conditions in generated code: three values, windows, sequences, held conditions and their bounds."""

from dataclasses import replace

import pytest

from rules.checked import Negation
from rules.compiler import compile_program
from tests.rules.compiled_visits import Visit, one_rule

NEVER = float("inf")
PLAN = 'attribute visitor.plan: one_of ["none", "trial", "paid"] optional'
AGES = "attribute visitor.age: number optional\nattribute visitor.limit: number default 18"


@pytest.mark.parametrize(
    ("condition", "absent", "trial", "paid"),
    [
        ('visitor.plan = "trial"', False, True, False),
        ('visitor.plan is known and visitor.plan != "trial"', False, False, True),
        ('visitor.plan is known and not visitor.plan = "trial"', False, False, True),
        ('visitor.plan in ["trial", "none"]', False, True, False),
        ('visitor.plan is known and visitor.plan not in ["trial"]', False, False, True),
        ("visitor.plan is unknown", True, False, False),
        ('visitor.plan is unknown or not visitor.plan = "paid"', True, True, False),
        ('visitor.plan = "paid" or scroll_depth < 1%', True, True, True),
        ('visitor.plan contains "ri"', False, True, False),
        ('visitor.plan starts with "PA"', False, False, True),
    ],
)
def test_only_true_holds_and_unknown_is_not_true(
    condition: str, absent: bool, trial: bool, paid: bool
) -> None:
    program = one_rule(condition, declared=PLAN)
    assert Visit(program).holds(0) is absent
    assert Visit(program, {"visitor.plan": " Trial"}).holds(0) is trial
    assert Visit(program, {"visitor.plan": "paid"}).holds(0) is paid


def test_an_unknown_unless_blocks() -> None:
    rule = 'scroll_depth >= 0%\n  unless visitor.plan is known and visitor.plan = "paid"'
    assert Visit(one_rule(rule, declared=PLAN)).holds(0)
    open_question = 'scroll_depth >= 0%\n  unless visitor.plan = "paid" or visitor.plan is unknown'
    assert not Visit(one_rule(open_question, declared=PLAN)).holds(0)


def test_two_attributes_are_compared_and_a_default_stands_in() -> None:
    program = one_rule("visitor.age >= visitor.limit", declared=AGES)
    assert not Visit(program).holds(0)
    assert Visit(program, {"visitor.age": 18}).holds(0)
    assert not Visit(program, {"visitor.age": 18, "visitor.limit": 21}).holds(0)


def test_a_window_is_open_at_its_start_and_closed_at_its_end() -> None:
    visit = Visit(one_rule("seen click in last 10s")).event(0, "click")
    assert visit.holds(0)
    assert visit.holds(9.999)
    assert not visit.holds(10)
    assert visit.bound(10) == NEVER


def test_at_most_waits_for_the_match_that_leaves() -> None:
    visit = Visit(one_rule("at most 1 click in last 10s")).event(1, "click").event(4, "click")
    assert not visit.holds(4)
    assert visit.bound(4) == 11
    assert visit.holds(11)


def test_quiet_counts_from_the_start_and_from_each_match() -> None:
    visit = Visit(one_rule("no click for 20s")).event(0, "view", "/a")
    assert visit.bound(0) == 20
    assert visit.event(15, "click").bound(15) == 35
    assert not visit.holds(34.999)
    assert visit.holds(35)


def test_hidden_time_is_not_waited_for() -> None:
    visit = Visit(one_rule("time_on_page >= 30s")).event(0, "view", "/a")
    assert visit.bound(0) == 30
    assert visit.event(10, "hide").bound(10) == NEVER
    assert visit.event(50, "show").bound(50) == 70
    assert visit.holds(70)


def test_what_only_an_event_can_change_leaves_nothing_to_wait_for() -> None:
    program = one_rule("time_on_page >= 30s and seen click", page='page "/a"')
    visit = Visit(program).event(0, "view", "/a")
    assert visit.bound(0) == NEVER
    assert visit.event(5, "click").bound(5) == 30


def test_one_event_is_not_two_steps() -> None:
    visit = Visit(one_rule("seen click then click")).event(0, "click")
    assert not visit.holds(0)
    assert visit.event(0, "click").holds(0)


def test_within_measures_from_the_latest_start() -> None:
    visit = Visit(one_rule("seen form_start then click within 10s"))
    visit.event(0, "form_start").event(8, "form_start").event(11, "click")
    assert visit.holds(11)
    slow = Visit(one_rule("seen form_start then click then scroll within 10s"))
    slow.event(0, "form_start").event(3, "click").event(10.001, "scroll")
    assert not slow.holds(11)
    slow.event(11, "form_start").event(12, "click").event(21, "scroll")
    assert slow.holds(21)


def test_two_gaps_of_one_sequence_are_two_questions() -> None:
    steps = "seen form_start then click within"
    visit = Visit(one_rule(f"{steps} 20s and not {steps} 10s"))
    visit.event(0, "form_start").event(15, "click")
    assert visit.holds(15)


def test_two_absent_events_of_one_sequence_are_two_questions() -> None:
    steps = "seen click then no"
    visit = Visit(one_rule(f"{steps} scroll for 5s and not {steps} form_start for 5s"))
    visit.event(0, "click").event(1, "form_start")
    assert visit.holds(5)


def test_a_pattern_of_pages_counts_where_the_event_happened() -> None:
    visit = Visit(one_rule('at least 2 click of "/a" and seen view of "/b"'))
    visit.event(0, "view", "/a").event(1, "click").event(2, "view", "/b").event(3, "click")
    assert not visit.holds(3)
    assert visit.event(4, "view", "/a").event(5, "click").holds(5)


def test_a_sequence_in_a_window_is_as_young_as_its_end() -> None:
    visit = Visit(one_rule("seen form_start then click in last 5s"))
    visit.event(0, "form_start").event(10, "click")
    assert visit.holds(14.999)
    assert not visit.holds(15)
    assert visit.event(16, "click").holds(16)


def test_then_no_starts_again_with_each_match_and_ends_with_the_absent_event() -> None:
    program = one_rule("seen add_to_cart then no checkout_start for 120s")
    visit = Visit(program).event(30, "add_to_cart")
    assert visit.bound(30) == 150
    assert visit.event(100, "add_to_cart").bound(100) == 220
    assert visit.event(200, "checkout_start").bound(200) == NEVER
    assert not visit.holds(400)
    assert visit.event(410, "add_to_cart").bound(410) == 530
    assert visit.holds(530)


def test_an_event_that_is_both_last_step_and_absent_is_the_match() -> None:
    visit = Visit(one_rule("seen click then click then no click for 10s"))
    visit.event(0, "click").event(1, "click").event(5, "click")
    assert visit.bound(5) == 15
    assert visit.holds(15)


def test_a_held_condition_holds_after_its_time_and_ends_with_its_condition() -> None:
    program = one_rule("(scroll_depth >= 0% and seen click in last 10s) for 5s")
    visit = Visit(program).event(0, "view", "/a").event(2, "click")
    assert visit.bound(2) == 7
    assert not visit.holds(6.999)
    assert visit.holds(7)
    assert visit.holds(11.999)
    assert not visit.holds(12)
    assert visit.bound(12) == NEVER


def test_a_held_condition_waits_for_its_condition_first() -> None:
    visit = Visit(one_rule("(time_on_page >= 20s) for 5s")).event(0, "view", "/a")
    assert visit.bound(0) == 25
    assert not visit.holds(24.999)
    assert visit.holds(25)


def test_an_event_at_the_very_instant_of_a_change_wins() -> None:
    """The second click comes when the first one leaves the window: the stretch goes on."""
    program = one_rule("(seen click in last 10s) for 15s")
    visit = Visit(program).event(0, "click").event(10, "click")
    assert visit.holds(15)


def test_one_held_condition_within_another_is_looked_at_first() -> None:
    program = one_rule("((no click for 10s) for 10s) for 10s")
    visit = Visit(program).event(0, "view", "/a")
    assert visit.holds(30)
    visit.event(31, "click")
    assert not visit.holds(60.999)
    assert visit.holds(61)


def test_a_held_condition_that_turns_unknown_is_broken() -> None:
    program = one_rule('(visitor.plan = "paid" or seen click in last 5s) for 3s', declared=PLAN)
    visit = Visit(program).event(0, "click")
    assert visit.holds(4.999)
    assert not visit.holds(5)
    assert program.next_held(visit.engine.state, visit.engine.state.clock_ms) >= 1 << 61


def test_the_end_of_a_held_condition_is_waited_for_also_where_it_turns_unknown() -> None:
    program = one_rule('(visitor.plan = "paid" or seen click in last 5s) for 3s', declared=PLAN)
    (rule,) = program.rules
    turned = replace(rule, when=Negation(rule.when, f"not {rule.when.key}"))
    visit = Visit(compile_program(replace(program.checked, rules=(turned,)))).event(0, "click")
    assert visit.holds(2)
    assert not visit.holds(4)
    assert visit.bound(4) == 5
    assert visit.holds(5)


def test_a_held_choice_waits_for_the_part_that_the_clock_can_end() -> None:
    tier = 'attribute visitor.tier: text default "none"'
    condition = '(visitor.tier not in ["gold"] or time_on_page <= 20s) for 5s'
    visit = Visit(one_rule(condition, declared=tier), {"visitor.tier": "Gold"})
    visit.event(0, "view", "/a")
    assert visit.holds(20)
    assert not visit.holds(20.001)
    visit.change(30, "visitor.tier", None)
    assert visit.bound(30) == 35


def test_new_rules_look_at_held_conditions_from_now_on() -> None:
    """A register that lags behind, as after a reload, is caught up with rather than believed."""
    visit = Visit(one_rule("(no click for 10s) for 10s")).event(0, "view", "/a")
    visit.engine.look(visit.engine.state.start_ms + 60_000)
    visit.engine.state.regs = visit.program.new_registers()
    assert not visit.holds(65)
    assert visit.holds(71)
