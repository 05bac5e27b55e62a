"""Files of former versions open with all they held, and are of the newest layout from then on."""

import sqlite3
from pathlib import Path

import pytest

from engine.limits import SEEN_KEPT_MS
from engine.stores.base import (
    Committed,
    DecisionFilter,
    Doc,
    Duplicate,
    Erased,
    Replayed,
    Seen,
    StoredCause,
    VisitorRecord,
)
from engine.stores.sqlite.schema import LAYOUT
from engine.stores.sqlite.store import SqliteStore
from tests.stores.steps import (
    OTHER,
    REF,
    START_MS,
    SteppedClock,
    a_cause,
    a_delivery,
    keep_deliveries,
    step,
)

pytestmark = pytest.mark.anyio
GOLDEN = Path(__file__).parent.parent / "golden" / "stores"
CAUSE = StoredCause("evt_1", "ws_a", "visitor_1", b"body")
ADDED_IN_2 = ("cause", "counter", "booking")
ADDED_IN_3 = ("delivery", "tomb")


async def test_a_file_of_layout_2_opens_with_all_it_held(
    tmp_path: Path, clock: SteppedClock
) -> None:
    _make(tmp_path / "a.db", "layout_2.sql")
    store = await SqliteStore.open(tmp_path / "a.db", "D2", clock)
    found = await store.load(REF)
    assert (found.version, found.state, found.granted, found.profile) == (2, b"state 2", 1, b"p")
    assert [entry.body for entry in await store.journal(REF)] == [b"entry 1", b"entry 2"]
    assert [m.id for m in (await store.history(REF, found.epoch, 0)).messages] == ["m1"]
    assert await store.find("ws_a", "conv_1") == await store.find_alias("ws_a", "client_1") == REF
    assert len((await store.decisions("ws_a", DecisionFilter())).decisions) == 1
    assert await store.take_causes() == [a_cause("evt_1")]
    assert await store.counts("ws_a", ["2027-01-15"], "") == {"sent": 1}
    assert await store.booked("ws_a", "place", "place") == {"place": 1}
    assert await store.get_doc("ws_a", "site", "s1") == Doc(2, b"two")
    assert await store.changes(["ws_a"]) == {("ws_a", "site"): 2}
    assert await store.idem_begin(b"key", b"hash") == Replayed(200, b"answer")
    assert isinstance(await store.commit(step(1)), Duplicate)
    assert (await store.load(OTHER)).closed
    clock.now_ms = START_MS + 10
    assert (await store.claim_due()).sessions == ((REF, START_MS + 10),)
    await store.close()
    assert _layout(tmp_path / "a.db") == LAYOUT


async def test_a_file_of_layout_2_takes_what_is_new(tmp_path: Path, clock: SteppedClock) -> None:
    _make(tmp_path / "a.db", "layout_2.sql")
    store = await SqliteStore.open(tmp_path / "a.db", "D2", clock)
    await keep_deliveries(store, [a_delivery("dlv_1")])
    assert (await store.claim_deliveries()).deliveries[0].id == "dlv_1"
    assert await store.erase("ws_a", REF.visitor)
    assert await store.commit(step(2)) == Erased()
    assert [kept async for kept in store.export("ws_a", REF.visitor)] == []
    assert await store.visitor("ws_a", OTHER.visitor) == VisitorRecord(1, b"theirs")
    await store.close()


async def test_a_file_of_layout_1_opens_with_all_it_held(
    tmp_path: Path, clock: SteppedClock
) -> None:
    store = await SqliteStore.open(tmp_path / "a.db", "D2", clock)
    await store.commit(step(0, expect_profile=0, profile=b"p"))
    await store.close()
    with sqlite3.connect(tmp_path / "a.db") as older:
        for table in (*ADDED_IN_2, *ADDED_IN_3):
            older.execute(f"DROP TABLE {table}")
        older.execute("UPDATE meta SET value = 1 WHERE key = 'layout'")
    older.close()
    again = await SqliteStore.open(tmp_path / "a.db", "D2", clock)
    assert (await again.load(REF)).profile == b"p"
    assert isinstance(await again.commit(step(1, causes=(CAUSE,))), Committed)
    assert await again.take_causes() == [CAUSE]
    await again.close()
    assert _layout(tmp_path / "a.db") == LAYOUT


async def test_ids_of_layout_3_are_known_and_forgotten_in_their_time(
    tmp_path: Path, clock: SteppedClock
) -> None:
    store = await SqliteStore.open(tmp_path / "a.db", "D2", clock)
    await store.commit(step(0))
    await store.close()
    with sqlite3.connect(tmp_path / "a.db") as older:
        older.executescript(
            "DROP TABLE seen_run; CREATE TABLE seen(ws TEXT, visitor TEXT, event INTEGER, "
            "at INTEGER NOT NULL, PRIMARY KEY(ws, visitor, event)) WITHOUT ROWID;"
            "UPDATE meta SET value = 3 WHERE key = 'layout';"
        )
        rows = [("ws_a", REF.visitor, event, START_MS) for event in (7, 2**63 - 1)]
        older.executemany("INSERT INTO seen VALUES(?,?,?,?)", rows)
    older.close()
    again = await SqliteStore.open(tmp_path / "a.db", "D2", clock)
    assert await again.commit(step(1, seen=(7, 8, 2**63 - 1))) == Seen((7, 2**63 - 1))
    clock.now_ms = START_MS + SEEN_KEPT_MS
    await again.sweep(clock.now_ms)
    assert isinstance(await again.commit(step(1, seen=(7, 8))), Committed)
    await again.close()


def _make(path: Path, golden: str) -> None:
    """Make a file from its text."""
    older = sqlite3.connect(path)
    older.executescript((GOLDEN / golden).read_text("utf-8"))
    older.close()


def _layout(path: Path) -> int:
    newer = sqlite3.connect(path)
    (layout,) = newer.execute("SELECT value FROM meta WHERE key = 'layout'").fetchone()
    newer.close()
    return int(layout)
