"""How places stand in a set that Redis sorts by bytes: in the order of their text, whatever the text is."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.stores.redis import places as redis_places
from engine.stores.redis.places import end_of, member_of, place_of
from engine.stores.redis.store import RedisStore
from tests.faults.server import Single
from tests.stores.steps import SteppedClock

TEXTS = st.text(st.sampled_from("ab|\0\1\xff\u20ac"), max_size=5)


@pytest.fixture
async def store(valkey: Single, clock: SteppedClock) -> AsyncIterator[RedisStore]:
    valkey.flush()
    opened = await RedisStore.open(valkey.url, clock=clock, partitions=16)
    yield opened
    await opened.close()


@given(place=TEXTS, booking=TEXTS)
def test_the_place_of_a_member_is_read_back(place: str, booking: str) -> None:
    assert place_of(member_of(place, booking)) == place


@given(places=st.tuples(TEXTS, TEXTS), bookings=st.tuples(TEXTS, TEXTS))
def test_members_sort_as_their_places_do(
    places: tuple[str, str], bookings: tuple[str, str]
) -> None:
    one, other = (member_of(*pair) for pair in zip(places, bookings, strict=True))
    if places[0] < places[1]:
        assert one < other
    elif places[0] > places[1]:
        assert one > other


@given(place=TEXTS, other=TEXTS, booking=TEXTS)
def test_the_range_of_a_place_holds_its_bookings_and_no_others(
    place: str, other: str, booking: str
) -> None:
    is_inside = member_of(place, "") <= member_of(other, booking) < end_of(place)
    assert is_inside == (other == place)


@pytest.mark.anyio
async def test_places_with_zeros_in_their_names_are_apart(store: RedisStore) -> None:
    for place in ("a", "a\0", "a\0\0b", "a\1"):
        assert await store.book("ws_a", place, "apt\0", 1)
    assert await store.booked("ws_a", "a", "a\0\0b") == {"a": 1, "a\0": 1, "a\0\0b": 1}
    assert not await store.book("ws_a", "a\0", "apt_2", 1)
    assert await store.unbook("ws_a", "a\0", "apt\0")
    assert await store.booked("ws_a", "a", "b") == {"a": 1, "a\0\0b": 1, "a\1": 1}


@pytest.mark.anyio
async def test_many_bookings_are_counted_in_slices(
    store: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_places, "ROWS_A_READ", 3)
    for number in range(10):
        assert await store.book("ws_a", f"place_{number % 3}", f"apt_{number}", 9)
    assert await store.booked("ws_a", "place_0", "place_2") == {
        "place_0": 4,
        "place_1": 3,
        "place_2": 3,
    }
