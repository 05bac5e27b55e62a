"""Held conditions, `(c) for d`: since when each is true, and when one can next change (LANGUAGE.md 9)."""

import ast
from collections.abc import Iterator, Sequence

from rules.checked import Throughout
from rules.compiler import emit
from rules.compiler.conditions import Goal
from rules.compiler.layout import Layout
from rules.compiler.predicates import holds
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


def _pieces(layout: Layout) -> Iterator[Sequence[Throughout]]:
    tests = [register.held for register in layout.registers if register.held is not None]
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


def _next_change(scope: Scope, test: Throughout) -> list[ast.stmt]:
    """Ask the condition, not the register, which may lag behind as after a reload: bounds hold for the truth."""
    ceases = pending(scope, test.item, Goal.NOT_TRUE)
    begins = pending(scope, test.item, Goal.TRUE)
    unnoticed = emit.compare(scope.cell(held_key(test)), "<", emit.const(0))
    soon = emit.take_if_earlier(emit.add(emit.now(), emit.const(1)))
    return emit.when(
        holds(scope, test.item, Goal.TRUE),
        emit.when(unnoticed, soon, [] if ceases is None else emit.take_if_earlier(ceases)),
        [] if begins is None else emit.take_if_earlier(begins),
    )
