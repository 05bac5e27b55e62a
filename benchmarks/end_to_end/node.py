"""Node's own HTTP server with json-rules-engine, visitors' facts in a Map."""

import json
from dataclasses import asdict
from pathlib import Path

from benchmarks.end_to_end.workload import Workload, loaded
from benchmarks.node_peer import NODE, require, versions
from benchmarks.outcome import Outcome
from benchmarks.scratch import scratch_folder
from benchmarks.servers import started

LABEL = "Node http + json-rules-engine"
VERSIONS = versions("json-rules-engine")


def prepare(workload: Workload) -> tuple[Workload, Path]:
    """Write the rules down for the server."""
    require("json-rules-engine")
    path = scratch_folder() / "rules.json"
    path.write_text(json.dumps([asdict(rule) for rule in workload.rules]), encoding="utf-8")
    return workload, path


def run(prepared: tuple[Workload, Path]) -> Outcome:
    """Start the server and load it."""
    workload, path = prepared
    return loaded(workload, started(("node", str(NODE / "server.mjs"), str(path)), "/readyz"))
