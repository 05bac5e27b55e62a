"""The score block as a function of the state and the instant (LANGUAGE.md 7.6)."""

import ast
import math

from rules.checked import (
    CheckedSet,
    EventTerm,
    ScorePlan,
    StartTerm,
    Term,
    TimeTerm,
    WhenTerm,
)
from rules.compiler import emit
from rules.compiler.conditions import Goal
from rules.compiler.layout import Layout
from rules.compiler.predicates import holds
from rules.compiler.registers import pattern_key
from rules.compiler.scope import PARAMETERS, SCORE_MAX, Scope

EXPONENT_MAX = 700.0
"""Above this size of a sum of log-odds the score is 0 or 100; `math.exp` overflows a little later."""


def points_to_score(total: float) -> int:
    """Clamp a sum of points; used where points are not whole."""
    return int(max(0.0, min(100.0, total)))


def odds_to_score(total: float) -> int:
    """Turn a sum of log-odds into 0..100."""
    if total < -EXPONENT_MAX:
        return 0
    return math.floor(100 / (1 + math.exp(-total)) + 0.5)


def score_function(checked: CheckedSet, layout: Layout) -> ast.FunctionDef:
    """Write `score_of(state, now, page)`."""
    scope = Scope(layout)
    plan = checked.score
    whole = is_whole(plan)
    body: list[ast.stmt] = []
    for term in plan.terms:
        body.extend(_add_term(scope, term))
    start = emit.assign("total", ast.Constant(value=0 if whole else 0.0))
    return emit.function(
        "score_of", PARAMETERS, [*scope.prelude(), start, *body, emit.give(_result(plan))]
    )


def _result(plan: ScorePlan) -> ast.expr:
    if plan.likelihood:
        return emit.call(emit.name("odds_to_score"), emit.name("total"))
    if not is_whole(plan):
        return emit.call(emit.name("points_to_score"), emit.name("total"))
    top = emit.const(SCORE_MAX)
    below_top = emit.choose(emit.compare(emit.name("total"), "<", top), emit.name("total"), top)
    return emit.choose(
        emit.compare(emit.name("total"), ">", emit.const(0)), below_top, emit.const(0)
    )


def is_whole(plan: ScorePlan) -> bool:
    """Tell whether the sum of the terms is always a whole number."""
    return not plan.likelihood and all(_is_whole_term(term) for term in plan.terms)


def _is_whole_term(term: Term) -> bool:
    limit = term.up_to if isinstance(term, TimeTerm | EventTerm) else 0.0
    return float(term.amount).is_integer() and float(limit).is_integer()


def _add_term(scope: Scope, term: Term) -> list[ast.stmt]:
    amount = emit.const(term.amount)
    match term:
        case StartTerm():
            return [_add(amount)]
        case WhenTerm():
            return emit.when(holds(scope, term.condition, Goal.TRUE), [_add(amount)])
        case TimeTerm():
            periods = emit.whole_divide(scope.clock(term.clock), emit.const(term.every_ms))
            return _add_bounded(periods, term)
        case EventTerm():
            return _add_bounded(scope.cell(pattern_key("session_count", term.pattern)), term)


def _add(value: ast.expr) -> ast.stmt:
    return emit.increase(ast.Name(id="total", ctx=ast.Store()), value)


def _add_bounded(times: ast.expr, term: TimeTerm | EventTerm) -> list[ast.stmt]:
    """Bound the size of a term, whatever its sign."""
    sign = math.copysign(1, term.amount)
    size = emit.multiply(emit.const(abs(term.amount)), times)
    gained = emit.const(sign * term.up_to)
    grown = (
        emit.name("count") if sign > 0 else ast.UnaryOp(op=ast.USub(), operand=emit.name("count"))
    )
    within = emit.compare(emit.name("count"), "<", emit.const(term.up_to))
    return [emit.assign("count", size), _add(emit.choose(within, grown, gained))]
