"""Our interpreter: the slow obvious evaluator that defines the meaning, rule by rule."""

from collections.abc import Sequence

from benchmarks.decide.rule_text import NOW_MS, as_session, checked_rules
from benchmarks.decide.workload import Workload, answer_all
from benchmarks.outcome import Outcome
from engine.windows import StateFacts
from rules.checked import CheckedSet
from rules.compiler import compile_program
from rules.interpreter import rule_stage

LABEL = "Opportune, interpreted"


def prepare(workload: Workload) -> tuple[CheckedSet, list[StateFacts]]:
    """Check the rules; the registers' places come from a program."""
    checked = checked_rules(workload)
    program = compile_program(checked)
    return checked, [StateFacts(program, as_session(program, one)) for one in workload.states]


def run(prepared: tuple[CheckedSet, list[StateFacts]]) -> Outcome:
    """Ask every rule for its stage."""
    checked, states = prepared

    def matching(facts: StateFacts) -> Sequence[int]:
        return [rule.number for rule in checked.rules if rule_stage(rule, facts, NOW_MS) is None]

    return answer_all(states, matching)
