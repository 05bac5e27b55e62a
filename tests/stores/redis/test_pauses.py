"""Pauses between attempts: short at first, doubled, bounded, and over when the server is heard."""

import asyncio

import pytest

from engine.stores.redis.pauses import Pauses

pytestmark = pytest.mark.anyio


def test_a_pause_is_twice_the_one_before_up_to_the_longest() -> None:
    pauses = Pauses(1.0)
    taken = [pauses.take() for _ in range(10)]
    lengths = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.0, 1.0, 1.0]
    for pause, length in zip(taken, lengths, strict=True):
        assert length / 2 <= pause <= length


def test_pauses_differ_so_that_not_all_come_back_at_once() -> None:
    assert len({Pauses(1.0).take() for _ in range(50)}) > 25


async def test_a_pause_ends_when_the_server_is_heard() -> None:
    pauses = Pauses(60.0)
    for _ in range(20):
        pauses.take()
    asyncio.get_running_loop().call_later(0.01, pauses.hurry)
    async with asyncio.timeout(10):
        await pauses.wait()


def test_after_a_good_time_pauses_are_short_again() -> None:
    pauses = Pauses(0.5)
    for _ in range(10):
        pauses.take()
    pauses.lived(0.4)
    assert pauses.take() >= 0.25
    pauses.lived(0.5)
    assert pauses.take() <= 0.01
