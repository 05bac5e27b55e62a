"""Many worlds: seeds over processes, a failing one made small, and the one line that runs it again."""

from collections.abc import Iterable, Iterator, Sequence
from multiprocessing import get_context

from tests.simulation.mutants import Weakness
from tests.simulation.options import drawn
from tests.simulation.simulate import Report, simulate
from tests.simulation.steps import Step, planned, without

MUTANT_SEEDS_MAX = 2_000
"""Within how many seeds a missing safety has to be noticed."""

SHRINK_RUNS_MAX = 200
"""How many runs a failing seed may take to become small."""


def reports(seeds: Iterable[int], steps: int, jobs: int = 1) -> Iterator[Report]:
    """Run each seed, on several processes when asked; in the order of the seeds."""
    work = [(seed, steps) for seed in seeds]
    if jobs == 1:
        yield from map(_one, work)
        return
    with get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap(_one, work, chunksize=8)


def shrunk(report: Report, steps: int, weak: Weakness = Weakness()) -> tuple[Step, ...]:  # noqa: B008
    """Drop steps as long as the same promise stays broken."""
    kept = planned(report.seed, steps, drawn(report.seed))
    kept = tuple(step for step in kept if step.number <= report.at_step)
    wanted, runs, size = _promise(report), 0, len(kept) // 2
    while size and runs < SHRINK_RUNS_MAX:
        begin, before = 0, len(kept)
        while begin < len(kept) and runs < SHRINK_RUNS_MAX:
            fewer = without(kept, begin, begin + size)
            runs += 1
            if _promise(simulate(report.seed, steps, weak=weak, steps=fewer)) == wanted:
                kept = fewer
            else:
                begin += size
        if len(kept) == before:
            size //= 2
    return kept


def caught_at(weak: Weakness, seeds: Iterable[int], steps: int) -> int | None:
    """Find the first seed that notices a missing safety."""
    return next((seed for seed in seeds if simulate(seed, steps, weak=weak).broken), None)


def rerun_line(report: Report, steps: int, kept: Sequence[Step] = ()) -> str:
    """Say how a seed is run again, with the steps that are enough."""
    only = f" --only {','.join(str(step.number) for step in kept)}" if kept else ""
    return f"python -m tests.simulation --seeds {report.seed} --steps {steps}{only}"


def _one(work: tuple[int, int]) -> Report:
    return simulate(*work)


def _promise(report: Report) -> str:
    return report.broken.partition(":")[0]
