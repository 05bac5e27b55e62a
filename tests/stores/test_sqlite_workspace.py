"""What only the SQLite store promises beside sessions: it stays, a failed batch leaves nothing."""

import asyncio
from pathlib import Path

import pytest

from engine.errors import StoreUnavailable
from engine.stores.base import (
    Begun,
    Committed,
    Conflict,
    Count,
    Replayed,
    Retention,
    SessionRef,
    StoredCause,
)
from engine.stores.sqlite.store import SqliteStore
from tests.stores.steps import OTHER, REF, SteppedClock, a_delivery, keep_deliveries, step

pytestmark = pytest.mark.anyio
CAUSE = StoredCause("evt_1", "ws_a", "visitor_1", b"body")


async def test_what_is_kept_beside_sessions_is_there_after_a_restart(
    tmp_path: Path, clock: SteppedClock
) -> None:
    store = await SqliteStore.open(tmp_path / "a.db", "D2", clock)
    await store.commit(step(0, causes=(CAUSE,), counts=(Count("2026-11-21", "sent", 2),)))
    await store.put_doc("ws_a", "site", "s1", b"one", 0)
    await keep_deliveries(store, [a_delivery("dlv_1")])
    # A claim ends with the process that made it.
    assert len((await store.claim_deliveries()).deliveries) == 1
    await store.book("ws_a", "place", "apt_1", 1)
    await store.idem_end(b"key", b"hash", (200, b"answer"))
    await store.idem_begin(b"other", b"hash")
    await store.feed_add("ws_a", "evt_1", b"one")
    epoch = (await store.feed_after("ws_a", None, 0)).epoch
    await store.close()
    clock.now_ms += 1
    again = await SqliteStore.open(tmp_path / "a.db", "D2", clock)
    assert await again.take_causes() == [CAUSE]
    assert await again.counts("ws_a", ["2026-11-21"], "") == {"sent": 2}
    assert [delivery.id for delivery in (await again.claim_deliveries()).deliveries] == ["dlv_1"]
    assert await again.changes(["ws_a"]) == {("ws_a", "site"): 1}
    assert not await again.book("ws_a", "place", "apt_2", 1)
    assert await again.idem_begin(b"key", b"hash") == Replayed(200, b"answer")
    # What was only in memory: locks and the feed, whose readers are told so by its epoch.
    assert await again.idem_begin(b"other", b"hash") == Begun()
    assert not (await again.feed_after("ws_a", epoch, 1)).recovered
    await again.close()


async def test_a_batch_with_a_faulty_commit_keeps_each_cause_and_counts_each_once(
    sqlite: SqliteStore,
) -> None:
    await sqlite.commit(step(0, engagement_epoch=3))
    counts = (Count("2026-11-21", "sent"),)
    other = StoredCause("evt_2", "ws_a", "visitor_2", b"body")
    answers = await asyncio.gather(
        sqlite.commit(step(0, OTHER, causes=(CAUSE,), counts=counts)),
        sqlite.commit(step(1, engagement_epoch=2, causes=(other,), counts=counts)),
        sqlite.keep_causes([other]),
        sqlite.commit(step(1, OTHER, causes=(CAUSE,), counts=counts)),
        return_exceptions=True,
    )
    assert [type(answer) for answer in answers] == [
        Committed,
        AssertionError,
        type(None),
        Committed,
    ]
    assert await sqlite.take_causes() == [CAUSE, other]
    assert await sqlite.counts("ws_a", ["2026-11-21"], "") == {"sent": 2}
    assert sqlite._writer.commits.causes_kept == 2


async def test_a_disk_that_fills_up_leaves_nothing_of_a_write(sqlite: SqliteStore) -> None:
    await sqlite.commit(step(0, expect_profile=0, profile=b"one"))
    (pages,) = await sqlite._read(lambda w: w.db.execute("PRAGMA page_count").fetchone())
    await _let_pages(sqlite, pages)
    big = bytes(30_000)
    for refused in (
        sqlite.put_profile("ws_a", REF.visitor, big, 1),
        sqlite.put_doc("ws_a", "kind", "name", big, 0, causes=(CAUSE,)),
        sqlite.idem_end(b"key", b"hash", (200, big)),
        sqlite.commit(step(1, causes=(CAUSE,), state=big, counts=(Count("2026-11-21", "sent"),))),
    ):
        with pytest.raises(StoreUnavailable) as caught:
            await refused
        assert caught.value.outcome == "none"
    await _let_pages(sqlite, 1_000_000)
    assert await sqlite.take_causes() == []
    assert sqlite._writer.commits.causes_kept == 0
    assert await sqlite.counts("ws_a", ["2026-11-21"], "") == {}
    assert await sqlite.get_doc("ws_a", "kind", "name") is None
    assert await sqlite.idem_begin(b"key", b"hash") == Begun()
    # The version in memory did not run ahead of the file.
    assert await sqlite.commit(step(1, expect_profile=1)) == Committed(2, 1, 0, 0)


async def test_a_profile_written_in_the_batch_of_a_commit_is_seen_by_the_next(
    sqlite: SqliteStore,
) -> None:
    await sqlite.commit(step(0, expect_profile=0, profile=b"one"))
    first, second, version = await asyncio.gather(
        sqlite.commit(step(1, expect_profile=1, profile=b"two")),
        sqlite.commit(step(0, SessionRef("ws_a", REF.visitor, "chat_9"), expect_profile=2)),
        sqlite.put_profile("ws_a", REF.visitor, b"three", 2),
    )
    assert (first, second, version) == (Committed(2, 2, 0, 0), Committed(1, 2, 0, 0), 3)
    assert isinstance(await sqlite.commit(step(2, expect_profile=2)), Conflict)


async def test_many_waiting_causes_are_counted_at_a_start(
    tmp_path: Path, clock: SteppedClock
) -> None:
    store = await SqliteStore.open(tmp_path / "a.db", "D2", clock)
    await store.keep_causes([StoredCause(f"evt_{n}", "ws_a", "v", b"") for n in range(7)])
    await store.settle_causes(0, ["evt_3", "evt_never"])
    assert store._writer.commits.causes_kept == 6
    await store.close()
    again = await SqliteStore.open(tmp_path / "a.db", "D2", clock)
    assert again._writer.commits.causes_kept == 6
    await again.close()


async def test_a_swept_session_leaves_the_list_with_its_journal(
    sqlite: SqliteStore, clock: SteppedClock
) -> None:
    await sqlite.commit(step(0, closed=True))
    await sqlite._read(lambda w: w.checkpoints.finish(w.commits.next_row - 1))
    clock.now_ms += Retention().events_ms
    while (await sqlite.sweep(clock.now_ms)).more:
        pass
    await sqlite.sweep(clock.now_ms)
    assert await sqlite.list_sessions("ws_a", None, 10) == ()


async def _let_pages(store: SqliteStore, pages: int) -> None:
    await store._read(lambda w: w.db.execute(f"PRAGMA max_page_count = {pages}").fetchone())
