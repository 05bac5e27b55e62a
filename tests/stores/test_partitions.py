"""Where things lie: tags that spread over all hash slots, digests for names, every key by its partition."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.stores.partitions import (
    PARTITIONS_MAX,
    SLOTS,
    digest_of,
    partition_of,
    slot_of,
    tags,
)
from engine.stores.records import SessionRef
from engine.stores.redis.keys import Keys, pack_ref, tail_of, unpack_ref

NAMES = st.text(max_size=40)
COUNTS = st.sampled_from([1, 2, 3, 16, 100, 256, PARTITIONS_MAX])


def test_slots_are_those_of_the_cluster_specification() -> None:
    # The specification's own example, and two that CLUSTER KEYSLOT answers.
    assert slot_of("123456789") == 0x31C3
    assert (slot_of("foo"), slot_of("")) == (12_182, 0)


@pytest.mark.parametrize("partitions", [1, 3, 16, 256, PARTITIONS_MAX])
def test_each_tag_lies_in_its_own_equal_range_of_slots(partitions: int) -> None:
    assert [slot_of(tag) * partitions // SLOTS for tag in tags(partitions)] == list(
        range(partitions)
    )


def test_tags_never_change_because_stored_keys_depend_on_them() -> None:
    found = tags(256)
    assert found[:4] == ("cv", "14", "6y", "10")
    assert digest_of(*found).hex() == "1120f300b2568914c2152097e5950064"


def test_two_hundred_and_fifty_six_tags_have_two_characters() -> None:
    assert {len(tag) for tag in tags(256)} == {2}


@given(names=st.lists(NAMES, max_size=3), others=st.lists(NAMES, max_size=3))
def test_other_names_have_another_digest(names: list[str], others: list[str]) -> None:
    assert (digest_of(*names) == digest_of(*others)) == (names == others)


def test_a_name_that_is_no_proper_text_has_a_digest_too() -> None:
    assert len(digest_of("\ud800")) == 16


@given(names=st.lists(NAMES, min_size=1, max_size=2), partitions=COUNTS)
def test_every_name_has_one_partition(names: list[str], partitions: int) -> None:
    place = partition_of(digest_of(*names), partitions)
    assert 0 <= place < partitions
    assert place == partition_of(digest_of(*names), partitions)


def test_visitors_spread_evenly() -> None:
    keys = Keys(16)
    counts = [0] * 16
    for number in range(16_000):
        counts[keys.partition("ws_a", f"visitor_{number}")] += 1
    assert max(counts) < 1.2 * 1_000
    assert min(counts) > 0.8 * 1_000


@given(workspace=NAMES, visitor=NAMES, session=NAMES, partitions=COUNTS)
def test_all_keys_of_a_visitor_share_a_slot(
    workspace: str, visitor: str, session: str, partitions: int
) -> None:
    keys, ref = Keys(partitions), SessionRef(workspace, visitor, session)
    place = keys.partition(workspace, visitor)
    made = [
        *(keys.of_session(kind, ref) for kind in "smjn"),
        *(keys.of_visitor(kind, workspace, visitor) for kind in ("u", "d", "v", "va", "vq")),
        *(keys.of_workspace(place, kind, workspace) for kind in ("ix", "dx", "db")),
        *(keys.due(place), keys.claims(place), keys.erased(place), keys.cause_order(place)),
        *(keys.cause_bodies(place), keys.cause_number(place), keys.aged("en", place)),
        *(keys.work_channel(place), keys.hint_channel(place, "w1")),
    ]
    assert {_tag(key) for key in made} == {keys.tag(place)}
    assert len(set(made)) == len(made)


@given(name=st.text("abc{}:", min_size=6, max_size=20))
def test_what_a_client_chose_never_stands_in_a_key(name: str) -> None:
    keys, ref = Keys(256), SessionRef(name, name, name)
    for key in (
        keys.of_session("s", ref),
        keys.of_visitor("u", name, name),
        keys.of_name("al", name, name),
    ):
        assert name not in key
        assert re.fullmatch(r"op:\{[0-9a-z]{2}\}:\w+(:[\w-]+)+", key)


def test_a_name_and_a_visitor_of_one_text_lie_in_partitions_of_their_own() -> None:
    keys = Keys(PARTITIONS_MAX)
    assert keys.partition("ws_a", "same") != keys.partition_of_name("ws_a", "same")


@given(workspace=NAMES, visitor=NAMES, session=NAMES)
def test_places_are_read_as_they_were_written(workspace: str, visitor: str, session: str) -> None:
    ref = SessionRef(workspace, visitor, session)
    assert unpack_ref(pack_ref(ref)) == ref
    assert Keys(16).of_visitor("u", workspace, visitor).endswith(f":{tail_of(workspace, visitor)}")


def _tag(key: str) -> str:
    found = re.match(r"op:\{(\w+)\}", key)
    assert found is not None
    return found[1]
