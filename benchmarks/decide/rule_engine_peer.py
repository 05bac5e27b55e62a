"""rule-engine (Python): one rule object a rule."""

from collections.abc import Sequence
from importlib.metadata import version

import rule_engine

from benchmarks.decide.workload import PlainRule, Workload, answer_all, as_document
from benchmarks.outcome import Outcome

LABEL = "rule-engine"
VERSIONS = {"rule-engine": version("rule-engine")}
SIZES = ("tiny", "100", "1000")

Prepared = tuple[list[rule_engine.Rule], list[dict[str, object]]]


def prepare(workload: Workload) -> Prepared:
    """Parse the rules one by one."""
    rules = [rule_engine.Rule(_expression(rule)) for rule in workload.rules]
    return rules, [as_document(state) for state in workload.states]


def _expression(rule: PlainRule) -> str:
    tests = [
        f'path.starts_with("{rule.prefix}")',
        f"time_s >= {rule.time_s}",
        f"score >= {rule.score}",
        f"scroll >= {rule.scroll}",
        *(["flag"] if rule.needs_flag else []),
    ]
    return " and ".join(tests)


def run(prepared: Prepared) -> Outcome:
    """Evaluate rule by rule."""
    rules, states = prepared

    def matching(state: dict[str, object]) -> Sequence[int]:
        return [number for number, rule in enumerate(rules) if rule.matches(state)]

    return answer_all(states, matching)
