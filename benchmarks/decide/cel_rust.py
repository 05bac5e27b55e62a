"""common-expression-language (Rust): all rules in one expression, the fastest form of it that was found."""

from collections.abc import Sequence
from importlib.metadata import version

import cel

from benchmarks.decide.cel_text import cel_expression
from benchmarks.decide.workload import Workload, answer_all, as_document
from benchmarks.outcome import Outcome

LABEL = "common-expression-language, one expression"
VERSIONS = {"common-expression-language": version("common-expression-language")}


def prepare(workload: Workload) -> tuple[cel.Program, list[dict[str, object]]]:
    """Compile a list with one element a rule."""
    text = "[" + ", ".join(f"({cel_expression(rule)})" for rule in workload.rules) + "]"
    return cel.compile(text), [as_document(state) for state in workload.states]


def run(prepared: tuple[cel.Program, list[dict[str, object]]]) -> Outcome:
    """Evaluate the list and keep the places that hold."""
    program, states = prepared

    def matching(state: dict[str, object]) -> Sequence[int]:
        return [number for number, holds in enumerate(program.execute(state)) if holds]

    return answer_all(states, matching)
