"""`python -m tests.simulation --seeds 1-1000 --steps 200 --jobs 2`: runs worlds and says what is broken."""

import argparse
import sys
from collections.abc import Sequence

import msgspec

from engine.clock import Stopwatch
from tests.simulation.mutants import NAMES, mutant
from tests.simulation.options import drawn
from tests.simulation.runs import caught_at, reports, rerun_line, shrunk
from tests.simulation.simulate import Report, simulate
from tests.simulation.steps import planned


def main(arguments: Sequence[str]) -> int:
    """Run what is asked for; 1 when something is broken, or when a mutant was not caught."""
    asked = _parser().parse_args(arguments)
    seeds = _range(asked.seeds)
    if asked.mutants:
        return _hunt(seeds, asked.steps)
    if asked.only:
        wanted = {int(number) for number in asked.only.split(",")}
        steps = planned(seeds[0], asked.steps, drawn(seeds[0]))
        kept = tuple(step for step in steps if step.number in wanted)
        report = simulate(seeds[0], asked.steps, steps=kept)
        _print(report)
        return int(bool(report.broken))
    return _run(seeds, asked)


def _run(seeds: range, asked: argparse.Namespace) -> int:
    watch, broken = Stopwatch(), 0
    entries = answers = fail_overs = crashes = 0
    for report in reports(seeds, asked.steps, asked.jobs):
        entries += report.entries
        answers += report.answers
        fail_overs += report.fail_overs
        crashes += report.crashes
        if report.broken:
            broken += 1
            _print(report)
            kept = shrunk(report, asked.steps) if asked.shrink else ()
            print(rerun_line(report, asked.steps, kept))
        elif len(seeds) == 1:
            _print(report)
    print(
        f"{len(seeds)} worlds of {asked.steps} steps, {broken} broken; {entries} steps of sessions told again, "
        f"{answers} answers, {fail_overs} fail-overs, {crashes} crashes; {watch.elapsed_ms() / 1_000:.1f} s"
    )
    return int(broken > 0)


def _hunt(seeds: range, steps: int) -> int:
    """Run each mutant until a seed catches it."""
    caught = 0
    for name in NAMES:
        seed = caught_at(mutant(name), seeds, steps)
        caught += seed is not None
        print(
            f"{name}: " + ("not caught" if seed is None else f"caught at seed {seed}"), flush=True
        )
    return int(caught < 10)


def _print(report: Report) -> None:
    print(f"seed {report.seed}: {report.broken or 'everything held'} (step {report.at_step})")
    print(f"  trace {report.trace}, options {msgspec.json.encode(report.options).decode()}")


def _range(text: str) -> range:
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", default="1-100", help="one seed, or first-last")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument(
        "--only", default="", help="numbers of the steps that are taken, of one seed"
    )
    parser.add_argument("--shrink", action="store_true", help="drop steps of what is broken")
    parser.add_argument(
        "--mutants", action="store_true", help="look which seed catches each mutant"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
