"""P8: rule files to a running program, and a reload beside a loop that must not stand still.

Equal work: the same rules in twenty files come out as a program with all its functions written.
"""

import random
from dataclasses import dataclass

from benchmarks.outcome import Figure, Metric, Target
from benchmarks.session.rule_sets import generated_rules
from rules.compiler.program import Program

SIZES = {"tiny": 20, "100": 100, "1000": 1_000}
REFERENCE = "cold"
METRICS = (
    Metric("seconds", "s", "less"),
    Metric("stall_ms", "ms the loop stood still, longest", "less"),
    Metric("files_parsed", "files", "less"),
)
TARGETS = (
    Target("1,000 rules, from text, s", Figure("cold", "1000", "seconds"), "most", 2.5),
    Target("longest stall in a reload, ms", Figure("reload", "1000", "stall_ms"), "most", 20),
    Target("files parsed, 1 changed", Figure("changed", "1000", "files_parsed"), "most", 1),
)
FILES = 20
HEAD = "head.rules"


@dataclass(frozen=True, slots=True)
class Workload:
    """The text of each file by its name."""

    texts: dict[str, str]
    rules: int


def make(size: str, seed: int) -> Workload:
    """Write the rules and spread them over files."""
    count = SIZES[size]
    texts = generated_rules(count, max(4, count // 5), random.Random(seed))[0].texts
    blocks = [
        block.strip()
        for name, text in sorted(texts.items())
        for block in text.split("\n\n")
        if name != HEAD
    ]
    files = {
        f"part{number:02}.rules": "\n\n".join(blocks[number::FILES]) + "\n"
        for number in range(FILES)
    }
    return Workload({HEAD: texts[HEAD]} | files, count)


def answers(program: Program) -> list[str]:
    """Return what must be the same whichever way the program was made."""
    return sorted(rule.name for rule in program.rules) + sorted(program.cell_numbers)
