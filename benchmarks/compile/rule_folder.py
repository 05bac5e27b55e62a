"""The workload as a folder of rule files, and the server's own way from there to a program."""

from pathlib import Path

from benchmarks.compile.workload import Workload, answers
from benchmarks.outcome import Outcome, digest
from benchmarks.scratch import scratch_folder
from rules import ParseCache
from rules.compiler.program import Program
from rules.loader import ParsedFile
from server.rulebook.live_rules import RuleFolder, compile_folder


def written(workload: Workload) -> RuleFolder:
    """Write the files below a fresh folder."""
    path = scratch_folder()
    for name, text in workload.texts.items():
        (path / name).write_text(text, encoding="utf-8")
    return RuleFolder("ws_bench", "main", path, allow_regex=False)


def compiled(folder: RuleFolder, cache: ParseCache) -> Program:
    """Read, check and compile, as `opportune serve` does at its start and at a reload."""
    return compile_folder(folder, cache).program


def outcome(program: Program, seconds: float, **values: float) -> Outcome:
    """Report one making of a program."""
    measured = {"seconds": seconds, **values}
    return Outcome(
        len(program.rules), seconds, {"rules and registers": digest(answers(program))}, measured
    )


def files_parsed(
    before: dict[tuple[Path, str], tuple[bytes, ParsedFile]], after: ParseCache
) -> int:
    """Count the files that a cache had to read anew since a copy of its entries was taken."""
    return sum(after.entries[place] is not before.get(place) for place in after.entries)
