"""Runs benchmarks: every contender in its own process, interleaved, with answers that must agree.

python -m benchmarks.runner [NAME...] [--tiny] [--size SIZE] [--only CONTENDER] [--repetitions N] [--json FILE]
"""

import argparse
import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

from benchmarks.outcome import SEED, Series
from benchmarks.processes import ContenderProcess, Failed
from benchmarks.tables import print_sizes, print_targets, write_json

HERE = Path(__file__).parent
BENCHMARKS = (
    "decide",
    "session",
    "ingest",
    "wakeups",
    "memory",
    "compile",
    "start",
    "end_to_end",
    "redis_commits",
    "deliver",
    "widget",
)
TINY = "tiny"


class Disagreement(Exception):
    """Two contenders gave different answers to the same work, so neither figure means anything."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to run: with which sizes (none: all but the tiny one), how often, from which seed."""

    sizes: tuple[str, ...] = ()
    repetitions: int = 5
    seed: int = SEED
    only: tuple[str, ...] = ()


def contenders(folder: str) -> tuple[str, ...]:
    """List a benchmark's contenders: its files that have a LABEL, the reference first."""
    found = [
        path.stem
        for path in sorted((HERE / folder).glob("*.py"))
        if "\nLABEL = " in path.read_text(encoding="utf-8")
    ]
    reference: str = workload_of(folder).REFERENCE
    return (reference, *(name for name in found if name != reference))


def workload_of(folder: str) -> ModuleType:
    """Return a benchmark's workload: SIZES, REFERENCE, METRICS, TARGETS and make(size, seed)."""
    return importlib.import_module(f"benchmarks.{folder}.workload")


def run_size(folder: str, size: str, options: Options) -> list[Series]:
    """Run all contenders of a benchmark at one size, one repetition of each in turn.

    Raises:
        Disagreement: two contenders answered differently.
    """
    workload = workload_of(folder)
    fresh: bool = getattr(workload, "FRESH", False)
    most: int = getattr(workload, "REPETITIONS", {}).get(size, options.repetitions)
    options = replace(options, repetitions=min(most, options.repetitions))
    entered = [
        name
        for name in contenders(folder)
        if size in sizes_of(folder, name) and (not options.only or name in options.only)
    ]
    series = _run_fresh(folder, size, entered, options) if fresh else []
    if not fresh:
        series = _run_interleaved(folder, size, entered, options)
    compare(folder, size, series)
    return series


def sizes_of(folder: str, contender: str) -> tuple[str, ...]:
    """Return the sizes a contender takes part in: those its file names in SIZES, or all."""
    text = (HERE / folder / f"{contender}.py").read_text(encoding="utf-8")
    line = next((line for line in text.splitlines() if line.startswith("SIZES = ")), "")
    every: tuple[str, ...] = tuple(workload_of(folder).SIZES)
    return tuple(size for size in every if f'"{size}"' in line) if line else every


def compare(folder: str, size: str, series: Sequence[Series]) -> None:
    """Check that all answers to the same work are the same."""
    known: dict[str, tuple[str, str]] = {}
    for one in series:
        for outcome in one.outcomes:
            for covered, found in outcome.digests.items():
                first, expected = known.setdefault(covered, (one.contender, found))
                if found != expected:
                    raise Disagreement(
                        f"{folder} {size}: {one.contender} and {first} differ on {covered}"
                    )


def _run_interleaved(
    folder: str, size: str, names: Sequence[str], options: Options
) -> list[Series]:
    series: list[Series] = []
    processes: list[ContenderProcess] = []
    try:
        processes.extend(ContenderProcess(folder, name, size, options.seed) for name in names)
        for name, process in zip(names, processes, strict=True):
            process.wait_ready()
            series.append(Series(name, process.ready, process.failure))
        for _ in range(options.repetitions):
            for one, process in zip(series, processes, strict=True):
                _repeat(one, process)
    finally:
        for process in processes:
            process.close()
    return series


def _run_fresh(folder: str, size: str, names: Sequence[str], options: Options) -> list[Series]:
    series: dict[str, Series] = {}
    for _ in range(options.repetitions):
        for name in names:
            process = ContenderProcess(folder, name, size, options.seed)
            try:
                process.wait_ready()
                one = series.setdefault(name, Series(name, process.ready, process.failure))
                _repeat(one, process)
            finally:
                process.close()
    return list(series.values())


def _repeat(one: Series, process: ContenderProcess) -> None:
    if one.failure or one.ready.missing:
        return
    try:
        report = process.repeat()
    except Failed as failed:
        one.failure = str(failed)
        return
    one.outcomes.append(report.outcome)
    one.rss_mb = max(one.rss_mb, report.rss_mb)


def run_benchmark(folder: str, options: Options) -> dict[str, list[Series]]:
    """Run a benchmark at all wanted sizes and print its tables; returns the series by size."""
    workload = workload_of(folder)
    sizes = options.sizes or tuple(size for size in workload.SIZES if size != TINY)
    print(f"\n## {folder}: {(workload.__doc__ or '').partition(chr(10))[0]}")
    results = {}
    for size in sizes:
        if size in workload.SIZES:
            print(f"running {folder} {size} ...", file=sys.stderr, flush=True)
            results[size] = run_size(folder, size, options)
    print_sizes(workload, results)
    print_targets(workload, results)
    return results


def main(argv: Sequence[str] | None = None) -> int:
    """Run what the command line names; 1 when contenders disagree or one of ours failed."""
    parser = argparse.ArgumentParser(prog="benchmarks.runner", description="Run the benchmarks.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--tiny", action="store_true", help="the smallest size, twice, for a look")
    parser.add_argument("--size", action="append", default=[], help="only this size")
    parser.add_argument("--only", action="append", default=[], help="only this contender")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--json", type=Path, help="write all results to this file")
    given = parser.parse_args(argv)
    unknown = [name for name in given.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark {unknown[0]}; there are {', '.join(BENCHMARKS)}")
    options = Options(tuple(given.size), given.repetitions, given.seed, tuple(given.only))
    if given.tiny:
        options = Options((TINY,), 2, given.seed, tuple(given.only))
    results = {}
    for folder in given.names or BENCHMARKS:
        try:
            results[folder] = run_benchmark(folder, options)
        except Disagreement as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    if given.json:
        write_json(given.json, results, options.seed)
    failed = [
        f"{name} {one.contender}: {one.failure}"
        for name, sizes in results.items()
        for series in sizes.values()
        for one in series
        if one.failure
    ]
    for line in failed:
        print(f"failed: {line}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
