"""Our server on the sqlite store, each message after an fsync; and what a lone commit takes on that disk."""

import sqlite3
import time
from statistics import median

import msgspec

from benchmarks.deliver.visiting import visit_opportune
from benchmarks.deliver.workload import Workload
from benchmarks.outcome import Outcome
from benchmarks.scratch import scratch_folder

LABEL = "Opportune, sqlite D2"
_LONE_COMMITS = 100
_BODY = b"x" * 600


def prepare(workload: Workload) -> Workload:
    """Nothing to prepare: each repetition starts its own server."""
    return workload


def run(prepared: Workload) -> Outcome:
    """Start the server and let the visitors come."""
    outcome = visit_opportune(prepared, "sqlite:///{folder}/deliver.db", "D2")
    values = outcome.values | {"lone_commit_ms": lone_commit_ms()}
    return msgspec.structs.replace(outcome, values=values)


def lone_commit_ms() -> float:
    """Return the median of commits one after the other, each with its fsync."""
    connection = sqlite3.connect(scratch_folder() / "lone.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE row (id INTEGER PRIMARY KEY, body)")
    took = []
    for _ in range(_LONE_COMMITS):
        began_s = time.perf_counter()
        connection.execute("INSERT INTO row (body) VALUES (?)", (_BODY,))
        took.append((time.perf_counter() - began_s) * 1_000)
    connection.close()
    return median(took)
