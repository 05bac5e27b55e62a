"""Whom a world counts as one person when an erasure is confirmed: those whose merge was made, nobody else."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from random import Random

import pytest

from engine.identity import link_user
from tests.simulation.invariants import ALWAYS
from tests.simulation.mutants import Weakness
from tests.simulation.options import Options
from tests.simulation.world import World


@asynccontextmanager
async def begun(world: World) -> AsyncIterator[None]:
    """Let a worker run and the world's visitor be there."""
    world.start_worker()
    await asyncio.sleep(1.0)
    try:
        await act(world, "cart")
        yield
    finally:
        await world.clean_up()


async def act(world: World, *kinds: str) -> None:
    for kind in kinds:
        world.actors.act(kind, Random(1))
        await asyncio.sleep(1.0)
        world.check(ALWAYS)


@pytest.fixture
def world() -> Iterator[World]:
    made = World(1, Options(workers=1, partitions=1, visitors=1), Weakness())
    yield made
    made.loop.close()


def test_who_was_merged_is_erased_with_the_known_visitor(world: World) -> None:
    async def run() -> None:
        async with begun(world):
            await act(world, "merge", "erase")
            assert set(world.ledger.erased) == set(world.visitors[0].ids)

    world.loop.run_until_complete(run())
    assert len(world.visitors[0].ids) == 2


def test_who_was_refused_a_merge_is_erased_alone(world: World) -> None:
    (visitor,) = world.visitors

    async def run() -> None:
        async with begun(world):
            (worker,) = world.workers
            assert await link_user(worker.store, "w", "user-9", "vis_9", visitor.id)
            await act(world, "merge", "erase")
            assert set(world.ledger.erased) == {visitor.id}
            assert await worker.store.visitor("w", visitor.known) is not None

    world.loop.run_until_complete(run())
