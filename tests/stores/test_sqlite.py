"""What only the SQLite store promises: one process, a small log, a short start, honest failures."""

import asyncio
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from engine.errors import StoreRefused, StoreUnavailable
from engine.limits import STORE_QUEUE_LEN_MAX, TIP_AGE_MS_MAX
from engine.stores.base import Committed, Duplicate, Retention, SessionRef
from engine.stores.open import open_store
from engine.stores.sqlite import calls as sqlite_calls
from engine.stores.sqlite import checkpoint as sqlite_checkpoint
from engine.stores.sqlite import schema
from engine.stores.sqlite import writer as sqlite_writer
from engine.stores.sqlite.db import DbFile
from engine.stores.sqlite.store import SqliteStore
from engine.stores.sqlite.writer import Writer
from tests.stores.steps import (
    OTHER,
    REF,
    START_MS,
    SteppedClock,
    commit_all,
    message,
    step,
    until,
)

pytestmark = pytest.mark.anyio


async def test_an_unknown_url_is_refused_with_the_known_ones(clock: SteppedClock) -> None:
    for url in ("mysql://x", "sqlite:///", "sqlite:a.db", "memory"):
        with pytest.raises(StoreRefused, match=r"use memory:, sqlite:///"):
            await open_store(url, clock=clock)


async def test_a_second_process_is_told_who_uses_the_file(
    sqlite: SqliteStore, tmp_path: Path
) -> None:
    code = (
        "import asyncio, sys; from pathlib import Path\n"
        "from engine.stores.open import open_store\n"
        "asyncio.run(open_store('sqlite:///a.db', clock=lambda: 0, base_dir=Path(sys.argv[1])))"
    )
    ended = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert "a.db is in use by process " in ended.stderr.splitlines()[-1]
    assert isinstance(await sqlite.commit(step(0)), Committed)


async def test_a_second_store_of_this_process_is_refused(
    sqlite: SqliteStore, tmp_path: Path, clock: SteppedClock
) -> None:
    with pytest.raises(StoreRefused, match="is in use by process"):
        await SqliteStore.open(tmp_path / "a.db", "D2", clock)


def test_a_library_that_is_too_old_is_refused_before_a_file_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    with pytest.raises(StoreRefused, match=r"use one with 3\.35\.0 or newer"):
        schema.connect(DbFile(tmp_path / "a.db", "FULL"))
    assert not list(tmp_path.iterdir())


async def test_a_file_that_is_no_store_is_refused(tmp_path: Path, clock: SteppedClock) -> None:
    (tmp_path / "text.db").write_text(
        "no database at all, but long enough to be read as one\n" * 99
    )
    with pytest.raises(StoreRefused, match="is not a SQLite file"):
        await SqliteStore.open(tmp_path / "text.db", "D2", clock)
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE theirs(x)")
    other.close()
    with pytest.raises(StoreRefused, match="is a database of another program"):
        await SqliteStore.open(tmp_path / "other.db", "D2", clock)
    with pytest.raises(StoreRefused, match="cannot be"):
        await SqliteStore.open(tmp_path / "text.db" / "x.db", "D2", clock)
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(StoreRefused, match="cannot be"):
        await SqliteStore.open(tmp_path / "folder.db", "D2", clock)


async def test_a_newer_layout_is_refused(tmp_path: Path, clock: SteppedClock) -> None:
    store = await SqliteStore.open(tmp_path / "a.db", "D2", clock)
    await store._write(lambda w: w.db.execute("UPDATE meta SET value = 99 WHERE key = 'layout'"))
    await store.close()
    with pytest.raises(StoreRefused, match="has layout 99"):
        await SqliteStore.open(tmp_path / "a.db", "D2", clock)


@pytest.mark.parametrize(("level", "synchronous"), [("D2", 2), ("D1", 1), ("D0", 1)])
async def test_the_level_sets_how_the_disk_is_synced(
    tmp_path: Path, clock: SteppedClock, level: str, synchronous: int
) -> None:
    store = await open_store(
        "sqlite:///new/folder/a.db",
        durability=level,  # type: ignore[arg-type]  # one of the three
        clock=clock,
        base_dir=tmp_path,
    )
    assert isinstance(store, SqliteStore)
    assert store.durability == ("D1" if level == "D0" else level)
    for pragma, value in (
        ("synchronous", synchronous),
        ("journal_mode", "wal"),
        ("locking_mode", "exclusive"),
        ("wal_autocheckpoint", 0),
        ("secure_delete", 1),
    ):
        assert await _ask(store, f"PRAGMA {pragma}") == (value,)
    await store.close()


async def test_a_closed_store_is_opened_again_as_it_was(
    tmp_path: Path, clock: SteppedClock
) -> None:
    store = await SqliteStore.open(tmp_path / "a.db", "D2", clock)
    await store.commit(step(0, messages=(message("m1"),), wake_ms=START_MS + 10, spend=1))
    await store.commit(step(0, OTHER))
    before = await store.load(REF)
    await store.close()
    await store.close()
    assert not (tmp_path / "a.db.pid").exists()
    again = await SqliteStore.open(tmp_path / "a.db", "D2", clock)
    assert (await again.health()).pending_wakeups == 1
    assert await again.load(REF) == before
    clock.now_ms += 10
    assert (await again.claim_due()).sessions == ((REF, START_MS + 10),)
    assert isinstance(await again.commit(step(1)), Committed)
    await again.close()


async def test_a_session_read_before_its_wakeup_is_claimed_once(
    tmp_path: Path, clock: SteppedClock
) -> None:
    """After a start the wheel holds a nameless slot; reading the session makes a second one."""
    store = await SqliteStore.open(tmp_path / "a.db", "D2", clock)
    await store.commit(step(0, wake_ms=START_MS + 10))
    await store.commit(step(0, OTHER, wake_ms=START_MS + 10))
    await store.close()
    again = await SqliteStore.open(tmp_path / "a.db", "D2", clock)
    await again.load(REF)
    await again.load(OTHER)
    await again.commit(step(1, OTHER))
    clock.now_ms += 10
    assert (await again.claim_due()).sessions == ((REF, START_MS + 10),)
    assert (await again.claim_due()).sessions == ()
    await again.close()


async def test_a_start_reads_only_the_tail_after_the_last_checkpoint(
    sqlite: SqliteStore, clock: SteppedClock
) -> None:
    await commit_all(sqlite, 3)
    assert await _ask(sqlite, "SELECT value FROM meta WHERE key = 'checkpoint'") == (0,)
    clock.now_ms += TIP_AGE_MS_MAX
    await sqlite.commit(step(3))
    await _until(sqlite, lambda w: w.checkpoints.row >= 3)
    checkpoint = await _ask(sqlite, "SELECT value FROM meta WHERE key = 'checkpoint'")
    assert await _ask(sqlite, "SELECT min(?, tip) FROM session", *checkpoint) == checkpoint


async def test_an_evicted_session_is_read_from_the_file(
    tmp_path: Path, clock: SteppedClock
) -> None:
    store = await SqliteStore.open(tmp_path / "a.db", "D2", clock, heads_len_max=10)
    refs = [SessionRef("ws_a", f"v{name}", f"chat_{name}") for name in range(60)]
    for place, ref in enumerate(refs):
        await store.commit(step(0, ref, wake_ms=START_MS + place))
    await _until(store, lambda w: w.heads.warm <= 10)
    for place, ref in enumerate(refs):
        assert (await store.load(ref)).version == 1
        assert isinstance(await store.commit(step(1, ref, wake_ms=START_MS + place)), Committed)
    clock.now_ms += 60
    claimed = (await store.claim_due()).sessions
    assert claimed == tuple((ref, START_MS + place) for place, ref in enumerate(refs))
    await store.close()


async def test_a_claimed_session_keeps_its_lease_when_memory_is_short(
    tmp_path: Path, clock: SteppedClock
) -> None:
    store = await SqliteStore.open(tmp_path / "a.db", "D2", clock, heads_len_max=1)
    await store.commit(step(0, wake_ms=START_MS))
    assert len((await store.claim_due()).sessions) == 1
    for name in range(20):
        await store.commit(step(0, SessionRef("ws_a", "v", f"chat_more_{name}")))
    await _until(store, lambda w: w.heads.warm <= 2)
    await store.load(REF)
    assert (await store.claim_due()).sessions == ()
    await store.close()


async def test_the_wal_stays_within_its_limit(
    sqlite: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_checkpoint, "WAL_PASSIVE_BYTES_MAX", 256 * 1024)
    for expect in range(200):
        await sqlite.commit(step(expect, state=bytes(16_000)))
    assert (tmp_path / "a.db-wal").stat().st_size < 1024 * 1024
    assert (await sqlite.load(REF)).version == 200


async def test_the_wal_is_copied_into_the_file_when_nothing_comes_for_a_while(
    sqlite: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_checkpoint, "_WAL_IDLE_BYTES", 256 * 1024)
    monkeypatch.setattr(sqlite_writer, "_IDLE_S", 0.05)
    for expect in range(30):
        await sqlite.commit(step(expect, state=bytes(16_000)))
    assert (tmp_path / "a.db").stat().st_size < 256 * 1024
    await until(lambda: (tmp_path / "a.db").stat().st_size > 256 * 1024)


async def test_a_full_queue_refuses_and_recovers(sqlite: SqliteStore) -> None:
    await sqlite._learning
    async with _held(sqlite):
        waiting = [asyncio.ensure_future(sqlite.load(REF)) for _ in range(STORE_QUEUE_LEN_MAX - 1)]
        await asyncio.sleep(0)
        with pytest.raises(StoreUnavailable) as caught:
            await sqlite.commit(step(0))
        assert caught.value.outcome == "none"
    await asyncio.gather(*waiting)
    assert isinstance(await sqlite.commit(step(0)), Committed)


async def test_a_hung_disk_is_reported_as_unknown(
    sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with _held(sqlite):
        with monkeypatch.context() as quick:
            quick.setattr(sqlite_calls, "_WATCH_S", 0.01)
            with pytest.raises(StoreUnavailable) as caught:
                await sqlite.commit(step(0))
        assert caught.value.outcome == "unknown"
    # The op is repeated, as a caller who does not know must do, and was in truth done.
    assert isinstance(await sqlite.commit(step(0)), Duplicate)


async def test_a_nearly_full_disk_refuses_writes_and_answers_reads(
    sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sqlite.commit(step(0))
    monkeypatch.setattr(sqlite_checkpoint, "DISK_FREE_BYTES_MIN", 2**62)
    await _until(sqlite, lambda w: not w.has_room)
    with pytest.raises(StoreUnavailable) as caught:
        await sqlite.commit(step(1))
    assert caught.value.outcome == "none"
    assert (await sqlite.health()).reason == "disk_full"
    assert (await sqlite.load(REF)).version == 1
    monkeypatch.setattr(sqlite_checkpoint, "DISK_FREE_BYTES_MIN", 0)
    await _until(sqlite, lambda w: w.has_room)
    assert isinstance(await sqlite.commit(step(1)), Committed)


async def test_a_disk_that_fills_up_within_a_commit_leaves_nothing_of_it(
    sqlite: SqliteStore,
) -> None:
    await sqlite.commit(step(0, messages=(message("m1"),), wake_ms=START_MS + 5))
    before = await sqlite.load(REF)
    (pages,) = await _ask(sqlite, "PRAGMA page_count")
    await _ask(sqlite, f"PRAGMA max_page_count = {pages}")
    big = step(1, state=bytes(16_000), messages=(message("m2"),), wake_ms=START_MS + 9)
    with pytest.raises(StoreUnavailable) as caught:
        await sqlite.commit(big)
    assert caught.value.outcome == "none"
    assert await sqlite.load(REF) == before
    await _ask(sqlite, "PRAGMA max_page_count = 1000000")
    assert isinstance(await sqlite.commit(big), Committed)
    assert (await sqlite.history(REF, None, 0)).offset == 2


async def test_a_failed_sync_is_unknown_and_the_file_is_opened_again(sqlite: SqliteStore) -> None:
    await sqlite.commit(step(0, wake_ms=START_MS))
    await sqlite._read(_break_connection)
    with pytest.raises(StoreUnavailable) as caught:
        await sqlite.commit(step(1))
    assert caught.value.outcome == "unknown"
    # It comes back by itself: a server that is not ready gets no request that could wake it.
    async with asyncio.timeout(10):
        while not (await sqlite.health()).ok:  # noqa: ASYNC110 - health tells nobody when it changes
            await asyncio.sleep(0)
    answer = await sqlite.commit(step(1))
    assert isinstance(answer, Committed)
    assert answer.version == 2
    assert (await sqlite.load(REF)).version == 2


async def test_states_that_were_replaced_leave_the_file(
    sqlite: SqliteStore, clock: SteppedClock
) -> None:
    await commit_all(sqlite, 6)
    await sqlite._read(lambda w: w.checkpoints.finish(w.commits.next_row - 1))
    clock.now_ms += Retention().ended_ms
    await sqlite.sweep(clock.now_ms)
    assert await _ask(sqlite, "SELECT count(state), max(id), count(*) FROM journal") == (1, 6, 6)
    assert (await sqlite.load(REF)).state == b"state 6"


async def test_old_entries_and_their_sessions_leave_but_never_a_live_state(
    sqlite: SqliteStore, clock: SteppedClock
) -> None:
    await commit_all(sqlite, 3)
    await sqlite.commit(step(3, closed=True, ids=("msg_1",)))
    await commit_all(sqlite, 4, OTHER)
    await sqlite._read(lambda w: w.checkpoints.finish(w.commits.next_row - 1))
    clock.now_ms += Retention().events_ms
    while (await sqlite.sweep(clock.now_ms)).more:
        pass
    await sqlite.sweep(clock.now_ms)
    assert await _ask(sqlite, "SELECT count(*), min(session) FROM journal") == (1, 2)
    assert await sqlite.find("ws_a", "msg_1") is None
    assert (await sqlite.load(OTHER)).state == b"state 4"
    assert [entry.number for entry in await sqlite.journal(OTHER)] == [4]
    assert isinstance(await sqlite.commit(step(4, OTHER)), Committed)


async def test_a_read_does_not_wait_for_the_writes_that_come_with_it(sqlite: SqliteStore) -> None:
    held, ended = threading.Event(), list[str]()

    async def note(name: str, work: Awaitable[object]) -> None:
        await work
        ended.append(name)

    async with asyncio.TaskGroup() as group:
        group.create_task(note("held", sqlite._read(lambda _: held.wait(10))))
        await asyncio.sleep(0.05)
        group.create_task(note("commit", sqlite.commit(step(0))))
        group.create_task(note("read", sqlite.load(OTHER)))
        await asyncio.sleep(0)
        held.set()
    assert ended == ["held", "read", "commit"]


async def test_a_session_that_was_looked_for_in_vain_is_found_once_it_is_made(
    sqlite: SqliteStore,
) -> None:
    assert (await sqlite.load(REF)).version == 0
    (pages,) = await _ask(sqlite, "PRAGMA page_count")
    await _ask(sqlite, f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreUnavailable):
        await sqlite.commit(step(0, state=bytes(16_000)))
    assert (await sqlite.load(REF)).version == 0
    await _ask(sqlite, "PRAGMA max_page_count = 1000000")
    await commit_all(sqlite, 2)
    assert (await sqlite.load(REF)).version == 2
    await sqlite.erase(REF.workspace, REF.visitor)
    assert (await sqlite.load(REF)).version == 0


async def test_of_two_who_asked_for_an_id_in_vain_one_makes_its_session(
    sqlite: SqliteStore,
) -> None:
    for _ in range(2):
        assert await sqlite.find_alias(REF.workspace, "a") is None
    other = SessionRef(REF.workspace, REF.visitor, "chat_9")
    found = await asyncio.gather(sqlite.resolve("a", REF), sqlite.resolve("a", other))
    assert found[0] == found[1] == await sqlite.resolve("a", other)
    moved = await sqlite.resolve("a", other, ended=found[0].session)
    assert moved == await sqlite.find_alias(REF.workspace, "a") == other


async def test_an_id_is_answered_at_once_and_is_on_the_disk_with_what_is_committed_next(
    tmp_path: Path, clock: SteppedClock
) -> None:
    store = await SqliteStore.open(tmp_path / "b.db", "D2", clock)
    assert await store.find_alias(REF.workspace, "a") is None
    is_free = threading.Event()
    stuck = asyncio.ensure_future(store._write(lambda _: is_free.wait()))
    await asyncio.sleep(0)
    assert await store.resolve("a", REF) == REF
    assert await store.resolve("a", OTHER) == REF
    assert not stuck.done()
    looking = asyncio.ensure_future(store.find_alias(REF.workspace, "a"))
    committing = asyncio.ensure_future(store.commit(step(0)))
    await asyncio.sleep(0)
    is_free.set()
    assert isinstance(await committing, Committed)
    assert await _ask(store, "SELECT count(*) FROM alias WHERE alias = 'a'") == (1,)
    assert await looking == REF == await store.find_alias(REF.workspace, "a")
    await store.close()


async def test_a_cancelled_caller_does_not_disturb_the_others(sqlite: SqliteStore) -> None:
    given_up = asyncio.ensure_future(sqlite.commit(step(0)))
    await asyncio.sleep(0)
    given_up.cancel()
    assert isinstance(await sqlite.commit(step(0, OTHER)), Committed)
    assert (await sqlite.load(REF)).version == 1


@asynccontextmanager
async def _held(store: SqliteStore) -> AsyncIterator[None]:
    """Keep the store's thread busy, as a disk that does not answer would."""
    entered, go_on = threading.Event(), threading.Event()

    def hold(_: Writer) -> None:
        entered.set()
        go_on.wait()

    held = asyncio.ensure_future(store._read(hold))
    try:
        await asyncio.sleep(0)
        await asyncio.to_thread(entered.wait)
        yield
    finally:
        go_on.set()
        await asyncio.gather(held, return_exceptions=True)


async def _ask(store: SqliteStore, sql: str, *values: int) -> tuple[int, ...]:
    found = await store._read(lambda w: w.db.execute(sql, values).fetchone())
    return () if found is None else tuple(found)


async def _until(store: SqliteStore, holds: "object") -> None:
    """Give the thread turns until a condition holds."""
    assert callable(holds)
    for _ in range(1_000):
        if await store._read(holds):
            return
    pytest.fail("the condition never held")


class _BrokenConnection:
    """A connection whose next write fails while it syncs the disk."""

    in_transaction = False

    def execute(self, sql: str, parameters: object = ()) -> sqlite3.Cursor:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
        raise error


def _break_connection(writer: Writer) -> None:
    writer.commits.find("ws_a", REF.session)
    writer.commits.db = _BrokenConnection()  # type: ignore[assignment]  # fails as a disk does
