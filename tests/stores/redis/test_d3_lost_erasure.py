"""Level D3 over three servers: an erasure that the one which takes over never heard of is done again."""

import asyncio
from pathlib import Path

import pytest

from engine.events import Event
from tests.faults.trio import Trio
from tests.servers import need_server
from tests.stores.redis.test_d3_stale_replica import Shop, shop, until

pytestmark = pytest.mark.anyio


async def kept(made: Shop, visitor: str) -> int:
    """Count what is kept of a visitor."""
    return len([one async for one in made.runtime._store.export("w", visitor)])


@pytest.mark.parametrize("is_kept", [True, False])
async def test_a_visitor_whose_erasure_was_lost_stays_erased_when_it_was_kept(
    tmp_path: Path, is_kept: bool
) -> None:
    need_server()
    with Trio.start(tmp_path) as trio:
        async with shop(trio.url, tmp_path / "data", "D3") as made:
            store, resending = made.runtime._store, made.runtime._resending
            assert resending is not None
            repeated: list[str] = []

            async def erase_again(workspace: str, visitors: tuple[str, ...]) -> None:
                for visitor in visitors:
                    await store.erase(workspace, visitor)
                    repeated.append(visitor)

            resending.erase_again = erase_again
            gone, stays = made.refs[:2]
            for ref in (gone, stays):
                event = Event("an id", "view", await store.now(), url="https://shop.test/")
                await made.sent(ref, event)
            await asyncio.to_thread(trio.cut_off)
            await store.erase("w", gone.visitor)
            made.runtime.forget(gone)
            if is_kept:
                await made.runtime.keep_erasure("w", (gone.visitor,))
            await asyncio.to_thread(trio.lose)
            await asyncio.to_thread(trio.promote)
            lineages = resending._lineages
            await until(lambda: resending._lineages != lineages and not resending._lost)
            assert (await kept(made, gone.visitor) == 0) is is_kept
            assert set(repeated) == ({gone.visitor} if is_kept else set())
            assert await kept(made, stays.visitor) > 0
