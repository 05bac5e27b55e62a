"""T13 on Redis: a server that refuses writes refuses them whole, goes on reading, and it ends by itself."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.stores.base import Commit, CommitAnswer
from engine.stores.redis.keys import pack_ref
from engine.stores.redis.store import RedisStore
from tests.faults.load import History, Plan
from tests.faults.numbered import DUE_MS, LATER_MS, Committing, check_all, ref_of
from tests.faults.refusing import (
    Refusal,
    failings,
    full_log,
    go_through,
    lost_in,
    out_of_memory,
    read_only,
)
from tests.faults.resuming import NO_LIMITS
from tests.faults.runs import SEED, Outcome, sized
from tests.faults.server import Node, Single, find_server
from tests.faults.waiting import until
from tests.faults.workers import Workers
from tests.servers import need_server

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(sized(60, 300))]
BACK_S = 5.0
REFUSED_S = 6.0
# A worker answers after 2.5 s at the latest; a busy machine is later.
ANSWERED_S = 5.0
# A server that only reads may be about to be replaced: a commit tries again for 2 s.
FEW, MANY = 5, 10
WITHIN_S = 10.0
OF_ITS_OWN = [
    pytest.param(read_only, 5, FEW, id="read_only"),
    pytest.param(full_log, 10, MANY, id="full_log"),
]
ALL = [pytest.param(out_of_memory, sized(3, 30), MANY, id="out_of_memory"), *sized([], OF_ITS_OWN)]
PLAN = Plan(seed=SEED, sessions=20, events=100, seconds=REFUSED_S + 1.5, deadline_s=60)

Refusing = Callable[[Node], Refusal]


class HastyStore(RedisStore):
    """A store that takes the wake-up away before the commit that sets the next one is accepted."""

    async def commit(self, commit: Commit) -> CommitAnswer:
        partition = self.partition_of(commit.ref.workspace, commit.ref.visitor)
        await self._client.write(partition, "ZREM", self._keys.due(partition), pack_ref(commit.ref))
        return await super().commit(commit)


def a_server(folder: Path) -> Single:
    """Start a server of one's own: its process is limited, and its lineage changes."""
    need_server()
    if find_server() is None:
        pytest.skip("a store of its own needs the server's binary")
    return Single.start(folder / "redis")


class Refused:
    """Commits that go on while a server refuses writes now and then; `back_s` is the longest way back."""

    def __init__(self, store: RedisStore, refusal: Refusal, many: int) -> None:
        """See at least so many refusals each time."""
        self.committing = Committing(store)
        self.back_s = 0.0
        self._store = store
        self._refusal = refusal
        self._many = many

    async def run(self, rounds: int) -> None:
        """Refuse so many times, and once more before the end: no later commit makes good what was refused."""
        committing = self.committing
        committing.start()
        for number in range(rounds):
            await until(lambda: committing.total() >= 20 * (1 + number), WITHIN_S)  # noqa: B023  # awaited at once
            await self._round()
        # A wake-up waits for one session at least, also after the commit that is under way.
        await until(lambda: any(last % 5 in (1, 2) for last in committing.acked.values()), WITHIN_S)
        self._refusal.begin()
        await self._see_refused(self._many)
        await committing.stop()
        await self._store.close()
        self._refusal.end()

    async def _round(self) -> None:
        self._refusal.begin()
        await self._see_refused(self._many)
        acked = self.committing.total()
        assert (await self._store.load(ref_of(0))).version >= 1, "reads go on"
        await self._see_refused(2 * self._many)
        assert self._refusal.word in self.committing.reason
        assert self.committing.total() == acked
        self._refusal.end()
        back_s = await until(lambda: self.committing.total() > acked, BACK_S)
        self.back_s = max(self.back_s, back_s)

    async def _see_refused(self, count: int) -> None:
        wanted = self.committing.refused + count
        await until(lambda: self.committing.refused >= wanted, WITHIN_S)


async def lost_by(
    kind: type[RedisStore],
    server: Single,
    refusal: Refusal,
    outcome: Outcome,
    *,
    rounds: int,
    many: int,
) -> int:
    """Commit while writes are refused now and then; answers what of it is gone. Whole is what is there."""
    store = await kind.open(server.url, clock=lambda: DUE_MS - 1, durability="D1")
    refused = Refused(store, refusal, many)
    await refused.run(rounds)
    committing = refused.committing
    outcome.acked, outcome.faults = committing.total(), committing.refused
    outcome.notes = f"back after {refused.back_s:.2f} s"
    later = await RedisStore.open(server.url, clock=lambda: LATER_MS, durability="D1")
    try:
        return await check_all(later, committing.acked)
    finally:
        await later.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits another process")
@pytest.mark.parametrize(("refusing", "rounds", "many"), ALL)
async def test_a_server_that_refuses_writes_refuses_them_whole(
    tmp_path: Path, outcome: Outcome, refusing: Refusing, rounds: int, many: int
) -> None:
    with a_server(tmp_path) as server:
        refusal = refusing(server.node)
        outcome.lost = await lost_by(RedisStore, server, refusal, outcome, rounds=rounds, many=many)
    assert outcome.faults >= rounds * many
    assert outcome.lost == 0


async def test_the_control_that_writes_before_it_checks_does_commits_by_half(
    redis: Single, outcome: Outcome
) -> None:
    with pytest.raises(AssertionError, match="armed"):
        await lost_by(HastyStore, redis, out_of_memory(redis.node), outcome, rounds=1, many=MANY)
    outcome.control = "a write before the checks: wake-ups of refused commits gone"


@pytest.mark.full_size
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits another process")
@pytest.mark.parametrize("refusing", [out_of_memory, read_only, full_log])
async def test_workers_over_a_server_that_refuses_writes_go_on(
    tmp_path: Path, outcome: Outcome, refusing: Refusing
) -> None:
    history = History(tmp_path / "history.jsonl")
    with (
        a_server(tmp_path) as server,
        Workers(tmp_path, 2, store=server.url, durability="D1", more=NO_LIMITS) as workers,
    ):
        passed = await go_through(refusing(server.node), workers, PLAN, history, REFUSED_S)
        outcome.lost = await lost_in(workers, history, outcome)
        assert await failings(workers.configs[0]) == []
    outcome.faults = sum(history.refusals().values())
    back = history.first_success_after(passed.ended_s)
    slowest_s = history.slowest_s()
    outcome.notes = f"back after {back:.2f} s, the slowest answer after {slowest_s:.2f} s"
    assert (passed.read, history.refusals().keys()) == (200, {503})
    assert (outcome.acked, outcome.lost, outcome.doubled) == (PLAN.sessions * PLAN.events, 0, 0)
    assert slowest_s <= ANSWERED_S
    assert back <= BACK_S
