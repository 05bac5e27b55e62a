"""One generated function's surroundings: its locals, and the lines that set them first."""

import ast
from collections.abc import Iterable
from typing import Literal as OneOf

from rules.checked import AttributePlan, ClockName, Value
from rules.compiler import emit
from rules.compiler.conditions import Goal
from rules.compiler.layout import Layout
from rules.value_types import fold

PARAMETERS = ("state", "now", "page")
"""What every evaluating function is given first: the state, the instant, the page's bits."""

SCORE_MAX = 100
"""The score is a whole number from 0 to this (LANGUAGE.md 5.1)."""

Local = OneOf["regs", "attrs", "score", "rises", "falls"]

# A clock's cells: (time already seen, running since) for visible time, (started,) for an age.
_VISIBLE = {
    "time_on_page": ("page_seen_ms", "page_since_ms"),
    "time_on_site": ("site_seen_ms", "site_since_ms"),
}
_ORDER: tuple[ClockName, ...] = ("time_on_page", "time_on_site", "page_age", "session_age")


class Scope:
    """Hands out locals while a function's body is built, then writes the lines that set them.

    `shared` are the locals of conditions that the function asks for more than once.
    """

    def __init__(self, layout: Layout) -> None:
        """Open the surroundings of a new function."""
        self.layout = layout
        self._used: set[Local] = set()
        self._clocks: set[ClockName] = set()
        self._temporaries = 0
        self._shared: dict[tuple[str, Goal], str] = {}
        self._shared_lines: list[ast.stmt] = []

    def temporary(self) -> str:
        """Return a local that nobody else uses."""
        self._temporaries += 1
        return f"v{self._temporaries}"

    def cell(self, key: str) -> ast.Subscript:
        """Read the cell of a register."""
        self._used.add("regs")
        return emit.item(emit.name("regs"), self.layout.number(key))

    def attribute(self, plan: AttributePlan) -> ast.expr:
        """Read an attribute as received; its default while absent, None without one."""
        self._used.add("attrs")
        arguments: list[ast.expr] = [emit.const(plan.name)]
        if plan.default is not None:
            arguments.append(emit.const(plan.default))
        return emit.method(emit.name("attrs"), "get", *arguments)

    def clock(self, clock: ClockName) -> ast.expr:
        """Read a clock, in milliseconds."""
        self._clocks.add(clock)
        return emit.name(clock)

    def clock_runs(self, clock: ClockName) -> ast.expr:
        """Tell whether a clock moves by itself."""
        if clock == "session_age":
            return emit.TRUE
        field = "page_ms" if clock == "page_age" else _VISIBLE[clock][1]
        return emit.compare(emit.attr("state", field), ">=", emit.const(0))

    def score(self) -> ast.expr:
        """Read the score, added up at the first use and at most once."""
        self._used.add("score")
        fresh = emit.keep("score", emit.call(emit.name("score_of"), *map(emit.name, PARAMETERS)))
        known = emit.compare(emit.name("score"), ">=", emit.const(0))
        return emit.choose(known, emit.name("score"), fresh)

    def score_turn(self, move: OneOf["rises", "falls"]) -> ast.expr:
        """Ask when a turn of some term can first move the score that way, at the first use and at most once.

        For scores that move that way by turns alone: the functions then read neither score nor target.
        """
        self._used.add(move)
        arguments = (*map(emit.name, PARAMETERS), emit.const(0), emit.const(0))
        fresh = emit.keep(move, emit.call(emit.name(f"score_{move}"), *arguments))
        return emit.choose(
            emit.compare(emit.name(move), ">=", emit.const(0)), emit.name(move), fresh
        )

    def share(self, key: str, goal: Goal, value: ast.expr) -> None:
        """Give a condition's truth a local of its own, set before the body."""
        local = f"c{len(self._shared) + 1}"
        self._shared_lines.append(emit.assign(local, value))
        self._shared[key, goal] = local

    def shared(self, key: str, goal: Goal) -> ast.expr | None:
        """Return the local of a condition's truth, if it has one."""
        local = self._shared.get((key, goal))
        return None if local is None else emit.name(local)

    def prelude(self) -> list[ast.stmt]:
        """Write the lines that set the locals which the body uses."""
        lines: list[ast.stmt] = []
        if "regs" in self._used:
            lines.append(emit.assign("regs", emit.attr("state", "regs")))
        if "attrs" in self._used:
            lines.append(emit.assign("attrs", emit.attr("state", "attrs")))
        lines.extend(
            emit.assign(local, emit.const(-1))
            for local in ("score", "rises", "falls")
            if local in self._used
        )
        lines.extend(
            emit.assign(clock, self._reading(clock)) for clock in _ORDER if clock in self._clocks
        )
        return lines + self._shared_lines

    def _reading(self, clock: ClockName) -> ast.expr:
        now = emit.name("now")
        if clock == "session_age":
            return emit.subtract(now, emit.attr("state", "start_ms"))
        if clock == "page_age":
            start = emit.attr("state", "page_ms")
            return emit.choose(self.clock_runs(clock), emit.subtract(now, start), emit.const(0))
        seen, since = (emit.attr("state", field) for field in _VISIBLE[clock])
        running = emit.subtract(emit.add(seen, now), since)
        return emit.choose(self.clock_runs(clock), running, seen)


def comparable(value: ast.expr, *, is_text: bool) -> ast.expr:
    """Bring a value as received into the form that is compared."""
    if not is_text:
        return value
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return emit.const(fold(value.value))
    return emit.call(emit.name("fold"), value)


def literal(value: Value | Iterable[Value]) -> ast.expr:
    """Write a literal of a rule, or a list of them as a set; texts folded."""
    if isinstance(value, str | int | float | bool):
        return emit.const(fold(value) if isinstance(value, str) else value)
    return emit.const(frozenset(fold(one) if isinstance(one, str) else one for one in value))
