"""The loop on virtual time: who is next, how time passes, and what a paused owner misses."""

import asyncio
from collections.abc import Callable, Iterator
from random import Random

import pytest

from tests.simulation.loop import OWNER, NothingLeft, VirtualLoop, context_of


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    made = VirtualLoop()
    yield made
    made.close()


def test_time_passes_only_when_nothing_is_ready(loop: VirtualLoop) -> None:
    async def sleep_an_hour() -> float:
        await asyncio.sleep(3_600)
        return asyncio.get_running_loop().time()

    assert loop.run_until_complete(sleep_an_hour()) == 3_600
    assert loop.turns < 10


def test_timers_go_off_in_the_order_of_their_instants(loop: VirtualLoop) -> None:
    heard: list[int] = []
    for delay in (3, 1, 2):
        loop.later(delay, heard.append, delay)
    loop.run_until_complete(asyncio.sleep(5))
    assert heard == [1, 2, 3]


def test_who_waits_for_ever_is_told(loop: VirtualLoop) -> None:
    with pytest.raises(NothingLeft):
        loop.run_until_complete(_for_ever())


async def _for_ever() -> None:
    await asyncio.get_running_loop().create_future()


def test_a_paused_owner_catches_up_when_it_goes_on(loop: VirtualLoop) -> None:
    heard: list[tuple[int, float]] = []

    def hear() -> None:
        heard.append((OWNER.get(), loop.time()))

    loop.pause(1)
    loop.later(1, hear, owner=1)
    loop.later(1, hear, owner=2)
    loop.later(4, loop.resume, 1)
    loop.run_until_complete(asyncio.sleep(5))
    assert heard == [(2, 1.0), (1, 4.0)]


def test_tasks_of_an_owner_stay_its_own(loop: VirtualLoop) -> None:
    async def owner() -> int:
        await asyncio.sleep(0)
        return await asyncio.create_task(inner())

    async def inner() -> int:
        return OWNER.get()

    assert loop.run_until_complete(loop.create_task(owner(), context=context_of(7))) == 7


def _turns(seed: int) -> list[tuple[int, int]]:
    loop, heard = VirtualLoop(Random(seed)), list[tuple[int, int]]()
    note: Callable[[tuple[int, int]], None] = heard.append
    for number in range(4):
        for owner in (1, 2, 3):
            loop.call_soon(note, (owner, number), context=context_of(owner))
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    return heard


def test_drawn_turns_keep_the_order_of_each_owner_and_come_again() -> None:
    heard = _turns(5)
    assert heard == _turns(5)
    assert heard != _turns(6)
    for owner in (1, 2, 3):
        assert [number for one, number in heard if one == owner] == [0, 1, 2, 3]
