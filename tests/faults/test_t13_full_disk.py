"""T13: the disk is full; nothing is acknowledged that is not kept, nothing is half done, and it ends by itself."""

import sqlite3
import sys
from pathlib import Path

import msgspec
import pytest

from engine.limits import TIP_AGE_MS_MAX
from engine.stores.sqlite.db import Db, open_db
from engine.stores.sqlite.store import SqliteStore
from tests.faults.load import History, Plan
from tests.faults.numbered import LATER_MS, Committing, check_all, ref_of
from tests.faults.power_cut import Disk
from tests.faults.refusing import failings, full_files, go_through, lost_in
from tests.faults.runs import SEED, Outcome, sized
from tests.faults.waiting import until
from tests.faults.workers import Workers
from tests.stores.steps import SteppedClock

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(sized(60, 300))]
ROUNDS = sized(3, 30)
WITHIN_S = 5.0
BACK_S = 5.0
# Longer than a step tries the same commit again: 2 s.
HURT_S = 6.0
PLAN = Plan(seed=SEED, sessions=20, events=100, seconds=HURT_S + 1.5, deadline_s=60)
UNLIMITED = 1 << 30


class Pages:
    """A disk that has room for the pages of a database as it is, and while `is_full` for no more."""

    def __init__(self) -> None:
        """Have room."""
        self._db: Db | None = None
        self._is_full = False

    def open_db(self, path: Path) -> Db:
        """Open a database on this disk; see `engine.stores.sqlite.db.open_db`."""
        self._db = open_db(path)
        self._limit(self._db)
        return self._db

    @property
    def is_full(self) -> bool:
        """Tell whether the database may not grow."""
        return self._is_full

    @is_full.setter
    def is_full(self, is_full: bool) -> None:
        self._is_full = is_full
        if self._db is not None:
            # The store's thread may be using it: the library lets one wait for the other.
            assert sqlite3.threadsafety == 3
            self._limit(self._db)

    def _limit(self, db: Db) -> None:
        db.execute(f"PRAGMA max_page_count = {1 if self._is_full else UNLIMITED}").fetchall()


async def fill_now_and_then(
    store: SqliteStore, disk: Disk | Pages, clock: SteppedClock, committing: Committing
) -> float:
    """Commit while the disk is full at times; answers the seconds until it went on, the most of all times."""
    back_s = 0.0
    for number in range(ROUNDS):
        await until(lambda: committing.total() >= 20 * (1 + number), WITHIN_S)  # noqa: B023  # awaited at once
        disk.is_full = True
        await see_refused(committing, 10)
        assert (await store.load(ref_of(0))).version >= 1, "reads go on"
        # What is written between commits falls due, and fails too.
        clock.now_ms += TIP_AGE_MS_MAX + 1
        await see_refused(committing, 10)
        assert (await store.load(ref_of(0))).version >= 1, "reads go on"
        disk.is_full = False
        acked = committing.total()
        back_s = max(back_s, await until(lambda: committing.total() > acked, BACK_S))  # noqa: B023  # awaited at once
    return back_s


async def see_refused(committing: Committing, count: int) -> None:
    wanted = committing.refused + count
    await until(lambda: committing.refused >= wanted, WITHIN_S)


@pytest.mark.parametrize("kind", [Disk, Pages])
async def test_a_full_disk_refuses_commits_whole_and_goes_on_by_itself(
    tmp_path: Path, outcome: Outcome, kind: type[Disk | Pages]
) -> None:
    disk, clock = kind(), SteppedClock()
    full_store = type("FullStore", (SqliteStore,), {"open_db": staticmethod(disk.open_db)})
    store = await full_store.open(tmp_path / "a.db", "D2", clock)
    committing = Committing(store)
    committing.start()
    back_s = await fill_now_and_then(store, disk, clock, committing)
    await committing.stop()
    await store.close()
    store = await SqliteStore.open(tmp_path / "a.db", "D2", lambda: LATER_MS)
    outcome.lost = await check_all(store, committing.acked)
    await store.close()
    outcome.acked, outcome.faults = committing.total(), committing.refused
    outcome.notes = f"back after {back_s:.2f} s"
    assert outcome.lost == 0


@pytest.mark.full_size
@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux limits the files of another process"
)
async def test_a_process_whose_files_cannot_grow_answers_503_and_comes_back(
    tmp_path: Path, outcome: Outcome
) -> None:
    history = History(tmp_path / "history.jsonl")
    with Workers(tmp_path) as workers:
        refusal = full_files(workers[0].process.pid)
        passed = await go_through(refusal, workers, PLAN, history, HURT_S)
        outcome.lost = await lost_in(workers, history, outcome)
    outcome.faults = sum(history.refusals().values())
    back_s = history.first_success_after(passed.ended_s)
    outcome.notes = f"back after {back_s:.2f} s"
    assert history.refusals().keys() == {503}
    assert (outcome.acked, outcome.lost, outcome.doubled) == (PLAN.sessions * PLAN.events, 0, 0)
    assert await failings(workers.configs[0]) == []
    assert back_s <= BACK_S


@pytest.mark.full_size
@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux limits the files of another process"
)
async def test_the_control_that_tells_before_it_commits_loses_on_a_full_disk(
    tmp_path: Path, outcome: Outcome
) -> None:
    history = History(tmp_path / "history.jsonl")
    with Workers(tmp_path, unsafe=["tell_before_commit"]) as workers:
        refusal = full_files(workers[0].process.pid)
        # What it lost keeps its sessions from going on: they are given up.
        plan = msgspec.structs.replace(PLAN, deadline_s=HURT_S + 1)
        await go_through(refusal, workers, plan, history, HURT_S)
        control = await lost_in(workers, history, outcome)
    outcome.control = f"tell_before_commit lost {control}"
    assert control > 0
