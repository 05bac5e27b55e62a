"""The program as a whole: pages, masks, registers, plans, and what an event may change."""

from collections.abc import Iterator

import pytest

from rules.compiler import Program, compile_program
from rules.compiler.indexes import PAGES_MAX
from rules.compiler.plans import FUSE_AFTER_USES, PLANS_MAX, RULES_A_PIECE, Plans
from rules.facts import NEVER_MS
from tests.rules.compiled_visits import T0, Visit, compiled, ms, one_rule

SHOP = """
attribute cart.total: money default $0
pages cart = "/cart"
policy { never on page "/checkout/**" }
score { +10 per view up to 30  +5 when cart.total >= $50 }
rule stalled "Stalled" {
  on page cart, "/p/**"
  except page "/p/gift"
  when at least 2 add_to_cart (price >= $20) in last 60s
  say "Hello"
}
rule anywhere "Anywhere" {
  on any page
  when score >= 20 and scroll_depth >= 50%
  say "Hello {page.query.name | there}"
}
rule rich "Rich" {
  on page cart
  when cart.total >= $100 and page.query.ref = "mail"
  unless seen purchase of cart
  say "Hello"
}
"""


@pytest.fixture
def shop() -> Program:
    return compiled(SHOP)


def test_a_page_allows_the_rules_whose_list_holds_and_whose_exceptions_do_not(
    shop: Program,
) -> None:
    assert shop.page_rules("shop.test/cart") == 0b111
    assert shop.page_rules("shop.test/p/shirt") == 0b011
    assert shop.page_rules("shop.test/p/gift") == 0b010
    assert shop.page_rules("shop.test/elsewhere") == 0b010


def test_before_the_first_view_only_rules_of_any_page_may_speak(shop: Program) -> None:
    assert shop.page_rules("") == 0b010
    assert shop.page_bits("") == 0


def test_a_list_of_the_policy_is_asked_of_a_page(shop: Program) -> None:
    never_on = shop.checked.policy.never_on
    assert never_on is not None
    assert shop.is_on(never_on, "shop.test/checkout/pay")
    assert not shop.is_on(never_on, "shop.test/cart")
    assert not shop.is_on(never_on, "")


def test_more_pages_than_are_remembered_are_still_answered(shop: Program) -> None:
    for number in range(PAGES_MAX + 10):
        assert shop.page_rules(f"shop.test/p/{number}") == 0b011
    assert shop.page_rules("shop.test/p/0") == 0b011
    assert len(shop._pages) <= PAGES_MAX


def test_equal_questions_share_a_register(shop: Program) -> None:
    keys = [register.key for register in shop.registers]
    assert len(keys) == len(set(keys))
    assert shop.cell_numbers == {key: number for number, key in enumerate(keys)}
    assert [register.kind for register in shop.registers] == [
        "session_count",
        "times",
        "session_count",
    ]


def test_a_times_register_is_as_long_as_its_longest_question() -> None:
    program = one_rule("at least 2 click in last 9s and at most 4 click in last 5s")
    (number,) = (at for at, it in enumerate(program.registers) if it.kind == "times")
    assert program.registers[number].size == 5
    visit = Visit(program)
    for second in range(9):
        visit.event(second, "click")
    assert visit.engine.state.regs[number] == [ms(second) for second in range(4, 9)]


def test_page_registers_are_named_so_that_a_view_can_empty_them() -> None:
    program = one_rule("at least 2 click this page and seen click")
    assert [program.registers[number].kind for number in program.page_registers] == ["page_count"]
    visit = Visit(program).event(0, "view", "/a").event(1, "click").event(2, "click")
    assert visit.holds(2)
    assert not visit.event(3, "view", "/b").holds(3)


def test_fields_and_query_names_are_those_that_something_reads(shop: Program) -> None:
    assert {name: [it.name for it in plans] for name, plans in shop.field_plans.items()} == {
        "add_to_cart": ["price"]
    }
    assert shop.query_names == {"ref", "name"}


def test_an_event_concerns_the_rules_that_count_it_themselves_or_through_the_score(
    shop: Program,
) -> None:
    assert shop.dirty("add_to_cart") == 0b001
    assert shop.dirty("scroll") == 0b010
    assert shop.dirty("purchase") == 0b100
    assert shop.dirty("view") == -1
    assert shop.dirty("idle") == 0
    assert shop.dirty_attributes(["cart.total"]) == 0b110
    assert shop.dirty_attributes(["visitor.name"]) == 0


def test_activity_concerns_a_rule_with_every_event() -> None:
    program = one_rule("no activity for 20s")
    assert program.dirty("click") == 0b1
    assert program.dirty("whatever") == 0b1


def test_the_mask_leaves_out_rules(shop: Program) -> None:
    visit = Visit(shop).event(0, "view", "/cart").event(0, "view", "/cart")
    visit.engine.state.scroll = 60.0
    assert visit.matching(1) == [1]
    assert visit.matching(1, 0b101) == []


def test_evaluating_changes_nothing() -> None:
    program = one_rule("(time_on_page >= 5s) for 3s and score >= 1")
    visit = Visit(program).event(0, "view", "/a")
    visit.engine.look(ms(6))
    before = repr(visit.engine.state)
    program.evaluate(visit.engine.state, ms(6))
    program.score(visit.engine.state, ms(6))
    program.next_held(visit.engine.state, ms(6))
    assert repr(visit.engine.state) == before


@pytest.mark.parametrize(
    ("condition", "name", "stirs"),
    [
        ("no activity for 20s", "click", False),
        ("no activity of cart for 20s", "click", True),
        ("no click for 20s", "click", True),
        ("no click for 20s", "purchase", False),
        ("at least 1 activity in last 20s", "click", True),
        ("seen click then purchase within 20s", "purchase", True),
        ("scroll_depth >= 50%", "scroll", True),
        ("time_on_page >= 20s", "scroll", False),
        ("score >= 10", "view", True),
        ("score >= 10", "click", False),
        ("cart.total >= $50", "view", False),
    ],
)
def test_an_event_stirs_held_conditions_that_read_what_it_changes(
    condition: str, name: str, stirs: bool
) -> None:
    declared = """
attribute cart.total: money default $0
pages cart = "/cart"
score { +10 per view up to 30  -5 when no activity for 60s }
"""
    program = one_rule(f"({condition}) for 3s", declared=declared)
    visit = Visit(program).event(0, "view", "/cart")
    assert program.heard(program.page(visit.engine.state), name).stirs is stirs


def test_a_look_tells_until_when_nothing_held_changes_activity_apart() -> None:
    program = one_rule("(no activity for 4s and time_on_page >= 2s) for 3s")
    visit = Visit(program).event(0, "view", "/a")
    assert program.look(visit.engine.state) == ms(4)
    visit.engine.look(ms(5))
    # It is quiet: any activity would end that.
    assert program.look(visit.engine.state) == ms(4)
    assert program.next_held(visit.engine.state, ms(5)) == NEVER_MS
    visit.event(6, "click")
    assert program.look(visit.engine.state) == ms(10)


def many_rules(count: int) -> Program:
    rules = "\n".join(
        f'rule r{number} "R" {{ on any page when time_on_page >= {number + 1}s'
        f' and visitor.plan = "p{number % 3}" and score >= {number % 7} say "Hello" }}'
        for number in range(count)
    )
    return compiled(f"attribute visitor.plan: text optional\n{rules}")


def answers(program: Program) -> Iterator[tuple[list[int], int]]:
    visit = Visit(program, {"visitor.plan": "P1 "}).event(0, "view", "/a")
    for second in (1, 5, 20, 40):
        visit.engine.look(ms(second))
        yield program.evaluate(visit.engine.state, ms(second))


def test_fused_rules_answer_as_single_ones_do() -> None:
    program = many_rules(2 * RULES_A_PIECE + 3)
    first = list(answers(program))
    assert [numbers for numbers, _ in first] == [
        [number for number in range(second) if number % 3 == 1 and number < len(program.rules)]
        for second in (1, 5, 20, 40)
    ]
    for _ in range(FUSE_AFTER_USES):
        list(answers(program))
    plan = program._pages["shop.test/a"].plan
    assert plan is not None
    assert len(plan.functions) == 3
    assert list(answers(program)) == first


def test_more_sets_of_rules_than_are_remembered_are_still_decided(shop: Program) -> None:
    state = Visit(shop).engine.state
    rules = many_rules(11).rules
    plans = Plans(rules, lambda some: lambda *_: some[0].number)
    for mask in range(1, PLANS_MAX + 10):
        (first, *_) = plans.plan(mask).functions
        assert 1 << first(state, 0, 0, []) == mask & -mask
    assert len(plans._plans) <= PLANS_MAX


def test_a_program_is_warmed_in_small_steps_and_answers_the_same() -> None:
    program = many_rules(5)
    steps = sum(1 for _ in program.warm())
    assert steps >= len(program.rules)
    assert list(answers(program)) == list(answers(many_rules(5)))


def test_deeply_nested_conditions_are_written_in_little_time() -> None:
    """Asking a part of a condition again at every level would take 2 ** 60 steps."""
    defines = "".join(
        f"define d{level} = d{level - 1} {'and' if level % 2 else 'or'} page_age >= {level}s\n"
        for level in range(1, 60)
    )
    program = one_rule("d59", declared=f"define d0 = scroll_depth >= 1%\n{defines}")
    visit = Visit(program).event(0, "view", "/a")
    assert visit.bound(0) == 59
    assert visit.holds(59)


def test_a_set_without_rules_has_nothing_to_say() -> None:
    program = compiled("")
    visit = Visit(program).event(0, "view", "/a")
    assert visit.program.evaluate(visit.engine.state, T0) == ([], NEVER_MS)
    assert visit.score(0) == 9


def test_a_rule_set_compiles_without_its_sources() -> None:
    checked = one_rule("scroll_depth >= 10%").checked
    program = compile_program(checked)
    visit = Visit(program).event(0, "view", "/a")
    visit.engine.state.scroll = 10.0
    assert visit.holds(1)


def test_a_late_event_counts_for_the_session_and_nothing_else() -> None:
    seen = Visit(one_rule("seen click")).late(20, "click")
    assert seen.holds(20)
    recent = Visit(one_rule("seen click in last 60s")).late(20, "click")
    assert not recent.holds(20)
    quiet = Visit(one_rule("no click for 15s")).late(20, "click")
    assert quiet.holds(20)


def test_an_error_in_generated_code_shows_the_line_of_the_rule() -> None:
    program = compiled(
        "attribute visitor.age: number optional\n"
        'rule greet "Greet" {\n'
        "  on any page\n"
        "  when scroll_depth >= 0%\n"
        "   and visitor.age >= 18\n"
        '  say "Hello"\n'
        "}\n"
    )
    visit = Visit(program, {"visitor.age": "old"})
    with pytest.raises(TypeError) as caught:
        visit.matching(0)
    last = caught.traceback[-1]
    assert (str(last.path).endswith("test.rules"), last.lineno + 1) == (True, 5)
