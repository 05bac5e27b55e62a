"""T5: a cluster whose primaries die, hang and change, and whose slots move, loses nothing and doubles nothing."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from time import sleep

import hiredis
import msgspec
import pytest

from tests.faults.judge import Held, Verdict, early, held_in, judge, opened, over_the_cap
from tests.faults.load import History, Load, Plan
from tests.faults.runs import SEED, Outcome
from tests.faults.server import SLOTS, Cluster, Node, find_server, wait_until
from tests.faults.workers import Workers
from tests.servers import need_server

pytestmark = [pytest.mark.anyio, pytest.mark.full_size, pytest.mark.timeout(600)]
ROUNDS = 10
CONTROL_ROUNDS = 5
ROUND_S = 7.0
WORKERS = 2
WRITERS = 48
EVENTS_A_SECOND = 4
MOVED_SLOTS = 200
HUNG_S = 4.0
DOWN_S = 4.0
UNCONFIRMED_S = 0.2
READY_S = 40.0
# The node timeout of 1.5 s and 3 s, three times: nobody has the machine alone.
BACK_S = (1.5 + 3.0) * 3
SENT_AWAY = ("MOVED", "ASK", "TRYAGAIN")


def plan(rounds: int) -> Plan:
    """Plan a load that lasts as long as so many rounds."""
    seconds = rounds * ROUND_S + 2
    return Plan(
        seed=SEED,
        sessions=WRITERS,
        events=int(seconds * EVENTS_A_SECOND),
        seconds=seconds,
        deadline_s=seconds + 120.0,
    )


class Storm:
    """Faults of a cluster, one a round; each leaves it whole."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.made: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self._random = Random(SEED)
        self._faults: list[Callable[[], None]] = [self.kill, self.move, self.hang, self.take_over]

    def round(self, number: int) -> None:
        """Make a fault, and wait until the cluster is whole again."""
        fault = self._faults[number % len(self._faults)]
        fault()
        self.made[fault.__name__] += 1
        wait_until(self.is_whole, f"a whole cluster after {fault.__name__}", READY_S)
        self.count_refusals()

    def kill(self) -> None:
        """End a primary as a power switch would; it comes back as a replica.

        Its own replica has stood still for a moment: it has what it did not confirm any more.
        """
        self.count_refusals()
        victim = self._primary()
        replica = self._replica_of(victim)
        replica.stop()
        sleep(UNCONFIRMED_S)
        victim.kill()
        replica.cont()
        sleep(DOWN_S)
        victim.restart()

    def hang(self) -> None:
        """Let a primary stand still for longer than the others wait."""
        victim = self._primary()
        victim.stop()
        sleep(HUNG_S)
        victim.cont()

    def move(self) -> None:
        """Move slots from one primary to another, each half at first."""
        source, target = self._random.sample(self.cluster.primaries(), 2)
        for slot in slots_of(source)[:MOVED_SLOTS]:
            self.cluster.begin_move(slot, source, target)
            self.cluster.move_keys(slot, source, target, limit=2)
            # Long enough for somebody to come who wants keys of both halves.
            sleep(0.004)
            while source.ask("CLUSTER", "COUNTKEYSINSLOT", slot):
                self.cluster.move_keys(slot, source, target)
            self.cluster.end_move(slot, target)

    def take_over(self) -> None:
        """Let a replica take the place of its primary, which is not asked."""
        replicas = [node for node in self.cluster.nodes if not node.is_primary()]
        self._random.choice(replicas).ask("CLUSTER", "FAILOVER", "TAKEOVER")

    def is_whole(self) -> bool:
        """Tell whether every node serves, and every replica is in step."""
        with suppress(OSError, hiredis.ReplyError):
            return self.cluster.is_ready() and len(self.cluster.primaries()) == 3
        return False

    def count_refusals(self) -> None:
        """Add up how often servers sent clients elsewhere; a server forgets it when it dies."""
        for node in self.cluster.nodes:
            for name, value in node.about("errorstats").items():
                self.refused[name.removeprefix("errorstat_")] += int(value.rpartition("=")[2])
            node.ask("CONFIG", "RESETSTAT")

    def _primary(self) -> Node:
        return self._random.choice(self.cluster.primaries())

    def _replica_of(self, primary: Node) -> Node:
        for node in self.cluster.nodes:
            if node.about("replication").get("master_port") == str(primary.port):
                return node
        raise AssertionError("a primary of a whole cluster has a replica")


def slots_of(node: Node) -> list[int]:
    """List the slots of a primary, those with keys first."""
    name, found = node.ask("CLUSTER", "MYID"), list[int]()
    ranges = node.ask("CLUSTER", "SLOTS")
    assert isinstance(ranges, list)
    for place in ranges:
        match place:
            case [int(first), int(last), [_, _, id_, *_], *_] if id_ == name:
                found += range(first, last + 1)
    assert 0 < len(found) < SLOTS
    return sorted(found, key=lambda slot: node.ask("CLUSTER", "COUNTKEYSINSLOT", slot) == 0)


class Aftermath(msgspec.Struct, frozen=True):
    """What a storm left."""

    verdict: Verdict
    held: Held
    storm: Storm
    slowest_back_s: float
    refused: dict[int, int]


async def stormy(folder: Path, rounds: int, *unsafe: str) -> Aftermath:
    """Visit while a cluster goes through some rounds of faults."""
    need_server()
    if find_server() is None:
        pytest.skip("a cluster needs the server's binary")
    history = History(folder / "history.jsonl")
    with Cluster.start(folder / "cluster") as cluster:
        storm = Storm(cluster)
        with Workers(folder, WORKERS, store=cluster.url, unsafe=unsafe) as workers:
            load = asyncio.create_task(Load(plan(rounds), workers.ports, history).run())
            began = []
            for number in range(rounds):
                await asyncio.sleep(1.0)
                began.append(history.now())
                await asyncio.to_thread(storm.round, number)
            await load
            workers.drain()
        history.close()
        async with opened(cluster.url) as store:
            verdict = judge(history, held := await held_in(store))
    back_s = max(slowest_writer(history, at_s) for at_s in began)
    return Aftermath(verdict, held, storm, back_s, history.refusals())


def slowest_writer(history: History, at_s: float) -> float:
    """Tell how long after an instant the last of the writers had its next success, at the longest."""
    first: dict[str, float] = {}
    for line in history.lines:
        if line.status == 200 and line.end >= at_s:
            first.setdefault(line.session, line.end - at_s)
    return max(first.values(), default=0.0)


def woken_twice(held: Held) -> list[str]:
    """Name the sessions of which a wake-up took effect more than once."""
    return [
        session
        for session, wakes in held.wakes.items()
        if len({due_ms for due_ms, _ in wakes}) < len(wakes)
    ]


async def test_a_cluster_that_changes_all_the_time_loses_nothing_and_doubles_nothing(
    tmp_path: Path, outcome: Outcome
) -> None:
    after = await stormy(tmp_path, ROUNDS)
    verdict, storm = after.verdict, after.storm
    doubled = [*verdict.doubled, *over_the_cap(after.held), *woken_twice(after.held)]
    outcome.acked, outcome.lost, outcome.doubled = verdict.acked, len(verdict.lost), len(doubled)
    outcome.early, outcome.faults = early(after.held), storm.made.total()
    seen = {name: storm.refused[name] for name in SENT_AWAY}
    outcome.notes = f"back after {after.slowest_back_s:.1f} s, {seen}, {dict(storm.made)}"
    assert (verdict.lost, doubled, verdict.unasked, after.held.breaks) == ((), [], (), [])
    assert outcome.early == 0
    assert verdict.acked == WRITERS * plan(ROUNDS).events
    assert after.refused.keys() <= {0, 503}
    assert after.held.wakes
    assert all(seen.values()), seen
    assert after.slowest_back_s <= BACK_S


async def test_the_control_that_forgets_what_it_did_counts_events_twice(
    tmp_path: Path, outcome: Outcome
) -> None:
    after = await stormy(tmp_path, CONTROL_ROUNDS, "no_op_id", "no_seen")
    outcome.acked, outcome.faults = after.verdict.acked, after.storm.made.total()
    outcome.control = f"no_op_id, no_seen: doubled {len(after.verdict.doubled)}"
    assert after.verdict.doubled
