"""cel-python: one compiled program a rule."""

from collections.abc import Sequence
from importlib.metadata import version

import celpy

from benchmarks.decide.cel_text import cel_expression
from benchmarks.decide.workload import Workload, answer_all, as_document
from benchmarks.outcome import Outcome

LABEL = "cel-python"
VERSIONS = {"cel-python": version("cel-python")}
SIZES = ("tiny", "100", "1000")

Prepared = tuple[list[celpy.Runner], list[celpy.Context]]


def prepare(workload: Workload) -> Prepared:
    """Compile the rules one by one."""
    environment = celpy.Environment()
    programs = [
        environment.program(environment.compile(cel_expression(rule))) for rule in workload.rules
    ]
    states = [
        {name: celpy.json_to_cel(value) for name, value in as_document(state).items()}
        for state in workload.states
    ]
    return programs, states


def run(prepared: Prepared) -> Outcome:
    """Evaluate rule by rule."""
    programs, states = prepared

    def matching(state: celpy.Context) -> Sequence[int]:
        return [number for number, one in enumerate(programs) if bool(one.evaluate(state))]

    return answer_all(states, matching)
