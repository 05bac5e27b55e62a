"""Synthetic visitors: the same seed makes the same ones, and they shop as people do."""

from itertools import islice

from engine.testing.traffic import HABITS, Shop, Visit, visits

SHOP = Shop("/", "/tents", "/guide", "/cart", (("Larch", 229), ("Fir", 359)))


def first(count: int, seed: int = 1) -> list[Visit]:
    return list(islice(visits(seed, SHOP), count))


def test_a_seed_makes_the_same_visitors_each_time() -> None:
    assert first(50) == first(50)


def test_another_seed_makes_other_visitors() -> None:
    assert [visit.steps for visit in first(5)] != [visit.steps for visit in first(5, seed=2)]


def test_every_habit_occurs_about_as_often_as_it_is_said() -> None:
    drawn = [visit.habit for visit in first(1_000)]
    for habit, share in HABITS:
        assert abs(drawn.count(habit) / 1_000 - share) < 0.05


def test_every_visit_begins_with_the_front_page_and_ends_with_leaving() -> None:
    for visit in first(100):
        assert (visit.steps[0].event, visit.steps[0].page) == ("page_view", SHOP.home)
        assert visit.steps[-1].event == "page_leave"
        assert all(step.after_ms >= 0 for step in visit.steps)


def test_who_buys_empties_the_cart_that_was_filled() -> None:
    bought = [visit for visit in first(200) if visit.habit == "buy"]
    assert bought
    for visit in bought:
        held = [
            step.attributes["cart.items"]
            for step in visit.steps
            if step.attributes.get("cart.items") is not None
        ]
        assert held[-1] == 0
        assert max(int(count) for count in held) >= 1


def test_no_visitor_is_another_one() -> None:
    names = [visit.visitor for visit in first(500)]
    assert len(set(names)) == 500
