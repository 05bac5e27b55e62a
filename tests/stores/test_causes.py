"""What every store promises of causes and counters: kept with what they tell of, and until settled."""

import pytest

from engine.errors import StoreUnavailable
from engine.limits import CAUSES_ROWS_MAX
from engine.stores import head
from engine.stores.base import Committed, Conflict, Count, Duplicate, Store, StoredCause
from engine.stores.redis import outbox as redis_outbox
from tests.stores.steps import OTHER, REF, a_cause, causes_of, step

pytestmark = pytest.mark.anyio


async def test_causes_come_in_the_order_they_were_kept(store: Store) -> None:
    await store.commit(step(0, causes=(a_cause("evt_b"), a_cause("evt_a"))))
    await store.commit(step(0, OTHER, causes=(a_cause("evt_c", OTHER.visitor),)))
    of_ref = store.partition_of(REF.workspace, REF.visitor)
    found = await store.take_causes(of_ref)
    assert found[:2] == [a_cause("evt_b"), a_cause("evt_a")]
    others = await store.take_causes(store.partition_of(OTHER.workspace, OTHER.visitor))
    assert others[-1] == a_cause("evt_c", OTHER.visitor)
    assert len(await causes_of(store)) == 3


async def test_taking_causes_takes_nothing_away(store: Store) -> None:
    await store.commit(step(0, causes=(a_cause("evt_1"),)))
    assert await causes_of(store) == await causes_of(store) == [a_cause("evt_1")]


async def test_a_settled_cause_is_gone_and_settling_again_is_nothing(store: Store) -> None:
    await store.commit(step(0, causes=(a_cause("evt_1"), a_cause("evt_2"))))
    await _settle(store, ["evt_1", "evt_never"])
    assert await causes_of(store) == [a_cause("evt_2")]
    await _settle(store, ["evt_1", "evt_2"])
    assert await causes_of(store) == []


async def test_a_cause_that_is_kept_already_keeps_its_place_and_body(store: Store) -> None:
    await store.commit(step(0, causes=(a_cause("evt_1"), a_cause("evt_2"))))
    again = StoredCause("evt_1", "ws_a", REF.visitor, b"told differently")
    assert isinstance(await store.commit(step(1, causes=(again,))), Committed)
    assert await causes_of(store) == [a_cause("evt_1"), a_cause("evt_2")]


async def test_a_commit_that_is_refused_or_repeated_keeps_and_counts_nothing(store: Store) -> None:
    first = step(0, causes=(a_cause("evt_1"),), counts=(Count("2026-11-21", "sent"),))
    await store.commit(first)
    await _settle(store, ["evt_1"])
    assert isinstance(await store.commit(first), Duplicate)
    late = step(0, op="op_late", causes=(a_cause("evt_2"),), counts=(Count("2026-11-21", "sent"),))
    assert isinstance(await store.commit(late), Conflict)
    assert await causes_of(store) == []
    assert await store.counts("ws_a", ["2026-11-21"], "") == {"sent": 1}


async def test_causes_are_read_in_slices(store: Store) -> None:
    causes = tuple(a_cause(f"evt_{number}") for number in range(CAUSES_ROWS_MAX + 1))
    await store.commit(step(0, causes=causes))
    partition = store.partition_of(REF.workspace, REF.visitor)
    assert await store.take_causes(partition, limit=2) == list(causes[:2])
    found = await store.take_causes(partition, limit=CAUSES_ROWS_MAX + 1)
    assert found == list(causes[:-1])


async def test_causes_that_belong_to_no_commit_are_kept_in_turn(store: Store) -> None:
    await store.commit(step(0, causes=(a_cause("evt_1"),)))
    await store.keep_causes([a_cause("evt_3"), a_cause("evt_2"), a_cause("evt_1")])
    await store.keep_causes([a_cause("evt_3")])
    await store.keep_causes([])
    assert [cause.id for cause in await causes_of(store)] == ["evt_1", "evt_3", "evt_2"]


async def test_a_document_keeps_its_causes_only_when_it_is_written(store: Store) -> None:
    written = await store.put_doc("ws_a", "site", "s1", b"one", 0, causes=(a_cause("evt_1"),))
    assert written == 1
    await store.put_doc("ws_a", "site", "s1", b"two", 0, causes=(a_cause("evt_2"),))
    assert await causes_of(store) == [a_cause("evt_1")]


async def test_when_too_many_causes_wait_only_what_has_causes_is_refused(
    embedded: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(head, "CAUSES_LEN_MAX", 2)
    monkeypatch.setattr(redis_outbox, "CAUSES_LEN_MAX", 2)
    store = embedded
    await store.commit(step(0, causes=(a_cause("evt_1"), a_cause("evt_2"))))
    with pytest.raises(StoreUnavailable) as caught:
        await store.commit(step(1, causes=(a_cause("evt_3"),)))
    assert caught.value.outcome == "none"
    with pytest.raises(StoreUnavailable):
        await store.put_doc("ws_a", "site", "s1", b"one", 0, causes=(a_cause("evt_3"),))
    with pytest.raises(StoreUnavailable):
        await store.keep_causes([a_cause("evt_3")])
    assert await store.get_doc("ws_a", "site", "s1") is None
    assert isinstance(await store.commit(step(1)), Committed)
    await _settle(store, ["evt_1"])
    assert isinstance(await store.commit(step(2, causes=(a_cause("evt_3"),))), Committed)


async def test_counters_add_up_by_day_and_are_read_by_prefix(store: Store) -> None:
    await store.commit(
        step(0, counts=(Count("2026-11-20", "r|a|sent"), Count("2026-11-20", "r|a|sent", 2)))
    )
    await store.commit(
        step(1, counts=(Count("2026-11-21", "r|a|sent"), Count("2026-11-21", "r|b|sent")))
    )
    await store.commit(step(0, OTHER, counts=(Count("2026-11-21", "c|a|sent", 5),)))
    days = ["2026-11-20", "2026-11-21"]
    assert await store.counts("ws_a", days, "r|") == {"r|a|sent": 4, "r|b|sent": 1}
    assert await store.counts("ws_a", days[:1], "r|") == {"r|a|sent": 3}
    assert await store.counts("ws_a", days, "c|a|") == {"c|a|sent": 5}
    assert await store.counts("ws_a", ["2026-11-20", "2026-11-20"], "r|a") == {"r|a|sent": 3}
    assert await store.counts("ws_a", days, "r|a|sent|") == {}
    assert await store.counts("ws_b", days, "") == {}


async def test_counters_of_a_year_are_summed(store: Store) -> None:
    days = [f"2026-{month:02}-{day:02}" for month in range(1, 13) for day in range(1, 29)]
    await store.commit(step(0, counts=tuple(Count(day, "sent") for day in days)))
    assert await store.counts("ws_a", days, "sent") == {"sent": len(days)}


async def test_a_prefix_is_text_and_no_pattern(store: Store) -> None:
    names = ("100%|a", "100x|a", "100_|a", "Ünï|a")
    await store.commit(step(0, counts=tuple(Count("2026-11-21", name) for name in names)))
    for name in names:
        assert await store.counts("ws_a", ["2026-11-21"], name[:4]) == {name: 1}


async def _settle(store: Store, ids: list[str]) -> None:
    """Settle causes of `REF`'s visitor."""
    await store.settle_causes(store.partition_of(REF.workspace, REF.visitor), ids)
