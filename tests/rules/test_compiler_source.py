"""The generated source itself: what a reviewer reads, and that no rule text ever becomes code."""

import ast
from pathlib import Path

from rules.checked import CheckedSet
from rules.compiler.build import new_namespace
from rules.compiler.decides import decide_function
from rules.compiler.folds import fold_functions, listens
from rules.compiler.held import look_functions, next_functions, observe_functions
from rules.compiler.layout import lay_out, patterns_of
from rules.compiler.score_bounds import move_functions, turn_function
from rules.compiler.scoring import score_function
from tests.golden.golden import assert_golden
from tests.rules.compiled_visits import Visit, compiled, one_rule

GOLDEN = Path(__file__).parents[1] / "golden" / "compiler"
EVENTS = ("add_to_cart", "checkout_start", "purchase", "activity")


def listing(checked: CheckedSet) -> str:
    """Print all generated functions of a rule set, the two fused rules last."""
    layout = lay_out(checked, {})
    parts = ["# regs"]
    parts += [f"# {number}: {register.key}" for number, register in enumerate(layout.registers)]
    functions = [
        score_function(checked, layout),
        turn_function(checked, layout),
        *move_functions(checked, layout),
        *observe_functions(layout),
        *next_functions(layout),
        *look_functions(checked, layout),
    ]
    parts += [_source(function) for function in functions]
    for event in EVENTS:
        hearing = [
            (number, register)
            for number, register in enumerate(layout.registers)
            if any(listens(pattern, event) for pattern in patterns_of(register))
        ]
        for function in fold_functions(checked, layout, event, -1, hearing):
            parts += [f"\n# event {event}", _source(function).lstrip("\n")]
    parts.append(_source(decide_function(layout, checked.rules, "decide")))
    return "\n".join(parts) + "\n"


def _source(function: ast.FunctionDef) -> str:
    return "\n\n" + ast.unparse(ast.fix_missing_locations(function))


def test_generated_code_is_what_was_reviewed() -> None:
    program = compiled((GOLDEN / "cart.rules").read_text(encoding="utf-8"))
    assert_golden(GOLDEN / "cart.py.txt", listing(program.checked))


def test_rule_text_is_data_in_generated_code() -> None:
    text = "'); raise SystemExit #"
    declared = "attribute visitor.plan: text optional"
    program = one_rule(f'visitor.plan = "{text}"', declared=declared)
    assert Visit(program, {"visitor.plan": text}).holds(0)
    layout = lay_out(program.checked, {})
    function = decide_function(layout, program.rules, "decide")
    texts = [
        node.value
        for node in ast.walk(function)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    names = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
    assert text.lower() in texts
    assert names <= {"attrs", "best", "fold", "hits", "state", "v1", "NEVER"}


def test_generated_code_can_call_next_to_nothing() -> None:
    assert new_namespace()["__builtins__"] == {"len": len, "max": max, "min": min}
