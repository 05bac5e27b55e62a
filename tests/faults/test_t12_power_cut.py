"""T12: the power fails at any write; what was acknowledged is there, and everything else whole or absent."""

import asyncio
from pathlib import Path
from random import Random
from typing import Literal

import pytest

from engine.errors import StoreRefused, StoreUnavailable
from engine.stores.base import Committed
from engine.stores.sqlite import checkpoint as sqlite_checkpoint
from engine.stores.sqlite.store import SqliteStore
from tests.faults.numbered import LATER_MS, SESSIONS, check_all, commit_of
from tests.faults.power_cut import NEVER, Disk
from tests.faults.runs import Outcome, seeds, sized
from tests.stores.steps import START_MS

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(sized(60, 900))]
RUNS = sized(25, 500)
CONTROL_RUNS = sized(8, 40)


class Life:
    """A store on a disk whose power fails, and what it acknowledged before."""

    def __init__(self, folder: Path, disk: Disk, level: Literal["D1", "D2"]) -> None:
        """Serve in a folder that is made at the first opening."""
        self.acked = dict.fromkeys(range(SESSIONS), 0)
        self._path = folder / "a.db"
        self._disk = disk
        self._level: Literal["D1", "D2"] = level
        self._now_ms = START_MS

    async def run(self, random: Random, generations: int = 4) -> None:
        """Open, commit side by side, close, and again, until the power fails."""
        kind = type("CutStore", (SqliteStore,), {"open_db": staticmethod(self._disk.open_db)})
        for _ in range(generations):
            try:
                store = await kind.open(self._path, self._level, self._clock)
            except StoreRefused:
                return
            count = random.randint(5, 40)
            ends = [self._commit(store, place, count) for place in range(SESSIONS)]
            await asyncio.gather(*ends)
            await store.close()

    async def _commit(self, store: SqliteStore, place: int, count: int) -> None:
        for _ in range(count):
            number = self.acked[place] + 1
            try:
                answer = await store.commit(commit_of(place, number))
            except StoreUnavailable:
                return
            assert type(answer) is Committed
            self.acked[place] = number

    def _clock(self) -> int:
        # Time flies, so that the tips of sessions are noted within a run.
        self._now_ms += 2_000
        return self._now_ms


async def lost_in(life: Life, disk: Disk, folder: Path, random: Random) -> int:
    """Open what the cut left, check that it is whole, and count acknowledged commits that are gone."""
    disk.leave(folder, random)
    store = await SqliteStore.open(folder / "a.db", "D2", lambda: LATER_MS)
    lost = await check_all(store, life.acked)
    found = await store._read(lambda w: w.db.execute("PRAGMA integrity_check").fetchall())
    assert found == [("ok",)]
    await store.close()
    return lost


async def acts_of_a_whole_life(folder: Path, random: Random) -> int:
    disk = Disk(NEVER)
    life = Life(folder, disk, "D2")
    await life.run(random)
    assert min(life.acked.values()) >= 20
    return disk.acts


async def cut_lives(
    tmp_path: Path, seed: int, runs: int, level: Literal["D1", "D2"]
) -> tuple[int, int]:
    """Let the power fail at a drawn act of each life; answers what was acknowledged and lost."""
    acts = await acts_of_a_whole_life(tmp_path / "whole", Random(seed))
    acked = lost = 0
    for run in range(runs):
        random = Random(seed * 1_000_003 + run)
        disk = Disk(random.randint(1, acts))
        life = Life(tmp_path / f"run{run}", disk, level)
        await life.run(random)
        assert disk.is_cut or disk.acts < disk.cut_at
        acked += sum(life.acked.values())
        lost += await lost_in(life, disk, tmp_path / f"left{run}", random)
    return acked, lost


@pytest.mark.parametrize("seed", seeds("T12"))
async def test_what_was_acknowledged_survives_a_power_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outcome: Outcome, seed: int
) -> None:
    outcome.seed, outcome.faults = seed, RUNS
    with monkeypatch.context() as patch:
        # The write-ahead log is copied into the file often, so that cuts fall into that too.
        patch.setattr(sqlite_checkpoint, "WAL_PASSIVE_BYTES_MAX", 100_000)
        outcome.acked, outcome.lost = await cut_lives(tmp_path / "full", seed, RUNS, "D2")
    _, control = await cut_lives(tmp_path / "normal", seed, CONTROL_RUNS, "D1")
    outcome.control = f"normal_sync lost {control}"
    assert outcome.acked >= RUNS * 20
    assert outcome.lost == 0
    assert control > 0, "without a sync of each commit nothing was lost: this test proves nothing"


@pytest.mark.parametrize("fault", ["torn", "some", "none"])
def test_a_cut_keeps_what_was_synced_and_never_more_than_was_written(
    tmp_path: Path, fault: str
) -> None:
    disk = Disk()
    db = disk.open_db(tmp_path / "a.db")
    db.execute("PRAGMA locking_mode=EXCLUSIVE")
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=NORMAL")
    db.execute("CREATE TABLE t(n)")
    db.execute("PRAGMA wal_checkpoint")
    db.execute("INSERT INTO t VALUES(1)")
    left = Disk()
    random = Fated(fault)
    disk.leave(tmp_path / "left", random)
    found = left.open_db(tmp_path / "left" / "a.db")
    found.execute("PRAGMA locking_mode=EXCLUSIVE")
    assert found.execute("SELECT n FROM t").fetchall() == []
    found.close()
    db.close()


class Fated(Random):
    """Chance that chooses one fate and tears everything off."""

    def __init__(self, fate: str) -> None:
        """Choose `fate` each time."""
        super().__init__(1)
        self._fate = fate

    def choice(self, seq: object) -> str:
        return self._fate

    def randint(self, a: int, b: int) -> int:
        return a
