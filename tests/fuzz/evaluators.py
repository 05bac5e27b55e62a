"""Fuzz the evaluators against each other: `python -m tests.fuzz.evaluators --pairs 20000`.

Exits 1 when they disagree about a pair of rule set and visitor, or when some node of the checked
form was never reached. `--only N` looks at the pair of that number alone and prints all it finds.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from random import Random

from tests.fuzz.agreement import disagreements, stretches
from tests.fuzz.coverage import SYNTAX, VALUES, syntax_of, values_of
from tests.strategies import Pair, random_pair

BATCH_PAIRS = 100
FULL_COVERAGE_PAIRS = 2_000
"""From so many pairs on, a node that was never reached is a failure of the generators."""
SHOWN_MAX = 10


@dataclass
class Findings:
    """What a batch of pairs gave: disagreements by the pair's number, and what was reached."""

    pairs: int = 0
    disagreements: dict[int, list[str]] = field(default_factory=dict)
    reached: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Findings") -> None:
        """Take in the findings of another batch."""
        self.pairs += other.pairs
        self.disagreements.update(other.disagreements)
        self.reached.update(other.reached)


def numbered_pair(seed: int, number: int) -> Pair:
    """Return a pair by its number in the sequence of a seed."""
    return random_pair(Random(f"{seed}:{number}"))


def look_at(seed: int, numbers: Iterable[int]) -> Findings:
    """Look at some pairs of a seed."""
    findings = Findings()
    for number in numbers:
        pair = numbered_pair(seed, number)
        findings.pairs += 1
        findings.reached.update(set(syntax_of(pair.checked)))
        found = _found(pair, findings.reached)
        if found:
            findings.disagreements[number] = found
    return findings


def _found(pair: Pair, reached: Counter[str]) -> list[str]:
    try:
        for stretch in stretches(pair):
            end_ms = stretch.instants[-1]
            reached.update(set(values_of(pair.checked, stretch.past, end_ms)))
        return disagreements(pair)
    except Exception as error:  # noqa: BLE001  # a crash is a finding too, and the others go on
        return [f"{type(error).__name__}: {error}"]


def main(arguments: Sequence[str]) -> int:
    """Run the fuzz; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.evaluators")
    parser.add_argument("--pairs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", type=int, default=None, help="the number of one pair")
    options = parser.parse_args(arguments)
    if options.only is not None:
        found = disagreements(numbered_pair(options.seed, options.only))
        print(*found or ["no disagreement"], sep="\n")
        return 1 if found else 0
    return report(run(options.seed, options.pairs, options.jobs), options.seed)


def run(seed: int, pairs: int, jobs: int) -> Findings:
    """Look at the first pairs of a seed in several processes, saying how far it is."""
    total = Findings()
    with ProcessPoolExecutor(jobs) as pool:
        for findings in pool.map(partial(look_at, seed), _batches(pairs)):
            total.add(findings)
            if sys.stderr.isatty():
                bad = len(total.disagreements)
                line = f"\r{total.pairs} of {pairs} pairs, {bad} disagreements"
                print(line, end="", file=sys.stderr)
    print(file=sys.stderr)
    return total


def _batches(pairs: int) -> Iterator[range]:
    for start in range(0, pairs, BATCH_PAIRS):
        yield range(start, min(start + BATCH_PAIRS, pairs))


def report(findings: Findings, seed: int) -> int:
    """Print what was found and reached; returns the exit code."""
    for number, found in sorted(findings.disagreements.items())[:SHOWN_MAX]:
        print(f"seed {seed}, pair {number}: {found[0]}")
    wanted = SYNTAX | VALUES
    missing = sorted(wanted - set(findings.reached))
    rarest = min(wanted, key=lambda name: findings.reached[name])
    print(f"pairs          {findings.pairs}")
    print(f"disagreements  {len(findings.disagreements)}")
    print(
        f"coverage       {len(wanted) - len(missing)} of {len(wanted)} nodes, operators and values"
    )
    print(f"rarest         {rarest}: {findings.reached[rarest]} pairs")
    for name in missing:
        print(f"not reached    {name}")
    is_short = findings.pairs < FULL_COVERAGE_PAIRS
    return 1 if findings.disagreements or (missing and not is_short) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
