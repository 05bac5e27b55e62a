"""When the score can next change, rise to a number or fall to one, as generated functions (LANGUAGE.md 9)."""

import ast
import math
from collections.abc import Iterator, Sequence

from rules.checked import CheckedSet, ScorePlan, TimeTerm, WhenTerm
from rules.compiler import emit
from rules.compiler.conditions import Goal
from rules.compiler.layout import Layout
from rules.compiler.predicates import holds
from rules.compiler.scope import PARAMETERS, SCORE_MAX, Scope
from rules.compiler.scoring import is_whole
from rules.compiler.wakes import pending
from rules.facts import NEVER_MS

SLACK = 1e-9
"""Taken off a gap of log-odds, so that rounding can make a bound early but never late."""

TARGET_PARAMETERS = (*PARAMETERS, "score", "target")


# ---- what the generated functions call


def odds_gap(low: float, high: float) -> float:
    """Return how far the log-odds must at least move from a score of `low` up to one of `high`.

    Scores are rounded: `low` can stand for up to half a point more, `high` is reached half a point early.
    """
    low, high = low + 0.5, high - 0.5
    if low >= SCORE_MAX or high <= 0:
        return 0.0
    low, high = max(low, SLACK), min(high, SCORE_MAX - SLACK)
    gap = math.log(high / (SCORE_MAX - high)) - math.log(low / (SCORE_MAX - low))
    return max(0.0, gap - SLACK)


PeriodTerm = tuple[int, int, float, float]
"""A `per D` term whose clock runs: (reading of the clock, D, amount > 0 for each D, bound)."""


def gain_due(now_ms: int, gap: float, terms: Sequence[PeriodTerm]) -> int:
    """Return the earliest instant > now at which `per D` terms can have gained `gap` together.

    Exact when one term still grows; several are bounded by their common rate.
    """
    growing, room, rate, head_start = 0, 0.0, 0.0, 0.0
    next_ms, due_ms = NEVER_MS, NEVER_MS
    for reading, every_ms, amount, up_to in terms:
        periods, phase_ms = divmod(reading, every_ms)
        gained = amount * periods
        if gained >= up_to:
            continue
        growing += 1
        room += up_to - gained
        next_ms = min(next_ms, now_ms + every_ms - phase_ms)
        wanted = math.ceil((gained + gap) / amount - SLACK)
        due_ms = now_ms + max(1, wanted - periods) * every_ms - phase_ms
        head_start += amount * phase_ms / every_ms
        rate += amount / every_ms
    if growing == 0 or room < gap - SLACK:
        return NEVER_MS
    if growing == 1:
        return due_ms
    return max(next_ms, now_ms + math.floor((gap - head_start) / rate))


# ---- the generated functions


def turn_function(checked: CheckedSet, layout: Layout) -> ast.FunctionDef:
    """Write `score_turns(state, now, page)`: the next instant at which a term can change, or NEVER_MS."""
    scope = Scope(layout)
    body: list[ast.stmt] = []
    for term in checked.score.terms:
        if isinstance(term, TimeTerm):
            body.extend(_next_period(scope, term))
        elif isinstance(term, WhenTerm):
            body.extend(_next_turn(scope, term, gains=True))
            body.extend(_next_turn(scope, term, gains=False))
    start = emit.assign("best", emit.never())
    end = emit.give(emit.name("best"))
    return emit.function("score_turns", PARAMETERS, [*scope.prelude(), start, *body, end])


def move_functions(checked: CheckedSet, layout: Layout) -> Iterator[ast.FunctionDef]:
    """Write `score_rises` and `score_falls(state, now, page, score, target)`.

    `score` is the score now, not at the target yet; they return the earliest instant > now at which it
    can be the target or beyond, or NEVER_MS. Terms that move the other way are left out of account.
    """
    for title, sign in (("score_rises", 1), ("score_falls", -1)):
        scope = Scope(layout)
        growing: list[TimeTerm] = []
        turns: list[ast.stmt] = []
        for term in checked.score.terms:
            if isinstance(term, TimeTerm) and term.amount * sign > 0:
                growing.append(term)
            elif isinstance(term, WhenTerm) and term.amount != 0:
                turns.extend(_next_turn(scope, term, gains=term.amount * sign > 0))
        crossing = _crossing(scope, checked.score, growing, _gap(checked, sign))
        end = emit.give(emit.name("best"))
        yield emit.function(title, TARGET_PARAMETERS, [*scope.prelude(), *crossing, *turns, end])


def _crossing(
    scope: Scope, plan: ScorePlan, growing: Sequence[TimeTerm], gap: ast.expr
) -> list[ast.stmt]:
    """Set `best` to the instant at which the growing terms alone can close the gap."""
    if not growing:
        return [emit.assign("best", emit.never())]
    if len(growing) == 1 and is_whole(plan):
        return _lone_crossing(scope, growing[0], gap)
    lines = [emit.assign("terms", ast.List(elts=[], ctx=ast.Load()))]
    for term in growing:
        lines.extend(_growing_term(scope, term))
    due = emit.call(emit.name("gain_due"), emit.now(), gap, emit.name("terms"))
    return [*lines, emit.assign("best", due)]


def _lone_crossing(scope: Scope, term: TimeTerm, gap: ast.expr) -> list[ast.stmt]:
    """Write out what `gain_due` does for one term and whole points: the usual case, and asked often."""
    reading = scope.clock(term.clock)
    amount, every = emit.const(abs(term.amount)), emit.const(term.every_ms)
    count, gap_left = emit.name("count"), emit.name("gap")
    steps = emit.divide_up(gap_left, amount)
    room = emit.compare(
        emit.add(emit.multiply(amount, count), gap_left), "<=", emit.const(term.up_to)
    )
    due_reading = emit.multiply(emit.add(count, steps), every)
    due = emit.subtract(emit.add(emit.now(), due_reading), reading)
    reachable = emit.all_of([room, scope.clock_runs(term.clock)])
    return [
        emit.assign("gap", gap),
        emit.assign("count", emit.whole_divide(reading, every)),
        emit.assign("best", emit.choose(reachable, due, emit.never())),
    ]


def _growing_term(scope: Scope, term: TimeTerm) -> list[ast.stmt]:
    parts: list[ast.expr] = [
        scope.clock(term.clock),
        emit.const(term.every_ms),
        emit.const(abs(term.amount)),
        emit.const(term.up_to),
    ]
    entry = emit.method(emit.name("terms"), "append", ast.Tuple(elts=parts, ctx=ast.Load()))
    return emit.when(scope.clock_runs(term.clock), [emit.do(entry)])


def _gap(checked: CheckedSet, sign: int) -> ast.expr:
    """Write how far the sum must at least move for the score to get to the target."""
    score, target = emit.name("score"), emit.name("target")
    low, high = (score, target) if sign > 0 else (target, score)
    if checked.score.likelihood:
        return emit.call(emit.name("odds_gap"), low, high)
    gap = emit.subtract(high, low)
    # Points that are not whole are cut off: the sum can be up to one point above the score.
    return gap if is_whole(checked.score) else emit.subtract(gap, emit.const(1))


def _next_period(scope: Scope, term: TimeTerm) -> list[ast.stmt]:
    """A `per D` term changes at each full D until it has reached its bound."""
    if term.amount == 0 or term.up_to == 0:
        return []
    reading = scope.clock(term.clock)
    every = emit.const(term.every_ms)
    growing = emit.compare(reading, "<", emit.const(_full_ms(term)))
    due = emit.subtract(emit.add(emit.now(), every), emit.remainder(reading, every))
    return emit.when(
        emit.all_of([growing, scope.clock_runs(term.clock)]), emit.take_if_earlier(due)
    )


def _full_ms(term: TimeTerm) -> int:
    """Return the reading of the clock from which the term no longer grows."""
    periods = math.ceil(term.up_to / abs(term.amount))
    while abs(term.amount) * periods < term.up_to:
        periods += 1
    return periods * term.every_ms


def _next_turn(scope: Scope, term: WhenTerm, *, gains: bool) -> list[ast.stmt]:
    """Take into account when the term begins to be added (`gains`), or ceases to be."""
    goal = Goal.TRUE if gains else Goal.NOT_TRUE
    due = pending(scope, term.condition, goal)
    if due is None:
        return []
    return emit.when(emit.negate(holds(scope, term.condition, goal)), emit.take_if_earlier(due))
