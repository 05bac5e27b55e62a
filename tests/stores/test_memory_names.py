"""Names are a sorted set, however they are added and taken out."""

from hypothesis import given
from hypothesis import strategies as st

from engine.stores.memory import names as memory_names
from engine.stores.memory.names import Names

NAMES = st.text("abc", max_size=3)


@given(
    changes=st.lists(st.tuples(st.booleans(), NAMES), max_size=80),
    before=st.none() | NAMES,
    limit=st.integers(0, 20),
)
def test_names_agree_with_a_set(
    changes: list[tuple[bool, str]], before: str | None, limit: int
) -> None:
    whole, names, chunk_len = set(), Names(), memory_names._CHUNK_LEN
    memory_names._CHUNK_LEN = 4
    try:
        for is_added, name in changes:
            if is_added:
                whole.add(name)
                names.add(name)
            else:
                whole.discard(name)
                names.discard(name)
    finally:
        memory_names._CHUNK_LEN = chunk_len
    wanted = sorted((name for name in whole if before is None or name < before), reverse=True)
    assert names.below(before, limit) == wanted[:limit]


def test_rising_names_fill_their_chunks() -> None:
    names = Names()
    for number in range(10_000):
        names.add(f"{number:06}")
    assert len(names._chunks) == 10_000 // memory_names._CHUNK_LEN
