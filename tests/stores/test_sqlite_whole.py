"""The SQLite file as a whole: a backup taken while it is written to, and a file without gaps."""

import asyncio
from pathlib import Path

import pytest

from engine.errors import BackupRefused, StoreUnavailable
from engine.limits import STORE_DEADLINE_MS
from engine.stores.base import Committed, SessionRef
from engine.stores.sqlite import calls, whole
from engine.stores.sqlite.store import SqliteStore
from engine.stores.sqlite.writer import Writer
from engine.stores.whole import WholeFile
from tests.stores.canary import keep_all, ref_of
from tests.stores.steps import REF, START_MS, SteppedClock, commit_all, step, until

pytestmark = pytest.mark.anyio
VISITORS = 8


def ref(number: int) -> SessionRef:
    return SessionRef("ws_a", f"visitor_{number}", f"chat_of_{number}")


def files_named(folder: Path, name: str) -> list[Path]:
    return sorted(path for path in folder.iterdir() if name in path.name)


async def test_a_backup_under_load_holds_all_that_was_acknowledged_before_it(
    sqlite: SqliteStore, tmp_path: Path, clock: SteppedClock
) -> None:
    acknowledged, over = [0] * VISITORS, asyncio.Event()

    async def visit(number: int) -> None:
        while not over.is_set():
            done = await sqlite.commit(step(acknowledged[number], ref(number)))
            assert isinstance(done, Committed)
            acknowledged[number] += 1

    tasks = [asyncio.create_task(visit(number)) for number in range(VISITORS)]
    await until(lambda: min(acknowledged) >= 5)
    before = list(acknowledged)
    size = await sqlite.back_up(tmp_path / "b.db")
    over.set()
    await asyncio.gather(*tasks)
    assert size == (tmp_path / "b.db").stat().st_size
    copy = await SqliteStore.open(tmp_path / "b.db", "D2", clock)
    for number in range(VISITORS):
        held = len(await copy.journal(ref(number)))
        assert before[number] <= held <= acknowledged[number]
        assert (await copy.load(ref(number))).version == held
    assert isinstance(await copy.commit(step(0)), Committed)
    await copy.close()


async def test_a_backup_has_wake_ups_profiles_and_what_waits(
    sqlite: SqliteStore, tmp_path: Path, clock: SteppedClock
) -> None:
    await keep_all(sqlite, "canary")
    await sqlite.commit(step(0, wake_ms=START_MS + 5))
    await sqlite.back_up(tmp_path / "b.db")
    copy = await SqliteStore.open(tmp_path / "b.db", "D2", clock)
    assert (await copy.claim_due()).next_ms == START_MS + 5
    visitor = ref_of("canary").visitor
    wanted = [kept async for kept in sqlite.export("ws_a", visitor)]
    assert [kept async for kept in copy.export("ws_a", visitor)] == wanted
    await copy.close()


async def test_a_backup_is_for_its_owner_alone_and_overwrites_nothing(
    sqlite: SqliteStore, tmp_path: Path
) -> None:
    path = tmp_path / "b.db"
    await sqlite.back_up(path)
    assert path.stat().st_mode & 0o777 == 0o600
    held = path.read_bytes()
    with pytest.raises(BackupRefused, match=r"b\.db: exists already"):
        await sqlite.back_up(path)
    with pytest.raises(BackupRefused, match="no such file or directory"):
        await sqlite.back_up(tmp_path / "nowhere" / "b.db")
    assert path.read_bytes() == held
    assert files_named(tmp_path, "b.db") == [path]


async def test_a_backup_that_fails_leaves_no_file(
    sqlite: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole, "DISK_FREE_BYTES_MIN", 2**60)
    with pytest.raises(BackupRefused, match="has no room"):
        await sqlite.back_up(tmp_path / "b.db")
    assert files_named(tmp_path, "b.db") == []
    await commit_all(sqlite, 1)


async def test_what_comes_during_a_long_backup_is_answered_in_time_and_the_backup_goes_on(
    sqlite: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = asyncio.Event()
    loop, back_up = asyncio.get_running_loop(), whole.back_up

    def slowly(writer: Writer, path: Path) -> int:
        asyncio.run_coroutine_threadsafe(held.wait(), loop).result()
        return back_up(writer, path)

    monkeypatch.setattr(whole, "back_up", slowly)
    backup = asyncio.create_task(sqlite.back_up(tmp_path / "b.db"))
    await asyncio.sleep(0)
    with monkeypatch.context() as quick:
        quick.setattr(calls, "_WATCH_S", 0.005)
        with pytest.raises(StoreUnavailable, match="in time"):
            async with asyncio.timeout(STORE_DEADLINE_MS / 1_000):
                await sqlite.commit(step(0))
    held.set()
    assert await backup > 0
    # What is written from now on is written after the commit that nobody waits for any more.
    await sqlite.resolve("alias", REF)
    assert await sqlite.find_alias(REF.workspace, "alias") == REF
    assert (await sqlite.load(REF)).version == 1


async def test_a_file_that_is_written_anew_has_no_piece_of_an_erased_visitor_in_its_gaps(
    sqlite: SqliteStore, tmp_path: Path
) -> None:
    # As a rearranged page leaves it: deleted, and not overwritten.
    await sqlite._read(lambda writer: writer.db.execute("PRAGMA secure_delete=OFF").fetchall())
    await keep_all(sqlite, "canary")
    await keep_all(sqlite, "neighbour")
    await sqlite.erase("ws_a", ref_of("canary").visitor)
    assert b"canary" in (tmp_path / "a.db").read_bytes()
    await sqlite.rewrite()
    left = b"".join(path.read_bytes() for path in files_named(tmp_path, "a.db"))
    assert (b"canary" in left, b"neighbour" in left) == (False, True)
    await commit_all(sqlite, 2)
    assert len(await sqlite.journal(REF)) == 2


async def test_only_a_store_of_one_file_is_one(sqlite: SqliteStore) -> None:
    assert isinstance(sqlite, WholeFile)
