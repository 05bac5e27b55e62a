"""The file of what a worker accepted: taken by one process, read again after a restart, kept small."""

import sqlite3
from itertools import takewhile
from pathlib import Path

from engine.errors import StoreRefused
from engine.stores.partitions import digest_of
from engine.stores.sqlite.db import Db, open_db

Row = tuple[int, bytes, bytes]
"""When it was accepted, whose it is as a digest, and itself."""

FILES_MAX = 1_024
"""Workers that can have a file in one folder."""

TRIM_ROWS = 1_000
"""Rows that are removed at once: what is to be kept meanwhile waits some milliseconds."""

_NAME = "accepted-{}.db"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS accepted(
  place INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, visitor BLOB NOT NULL,
  body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
"""
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def open_file(folder: Path, deployment: str) -> tuple[Db, Path]:
    """Take the first file of a folder that no other process has.

    Raises:
        StoreRefused: the folder or a file in it cannot be used.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreRefused(f"{folder} cannot be made: {error.strerror}") from error
    for number in range(FILES_MAX):
        path = folder / _NAME.format(number)
        try:
            db = _take(path, deployment)
        except sqlite3.Error as error:
            raise StoreRefused(f"{path} cannot be used: {error}; move it away") from error
        if db is not None:
            return db, path
    raise StoreRefused(f"all {FILES_MAX} files for accepted events in {folder} are in use")


def adopt_others(db: Db, path: Path, deployment: str) -> None:
    """Take over what is in files that no process has any more; the files stay, empty."""
    for other in sorted(path.parent.glob(_NAME.format("*"))):
        if other == path:
            continue
        try:
            left = _take(other, deployment)
        except sqlite3.Error:
            # Whoever takes it as its own is told.
            continue
        if left is None:
            continue
        try:
            rows = left.execute("SELECT at, visitor, body FROM accepted ORDER BY place").fetchall()
            if rows:
                db.executemany("INSERT INTO accepted(at, visitor, body) VALUES(?, ?, ?)", rows)
                _empty(left)
        finally:
            left.close()


def trim(db: Db, before_ms: int) -> bool:
    """Remove some of the first rows, from before an instant; tells whether there may be more of them.

    What was taken over from another file stands behind what is younger, and leaves with it.
    """
    sql = "SELECT place, at FROM accepted ORDER BY place LIMIT ?"
    oldest = db.execute(sql, (TRIM_ROWS,)).fetchall()
    old = list(takewhile(lambda row: row[1] < before_ms, oldest))
    if old:
        db.execute("DELETE FROM accepted WHERE place <= ?", (old[-1][0],))
    return len(old) == TRIM_ROWS


def wipe(db: Db) -> int:
    """Leave no removed row in the log of writes; answers the bytes that the file holds."""
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return bytes_held(db)


def bytes_held(db: Db) -> int:
    """Tell how many bytes of the file are in use."""
    pages, free, size = (
        db.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


def _take(path: Path, deployment: str) -> Db | None:
    """Open a file for this process alone; None when another one has it."""
    db = open_db(path)
    try:
        # Exclusive before WAL: a second process then fails at once.
        for pragma in (
            "locking_mode=EXCLUSIVE",
            "journal_mode=WAL",
            "synchronous=NORMAL",
            "secure_delete=ON",
        ):
            db.execute(f"PRAGMA {pragma}")
        db.execute("BEGIN EXCLUSIVE")
        db.execute("COMMIT")
        db.executescript(_SCHEMA)
        _settle(db, digest_of(deployment))
    except sqlite3.Error as error:
        db.close()
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _BUSY:
            return None
        raise
    return db


def _settle(db: Db, deployment: bytes) -> None:
    """Keep only what was accepted for this deployment."""
    found = db.execute("SELECT value FROM meta WHERE key = 'deployment'").fetchone()
    if found is not None and found[0] != deployment:
        _empty(db)
    db.execute("INSERT OR REPLACE INTO meta VALUES('deployment', ?)", (deployment,))


def _empty(db: Db) -> None:
    db.execute("DELETE FROM accepted")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
