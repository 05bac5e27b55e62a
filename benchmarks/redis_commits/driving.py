"""Runs a contender's worker processes side by side against a fresh server, and weighs what they left there."""

import asyncio
import multiprocessing
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from benchmarks.load import cpu_seconds
from benchmarks.outcome import Outcome, digest
from benchmarks.redis_commits.workload import Workload
from benchmarks.valkey import Running, fresh
from engine.stores.redis.keys import Keys
from engine.stores.redis.store import RedisStore

PARTITIONS = 256
WAIT_S_MAX = 60
"""No worker is waited for longer."""
WEIGHED = 16
"""Sessions whose keys are weighed at the end."""
_MADE_AT_ONCE = 256
_KEYS = Keys(PARTITIONS)

Answer = tuple[int, ...]
"""Version, profile version, first and last offset of one commit."""


class Gate:
    """Holds a prepared worker back until all are ready."""

    def __init__(self, pipe: Connection) -> None:
        """Speak to the process that started this one."""
        self._pipe = pipe

    def wait(self) -> None:
        """Say that this worker is ready, and wait for the others."""
        self._pipe.send(None)
        self._pipe.recv()


@dataclass(slots=True)
class Course:
    """What one worker took, from its first commit to its last answer; `rows` are its answers by row."""

    began_s: float = 0.0
    ended_s: float = 0.0
    cpu_s: float = 0.0
    rows: dict[int, list[Answer]] | None = None

    def begin(self) -> None:
        """Start to measure."""
        self.cpu_s = -_own_cpu_s()
        self.began_s = time.perf_counter()

    def end(self, rows: dict[int, list[Answer]]) -> None:
        """Stop, with the answers."""
        self.ended_s = time.perf_counter()
        self.cpu_s += _own_cpu_s()
        self.rows = rows


Work = Callable[[Workload, Running, int, Gate], Course]
"""Does the commits of one worker, by its number: prepares, waits at the gate, commits."""


def run_workers(workload: Workload, work: Work) -> Outcome:
    """Make the sessions, let the workers commit, and report rate, CPU and bytes."""
    with fresh(replicated=workload.replicated) as running:
        asyncio.run(_make_sessions(workload, running))
        with _workers(workload, running, work) as pipes:
            for pipe in pipes:
                _received(pipe)
            before = _spent(running)
            for pipe in pipes:
                pipe.send(None)
            received = [_received(pipe) for pipe in pipes]
            spent = [now - then for now, then in zip(_spent(running), before, strict=True)]
        weights = _weigh(workload, running)
    courses = [course for course in received if isinstance(course, Course)]
    seconds = max(one.ended_s for one in courses) - min(one.began_s for one in courses)
    values = {
        "cpu_us": sum(one.cpu_s for one in courses) / workload.commits * 1e6,
        "server_us": spent[0] / workload.commits * 1e6,
        "sent_bytes": spent[1] / workload.commits,
    }
    answers = {number: row for one in courses for number, row in (one.rows or {}).items()}
    digests = {"answers": digest(answers[number] for number in sorted(answers))}
    return Outcome(workload.commits, seconds, digests, values | weights)


async def _make_sessions(workload: Workload, running: Running) -> None:
    store = await RedisStore.open(running.url, durability="D1", partitions=PARTITIONS)
    try:
        for first in range(0, workload.sessions, _MADE_AT_ONCE):
            some = range(first, min(first + _MADE_AT_ONCE, workload.sessions))
            await asyncio.gather(*(store.commit(workload.first(number)) for number in some))
    finally:
        await store.close()


def _spent(running: Running) -> tuple[float, float]:
    """Return the primary's seconds of CPU and the bytes that it was sent."""
    return sum(cpu_seconds(running.pid)), running.number("stats", "total_net_input_bytes")


@contextmanager
def _workers(workload: Workload, running: Running, work: Work) -> Iterator[list[Connection]]:
    """Start the workers; forked, so that each has the workload without making it again."""
    forked = multiprocessing.get_context("fork")
    pipes: list[Connection] = []
    with ExitStack() as stack:
        for number in range(workload.workers):
            ours, theirs = forked.Pipe()
            arguments = (work, workload, running, number, theirs)
            process = forked.Process(target=_serve, args=arguments, daemon=True)
            process.start()
            theirs.close()
            stack.callback(_end, process)
            pipes.append(ours)
        yield pipes


def _serve(work: Work, workload: Workload, running: Running, number: int, pipe: Connection) -> None:
    pipe.send(work(workload, running, number, Gate(pipe)))


def _received(pipe: Connection) -> object:
    assert pipe.poll(WAIT_S_MAX), f"a worker was not done in {WAIT_S_MAX} s"
    return pipe.recv()


def _end(process: BaseProcess) -> None:
    process.join(5)
    if process.is_alive():
        process.kill()
        process.join()


def _weigh(workload: Workload, running: Running) -> dict[str, float]:
    """Weigh the keys of some sessions as they are after the last commit, a list of messages with one of them."""
    weights = {"session_bytes": 0.0, "profile_bytes": 0.0, "entry_bytes": 0.0, "message_bytes": 0.0}
    some = range(0, workload.sessions, max(1, workload.sessions // WEIGHED))
    for number in some:
        ref = workload.ref(number)
        messages = _KEYS.of_session("m", ref)
        running.node.ask("LTRIM", messages, -1, -1)
        profile = _KEYS.of_visitor("u", ref.workspace, ref.visitor)
        entries = running.weigh(_KEYS.of_session("j", ref)) / (workload.commits_a_session + 1)
        weights["session_bytes"] += running.weigh(_KEYS.of_session("s", ref)) / len(some)
        weights["profile_bytes"] += running.weigh(profile) / len(some)
        weights["entry_bytes"] += entries / len(some)
        weights["message_bytes"] += running.weigh(messages) / len(some)
    if workload.kind == "plain":
        del weights["message_bytes"]
    return weights


def _own_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
