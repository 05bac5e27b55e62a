"""What a store of a pair promises when its primary is lost: what was answered is there, and it goes on."""

import asyncio
from pathlib import Path

import pytest
from anyio import fail_after

from engine.errors import StoreUnavailable
from engine.stores.records import CommitAnswer, Committed, Duplicate, SessionRef
from engine.stores.redis.store import RedisStore
from tests.faults.server import Pair
from tests.servers import need_server
from tests.stores.steps import message, step, until

pytestmark = pytest.mark.anyio


async def test_what_was_answered_survives_a_fail_over_and_the_store_goes_on(tmp_path: Path) -> None:
    need_server()
    refs = [SessionRef("ws_a", f"visitor_{number}", f"chat_{number}") for number in range(8)]
    made = dict.fromkeys(refs, 0)
    is_over = False

    with Pair.start(tmp_path) as pair:
        store = await RedisStore.open(pair.url, partitions=4)
        assert store.durability == "D2"

        async def commit_on(ref: SessionRef) -> None:
            while not is_over:
                answer = await _commit(store, ref, made[ref])
                assert isinstance(answer, Committed | Duplicate)
                made[ref] += 1

        running = asyncio.gather(*(commit_on(ref) for ref in refs))
        await until(lambda: min(made.values()) > 5)
        await asyncio.to_thread(pair.kill, 0)
        before = dict(made)
        await asyncio.to_thread(pair.promote)
        # Nobody is left to confirm: commits go on, and `health` tells the level that is left.
        with fail_after(10):
            while not all(made[ref] > before[ref] + 2 for ref in refs):  # noqa: ASYNC110 - no event says it
                await asyncio.sleep(0.01)
        is_over = True
        await running
        for ref in refs:
            assert (await store.load(ref)).version == made[ref]
            newest = await store.journal(ref, after=made[ref] - 5)
            assert [entry.number for entry in newest] == [made[ref] - 5 + n for n in range(1, 6)]
        assert (await store.health()).durability == "D1"
        await store.close()


async def _commit(store: RedisStore, ref: SessionRef, expect: int) -> CommitAnswer:
    """Repeat one commit with its op until it is answered, as the engine does."""
    while True:
        try:
            return await store.commit(step(expect, ref, messages=(message(f"m{expect}"),)))
        except StoreUnavailable:
            await asyncio.sleep(0.02)
