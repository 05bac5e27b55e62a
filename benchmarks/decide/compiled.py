"""Our compiled program; it also finds when one of the silent rules could hold without an event."""

from collections.abc import Sequence

from benchmarks.decide.rule_text import NOW_MS, as_session, checked_rules
from benchmarks.decide.workload import Workload, answer_all
from benchmarks.outcome import Outcome
from engine.session import State
from rules.compiler import compile_program
from rules.compiler.program import Program

LABEL = "Opportune, compiled"


def prepare(workload: Workload) -> tuple[Program, list[State]]:
    """Compile the rules and write their functions."""
    program = compile_program(checked_rules(workload))
    for _ in program.warm():
        pass
    return program, [as_session(program, state) for state in workload.states]


def run(prepared: tuple[Program, list[State]]) -> Outcome:
    """Ask the program."""
    program, states = prepared

    def matching(state: State) -> Sequence[int]:
        return program.evaluate(state, NOW_MS)[0]

    return answer_all(states, matching)
