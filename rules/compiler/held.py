"""Held conditions, `(c) for d`: since when each is true, and when one can next change (LANGUAGE.md 9)."""

import ast
from collections.abc import Iterator, Sequence

from rules.checked import CheckedSet, Cond, QuietFor, ScoreTest, ScrollTest, Throughout, WhenTerm
from rules.compiler import emit
from rules.compiler.conditions import Goal, score_conditions, walk
from rules.compiler.folds import ACTIVITY
from rules.compiler.layout import Layout, registers_of, score_registers
from rules.compiler.predicates import holds, quiet_since
from rules.compiler.registers import held_key
from rules.compiler.scope import PARAMETERS, Scope
from rules.compiler.wakes import pending

HELD_A_PIECE = 24
"""So many conditions a function: compiling one piece stays well under the loop's 20 ms."""


def observe_functions(layout: Layout) -> Iterator[ast.FunctionDef]:
    """Write the functions that look at every held condition now, inner ones first.

    Each sets or clears the start of the stretch in which the condition has been true up to now.
    """
    for number, piece in enumerate(_pieces(layout)):
        scope = Scope(layout)
        body = [line for test in piece for line in _observe(scope, test)]
        yield emit.function(f"observe_{number}", PARAMETERS, [*scope.prelude(), *body])


def next_functions(layout: Layout) -> Iterator[ast.FunctionDef]:
    """Write the functions that return the next instant at which a held condition can change, or emit.never()."""
    for number, piece in enumerate(_pieces(layout)):
        scope = Scope(layout)
        body = [line for test in piece for line in _next_change(scope, test)]
        start = emit.assign("best", emit.never())
        end = emit.give(emit.name("best"))
        yield emit.function(
            f"next_held_{number}", PARAMETERS, [*scope.prelude(), start, *body, end]
        )


def look_functions(checked: CheckedSet, layout: Layout) -> Iterator[ast.FunctionDef]:
    """Write the functions that do both: look at every held condition now, and return until when all stay.

    Before that instant no event changes any of them that only counts as activity: the instant at which
    the first `no activity for d` among what they read can come true is taken into account.
    """
    quiet = min(_quiet_tests(checked, layout), key=lambda test: test.quiet_ms, default=None)
    quietly = _falls_quietly(checked, layout)
    for number, piece in enumerate(_pieces(layout)):
        scope = Scope(layout)
        body = [line for test in piece for line in _look(scope, test, falls_quietly=quietly)]
        start = emit.assign("best", emit.never() if quiet is None else _quiet_from(scope, quiet))
        end = emit.give(emit.name("best"))
        yield emit.function(f"look_{number}", PARAMETERS, [*scope.prelude(), start, *body, end])


def reads_scroll(checked: CheckedSet, layout: Layout) -> bool:
    """Tell whether a held condition can change with the depth of a scroll."""
    return any(isinstance(cond, ScrollTest) for cond in _read(checked, layout))


def stirring_cells(checked: CheckedSet, layout: Layout) -> frozenset[int]:
    """Return the cells whose change can change a held condition at once, `no activity for d` apart."""
    quiet = {test.key for test in _quiet_tests(checked, layout)}
    read = [
        register
        for cond in _read(checked, layout)
        if cond.key not in quiet
        for register in registers_of(cond)
    ]
    if _reads_score(layout):
        read.extend(score_registers(checked))
    return frozenset(layout.number(register.key) for register in read)


def _quiet_from(scope: Scope, test: QuietFor) -> ast.expr:
    return emit.add(quiet_since(scope, test), emit.const(test.quiet_ms))


def _quiet_tests(checked: CheckedSet, layout: Layout) -> list[QuietFor]:
    """Return what is read of the visitor's being active anywhere: nearly every event is activity."""
    return [
        cond
        for cond in _read(checked, layout)
        if isinstance(cond, QuietFor)
        and cond.pattern.event == ACTIVITY
        and cond.pattern.page is None
    ]


def _falls_quietly(checked: CheckedSet, layout: Layout) -> bool:
    """Tell whether without an event the score falls by the visitor's being inactive alone, if at all."""
    quiet = {test.key for test in _quiet_tests(checked, layout)}
    return -1 not in layout.score_drifts and all(
        term.condition.key in quiet
        if term.amount < 0
        else pending(Scope(layout), term.condition, Goal.NOT_TRUE) is None
        for term in checked.score.terms
        if isinstance(term, WhenTerm)
    )


def _read(checked: CheckedSet, layout: Layout) -> Iterator[Cond]:
    """Yield the conditions that held ones are made of, those of the score with them when it is read."""
    for test in _held_tests(layout):
        yield from walk(test.item)
    if _reads_score(layout):
        yield from score_conditions(checked)


def _reads_score(layout: Layout) -> bool:
    return any(
        isinstance(part, ScoreTest) for test in _held_tests(layout) for part in walk(test.item)
    )


def _held_tests(layout: Layout) -> list[Throughout]:
    return [register.held for register in layout.registers if register.held is not None]


def _pieces(layout: Layout) -> Iterator[Sequence[Throughout]]:
    tests = _held_tests(layout)
    for start in range(0, len(tests), HELD_A_PIECE):
        yield tests[start : start + HELD_A_PIECE]


def _observe(scope: Scope, test: Throughout) -> list[ast.stmt]:
    number = scope.layout.number(held_key(test))
    cell = scope.cell(held_key(test))
    begin = emit.assign_item(emit.name("regs"), number, emit.now())
    end = emit.assign_item(emit.name("regs"), number, emit.const(-1))
    return emit.when(
        holds(scope, test.item, Goal.TRUE),
        emit.when(emit.compare(cell, "<", emit.const(0)), [begin]),
        [end],
    )


def _look(scope: Scope, test: Throughout, *, falls_quietly: bool) -> list[ast.stmt]:
    """What `_observe` does, and `_next_change` for the register as it is then.

    Where the score falls quietly, `best` begins with an instant that is no later than its fall.
    """
    item = test.item
    is_known = falls_quietly and isinstance(item, ScoreTest) and item.op in {">=", ">"}
    number = scope.layout.number(held_key(test))
    begin = emit.assign_item(emit.name("regs"), number, emit.now())
    end = emit.assign_item(emit.name("regs"), number, emit.const(-1))
    unnoticed = emit.compare(scope.cell(held_key(test)), "<", emit.const(0))
    ceases = None if is_known else pending(scope, item, Goal.NOT_TRUE)
    begins = pending(scope, item, Goal.TRUE)
    return emit.when(
        holds(scope, item, Goal.TRUE),
        [*emit.when(unnoticed, [begin]), *_take(ceases)],
        [end, *_take(begins)],
    )


def _take(instant: ast.expr | None) -> list[ast.stmt]:
    return [] if instant is None else emit.take_if_earlier(instant)


def _next_change(scope: Scope, test: Throughout) -> list[ast.stmt]:
    """Ask the condition, not the register, which may lag behind as after a reload: bounds hold for the truth."""
    ceases = pending(scope, test.item, Goal.NOT_TRUE)
    begins = pending(scope, test.item, Goal.TRUE)
    unnoticed = emit.compare(scope.cell(held_key(test)), "<", emit.const(0))
    soon = emit.take_if_earlier(emit.add(emit.now(), emit.const(1)))
    return emit.when(
        holds(scope, test.item, Goal.TRUE),
        emit.when(unnoticed, soon, _take(ceases)),
        _take(begins),
    )
