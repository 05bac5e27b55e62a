"""The score in generated code: its value, and bounds that are never late and seldom early."""

import math

from hypothesis import given
from hypothesis import strategies as st

from rules.compiler.score_bounds import gain_due, odds_gap
from rules.compiler.scoring import odds_to_score
from rules.facts import NEVER_MS
from tests.rules.compiled_visits import Visit, compiled

RULE = 'rule greet "Greet" { on any page when score >= 40 say "Hello" }'


def scored(block: str) -> Visit:
    return Visit(compiled(f"{block}\n{RULE}")).event(0, "view", "/a")


def test_points_add_up_within_their_bounds_and_within_the_score() -> None:
    visit = scored(
        "score { start 5  +2 per 10s of time_on_page up to 7  +10 per click up to 15"
        "  -20 when no activity for 60s  -3 per 30s of session_age up to 6 }"
    )
    assert visit.score(9.999) == 5
    assert visit.score(10) == 7
    assert visit.event(11, "click").event(12, "click").score(12) == 22
    assert visit.score(59) == 5 + 7 + 15 - 3
    assert visit.score(72) == 5 + 7 + 15 - 6 - 20
    assert visit.score(3_000) == 1


def test_the_default_score_is_the_one_of_the_language() -> None:
    visit = Visit(compiled(RULE)).event(0, "view", "/a")
    assert visit.score(0) == 9
    assert visit.event(12, "add_to_cart").score(12) == 5 + 2 + 4 + 20


def test_a_likelihood_is_rounded_and_never_overflows() -> None:
    visit = scored("score likelihood { start -2.2  +0.35 per click up to 1.4 }")
    assert visit.score(0) == math.floor(100 / (1 + math.exp(2.2)) + 0.5)
    assert visit.event(1, "click").score(1) == math.floor(100 / (1 + math.exp(2.2 - 0.35)) + 0.5)
    assert scored("score likelihood { start -900.5 }").score(0) == 0
    assert scored("score likelihood { start 900.5 }").score(0) == 100


def test_the_crossing_is_waited_for_and_not_each_step_before_it() -> None:
    visit = scored("score { start 5  +1 per 3s of time_on_site up to 40 }")
    assert visit.bound(1) == 105
    assert not visit.holds(104.999)
    assert visit.holds(105)


def test_a_score_that_cannot_get_there_is_not_waited_for() -> None:
    visit = scored("score { start 5  +1 per 3s of time_on_site up to 20 }")
    assert visit.bound(1) == math.inf
    assert visit.event(10, "hide").bound(10) == math.inf


def test_a_penalty_that_ends_by_itself_is_waited_for() -> None:
    visit = scored("score { start 45  -20 when seen click in last 30s }").event(10, "click")
    assert not visit.holds(10)
    assert visit.bound(10) == 40
    assert visit.holds(40)


def test_a_falling_score_is_waited_for_downwards() -> None:
    block = "score { start 45  -2 per 10s of session_age up to 40 }"
    rule = 'rule greet "Greet" { on any page when score < 40 say "Hello" }'
    visit = Visit(compiled(f"{block}\n{rule}")).event(0, "view", "/a")
    assert visit.bound(3) == 30
    assert not visit.holds(29.999)
    assert visit.holds(30)


TERM = st.tuples(
    st.integers(0, 60_000),
    st.integers(1, 9).map(lambda seconds: seconds * 1_000),
    st.integers(1, 7),
    st.integers(1, 40),
)


@given(st.lists(TERM, min_size=1, max_size=3), st.integers(1, 40))
def test_gains_are_never_found_late(terms: list[tuple[int, int, int, int]], gap: int) -> None:
    def gained(after_ms: int) -> int:
        return sum(
            min(amount * ((reading + after_ms) // every_ms), up_to)
            for reading, every_ms, amount, up_to in terms
        )

    due_ms = gain_due(0, gap, [(r, e, float(a), float(u)) for r, e, a, u in terms])
    steps = sorted({k * e - r for r, e, _, _ in terms for k in range(r // e + 1, r // e + 42)})
    reached = next((step for step in steps if gained(step) >= gained(0) + gap), NEVER_MS)
    assert 0 < due_ms <= reached
    if len(terms) == 1:
        assert due_ms == reached


@given(st.floats(-8, 8), st.floats(0, 8))
def test_the_gap_of_likelihoods_is_never_too_wide(low: float, rise: float) -> None:
    assert odds_gap(odds_to_score(low), odds_to_score(low + rise)) <= rise
