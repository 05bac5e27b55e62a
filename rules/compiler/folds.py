"""What an event does to the registers: one generated function per event name, pieces of it when it is long."""

import ast
from collections import Counter
from collections.abc import Iterator, Sequence

from rules.checked import CheckedSet, FieldFilter, Pattern, SequenceTest
from rules.compiler import emit
from rules.compiler.layout import Layout, patterns_of
from rules.compiler.registers import Register
from rules.compiler.scope import comparable, literal

ACTIVITY = "activity"
FOLD_PARAMETERS = ("regs", "fields", "active", "at")
REGISTERS_A_PIECE = 48
"""So many registers a function: compiling one piece stays well under the loop's 20 ms."""


def fold_functions(
    checked: CheckedSet,
    layout: Layout,
    event: str,
    page_bits: int,
    listening: Sequence[tuple[int, Register]],
) -> Iterator[ast.FunctionDef]:
    """Write the functions that one event name runs on pages with these bits.

    `listening` are the registers, with their cells, that hear the event on such pages. The name
    `activity` also serves every name that no pattern has.
    """
    for start in range(0, len(listening), REGISTERS_A_PIECE):
        piece = _Fold(checked, layout, event, page_bits)
        yield piece.function(listening[start : start + REGISTERS_A_PIECE])


def listens(pattern: Pattern, event: str) -> bool:
    """Tell whether an event of this name can match a pattern."""
    return pattern.event in (event, ACTIVITY)


class _Fold:
    """Builds one function over the registers that listen to an event."""

    def __init__(self, checked: CheckedSet, layout: Layout, event: str, page_bits: int) -> None:
        self._layout = layout
        self._event = event
        self._page_bits = page_bits
        plan = checked.events.get(event)
        self._defaults = {field.name: field.default for field in plan.fields} if plan else {}
        self._shared: dict[str, str] = {}
        self._temporaries = 0

    def function(self, listening: Sequence[tuple[int, Register]]) -> ast.FunctionDef:
        uses = Counter(
            pattern.key for _, register in listening for pattern in patterns_of(register)
        )
        body: list[ast.stmt] = []
        for _, register in listening:
            for pattern in patterns_of(register):
                if uses[pattern.key] > 1 and pattern.key not in self._shared:
                    match = self._match(pattern)
                    if not isinstance(match, ast.Constant | ast.Name):
                        local = f"m{len(self._shared) + 1}"
                        body.append(emit.assign(local, match))
                        self._shared[pattern.key] = local
        for number, register in listening:
            body.extend(self._update(number, register))
        return emit.function("hear", FOLD_PARAMETERS, body)

    def _update(self, number: int, register: Register) -> list[ast.stmt]:
        cell = emit.item(emit.name("regs"), number)
        if register.sequence is not None:
            return self._follow(number, register.sequence)
        assert register.pattern is not None
        match = self._match(register.pattern)
        if register.kind == "times":
            return emit.when(match, _remember_time(number, register.size))
        if register.kind == "last":
            return emit.when(match, [emit.assign_item(emit.name("regs"), number, emit.name("at"))])
        return emit.when(match, [emit.increase(cell, emit.const(1))])

    # ---- does the event match

    def _match(self, pattern: Pattern) -> ast.expr:
        """Write the truth of a pattern for the event at hand; its page is known, so it costs nothing."""
        shared = self._shared.get(pattern.key)
        if shared is not None:
            return emit.name(shared)
        if not listens(pattern, self._event):
            return emit.FALSE
        parts: list[ast.expr] = []
        if pattern.event == ACTIVITY:
            parts.append(emit.name("active"))
        if pattern.page is not None and not self._layout.bit(pattern.page) & self._page_bits:
            return emit.FALSE
        parts.extend(self._filter(test) for test in pattern.filters)
        return emit.all_of(parts)

    def _filter(self, test: FieldFilter) -> ast.expr:
        is_text = test.kind in {"text", "one_of"}
        arguments: list[ast.expr] = [emit.const(test.field)]
        default = self._defaults.get(test.field)
        if default is not None:
            arguments.append(emit.const(default))
        field = emit.method(emit.name("fields"), "get", *arguments)
        self._temporaries += 1
        local = f"v{self._temporaries}"
        present = emit.compare(emit.keep(local, field), "is not", emit.const(None))
        return emit.all_of(
            [present, _field_holds(comparable(emit.name(local), is_text=is_text), test)]
        )

    # ---- sequences

    def _follow(self, number: int, test: SequenceTest) -> list[ast.stmt]:
        steps = [self._match(step) for step in test.steps]
        match test.tail:
            case "ever":
                return _follow_ever(number, steps)
            case "within":
                return _follow_within(number, steps, test.tail_ms or 0)
            case _:
                absent = emit.FALSE if test.absent is None else self._match(test.absent)
                return _follow_end(number, steps, absent)


def _field_holds(value: ast.expr, test: FieldFilter) -> ast.expr:
    match test.test:
        case "compare":
            assert test.op is not None
            return emit.compare(value, test.op, literal(test.values[0]))
        case "in":
            return emit.compare(value, "in", literal(test.values))
        case "between":
            low, high = (literal(end) for end in test.values)
            return ast.Compare(left=low, ops=[ast.LtE(), ast.LtE()], comparators=[value, high])
        case "contains":
            return emit.compare(literal(test.values[0]), "in", value)
        case "starts_with":
            return emit.method(value, "startswith", literal(test.values[0]))


def _remember_time(number: int, size: int) -> list[ast.stmt]:
    """Append a time and drop the oldest beyond the size that any condition asks for."""
    regs = emit.name("regs")
    first = [emit.assign_item(regs, number, ast.List(elts=[emit.name("at")], ctx=ast.Load()))]
    drop = emit.do(emit.method(emit.name("cell"), "pop", emit.const(0)))
    too_many = emit.compare(emit.call(emit.name("len"), emit.name("cell")), ">", emit.const(size))
    more = [
        emit.do(emit.method(emit.name("cell"), "append", emit.name("at"))),
        *emit.when(too_many, [drop]),
    ]
    return [
        emit.assign("cell", emit.item(regs, number)),
        *emit.when(emit.compare(emit.name("cell"), "is", emit.const(None)), first, more),
    ]


def _follow_ever(number: int, steps: Sequence[ast.expr]) -> list[ast.stmt]:
    """Take the earliest match: one event takes at most one step."""
    regs = emit.name("regs")
    lines: list[ast.stmt] = []
    for done, step in enumerate(steps):
        forward = emit.assign_item(regs, number, emit.const(done + 1))
        lines.extend(_at_step(emit.name("cell"), done, step, forward))
    return [emit.assign("cell", emit.item(regs, number)), *lines] if lines else []


def _at_step(done_now: ast.expr, done: int, step: ast.expr, forward: ast.stmt) -> list[ast.stmt]:
    """Go forward from one place. Places exclude each other, so many of them need no nesting."""
    return emit.when(emit.all_of([emit.compare(done_now, "=", emit.const(done)), step]), [forward])


def _follow_end(number: int, steps: Sequence[ast.expr], absent: ast.expr) -> list[ast.stmt]:
    """Keep the end of the newest match; an absent event that completes no match takes it away."""
    regs = emit.name("regs")
    last = len(steps) - 1
    ended = [emit.assign_item(emit.name("cell"), 1, emit.name("at"))]
    away = emit.when(absent, [emit.assign_item(emit.name("cell"), 1, emit.const(-1))])
    known = emit.when(
        emit.compare(emit.item(emit.name("cell"), 0), "=", emit.const(last)),
        emit.when(steps[last], ended, away),
        _advance_prefix(steps[:last]),
    )
    first = [emit.const(0), emit.name("at")] if last == 0 else [emit.const(1), emit.const(-1)]
    begin = [emit.assign_item(regs, number, ast.List(elts=first, ctx=ast.Load()))]
    return [
        emit.assign("cell", emit.item(regs, number)),
        *emit.when(
            emit.compare(emit.name("cell"), "is", emit.const(None)),
            emit.when(steps[0], begin),
            known,
        ),
    ]


def _advance_prefix(steps: Sequence[ast.expr]) -> list[ast.stmt]:
    lines: list[ast.stmt] = []
    for done in range(1, len(steps)):
        forward = emit.assign_item(emit.name("cell"), 0, emit.const(done + 1))
        lines.extend(_at_step(emit.name("done"), done, steps[done], forward))
    return [emit.assign("done", emit.item(emit.name("cell"), 0)), *lines] if lines else []


def _follow_within(number: int, steps: Sequence[ast.expr], tail_ms: int) -> list[ast.stmt]:
    """Keep the latest start of each unfinished match, steps from last to first: one event, one step."""
    regs = emit.name("regs")
    done = [emit.assign_item(regs, number, emit.const(value=True))]
    last = len(steps) - 1
    if last == 0:
        return emit.when(steps[0], done)
    start = emit.item(emit.name("cell"), last - 1)
    timely = emit.compare(emit.subtract(emit.name("at"), start), "<=", emit.const(tail_ms))
    known = emit.compare(start, ">=", emit.const(0))
    more = emit.when(emit.all_of([steps[last], known, timely]), done)
    for step in range(last - 1, 0, -1):
        started = emit.compare(emit.item(emit.name("cell"), step - 1), ">=", emit.const(0))
        carry = emit.assign_item(emit.name("cell"), step, emit.item(emit.name("cell"), step - 1))
        more.extend(emit.when(emit.all_of([steps[step], started]), [carry]))
    more.extend(emit.when(steps[0], [emit.assign_item(emit.name("cell"), 0, emit.name("at"))]))
    fresh: list[ast.expr] = [emit.name("at"), *(emit.const(-1) for _ in range(last - 1))]
    begin = [emit.assign_item(regs, number, ast.List(elts=fresh, ctx=ast.Load()))]
    unknown = emit.compare(emit.name("cell"), "is", emit.const(None))
    unfinished = emit.compare(emit.name("cell"), "is not", emit.const(value=True))
    return [
        emit.assign("cell", emit.item(regs, number)),
        *emit.when(unknown, emit.when(steps[0], begin), emit.when(unfinished, more)),
    ]
