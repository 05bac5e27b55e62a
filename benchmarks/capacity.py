"""How many servers so many visitors need: the capacity model of docs/capacity.md, filled from results.

python -m benchmarks.capacity RESULTS.json... [--visitors N]
"""

import argparse
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from math import ceil
from pathlib import Path
from statistics import median

import msgspec

from benchmarks.tables import number

VISITORS = 10_000_000
HEARTBEAT_S = 15
SOCKETS_A_WORKER = 50_000
ALLOCATOR, HEADROOM = 1.25, 1.3
PRIMARY_SHARE = 0.4
"""Of a primary's one core: the rest is for reads, replicas, rewriting its file, and bad minutes."""
WORKER_SHARE = 0.7
"""Of a worker's one core."""
APART_MAX = 2.0
"""Measured and planned may differ by this factor; beyond it the plan is wrong."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the model is fed; the defaults are what was planned. Bytes are of Redis, for one visitor."""

    session_s: float = 600
    event_commits: float = 12
    wake_ups: float = 3
    messages: float = 0.5
    visible: float = 0.6
    session_bytes: float = 736
    profile_bytes: float = 272
    entry_bytes: float = 100
    message_bytes: float = 384
    other_bytes: float = 333
    primary_commits: float = 15_000
    primary_gb: float = 8
    worker_commits: float = 4_000
    request_bytes: float = 1_300


MEANING: Mapping[str, str] = {
    "session_s": "seconds a session",
    "event_commits": "commits with events a session",
    "wake_ups": "wake-ups a session",
    "messages": "messages a session",
    "visible": "share of visible tabs",
    "session_bytes": "bytes of a session's hash",
    "profile_bytes": "bytes of a profile",
    "entry_bytes": "bytes of a journal entry",
    "message_bytes": "bytes of a message's list",
    "other_bytes": "bytes of all else of a session: wake-up, indexes, names",
    "primary_commits": f"commits/s of a primary, {PRIMARY_SHARE:.0%} of its core",
    "primary_gb": "GB of a primary",
    "worker_commits": f"commits/s of a worker, {WORKER_SHARE:.0%} of its core",
    "request_bytes": "bytes sent to a primary a commit",
}


@dataclass(frozen=True, slots=True)
class Source:
    """Where an input was measured; `share` of a core turns microseconds of CPU into commits a second."""

    benchmark: str
    size: str
    contender: str
    metric: str
    share: float = 0.0


SOURCES: Mapping[str, Source] = {
    "session_bytes": Source("memory", "100000", "redis_d1", "session_bytes"),
    "profile_bytes": Source("memory", "100000", "redis_d1", "profile_bytes"),
    "entry_bytes": Source("redis_commits", "d1", "opportune", "entry_bytes"),
    "message_bytes": Source("redis_commits", "d1", "opportune", "message_bytes"),
    "other_bytes": Source("memory", "100000", "redis_d1", "other_bytes"),
    "primary_commits": Source("redis_commits", "d1_plain", "opportune", "server_us", PRIMARY_SHARE),
    "worker_commits": Source("ingest", "single", "redis_d1", "cpu_us", WORKER_SHARE),
    "request_bytes": Source("redis_commits", "d1_plain", "opportune", "sent_bytes"),
}


@dataclass(frozen=True, slots=True)
class Needs:
    """What a number of visitors needs."""

    memory_gb: float
    commits_a_s: float
    primaries: int
    workers: int
    network_mb_s: float


class _Repetition(msgspec.Struct, frozen=True):
    values: dict[str, float]


class _Series(msgspec.Struct, frozen=True):
    contender: str
    repetitions: list[_Repetition]


class Results(msgspec.Struct, frozen=True):
    """What `benchmarks.runner --json` writes: benchmark, size, contenders."""

    benchmarks: dict[str, dict[str, list[_Series]]]


def needs(inputs: Inputs, visitors: int, *, heartbeats: bool) -> Needs:
    """Compute what so many concurrent visitors need; `heartbeats` are commits of their own then."""
    beats = inputs.session_s / HEARTBEAT_S * inputs.visible if heartbeats else 0.0
    commits = inputs.event_commits + inputs.wake_ups + beats
    commits_a_s = visitors * commits / inputs.session_s
    # Sessions are half over on average.
    entries = commits / 2
    own_bytes = (
        inputs.session_bytes
        + inputs.profile_bytes
        + inputs.entry_bytes * entries
        + inputs.message_bytes * inputs.messages
        + inputs.other_bytes
    )
    memory_gb = visitors * own_bytes * ALLOCATOR * HEADROOM / 1e9
    primaries = max(commits_a_s / inputs.primary_commits, memory_gb / inputs.primary_gb)
    workers = max(visitors / SOCKETS_A_WORKER, commits_a_s / inputs.worker_commits)
    return Needs(
        memory_gb,
        commits_a_s,
        ceil(primaries),
        ceil(workers),
        commits_a_s / ceil(primaries) * inputs.request_bytes / 1e6,
    )


def measured(results: Iterable[Results]) -> dict[str, float]:
    """Take the inputs that were measured: medians over the repetitions."""
    found = {}
    for result in results:
        for name, source in SOURCES.items():
            values = _values(result, source)
            if values:
                middle = median(values)
                found[name] = source.share * 1e6 / middle if source.share else middle
    return found


def _values(result: Results, source: Source) -> list[float]:
    sizes = result.benchmarks.get(source.benchmark, {})
    series = [one for one in sizes.get(source.size, ()) if one.contender == source.contender]
    return [
        repetition.values[source.metric]
        for one in series
        for repetition in one.repetitions
        if source.metric in repetition.values
    ]


def write(found: Mapping[str, float], visitors: int) -> str:
    """Write the inputs and what comes of them, the plan beside what was measured."""
    plan, now = Inputs(), replace(Inputs(), **found)
    lines = ["| input | planned | measured |", "| --- | --- | --- |"]
    for field in fields(Inputs):
        told = number(found[field.name]) if field.name in found else "as planned"
        planned = number(getattr(plan, field.name))
        lines.append(f"| {MEANING[field.name]} | {planned} | {told} |")
    lines += ["", f"{visitors:,} concurrent visitors:", ""]
    for heartbeats in (False, True):
        lines += _compared(plan, now, visitors, heartbeats=heartbeats)
    return "\n".join(lines)


def _compared(plan: Inputs, now: Inputs, visitors: int, *, heartbeats: bool) -> list[str]:
    before = needs(plan, visitors, heartbeats=heartbeats)
    after = needs(now, visitors, heartbeats=heartbeats)
    title = "every heartbeat a commit" if heartbeats else "no commits for heartbeats"
    lines = [f"| {title} | planned | measured | ratio |", "| --- | --- | --- | --- |"]
    for field, words in (
        ("memory_gb", "GB of Redis, one copy"),
        ("commits_a_s", "commits/s"),
        ("primaries", "primaries"),
        ("workers", "worker processes"),
        ("network_mb_s", "MB/s into a primary"),
    ):
        first, second = getattr(before, field), getattr(after, field)
        ratio = second / first
        mark = "" if 1 / APART_MAX <= ratio <= APART_MAX else " **apart**"
        lines.append(f"| {words} | {number(first)} | {number(second)} | {ratio:.2f}{mark} |")
    return [*lines, ""]


def main(argv: Sequence[str] | None = None) -> int:
    """Print the model for the results of the files."""
    parser = argparse.ArgumentParser(prog="benchmarks.capacity", description="The capacity model.")
    parser.add_argument("results", nargs="*", type=Path, help="files of benchmarks.runner --json")
    parser.add_argument("--visitors", type=int, default=VISITORS)
    given = parser.parse_args(argv)
    decode = msgspec.json.Decoder(Results).decode
    print(write(measured(decode(path.read_bytes()) for path in given.results), given.visitors))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
