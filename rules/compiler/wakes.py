"""When a question can first be answered yes without an event, as Python expressions (LANGUAGE.md 9).

`pending` is asked while the answer is no and names a later instant. It may be early, never late. None
stands for "only an event can do it". Each part of a condition is asked once: asking it again at every
level would take time exponential in the nesting.
"""

import ast
import math
from collections.abc import Iterable, Sequence
from typing import Literal as OneOf

from rules.checked import (
    All,
    AnyOf,
    ClockTest,
    Cond,
    CountTest,
    Negation,
    QuietFor,
    ScoreTest,
    SequenceTest,
    Throughout,
)
from rules.compiler import emit
from rules.compiler.conditions import Ask, Goal
from rules.compiler.layout import deciding_number
from rules.compiler.predicates import holds, needs_all, quiet_since
from rules.compiler.registers import held_key, pattern_key, sequence_key
from rules.compiler.scope import PARAMETERS, SCORE_MAX, Scope

Timed = tuple[Cond, Goal, ast.expr]
"""A question that the clock can answer, with the instant for the case that the answer is no now."""


def pending(scope: Scope, cond: Cond, goal: Goal) -> ast.expr | None:
    """Write the earliest instant > now of a yes; to be run only while the answer is no."""
    match cond:
        case Negation():
            return pending(scope, cond.item, goal.negated)
        case All() | AnyOf():
            asks = [(item, goal) for item in cond.items]
            if needs_all(cond, goal):
                return _all_pending(scope, asks)
            return _any_pending(scope, asks)
        case ClockTest():
            return _clock(scope, cond, goal)
        case ScoreTest():
            return _score(scope, cond, goal)
        case CountTest():
            return _count(scope, cond, goal)
        case SequenceTest():
            return _sequence(scope, cond, goal)
        case QuietFor():
            due = emit.add(quiet_since(scope, cond), emit.const(cond.quiet_ms))
            return due if goal.is_upper else None
        case Throughout():
            return _held(scope, cond, goal)
        case _:
            return None


def split_pending(scope: Scope, asks: Iterable[Ask]) -> tuple[list[Ask], list[Timed]]:
    """Part the questions that only events can change from those that the clock can, with their instants."""
    settled: list[Ask] = []
    timed: list[Timed] = []
    for cond, goal in asks:
        later = pending(scope, cond, goal)
        if later is None:
            settled.append((cond, goal))
        else:
            timed.append((cond, goal, later))
    return settled, timed


def last_of(scope: Scope, timed: Sequence[Timed]) -> ast.expr:
    """Write the latest instant of some questions, of which at least one is answered no now."""
    if len(timed) == 1:
        return timed[0][2]
    return emit.most(
        [emit.choose(holds(scope, cond, goal), emit.now(), later) for cond, goal, later in timed]
    )


def _all_pending(scope: Scope, asks: Iterable[Ask]) -> ast.expr | None:
    settled, timed = split_pending(scope, asks)
    if not timed:
        return None
    open_now = emit.all_of(holds(scope, *ask) for ask in settled)
    return emit.choose(open_now, last_of(scope, timed), emit.never())


def _any_pending(scope: Scope, asks: Sequence[Ask]) -> ast.expr | None:
    instants = [pending(scope, *ask) for ask in asks]
    known = [instant for instant in instants if instant is not None]
    return emit.fewest(known) if known else None


def _clock(scope: Scope, cond: ClockTest, goal: Goal) -> ast.expr | None:
    op = cond.op if goal.is_upper else emit.opposite(cond.op)
    reading = scope.clock(cond.clock)
    runs = scope.clock_runs(cond.clock)
    if op in {"<", "<="}:
        return None
    if op == "!=":
        return emit.choose(runs, emit.add(emit.now(), emit.const(1)), emit.never())
    target = cond.ms + 1 if op == ">" else cond.ms
    due = emit.subtract(emit.add(emit.now(), emit.const(target)), reading)
    if op == "=":
        ahead = emit.compare(reading, "<", emit.const(cond.ms))
        return emit.choose(emit.all_of([ahead, runs]), due, emit.never())
    return emit.choose(runs, due, emit.never())


def _score(scope: Scope, cond: ScoreTest, goal: Goal) -> ast.expr | None:
    """The score is a whole number 0..100, so each comparison has a number to rise or to fall to."""
    if not scope.layout.score_moves:
        return None
    match cond.op if goal.is_upper else emit.opposite(cond.op):
        case ">=":
            return _score_to(scope, "rises", math.ceil(cond.number))
        case ">":
            return _score_to(scope, "rises", math.floor(cond.number) + 1)
        case "<=":
            return _score_to(scope, "falls", math.floor(cond.number))
        case "<":
            return _score_to(scope, "falls", math.ceil(cond.number) - 1)
        case _:
            return emit.call(emit.name("score_turns"), *map(emit.name, PARAMETERS))


def _score_to(scope: Scope, move: OneOf["rises", "falls"], target: int) -> ast.expr | None:
    if not 0 <= target <= SCORE_MAX:
        return None
    if (1 if move == "rises" else -1) not in scope.layout.score_drifts:
        return scope.score_turn(move)
    arguments = (*map(emit.name, PARAMETERS), scope.score(), emit.const(target))
    return emit.call(emit.name(f"score_{move}"), *arguments)


def _count(scope: Scope, cond: CountTest, goal: Goal) -> ast.expr | None:
    """A count without events only falls, when the match that decides leaves the window."""
    number = deciding_number(cond)
    falls = (cond.bound == "most") is goal.is_upper
    if cond.scope != "window" or number <= 0 or not falls:
        return None
    window = emit.const(cond.window_ms)
    if number == 1:
        return emit.add(scope.cell(pattern_key("last", cond.pattern)), window)
    times = scope.cell(pattern_key("times", cond.pattern))
    return emit.add(emit.item(times, -number), window)


def _sequence(scope: Scope, cond: SequenceTest, goal: Goal) -> ast.expr | None:
    cell = scope.cell(sequence_key(cond))
    if cond.tail == "in_last" and not goal.is_upper:
        return emit.add(emit.item(cell, 1), emit.const(cond.tail_ms))
    if cond.tail == "then_no" and goal.is_upper:
        local = scope.temporary()
        end = emit.item(emit.name(local), 1)
        exists = emit.compare(emit.keep(local, cell), "is not", emit.const(None))
        ended = emit.all_of([exists, emit.compare(end, ">=", emit.const(0))])
        return emit.choose(ended, emit.add(end, emit.const(cond.tail_ms)), emit.never())
    return None


def _held(scope: Scope, cond: Throughout, goal: Goal) -> ast.expr | None:
    if not goal.is_upper:
        return pending(scope, cond.item, Goal.NOT_TRUE)
    since = scope.cell(held_key(cond))
    begins = pending(scope, cond.item, Goal.TRUE)
    hold = emit.const(cond.hold_ms)
    later = emit.never() if begins is None else emit.add(begins, hold)
    return emit.choose(emit.compare(since, ">=", emit.const(0)), emit.add(since, hold), later)
