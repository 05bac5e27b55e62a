"""A Bloom filter never denies a key that was added, and seldom takes another for one."""

from hypothesis import given
from hypothesis import strategies as st

from engine.stores.bloom import BloomFilter

KEYS = st.tuples(st.text(max_size=6), st.text(max_size=6))


@given(st.lists(KEYS, max_size=80))
def test_whatever_was_added_is_found_also_behind_full_filters(keys: list[tuple[str, str]]) -> None:
    found = BloomFilter(first_keys_len=8)
    for key in keys:
        found.add(key)
    assert all(key in found for key in keys)
    assert not any(found.add(key) for key in keys)


@given(KEYS)
def test_nothing_is_found_in_an_empty_filter(key: tuple[str, str]) -> None:
    found = BloomFilter()
    assert key not in found
    assert (found.add(key), len(found)) == (True, 1)


def test_a_full_filter_takes_few_unknown_keys_for_known_ones() -> None:
    found = BloomFilter(first_keys_len=4_096)
    for number in range(4_096):
        found.add(("known", str(number)))
    wrong = sum(("unknown", str(number)) in found for number in range(20_000))
    # One of 1,000 is to be expected: five times as many will not come by chance.
    assert wrong < 100


def test_a_filter_that_has_grown_six_times_is_hardly_worse() -> None:
    found = BloomFilter(first_keys_len=64)
    for number in range(4_000):
        found.add(("known", str(number)))
    wrong = sum(("unknown", str(number)) in found for number in range(20_000))
    assert wrong < 300
    assert sum(map(len, found._filters)) < 4 * 4_000
