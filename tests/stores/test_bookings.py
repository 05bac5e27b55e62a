"""What every store promises of places: never more bookings than there is room for."""

import asyncio

import pytest

from engine.stores.base import Store

pytestmark = pytest.mark.anyio


async def test_of_many_who_want_the_last_place_one_gets_it(store: Store) -> None:
    wanted = [store.book("ws_a", "cal|10:00", f"apt_{number}", 1) for number in range(200)]
    answers = await asyncio.gather(*wanted)
    assert answers.count(True) == 1
    assert await store.booked("ws_a", "cal|", "cal|~") == {"cal|10:00": 1}


async def test_a_place_holds_as_many_as_its_capacity(store: Store) -> None:
    answers = [await store.book("ws_a", "cal|10:00", f"apt_{number}", 3) for number in range(4)]
    assert answers == [True, True, True, False]


async def test_booking_again_is_true_and_takes_nothing_more(store: Store) -> None:
    assert await store.book("ws_a", "cal|10:00", "apt_1", 1)
    assert await store.book("ws_a", "cal|10:00", "apt_1", 1)
    assert await store.book("ws_a", "cal|10:00", "apt_1", 0)
    assert await store.booked("ws_a", "cal|10:00", "cal|10:00") == {"cal|10:00": 1}


async def test_a_place_that_is_given_back_is_free_once(store: Store) -> None:
    await store.book("ws_a", "cal|10:00", "apt_1", 1)
    assert not await store.unbook("ws_a", "cal|10:00", "apt_2")
    assert await store.unbook("ws_a", "cal|10:00", "apt_1")
    assert not await store.unbook("ws_a", "cal|10:00", "apt_1")
    assert await store.booked("ws_a", "cal|10:00", "cal|10:00") == {}
    assert await store.book("ws_a", "cal|10:00", "apt_2", 1)


async def test_places_are_counted_from_first_to_last(store: Store) -> None:
    for place in ("a|1", "a|2", "a|3", "b|1"):
        await store.book("ws_a", place, "apt_1", 2)
    await store.book("ws_a", "a|2", "apt_2", 2)
    assert await store.booked("ws_a", "a|2", "a|3") == {"a|2": 2, "a|3": 1}
    assert await store.booked("ws_a", "c", "d") == {}


async def test_workspaces_do_not_share_places(store: Store) -> None:
    assert await store.book("ws_a", "a|1", "apt_1", 1)
    assert await store.book("ws_b", "a|1", "apt_1", 1)
    assert await store.unbook("ws_b", "a|1", "apt_1")
    assert await store.booked("ws_a", "a|1", "a|1") == {"a|1": 1}
