"""json-rules-engine on Node: one engine with all rules, `startsWith` as an operator of our own."""

from pathlib import Path

from benchmarks.decide.node_rules import run_script, written
from benchmarks.decide.workload import Workload
from benchmarks.node_peer import versions
from benchmarks.outcome import Outcome

LABEL = "json-rules-engine (Node)"
VERSIONS = versions("json-rules-engine")
SIZES = ("tiny", "100", "1000")


def prepare(workload: Workload) -> Path:
    """Write the workload down."""
    return written(workload, "json-rules-engine")


def run(prepared: Path) -> Outcome:
    """Run the script."""
    return run_script("json_rules_engine.mjs", prepared)
