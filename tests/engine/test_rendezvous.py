"""Who a partition belongs to: one of those who live, the same for all who ask, and moved by nobody else."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from engine.rendezvous import owners

NAMES = st.sets(st.text("abcdef0123456789", min_size=1, max_size=8), min_size=1, max_size=12)
COUNTS = st.integers(1, 64)


@given(workers=NAMES, partitions=COUNTS)
def test_every_partition_has_one_owner_who_lives(workers: set[str], partitions: int) -> None:
    made = owners(partitions, workers)
    assert len(made) == partitions
    assert workers.issuperset(made)


@given(workers=NAMES, partitions=COUNTS)
def test_the_order_in_which_workers_are_named_says_nothing(
    workers: set[str], partitions: int
) -> None:
    assert owners(partitions, sorted(workers, reverse=True)) == owners(partitions, workers)


@given(workers=NAMES, partitions=COUNTS, number=st.integers(0, 11))
def test_who_leaves_moves_only_their_own_and_who_comes_takes_only_theirs(
    workers: set[str], partitions: int, number: int
) -> None:
    gone = sorted(workers)[number % len(workers)]
    before, after = owners(partitions, workers), owners(partitions, workers - {gone})
    for owner, now in zip(before, after, strict=True):
        assert owner in (now, gone)


def test_without_workers_nobody_owns_anything() -> None:
    assert owners(3, ()) == ["", "", ""]


def test_each_of_a_few_workers_gets_its_part_of_many_partitions() -> None:
    counts = Counter(owners(256, [f"wkr_{number}" for number in range(4)]))
    assert all(40 <= count <= 90 for count in counts.values())
    assert len(counts) == 4
