"""Checkpoints of the SQLite file: tips of sessions, the write-ahead log, and what a start recovers."""

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from engine.limits import (
    DISK_FREE_BYTES_MIN,
    TIP_AGE_MS_MAX,
    WAL_BYTES_MAX,
    WAL_PASSIVE_BYTES_MAX,
)
from engine.stores.head import decode_head
from engine.stores.sqlite.db import Db
from engine.stores.sqlite.heads import HeadMap

_RECOVER_ROWS = 5_000
_TIPS_A_SLICE = 1_000
_WAL_IDLE_BYTES = 4 * 1024 * 1024
_TIP_SQL = "UPDATE session SET tip = ?, due = ?, ended = ? WHERE num = ?"


def recover(db: Db) -> tuple[int, int]:
    """Bring tips up to the newest journal row; answer that row and its time, 0 for none."""
    (checkpoint,) = db.execute("SELECT value FROM meta WHERE key = 'checkpoint'").fetchone()
    last = checkpoint
    newest: dict[int, tuple[int, bytes]] = {}
    while True:
        rows = db.execute(
            "SELECT id, session, head FROM journal WHERE id > ? ORDER BY id LIMIT ?",
            (last, _RECOVER_ROWS),
        ).fetchall()
        if not rows:
            break
        for row, num, head in rows:
            newest[num] = (row, head)
        last = rows[-1][0]
    if last > checkpoint:
        tips = (_tip(num, row, head) for num, (row, head) in sorted(newest.items()))
        db.execute("BEGIN IMMEDIATE")
        db.executemany(_TIP_SQL, tips)
        db.execute("UPDATE meta SET value = ? WHERE key = 'checkpoint'", (last,))
        db.execute("COMMIT")
    (at_ms,) = db.execute("SELECT ifnull(max(at), 0) FROM journal WHERE id = ?", (last,)).fetchone()
    return last, at_ms


def pending_wakeups(db: Db) -> Iterator[tuple[int, int]]:
    """Read (session, due) of every wake-up, by due time."""
    yield from db.execute("SELECT num, due FROM session WHERE due IS NOT NULL ORDER BY due")


class Checkpoints:
    """Keeps recovery short and the write-ahead log small, a slice at a time between batches."""

    def __init__(self, db: Db, path: Path, heads: HeadMap, checkpoint: int) -> None:
        """Go on after `checkpoint`, the journal row up to which the file's tips are right."""
        self.row = checkpoint
        self._db = db
        self._wal = path.with_name(path.name + "-wal")
        self._folder = path.parent
        self._heads = heads
        self._blocks: list[list[int]] = []
        self._row_of_round = checkpoint
        self._oldest_ms: int | None = None
        self._wal_bytes = 0

    @property
    def is_clean(self) -> bool:
        """Tell whether nothing is left to note."""
        return not (self._blocks or self._heads.has_dirty)

    @property
    def can_rest(self) -> bool:
        """Tell whether there is nothing to do until something is written again."""
        return self.is_clean and self._wal_bytes < _WAL_IDLE_BYTES

    def after_batch(self, now_ms: int, last_row: int, bytes_written: int, *, is_idle: bool) -> None:
        """Do what is due: a slice of tips, a copy of the write-ahead log into the file.

        `is_idle`: nothing came for a while. A queue that is empty for a moment does not mean that: a page
        that is written ten times is copied once.
        """
        self._wal_bytes += bytes_written
        if self._oldest_ms is None and self._heads.has_dirty:
            self._oldest_ms = now_ms
        is_old = self._oldest_ms is not None and now_ms - self._oldest_ms >= TIP_AGE_MS_MAX
        must_note = is_old or (self._heads.is_crowded and self._heads.has_dirty)
        if must_note and not self._blocks:
            self._begin_round(last_row)
        if self._blocks:
            self._write_slice()
        self._heads.evict(self.row)
        if self._wal_bytes >= (_WAL_IDLE_BYTES if is_idle else WAL_PASSIVE_BYTES_MAX):
            self.copy_wal()

    def finish(self, last_row: int) -> None:
        """Note all tips now."""
        while not self.is_clean:
            if not self._blocks:
                self._begin_round(last_row)
            self._write_slice()

    def copy_wal(self) -> None:
        """Copy the write-ahead log into the file, so that it begins anew."""
        self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        self._wal_bytes = 0
        if self._wal.stat().st_size > WAL_BYTES_MAX:
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def empty_wal(self) -> None:
        """Copy the write-ahead log into the file and cut it off: nothing that was removed stays in it."""
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        self._wal_bytes = 0

    def has_room(self) -> bool:
        """Tell whether the disk has enough free for writes."""
        return shutil.disk_usage(self._folder).free >= DISK_FREE_BYTES_MIN

    def _begin_round(self, last_row: int) -> None:
        self._blocks = self._heads.take_dirty()
        self._blocks.reverse()
        self._row_of_round = last_row
        self._oldest_ms = None

    def _write_slice(self) -> None:
        taken: list[list[int]] = []
        while self._blocks and sum(map(len, taken)) < _TIPS_A_SLICE:
            taken.append(self._blocks.pop())
        heads = self._heads
        tips = [
            _tip(heads.nums[slot], heads.rows[slot], heads.heads[slot])
            for block in taken
            for slot in block
            if heads.heads[slot]
        ]
        tips.sort(key=lambda tip: tip[3])
        try:
            self._note(tips)
        except sqlite3.Error:
            self._blocks += reversed(taken)
            raise
        self._wal_bytes += 300 * len(tips) + 16_384
        if not self._blocks:
            self.row = self._row_of_round

    def _note(self, tips: list[tuple[int, int | None, int | None, int]]) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany(_TIP_SQL, tips)
            if not self._blocks:
                sql = "UPDATE meta SET value = ? WHERE key = 'checkpoint'"
                self._db.execute(sql, (self._row_of_round,))
            self._db.execute("COMMIT")
        except sqlite3.Error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise


def _tip(num: int, row: int, head: bytes) -> tuple[int, int | None, int | None, int]:
    decoded = decode_head(head)
    due_ms = None if decoded.due_ms < 0 else decoded.due_ms
    return row, due_ms, None if decoded.closed_ms < 0 else decoded.closed_ms, num
