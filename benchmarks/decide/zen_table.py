"""zen-engine (Rust): one decision table that collects, as its users write rules."""

import json
from collections.abc import Sequence
from importlib.metadata import version

import zen

from benchmarks.decide.workload import PlainRule, Workload, answer_all, as_document
from benchmarks.outcome import Outcome

LABEL = "zen-engine, decision table"
VERSIONS = {"zen-engine": version("zen-engine")}
_INPUTS = ("path", "time_s", "score", "scroll", "flag")


def prepare(workload: Workload) -> tuple[zen.ZenDecision, list[dict[str, object]]]:
    """Make a decision of one table."""
    table = {
        "hitPolicy": "collect",
        "inputs": [{"id": name, "name": name, "field": name} for name in _INPUTS],
        "outputs": [{"id": "rule", "name": "rule", "field": "rule"}],
        "rules": [_row(rule) for rule in workload.rules],
    }
    nodes: list[dict[str, object]] = [
        {"id": "in", "type": "inputNode", "name": "in"},
        {"id": "table", "type": "decisionTableNode", "name": "table", "content": table},
        {"id": "out", "type": "outputNode", "name": "out"},
    ]
    for node in nodes:
        node["position"] = {"x": 0, "y": 0}
    edges = [
        {"id": "a", "sourceId": "in", "targetId": "table"},
        {"id": "b", "sourceId": "table", "targetId": "out"},
    ]
    decision = zen.ZenEngine().create_decision(json.dumps({"nodes": nodes, "edges": edges}))
    return decision, [as_document(state) for state in workload.states]


def _row(rule: PlainRule) -> dict[str, str]:
    return {
        "_id": str(rule.number),
        "path": f'startsWith($, "{rule.prefix}")',
        "time_s": f">= {rule.time_s}",
        "score": f">= {rule.score}",
        "scroll": f">= {rule.scroll}",
        "flag": "true" if rule.needs_flag else "",
        "rule": str(rule.number),
    }


def run(prepared: tuple[zen.ZenDecision, list[dict[str, object]]]) -> Outcome:
    """Evaluate the table."""
    decision, states = prepared

    def matching(state: dict[str, object]) -> Sequence[int]:
        return [row["rule"] for row in decision.evaluate(state)["result"]]

    return answer_all(states, matching)
