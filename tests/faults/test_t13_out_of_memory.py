"""T13 on Redis: out of memory, a commit is refused whole, reads go on, and it ends by itself."""

import pytest

from engine.stores.base import Commit, CommitAnswer
from engine.stores.redis.keys import pack_ref
from engine.stores.redis.store import RedisStore
from tests.faults.numbered import DUE_MS, LATER_MS, Committing, check_all, ref_of
from tests.faults.runs import Outcome, sized
from tests.faults.server import Single
from tests.faults.waiting import until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(sized(60, 300))]
ROUNDS = sized(3, 30)
BACK_S = 5.0


class HastyStore(RedisStore):
    """A store that takes the wake-up away before the commit that sets the next one is accepted."""

    async def commit(self, commit: Commit) -> CommitAnswer:
        partition = self.partition_of(commit.ref.workspace, commit.ref.visitor)
        await self._client.write(partition, "ZREM", self._keys.due(partition), pack_ref(commit.ref))
        return await super().commit(commit)


async def starved(server: Single, outcome: Outcome, kind: type[RedisStore] = RedisStore) -> int:
    """Commit while memory is short now and then; answers what of it is gone. Whole is what is there."""
    store = await kind.open(server.url, clock=lambda: DUE_MS - 1, durability="D1")
    committing = Committing(store)
    committing.start()
    back = 0.0
    for number in range(ROUNDS):
        await until(lambda: committing.total() >= 20 * (1 + number), 5)  # noqa: B023  # awaited at once
        server.node.ask("CONFIG", "SET", "maxmemory", 1)
        refused = committing.refused
        await until(lambda: committing.refused >= refused + 10, 5)  # noqa: B023  # awaited at once
        acked = committing.total()
        assert (await store.load(ref_of(0))).version >= 1, "reads go on"
        await until(lambda: committing.refused >= refused + 30, 5)  # noqa: B023  # awaited at once
        assert committing.total() == acked
        server.node.ask("CONFIG", "SET", "maxmemory", 0)
        back = max(back, await until(lambda: committing.total() > acked, BACK_S))  # noqa: B023  # awaited at once
    # The end falls into another shortage: nothing that was refused is made good by a later commit.
    server.node.ask("CONFIG", "SET", "maxmemory", 1)
    refused = committing.refused
    await until(lambda: committing.refused >= refused + 10, 5)
    await committing.stop()
    await store.close()
    server.node.ask("CONFIG", "SET", "maxmemory", 0)
    outcome.acked, outcome.faults = committing.total(), committing.refused
    outcome.notes = f"back after {back:.2f} s"
    later = await RedisStore.open(server.url, clock=lambda: LATER_MS, durability="D1")
    try:
        return await check_all(later, committing.acked)
    finally:
        await later.close()


async def test_without_memory_commits_are_refused_whole_and_reads_go_on(
    redis: Single, outcome: Outcome
) -> None:
    outcome.lost = await starved(redis, outcome)
    assert outcome.faults >= ROUNDS * 10
    assert outcome.lost == 0


async def test_the_control_that_writes_before_it_checks_does_commits_by_half(
    redis: Single, outcome: Outcome
) -> None:
    with pytest.raises(AssertionError, match="armed"):
        await starved(redis, outcome, HastyStore)
    outcome.control = "a write before the checks: wake-ups of refused commits gone"
