"""What only the SQLite store promises of an erased visitor: no byte in its files, and nothing after a restart."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from engine.errors import StoreUnavailable
from engine.limits import ERASED_KEPT_MS, ERASED_LATELY_MS
from engine.stores.base import Committed, Erased, Loaded, SessionRef
from engine.stores.sqlite import custody as sqlite_custody
from engine.stores.sqlite.store import SqliteStore
from tests.stores.canary import keep_all, ref_of
from tests.stores.steps import OTHER, REF, START_MS, SteppedClock, commit_all, step

pytestmark = pytest.mark.anyio
WORD = "canary"


async def test_the_files_hold_no_byte_of_an_erased_visitor(
    sqlite: SqliteStore, tmp_path: Path
) -> None:
    for number in range(12):
        await keep_all(sqlite, f"before_{number}")
    await keep_all(sqlite, WORD)
    for number in range(12):
        await keep_all(sqlite, f"after_{number}")
    assert _found(tmp_path, WORD.encode())
    assert await sqlite.erase("ws_a", ref_of(WORD).visitor)
    assert _found(tmp_path, WORD.encode()) == []
    assert _found(tmp_path, b"before_7")


async def test_a_sweep_soon_after_an_erasure_clears_the_files(
    sqlite: SqliteStore, tmp_path: Path, clock: SteppedClock
) -> None:
    await keep_all(sqlite, "before")
    await sqlite.erase("ws_a", ref_of("before").visitor)
    # What is not the visitor's own names them too, and goes later.
    await sqlite.put_doc("ws_a", "erasure", "era_1", WORD.encode(), 0)
    await sqlite.put_doc("ws_a", "erasure", "era_1", None, 1)
    assert _found(tmp_path, WORD.encode())
    await sqlite.sweep(clock.now_ms)
    assert _found(tmp_path, WORD.encode()) == []


async def test_a_sweep_long_after_an_erasure_leaves_the_log_alone(
    sqlite: SqliteStore, tmp_path: Path, clock: SteppedClock
) -> None:
    await sqlite.erase("ws_a", ref_of(WORD).visitor)
    clock.now_ms += ERASED_LATELY_MS
    await keep_all(sqlite, "after")
    await sqlite.sweep(clock.now_ms)
    assert (tmp_path / "a.db-wal").stat().st_size > 0


async def test_without_overwriting_an_erased_visitor_stays_in_the_file(
    sqlite: SqliteStore, tmp_path: Path
) -> None:
    await sqlite._read(lambda writer: writer.db.execute("PRAGMA secure_delete=OFF").fetchall())
    await keep_all(sqlite, WORD)
    await sqlite.erase("ws_a", ref_of(WORD).visitor)
    assert _found(tmp_path, WORD.encode())


async def test_an_erased_visitor_stays_erased_over_a_restart(
    tmp_path: Path, clock: SteppedClock
) -> None:
    store = await SqliteStore.open(tmp_path / "a.db", "D2", clock)
    await store.commit(step(0, wake_ms=START_MS + 5))
    await store.erase("ws_a", REF.visitor)
    await store.close()
    again = await SqliteStore.open(tmp_path / "a.db", "D2", clock)
    assert await again.commit(step(0)) == Erased()
    clock.now_ms += ERASED_KEPT_MS
    assert (await again.claim_due()).sessions == ()
    assert await again.commit(step(0)) == Committed(1, 0, 0, 0)
    await again.close()


async def test_a_wakeup_that_only_the_file_knows_is_erased_too(
    tmp_path: Path, clock: SteppedClock
) -> None:
    store = await SqliteStore.open(tmp_path / "a.db", "D2", clock)
    await store.commit(step(0, wake_ms=START_MS + 5))
    await store.commit(step(0, OTHER, wake_ms=START_MS + 6))
    await store.close()
    again = await SqliteStore.open(tmp_path / "a.db", "D2", clock)
    await again.erase("ws_a", REF.visitor)
    clock.now_ms += 6
    assert (await again.claim_due()).sessions == ((OTHER, START_MS + 6),)
    await again.close()


async def test_erasing_that_a_failure_cut_short_is_done_by_the_next(
    sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await commit_all(sqlite, 3)

    def fail(*_: object) -> None:
        raise sqlite3.OperationalError

    with monkeypatch.context() as patch:
        patch.setattr(sqlite_custody, "erase_session", fail)
        with pytest.raises(StoreUnavailable):
            await sqlite.erase("ws_a", REF.visitor)
    # Nothing new is kept already, and what was there is whole.
    assert await sqlite.commit(step(3)) == Erased()
    assert (await sqlite.load(REF)).version == 3
    assert await sqlite.erase("ws_a", REF.visitor)
    assert await sqlite.load(REF) == Loaded()


async def test_other_sessions_go_on_while_one_of_many_sessions_is_erased(
    sqlite: SqliteStore,
) -> None:
    refs = [SessionRef("ws_a", REF.visitor, f"chat_{number:03}") for number in range(60)]
    for ref in refs:
        await sqlite.commit(step(0, ref, wake_ms=START_MS + 5))
    others = [SessionRef("ws_a", "visitor_9", f"chat_9{number:02}") for number in range(60)]
    answers = await asyncio.gather(
        sqlite.erase("ws_a", REF.visitor),
        *[sqlite.commit(step(0, ref)) for ref in others],
        *[sqlite.commit(step(1, ref)) for ref in refs],
    )
    assert answers[0] is True
    assert all(isinstance(answer, Committed) for answer in answers[1:61])
    for ref in refs:
        assert await sqlite.load(ref) == Loaded()
    assert len(await sqlite.list_sessions("ws_a", None, 500)) == 60
    assert (await sqlite.health()).pending_wakeups == 0


def _found(folder: Path, word: bytes) -> list[str]:
    """Name the files that hold a word."""
    return [path.name for path in folder.iterdir() if word in path.read_bytes()]
