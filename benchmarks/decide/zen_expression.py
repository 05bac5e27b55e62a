"""zen-engine (Rust): all rules in one expression, the fastest form of it that was found."""

from collections.abc import Sequence
from importlib.metadata import version

import zen

from benchmarks.decide.workload import PlainRule, Workload, answer_all, as_document
from benchmarks.outcome import Outcome

LABEL = "zen-engine, one expression"
VERSIONS = {"zen-engine": version("zen-engine")}


def prepare(workload: Workload) -> tuple["zen.Expression", list[dict[str, object]]]:
    """Compile a list with one element a rule."""
    text = "[" + ", ".join(_expression(rule) for rule in workload.rules) + "]"
    return zen.compile_expression(text), [as_document(state) for state in workload.states]


def _expression(rule: PlainRule) -> str:
    tests = [
        f'startsWith(path, "{rule.prefix}")',
        f"time_s >= {rule.time_s}",
        f"score >= {rule.score}",
        f"scroll >= {rule.scroll}",
        *(["flag"] if rule.needs_flag else []),
    ]
    return "(" + " and ".join(tests) + ")"


def run(prepared: tuple["zen.Expression", list[dict[str, object]]]) -> Outcome:
    """Evaluate the list and keep the places that hold."""
    expression, states = prepared

    def matching(state: dict[str, object]) -> Sequence[int]:
        return [number for number, holds in enumerate(expression.evaluate(state)) if holds]

    return answer_all(states, matching)
