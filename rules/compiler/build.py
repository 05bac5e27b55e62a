"""From Python syntax to functions: small pieces, one namespace a program, the rule file's own lines."""

import ast
from collections.abc import Callable, Mapping

from rules.checked import Value
from rules.compiler.score_bounds import gain_due, odds_gap
from rules.compiler.scoring import odds_to_score, points_to_score
from rules.facts import NEVER_MS, State
from rules.value_types import fold

GENERATED = "<rules>"
"""The file name of code that belongs to no rule file alone."""

_PLACED = (ast.expr, ast.stmt, ast.arguments, ast.arg)

Evaluator = Callable[[State, int, int], int]
"""(state, now, page bits) -> a score or an instant."""
Decider = Callable[[State, int, int, list[int]], int]
"""(state, now, page bits, hits) -> the bound of the rules that did not hit."""
Folder = Callable[[list[object], Mapping[str, Value], bool, int], None]
"""(cells, fields, is activity, time): changes the cells."""


def new_namespace() -> dict[str, object]:
    """Return the globals of a program's generated code: what it may call, and nothing else."""
    return {
        "__builtins__": {"len": len, "max": max, "min": min},
        "NEVER": NEVER_MS,
        "fold": fold,
        "gain_due": gain_due,
        "odds_gap": odds_gap,
        "odds_to_score": odds_to_score,
        "points_to_score": points_to_score,
    }


def build(
    function: ast.FunctionDef, namespace: dict[str, object], filename: str = GENERATED
) -> Callable[..., object]:
    """Compile one function and return it; `namespace` is its globals and stays as it is.

    One at a time: compiling everything at once would hold the interpreter lock, and with it the event
    loop, for too long.
    """
    place_lines(function)
    module = ast.Module(body=[function], type_ignores=[])
    made: dict[str, object] = {}
    exec(compile(module, filename, "exec", dont_inherit=True, optimize=2), namespace, made)
    built = made[function.name]
    assert callable(built)
    return built


def place_lines(node: ast.AST, line: int = 1) -> None:
    """Give every node a line: its own where the rule file says one, else that of the node around it.

    Names and constants always take the line around them: they may stand in several places at once.
    Written out rather than with `ast.walk`, which would cost more than the compilation itself.
    """
    fields = node.__dict__
    is_leaf = isinstance(node, ast.Name | ast.Constant)
    if not is_leaf:
        line = fields.get("lineno", line)
    fields["lineno"] = fields["end_lineno"] = line
    fields["col_offset"] = fields["end_col_offset"] = 0
    if is_leaf:
        return
    for value in tuple(fields.values()):
        if isinstance(value, _PLACED):
            place_lines(value, line)
        elif isinstance(value, list):
            for child in value:
                if isinstance(child, _PLACED):
                    place_lines(child, line)
