"""Conditions as Python truths: for each of the four questions, one expression (LANGUAGE.md 8, 9)."""

import ast
from typing import assert_never

from rules.checked import (
    All,
    AnyOf,
    AttributePair,
    AttributePlan,
    AttributeTest,
    ClockTest,
    Cond,
    Constant,
    CountTest,
    Known,
    Member,
    Negation,
    PageTest,
    QuietFor,
    ScoreTest,
    ScrollTest,
    SequenceTest,
    TextCheck,
    Throughout,
    YesNo,
)
from rules.compiler import emit
from rules.compiler.conditions import Goal
from rules.compiler.layout import deciding_number
from rules.compiler.registers import RegisterKind, held_key, pattern_key, sequence_key
from rules.compiler.scope import Scope, comparable, literal

OfAttribute = AttributeTest | AttributePair | Member | TextCheck | YesNo
"""The only conditions that can be unknown: they compare an attribute that may be absent."""


def holds(scope: Scope, cond: Cond, goal: Goal) -> ast.expr:
    """Write the expression that is truthy exactly when the question is answered yes."""
    shared = scope.shared(cond.key, goal)
    if shared is not None:
        return shared
    match cond:
        case All() | AnyOf():
            parts = [holds(scope, item, goal) for item in cond.items]
            return emit.all_of(parts) if needs_all(cond, goal) else emit.any_of(parts)
        case Negation():
            return holds(scope, cond.item, goal.negated)
        case AttributeTest() | AttributePair() | Member() | TextCheck() | YesNo():
            truth = _of_attribute(scope, cond, goal)
        case _:
            truth = _certain(scope, cond)
            truth = truth if goal.is_upper else emit.negate(truth)
    return emit.on_line(truth, scope.layout.line(cond.span))


def needs_all(cond: All | AnyOf, goal: Goal) -> bool:
    """Tell whether every part must answer yes, or any."""
    return isinstance(cond, All) is goal.is_upper


# ---- conditions that are true or false, never unknown

Certain = (
    Throughout | ClockTest | ScoreTest | ScrollTest | Known | PageTest | CountTest | SequenceTest
    | QuietFor | Constant
)  # fmt: skip


def _certain(scope: Scope, cond: Certain) -> ast.expr:
    match cond:
        case ClockTest():
            return emit.compare(scope.clock(cond.clock), cond.op, emit.const(cond.ms))
        case ScoreTest():
            return emit.compare(scope.score(), cond.op, emit.const(cond.number))
        case ScrollTest():
            return emit.compare(emit.attr("state", "scroll"), cond.op, emit.const(cond.percent))
        case PageTest():
            return emit.bit_and(emit.name("page"), emit.const(scope.layout.bit(cond.pages)))
        case CountTest():
            return _count(scope, cond)
        case SequenceTest():
            return _sequence(scope, cond)
        case QuietFor():
            return emit.compare(
                emit.subtract(emit.now(), quiet_since(scope, cond)), ">=", emit.const(cond.quiet_ms)
            )
        case Throughout():
            return _held(scope, cond)
        case Known():
            known = emit.compare(scope.attribute(cond.attribute), "is not", emit.const(None))
            return emit.TRUE if cond.attribute.default is not None else known
        case Constant():
            return emit.const(cond.value)
    assert_never(cond)


def quiet_since(scope: Scope, cond: QuietFor) -> ast.expr:
    """Read the instant from which `no E for d` counts: the latest match, or the session's start."""
    local = scope.temporary()
    latest = emit.keep(local, scope.cell(pattern_key("last", cond.pattern)))
    return emit.choose(
        emit.compare(latest, ">=", emit.const(0)), emit.name(local), emit.attr("state", "start_ms")
    )


def _count(scope: Scope, cond: CountTest) -> ast.expr:
    reached = _reached(scope, cond, deciding_number(cond))
    return reached if cond.bound == "least" else emit.negate(reached)


def _reached(scope: Scope, cond: CountTest, number: int) -> ast.expr:
    if number <= 0:
        return emit.TRUE
    if cond.scope != "window":
        kind: RegisterKind = "session_count" if cond.scope == "session" else "page_count"
        return emit.compare(scope.cell(pattern_key(kind, cond.pattern)), ">=", emit.const(number))
    opens = emit.subtract(emit.now(), emit.const(cond.window_ms))
    local = scope.temporary()
    if number == 1:
        latest = emit.keep(local, scope.cell(pattern_key("last", cond.pattern)))
        known = emit.compare(emit.name(local), ">=", emit.const(0))
        return emit.all_of([emit.compare(latest, ">", opens), known])
    times = emit.keep(local, scope.cell(pattern_key("times", cond.pattern)))
    many = emit.compare(emit.call(emit.name("len"), emit.name(local)), ">=", emit.const(number))
    deciding = emit.item(emit.name(local), -number)
    kept = emit.compare(times, "is not", emit.const(None))
    return emit.all_of([kept, many, emit.compare(deciding, ">", opens)])


def _sequence(scope: Scope, cond: SequenceTest) -> ast.expr:
    cell = scope.cell(sequence_key(cond))
    if cond.tail == "ever":
        return emit.compare(cell, ">=", emit.const(len(cond.steps)))
    if cond.tail == "within":
        return emit.compare(cell, "is", emit.const(value=True))
    local = scope.temporary()
    end = emit.item(emit.name(local), 1)
    exists = emit.compare(emit.keep(local, cell), "is not", emit.const(None))
    ended = emit.compare(end, ">=", emit.const(0))
    tail = emit.const(cond.tail_ms)
    if cond.tail == "in_last":
        timely = emit.compare(end, ">", emit.subtract(emit.now(), tail))
    else:
        timely = emit.compare(emit.subtract(emit.now(), end), ">=", tail)
    return emit.all_of([exists, ended, timely])


def _held(scope: Scope, cond: Throughout) -> ast.expr:
    local = scope.temporary()
    since = emit.keep(local, scope.cell(held_key(cond)))
    held_for = emit.subtract(emit.now(), emit.name(local))
    return emit.all_of(
        [
            emit.compare(since, ">=", emit.const(0)),
            emit.compare(held_for, ">=", emit.const(cond.hold_ms)),
        ]
    )


# ---- conditions that compare attributes: unknown while one is absent


def _of_attribute(scope: Scope, cond: OfAttribute, goal: Goal) -> ast.expr:
    if goal is Goal.NOT_TRUE:
        return emit.negate(_of_attribute(scope, cond, Goal.TRUE))
    if goal is Goal.NOT_FALSE:
        return emit.negate(_of_attribute(scope, cond, Goal.FALSE))
    guards: list[ast.expr] = []
    value = _received(scope, cond.attribute, guards)
    if isinstance(cond, AttributePair):
        other = _received(scope, cond.other, guards)
        truth = _compared(value, cond, goal, other)
    else:
        truth = _compared(value, cond, goal, None)
    return emit.all_of([*guards, truth])


def _received(scope: Scope, plan: AttributePlan, guards: list[ast.expr]) -> ast.expr:
    """Read an attribute in comparable form; without a default, guarded against its absence."""
    is_text = plan.type.kind in {"text", "one_of"}
    if plan.default is not None:
        return comparable(scope.attribute(plan), is_text=is_text)
    local = scope.temporary()
    guards.append(emit.compare(emit.keep(local, scope.attribute(plan)), "is not", emit.const(None)))
    return comparable(emit.name(local), is_text=is_text)


def _compared(value: ast.expr, cond: OfAttribute, goal: Goal, other: ast.expr | None) -> ast.expr:
    wanted = goal is Goal.TRUE
    match cond:
        case AttributeTest():
            op = cond.op if wanted else emit.opposite(cond.op)
            return emit.compare(value, op, literal(cond.value))
        case AttributePair():
            assert other is not None
            return emit.compare(value, cond.op if wanted else emit.opposite(cond.op), other)
        case YesNo():
            return emit.compare(value, "is" if wanted else "is not", emit.const(value=True))
        case Member():
            truth = emit.compare(value, "in", literal(cond.values))
        case TextCheck():
            truth = _text_check(value, cond)
        case _:
            assert_never(cond)
    return truth if wanted else emit.negate(truth)


def _text_check(value: ast.expr, cond: TextCheck) -> ast.expr:
    if cond.test == "contains":
        return emit.compare(literal(cond.text), "in", value)
    # INVARIANT: the checker refuses `matches` (OP127) while there is no linear-time engine for it.
    assert cond.test == "starts_with"
    return emit.method(value, "startswith", literal(cond.text))
