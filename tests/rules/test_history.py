"""A history answers by counting its list anew."""

from rules import checked as c
from rules.history import Happening, pattern_matches
from tests.rules.checked_forms import (
    at,
    change,
    clock,
    count,
    event,
    held,
    history,
    late,
    pages,
    pattern,
    quiet,
    sequence,
    then_no,
)  # fmt: skip


def test_visible_time_is_the_sum_of_the_visible_intervals() -> None:
    past = history(
        event(0, "view"), event(5, "hide"), event(7, "hide"), event(10, "show"), event(12, "view")
    )
    assert past.clock_ms("time_on_site", at(20)) == 15_000
    assert past.clock_ms("time_on_page", at(20)) == 8_000
    assert past.clock_ms("page_age", at(20)) == 8_000
    assert past.clock_ms("session_age", at(20)) == 20_000


def test_a_page_viewed_while_hidden_is_not_seen_until_the_tab_shows() -> None:
    past = history(event(0, "view"), event(5, "hide"), event(6, "view"), event(9, "show"))
    assert past.first(3).clock_ms("time_on_page", at(8)) == 0
    assert not past.first(3).clock_runs("time_on_page")
    assert past.clock_ms("time_on_page", at(11)) == 2_000


def test_before_the_first_view_the_page_has_no_clocks_and_no_scroll() -> None:
    deep = Happening(at(1), "scroll", scroll_percent=40.0)
    past = history(event(0, "click", ""), deep)
    assert past.page_key() == ""
    assert past.scroll_percent() == 0.0
    assert not past.clock_runs("page_age")
    assert past.clock_runs("time_on_site")


def test_scroll_is_the_deepest_on_this_page() -> None:
    scrolls = [
        Happening(at(n), "scroll", "/a", scroll_percent=p) for n, p in ((1, 60.0), (2, 20.0))
    ]
    assert history(event(0, "view"), *scrolls).scroll_percent() == 60.0
    assert history(event(0, "view"), *scrolls, event(3, "view")).scroll_percent() == 0.0


def test_a_view_counts_for_its_own_page_and_starts_the_count_anew() -> None:
    past = history(event(0, "view"), event(1, "click"), event(2, "view"), event(3, "click"))
    assert past.count(pattern("view"), "page") == 1
    assert past.count(pattern("click"), "page") == 1
    assert past.count(pattern("click"), "session") == 2


def test_late_events_set_attributes_and_count_for_the_session() -> None:
    told = Happening(at(20), "click", attributes={"plan": "pro"}, counted_only=True)
    past = history(event(0, "view"), told, late(21, "view", "/b"), late(22, "hide"))
    assert past.attribute("plan") == "pro"
    assert past.count(pattern("view"), "session") == 2
    assert past.count(pattern("click"), "page") == 0
    assert past.page_key() == "/a"
    assert past.clock_runs("time_on_page")
    assert past.latest(pattern("click")) is None


def test_an_attribute_can_become_absent_again() -> None:
    past = history(event(0, "view"), change(1, plan=None), given={"plan": "pro"})
    assert past.first(1).attribute("plan") == "pro"
    assert past.attribute("plan") is None


def test_a_bare_change_is_no_event() -> None:
    assert not pattern_matches(pattern("activity"), change(1, plan="pro"))


def test_activity_matches_whatever_is_activity() -> None:
    assert pattern_matches(pattern("activity"), event(0, "click"))
    assert not pattern_matches(pattern("activity"), event(0, "idle"))


def test_filters_must_all_hold_and_absent_fields_match_nothing() -> None:
    dear = c.FieldFilter("price", "money", "compare", ">=", (1_000,))
    named = c.FieldFilter("name", "text", "contains", None, ("shell",))
    both = pattern("order", None, dear, named)
    assert pattern_matches(both, event(0, "order", price=1_000, name="Rain SHELL"))
    assert not pattern_matches(both, event(0, "order", price=999, name="Rain shell"))
    assert not pattern_matches(both, event(0, "order", name="Rain shell"))


def test_every_test_of_a_field_has_its_meaning() -> None:
    fields: dict[str, c.Value] = {"name": "Anna", "price": 950}
    cases: list[tuple[c.FieldFilter, bool]] = [
        (c.FieldFilter("name", "text", "starts_with", None, ("an",)), True),
        (c.FieldFilter("name", "text", "in", None, ("bo", "anna")), True),
        (c.FieldFilter("price", "money", "between", None, (950, 1_000)), True),
        (c.FieldFilter("price", "money", "between", None, (951, 1_000)), False),
        (c.FieldFilter("price", "money", "compare", "!=", (950,)), False),
    ]
    for test, expected in cases:
        happening = Happening(at(0), "order", fields=fields)
        assert pattern_matches(pattern("order", None, test), happening) is expected


def test_a_pattern_of_pages_looks_at_the_page_of_the_event() -> None:
    on_cart = pattern("click", pages("/cart"))
    assert pattern_matches(on_cart, event(0, "click", "/cart"))
    assert not pattern_matches(on_cart, event(0, "click", ""))


def test_times_are_the_newest_in_order() -> None:
    past = history(*(event(n, "click") for n in (0, 1, 1, 4)))
    assert list(past.times(pattern("click"), 3)) == [at(1), at(1), at(4)]
    assert list(past.times(pattern("click"), 9)) == [at(0), at(1), at(1), at(4)]
    assert list(past.times(pattern("click"), 0)) == []


def test_a_sequence_ends_with_its_newest_match() -> None:
    past = history(event(0, "view"), event(3, "click"), event(9, "click"))
    state = past.sequence(sequence("view", "click", within_s=3))
    assert (state.matched, state.end_ms) == (True, at(9))
    left = past.sequence(then_no("view", absent="click", seconds=1))
    assert (left.end_ms, left.broken) == (at(0), True)


def test_a_stretch_begins_where_the_condition_came_true_by_itself() -> None:
    past = history(event(0, "view"), event(20, "scroll"))
    assert past.since(held(quiet("click", 5), 1), at(30)) == at(5)
    assert past.since(held(clock("session_age", ">", 25), 1), at(30)) == at(25) + 1
    assert past.since(held(quiet("click", 31), 1), at(30)) is None


def test_an_event_at_the_instant_of_a_change_wins() -> None:
    past = history(event(0, "click"), event(5, "click"))
    assert past.since(held(quiet("click", 5), 1), at(5)) is None
    assert past.since(held(count("least", 1, "click", 5), 1), at(9)) == at(0)


def test_a_stretch_is_broken_by_each_single_event() -> None:
    """Of two events at one instant the first breaks the stretch, though the second mends it."""
    plan = c.AttributePlan("plan", c.ValueType("text"), optional=True, default=None)
    is_pro = c.AttributeTest(plan, "=", "pro", "plan = pro")
    past = history(
        event(0, "view"), change(3, plan="free"), change(3, plan="pro"), given={"plan": "pro"}
    )
    assert past.since(held(is_pro, 1), at(9)) == at(3)
