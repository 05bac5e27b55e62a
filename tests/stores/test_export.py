"""What every store promises of an export: all that is kept of one visitor, and nothing of another."""

from itertools import groupby

import pytest

from engine.errors import StoreUnavailable
from engine.stores.base import Kept, Retention, Store
from tests.stores.canary import keep_all, ref_of
from tests.stores.steps import REF, START_MS, SteppedClock, commit_all, step

pytestmark = pytest.mark.anyio
WORD = "canary"
VISITOR = ref_of(WORD).visitor


async def test_everything_that_is_kept_of_a_visitor_is_shown(store: Store) -> None:
    await keep_all(store, WORD)
    await keep_all(store, "neighbour")
    found = await _export(store)
    shown = sorted((kept.kind, kept.session, kept.name, kept.body.decode()) for kept in found)
    first, second = (ref_of(WORD, number).session for number in (1, 2))
    assert shown == sorted(
        [
            ("profile", "", VISITOR, "profile canary"),
            *[
                row
                for number in (1, 2)
                for row in _of_session(ref_of(WORD, number).session, number)
            ],
            ("alias", first, "client_canary", ""),
            ("cause", "", "evt_canary_commit_1", "commit_1 canary"),
            ("cause", "", "evt_canary_commit_2", "commit_2 canary"),
            ("cause", "", "evt_canary_document", "document canary"),
            ("cause", "", "evt_canary_kept", "kept canary"),
            ("delivery", first, "dlv_canary_sent", "delivery canary"),
            ("delivery", first, "dlv_canary_waits", "delivery canary"),
        ]
    )
    assert second not in [kept.session for kept in found if kept.kind == "alias"]
    timed = {kept.at_ms for kept in found if kept.kind in ("entry", "decision", "delivery")}
    assert timed == {START_MS}


async def test_the_profile_comes_first_and_what_waits_last_session_by_session(
    store: Store,
) -> None:
    await keep_all(store, WORD)
    found = await _export(store)
    assert found[0].kind == "profile"
    waits = [kept.kind in ("cause", "delivery") for kept in found]
    assert waits == sorted(waits)
    sessions = [kept.session for kept in found[1:] if kept.kind not in ("cause", "delivery")]
    assert len([name for name, _ in groupby(sessions)]) == len(set(sessions)) == 2


async def test_entries_come_by_number(store: Store) -> None:
    await commit_all(store, 12)
    found = await _export(store, REF.visitor)
    assert [kept.name for kept in found if kept.kind == "entry"] == [str(n) for n in range(1, 13)]


async def test_what_retention_left_is_shown(store: Store, clock: SteppedClock) -> None:
    await store.commit(step(0, closed=True))
    clock.now_ms += Retention().ended_ms
    await store.sweep(clock.now_ms)
    found = await _export(store, REF.visitor)
    assert [(kept.session, kept.body) for kept in found if kept.kind == "entry"] == [
        (REF.session, b"entry 1")
    ]


async def test_of_an_unknown_visitor_nothing_is_shown(store: Store) -> None:
    await keep_all(store, WORD)
    assert await _export(store, "nobody") == []
    assert [kept async for kept in store.export("ws_b", VISITOR)] == []


async def test_a_closed_store_shows_nothing(store: Store) -> None:
    await store.close()
    with pytest.raises(StoreUnavailable):
        await _export(store)


def _of_session(session: str, number: int) -> list[tuple[str, str, str, str]]:
    return [
        ("session", session, session, "state canary"),
        ("entry", session, "1", "entry canary"),
        ("entry", session, "2", "entry canary"),
        ("message", session, f"msg_canary_{number}", "message canary"),
        ("decision", session, f"dec_canary_{number}", "decision canary"),
        ("name", session, f"conv_canary_{number}", ""),
    ]


async def _export(store: Store, visitor: str = VISITOR) -> list[Kept]:
    return [kept async for kept in store.export("ws_a", visitor)]
