"""The Redis store, one task a row of sessions, on the loop that the server runs on."""

import asyncio

import uvloop

from benchmarks.outcome import Outcome
from benchmarks.redis_commits.driving import PARTITIONS, Answer, Course, Gate, run_workers
from benchmarks.redis_commits.workload import Workload
from benchmarks.valkey import Running, require, versions
from engine.stores.records import Commit, Committed
from engine.stores.redis.store import RedisStore

LABEL = "Opportune, Redis store"
VERSIONS = versions()


def prepare(workload: Workload) -> Workload:
    """Look for a server; each repetition starts its own."""
    require()
    return workload


def run(prepared: Workload) -> Outcome:
    """Commit everything once."""
    return run_workers(prepared, work)


def work(workload: Workload, running: Running, worker: int, gate: Gate) -> Course:
    """Commit the rows of one worker."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_work(workload, running, worker, gate))


async def _work(workload: Workload, running: Running, worker: int, gate: Gate) -> Course:
    rows = {number: list(workload.row(number)) for number in workload.rows(worker)}
    store = await RedisStore.open(
        running.url, durability="D2" if workload.replicated else "D1", partitions=PARTITIONS
    )
    course = Course()
    try:
        await asyncio.to_thread(gate.wait)
        course.begin()
        answers = await asyncio.gather(*(_commit_row(store, row) for row in rows.values()))
        course.end(dict(zip(rows, answers, strict=True)))
    finally:
        await store.close()
    return course


async def _commit_row(store: RedisStore, row: list[Commit]) -> list[Answer]:
    answers: list[Answer] = []
    for commit in row:
        done = await store.commit(commit)
        assert isinstance(done, Committed), done
        answers.append((done.version, done.profile_version, done.first_offset, done.offset))
    return answers
