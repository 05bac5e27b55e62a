"""Ids of events in runs: known as long as they are kept, at hand or in the file alone."""

import sqlite3
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.stores.sqlite import seen_ids
from engine.stores.sqlite.seen_ids import SeenIds, packed, unpacked

ANN = ("w", "ann")
BEN = ("w", "ben")

Ids = list[int]
ids_of_63_bits = st.integers(0, 2**63 - 1)


class File:
    """Runs in a table, written as the store writes them."""

    def __init__(self) -> None:
        self.db = sqlite3.connect(":memory:", isolation_level=None)
        self.db.execute("CREATE TABLE seen_run(ws TEXT, visitor TEXT, ids BLOB)")
        self.seen = SeenIds(self.db)

    def write(self, key: tuple[str, str], ids: Ids, *, fails: bool = False) -> None:
        self.seen.begin()
        self.seen.known(key, ids)
        self.seen.add(key, ids)
        if not fails:
            self.db.execute("INSERT INTO seen_run VALUES(?,?,?)", (*key, packed(ids)))
            self.seen.settle()
        self.seen.begin()


@pytest.fixture
def file() -> Iterator[File]:
    opened = File()
    yield opened
    opened.db.close()


@given(st.lists(ids_of_63_bits, max_size=300))
def test_a_run_is_read_as_it_was_written(ids: Ids) -> None:
    assert list(unpacked(packed(ids))) == ids
    assert len(packed(ids)) == 8 * len(ids)


@given(
    st.lists(st.tuples(st.sampled_from([ANN, BEN]), st.lists(st.integers(0, 40)), st.booleans()))
)
def test_known_is_what_was_written_and_nothing_else(
    steps: list[tuple[tuple[str, str], Ids, bool]],
) -> None:
    file, model = File(), {ANN: set[int](), BEN: set[int]()}
    for key, ids, fails in steps:
        file.write(key, ids, fails=fails)
        if not fails:
            model[key].update(ids)
        for one, kept in model.items():
            assert set(file.seen.known(one, range(41))) == kept
    file.db.close()


@given(
    st.lists(
        st.tuples(
            st.sampled_from([("w", name) for name in "abcde"]),
            st.lists(st.integers(0, 40), max_size=6),
            st.sampled_from(["write", "ask", "meet"]),
        )
    )
)
def test_who_is_asked_for_now_and_then_is_known_as_well(
    steps: list[tuple[tuple[str, str], Ids, str]],
) -> None:
    file, model = File(), dict[tuple[str, str], set[int]]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seen_ids, "AT_HAND_MAX", 12)
        for key, ids, act in steps:
            kept = model.setdefault(key, set())
            if act == "write":
                file.write(key, ids)
                kept.update(ids)
            elif act == "ask":
                assert file.seen.known(key, ids) == tuple(one for one in ids if one in kept)
            elif not kept:
                file.seen.note_none(key)
            assert len(file.seen._at_hand) <= 12
    for key, kept in model.items():
        assert set(file.seen.known(key, range(41))) == kept
    file.db.close()


def test_what_the_open_batch_adds_is_known_at_once(file: File) -> None:
    file.seen.begin()
    file.seen.add(ANN, [1, 2])
    assert file.seen.known(ANN, [1, 3]) == (1,)
    assert file.seen.known(BEN, [1]) == ()
    file.seen.begin()
    assert file.seen.known(ANN, [1, 3]) == ()


def test_ids_beyond_what_is_kept_at_hand_are_still_known(
    file: File, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seen_ids, "AT_HAND_MAX", 10)
    for number in range(6):
        file.write(("w", f"v{number}"), [10 * number + n for n in range(4)])
    assert len(file.seen._at_hand) == 2
    for number in range(6):
        assert file.seen.known(("w", f"v{number}"), [10 * number, 99]) == (10 * number,)


def test_what_left_the_file_is_known_no_more(file: File) -> None:
    file.write(ANN, [1])
    file.write(BEN, [1])
    file.db.execute("DELETE FROM seen_run")
    assert file.seen.known(ANN, [1]) == (1,)
    file.seen.forget(ANN)
    assert file.seen.known(ANN, [1]) == ()
    assert file.seen.known(BEN, [1]) == (1,)
    file.seen.clear()
    assert file.seen.known(BEN, [1]) == ()
