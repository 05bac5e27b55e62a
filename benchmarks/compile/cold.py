"""From text to a program, nothing known before: what a start costs."""

import time

from benchmarks.compile.rule_folder import compiled, files_parsed, outcome, written
from benchmarks.compile.workload import Workload
from benchmarks.outcome import Outcome
from rules import ParseCache
from server.rulebook.live_rules import RuleFolder

LABEL = "all files new"


def prepare(workload: Workload) -> RuleFolder:
    """Write the files, and build the parser's tables once."""
    folder = written(workload)
    compiled(folder, ParseCache())
    return folder


def run(prepared: RuleFolder) -> Outcome:
    """Read, check and compile them all."""
    cache = ParseCache()
    began = time.perf_counter()
    program = compiled(prepared, cache)
    seconds = time.perf_counter() - began
    return outcome(program, seconds, files_parsed=files_parsed({}, cache))
