"""A session's sequence of messages over several lineages of its server's data: no offset stands for two messages."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from engine.stores.records import Committed, Duplicate
from engine.stores.redis.store import RedisStore
from tests.engine.test_several_workers_over_redis import Worker, begun
from tests.faults.server import Pair, Single
from tests.servers import need_server
from tests.stores.redis.clients import until_well
from tests.stores.steps import OTHER, REF, message, step

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def a_worker(url: str) -> AsyncIterator[RedisStore]:
    """Open the store as a worker that has never seen any of its sessions."""
    store = await RedisStore.open(url, partitions=4, durability="D1")
    try:
        yield store
    finally:
        await store.close()


def files_of(single: Single) -> Path:
    told = single.node.ask("CONFIG", "GET", "dir")
    assert isinstance(told, list)
    assert isinstance(told[1], bytes)
    return Path(told[1].decode()) / "appendonlydir"


def go_back(single: Single, copy: Path) -> None:
    """End a server as a power switch would, and start it with files of before."""
    files = files_of(single)
    single.kill()
    shutil.rmtree(files)
    shutil.copytree(copy, files)
    single.node.restart()


@pytest.fixture
async def single(tmp_path: Path) -> AsyncIterator[Single]:
    need_server()
    with Single.start(tmp_path / "server", "--appendfsync", "always") as started:
        yield started


async def test_an_offset_that_is_used_again_after_a_loss_is_in_another_sequence(
    single: Single, tmp_path: Path
) -> None:
    async with a_worker(single.url) as store:
        await store.commit(step(0, messages=(message("m1"),)))
        copy = await asyncio.to_thread(shutil.copytree, files_of(single), tmp_path / "copy")
        await store.commit(step(1, messages=(message("lost"),)))
        epoch = (await store.history(REF, None, 0)).epoch
        await asyncio.to_thread(go_back, single, copy)
    async with a_worker(single.url) as other:
        behind = await other.history(REF, epoch, 2)
        assert (behind.epoch, behind.offset, behind.recovered) == (epoch, 1, False)
        new = step(1, op="another", messages=(message("m2"),))
        assert await other.commit(new) == Committed(2, 0, 2, 2, is_resync=True)
        assert await other.commit(new) == Duplicate(2, 0, 2, 2, is_resync=True)
        found = await other.history(REF, epoch, 2)
        assert not found.recovered
        assert [kept.id for kept in found.messages] == ["m1", "m2"]
        # From here on nothing is lost any more.
        assert await other.commit(step(2, messages=(message("m3"),))) == Committed(3, 0, 3, 3)
        after = await other.history(REF, found.epoch, 2)
        assert (after.recovered, [kept.id for kept in after.messages]) == (True, ["m3"])


async def test_a_session_whose_every_message_was_lost_begins_another_sequence(
    single: Single, tmp_path: Path
) -> None:
    async with a_worker(single.url) as store:
        await store.commit(step(0))
        copy = await asyncio.to_thread(shutil.copytree, files_of(single), tmp_path / "copy")
        await store.commit(step(1, messages=(message("lost"),)))
        epoch = (await store.history(REF, None, 0)).epoch
        await asyncio.to_thread(go_back, single, copy)
    async with a_worker(single.url) as other:
        await other.commit(step(1, op="another", messages=(message("m1"),)))
        assert not (await other.history(REF, epoch, 1)).recovered


async def test_a_new_sequence_that_the_engine_names_is_not_named_again(
    single: Single, tmp_path: Path
) -> None:
    async with a_worker(single.url) as store:
        await store.commit(step(0, messages=(message("m1"),)))
        copy = await asyncio.to_thread(shutil.copytree, files_of(single), tmp_path / "copy")
        await asyncio.to_thread(go_back, single, copy)
        await until_well(store._client)
        assert await store.commit(step(1, new_epoch="fresh")) == Committed(2, 0, 0, 1)
        await store.commit(step(2, messages=(message("m2"),)))
        found = await store.history(REF, "fresh", 1)
        assert (found.recovered, [kept.id for kept in found.messages]) == (True, ["m2"])


async def test_after_a_fail_over_who_missed_nothing_goes_on_until_the_next_message(
    tmp_path: Path,
) -> None:
    need_server()
    with Pair.start(tmp_path) as pair:
        store = await RedisStore.open(pair.url, partitions=4)
        for ref in (REF, OTHER):
            await store.commit(step(0, ref, messages=(message(f"{ref.session} m1"),)))
        epoch = (await store.history(REF, None, 0)).epoch
        await asyncio.to_thread(pair.kill, 0)
        await asyncio.to_thread(pair.promote)
        await until_well(store._client)
        await store.commit(step(1))
        assert (await store.history(REF, epoch, 1)).recovered
        await store.commit(step(2, messages=(message("m2"),)))
        again = await store.history(REF, epoch, 1)
        assert [kept.id for kept in again.messages] == ["chat_1 m1", "m2"]
        assert (again.recovered, again.epoch == epoch) == (False, False)
        await store.close()


async def test_a_socket_behind_a_loss_is_told_so_by_the_worker_that_writes_next(
    single: Single, tmp_path: Path
) -> None:
    async with a_worker(single.url) as store:
        first = Worker(store)
        ref = await begun(first, 1)
        await first.runtime.say(ref, "kept", "1")
        copy = await asyncio.to_thread(shutil.copytree, files_of(single), tmp_path / "copy")
        await first.runtime.say(ref, "lost", "2")
        seen = await first.runtime.pull(ref, None, 0)
        assert [said.text for said in seen.messages] == ["kept", "lost"]
        await asyncio.to_thread(go_back, single, copy)
    async with a_worker(single.url) as store:
        other, hinted = Worker(store), asyncio.Event()
        await other.runtime.attach(ref, hinted.set)
        await other.runtime.say(ref, "new", "3")
        assert hinted.is_set()
        pulled = await other.runtime.pull(ref, seen.epoch, seen.offset)
        assert [said.text for said in pulled.messages] == ["kept", "new"]
        assert (pulled.recovered, pulled.epoch == seen.epoch) == (False, False)
