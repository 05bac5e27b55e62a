"""Results as a person reads them, the ratio first, and as JSON."""

import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from types import ModuleType

import msgspec

from benchmarks.outcome import Figure, Metric, Series, Target

Results = Mapping[str, Sequence[Series]]
ROOT = Path(__file__).parents[1]


def print_sizes(workload: ModuleType, results: Results) -> None:
    """Print one table a size and metric, and how the cost grows from the first size on."""
    for size, series in results.items():
        for place, metric in enumerate(workload.METRICS):
            if place == 0 or any(one.measured(metric.name) for one in series):
                _print_table(workload, size, series, metric)
    _print_growth(results, workload.METRICS[0])


def _print_table(workload: ModuleType, size: str, series: Sequence[Series], metric: Metric) -> None:
    shown = [one for one in series if one.measured(metric.name) or not one.outcomes]
    reference = _figure({size: series}, Figure(workload.REFERENCE, size, metric.name))
    print(f"\n{size}, {metric.name} ({metric.unit}, {metric.better} is better)\n")
    print("| ratio | contender | median | spread | peak MB |")
    print("| --- | --- | --- | --- | --- |")
    for one in shown:
        print("| " + " | ".join(_row(one, metric, reference)) + " |")


def _row(one: Series, metric: Metric, reference: float | None) -> tuple[str, ...]:
    values = one.measured(metric.name)
    if not values:
        why = one.ready.missing or one.failure or "not measured"
        return ("-", one.ready.label, why, "", "")
    middle = median(values)
    ratio = f"{middle / reference:.3g}" if reference else "-"
    spread = f"{number(min(values))} - {number(max(values))}"
    return (ratio, one.ready.label, number(middle), spread, f"{one.rss_mb:.0f}")


def _print_growth(results: Results, metric: Metric) -> None:
    sizes = list(results)
    if len(sizes) < 2:
        return
    lines = []
    for one in results[sizes[0]]:
        first = _figure(results, Figure(one.contender, sizes[0], metric.name))
        if not first:
            continue
        steps = []
        for size in sizes[1:]:
            value = _figure(results, Figure(one.contender, size, metric.name))
            if value:
                cost = first / value if metric.better == "more" else value / first
                steps.append(f"{size} costs {cost:.2f}x")
        if steps:
            lines.append(f"- {one.ready.label}: against {sizes[0]}, {', '.join(steps)}")
    if lines:
        print(f"\ngrowth of the cost by {metric.name}:\n\n" + "\n".join(lines))


def print_targets(workload: ModuleType, results: Results) -> None:
    """Print each promise whose figures were measured, and whether it is kept."""
    lines = []
    for target in workload.TARGETS:
        value = reached(target, results)
        if value is not None:
            kept = value >= target.bound if target.at == "least" else value <= target.bound
            verdict = "met" if kept else "MISSED"
            wanted = f"at {target.at} {number(target.bound)}"
            lines.append(f"| {verdict} | {number(value)} | {wanted} | {target.text} |")
    if lines:
        print("\n| target | reached | wanted | what |\n| --- | --- | --- | --- |")
        print("\n".join(lines))


def reached(target: Target, results: Results) -> float | None:
    """Return what a target's figure, or ratio of figures, came to; None when it was not measured."""
    value = _figure(results, target.figure)
    if target.over is None or value is None:
        return value
    other = _figure(results, target.over)
    return value / other if other else None


def _figure(results: Results, figure: Figure) -> float | None:
    for one in results.get(figure.size, ()):
        if one.contender == figure.contender:
            values = one.measured(figure.metric)
            return median(values) if values else None
    return None


def number(value: float) -> str:
    """Write a number with three digits that mean something."""
    if abs(value) >= 1_000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def write_json(path: Path, results: Mapping[str, Results], seed: int) -> None:
    """Write everything that was measured, with what is needed to repeat it."""
    body = {
        "commit": _commit(),
        "seed": seed,
        "python": sys.version,
        "machine": {"system": platform.platform(), "cores": len(_cores())},
        "benchmarks": {
            name: {size: [_entry(one) for one in series] for size, series in sizes.items()}
            for name, sizes in results.items()
        },
    }
    path.write_bytes(msgspec.json.format(msgspec.json.encode(body), indent=1) + b"\n")


def _entry(one: Series) -> dict[str, object]:
    rates = one.measured("rate")
    return {
        "contender": one.contender,
        "label": one.ready.label,
        "missing": one.ready.missing,
        "failure": one.failure,
        "versions": one.ready.versions,
        "prepare_s": one.ready.prepare_s,
        "rate_median": median(rates) if rates else None,
        "rate_spread": [min(rates), max(rates)] if rates else None,
        "rss_mb": one.rss_mb,
        "repetitions": [msgspec.to_builtins(outcome) for outcome in one.outcomes],
    }


def _cores() -> set[int]:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else {0}


def _commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"
