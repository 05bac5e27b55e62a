"""One of the files changed: what a reload costs."""

import time
from itertools import count

from benchmarks.compile.rule_folder import compiled, files_parsed, outcome, written
from benchmarks.compile.workload import Workload
from benchmarks.outcome import Outcome
from rules import ParseCache
from server.rulebook.live_rules import RuleFolder

LABEL = "one file changed"
Prepared = tuple[RuleFolder, ParseCache, "count[int]"]


def prepare(workload: Workload) -> Prepared:
    """Write the files and read them once."""
    folder = written(workload)
    cache = ParseCache()
    compiled(folder, cache)
    return folder, cache, count()


def run(prepared: Prepared) -> Outcome:
    """Add a comment to one file, and read them all again."""
    folder, cache, numbers = prepared
    assert folder.path is not None
    changed = folder.path / "part00.rules"
    with changed.open("a", encoding="utf-8") as file:
        file.write(f"# change {next(numbers)}\n")
    before = dict(cache.entries)
    began = time.perf_counter()
    program = compiled(folder, cache)
    seconds = time.perf_counter() - began
    return outcome(program, seconds, files_parsed=files_parsed(before, cache))
