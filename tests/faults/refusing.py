"""Ways in which what keeps things refuses writes and goes on reading, and a load that goes through one of them."""

import asyncio
import resource
from collections.abc import Callable
from pathlib import Path

import msgspec

from server.config import load_config
from server.examination import look_at_store
from tests.faults.http_line import HttpLine
from tests.faults.judge import held_in, judge, opened
from tests.faults.load import History, Load, Plan
from tests.faults.resuming import PLATFORM, SESSIONS
from tests.faults.runs import Outcome
from tests.faults.server import LOOPBACK, Node, free_port
from tests.faults.workers import Workers

# Less than a database and its log have: whatever is appended fails.
FILE_BYTES = 4_096
BEFORE_S = 0.5
READ_S = 5.0


class Refusal(msgspec.Struct, frozen=True):
    """How writes begin to be refused, and how that ends; calling either changes a running process.

    `word` stands in every refusal of the store.
    """

    begin: Callable[[], object]
    end: Callable[[], object]
    word: str = ""


class Passed(msgspec.Struct, frozen=True):
    """A refusal that is over: when it ended, in seconds of the run, and how it was answered who read meanwhile."""

    ended_s: float
    read: int


def out_of_memory(node: Node) -> Refusal:
    """Leave a server no memory: OOM."""
    return Refusal(
        lambda: node.ask("CONFIG", "SET", "maxmemory", 1),
        lambda: node.ask("CONFIG", "SET", "maxmemory", 0),
        "OOM",
    )


def read_only(node: Node) -> Refusal:
    """Make a server the replica of nobody who answers: READONLY; it keeps what it has."""
    return Refusal(
        lambda: node.ask("REPLICAOF", LOOPBACK, free_port()),
        lambda: node.ask("REPLICAOF", "NO", "ONE"),
        "READONLY",
    )


def full_log(node: Node) -> Refusal:
    """Let a server's append-only file grow no more: MISCONF, once a write to it has failed."""
    assert node.process is not None, "this server was not started here"
    return msgspec.structs.replace(full_files(node.process.pid), word="MISCONF")


def full_files(pid: int) -> Refusal:
    """Let no file of a process grow (Linux); who does not ignore SIGXFSZ would end of it."""
    unlimited = resource.RLIM_INFINITY

    def limit(size: int) -> None:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, unlimited))

    return Refusal(lambda: limit(FILE_BYTES), lambda: limit(unlimited))


async def go_through(
    refusal: Refusal, workers: Workers, plan: Plan, history: History, refused_s: float
) -> Passed:
    """Send a load, and refuse its writes for a while, in which somebody reads."""
    load = asyncio.create_task(Load(plan, workers.ports, history).run())
    await asyncio.sleep(BEFORE_S)
    refusal.begin()
    try:
        await asyncio.sleep(refused_s)
        async with HttpLine(workers[0].port) as line:
            answer = await line.send("GET", SESSIONS, b"", PLATFORM, READ_S)
    finally:
        refusal.end()
    ended_s = history.now()
    await load
    return Passed(ended_s, answer.status)


async def lost_in(workers: Workers, history: History, outcome: Outcome) -> int:
    """Kill the workers, and count what they acknowledged and the store does not have."""
    workers.end()
    history.close()
    async with opened(workers.store_url) as store:
        verdict = judge(history, held := await held_in(store))
    outcome.acked, outcome.doubled = verdict.acked, len(verdict.doubled)
    assert held.breaks == []
    return len(verdict.lost)


async def failings(config: Path) -> list[str]:
    """Say what `opportune doctor --verify` finds wrong: every journal is folded and compared with its state."""
    findings = await look_at_store(load_config(config, {}), runs=False, verify=True)
    assert any(each.subject == "journal" for each in findings)
    return [each.words for each in findings if each.level == "fail"]
