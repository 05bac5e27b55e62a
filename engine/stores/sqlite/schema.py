"""The SQLite file: its tables, and opening it for one process."""

import os
import sqlite3
import sys
from pathlib import Path

from engine.errors import StoreRefused
from engine.stores.sqlite.db import Db, DbFile
from engine.stores.sqlite.seen_ids import packed

# 1: sessions, profiles, messages, decisions, documents. 2: also causes, counters, bookings.
# 3: also deliveries, erased visitors; sessions and aliases are found by visitor.
# 4: ids of events stand in runs, a row a commit.
LAYOUT = 4

SQLITE_VERSION_MIN = (3, 35, 0)
"""Of 2021: what a row does that is there already may be said for any of its keys."""

# A commit appends to `journal` and touches no index of it. `session.tip` and `session.due` follow at
# checkpoints; `meta.checkpoint` is the journal row up to which they are right.
_TABLES = """
CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS journal(
  id INTEGER PRIMARY KEY, session INTEGER NOT NULL, prev INTEGER NOT NULL, at INTEGER NOT NULL,
  op TEXT NOT NULL, head BLOB NOT NULL, entry BLOB NOT NULL, state BLOB);
CREATE TABLE IF NOT EXISTS session(
  num INTEGER PRIMARY KEY, ws TEXT NOT NULL, id TEXT NOT NULL, visitor TEXT NOT NULL,
  tip INTEGER NOT NULL, due INTEGER, ended INTEGER, swept INTEGER NOT NULL DEFAULT 0);
CREATE UNIQUE INDEX IF NOT EXISTS session_id ON session(ws, id);
CREATE INDEX IF NOT EXISTS session_due ON session(due) WHERE due IS NOT NULL;
CREATE INDEX IF NOT EXISTS session_ended ON session(ended) WHERE ended IS NOT NULL AND swept = 0;
CREATE TABLE IF NOT EXISTS profile(
  ws TEXT, visitor TEXT, version INTEGER NOT NULL, body BLOB NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY(ws, visitor)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS profile_at ON profile(at);
CREATE TABLE IF NOT EXISTS message(
  session INTEGER, off INTEGER, id TEXT NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY(session, off)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS granted(
  session INTEGER, epoch INTEGER, place INTEGER, PRIMARY KEY(session, epoch, place)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seen_run(
  num INTEGER PRIMARY KEY, ws TEXT NOT NULL, visitor TEXT NOT NULL, at INTEGER NOT NULL,
  ids BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS seen_run_visitor ON seen_run(ws, visitor);
CREATE TABLE IF NOT EXISTS answer(
  key BLOB PRIMARY KEY, body_sha256 BLOB NOT NULL, status INTEGER NOT NULL, response BLOB NOT NULL,
  until INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS answer_until ON answer(until);
CREATE TABLE IF NOT EXISTS ref(
  ws TEXT, id TEXT, session INTEGER NOT NULL, PRIMARY KEY(ws, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS ref_session ON ref(session);
CREATE TABLE IF NOT EXISTS decision(
  seq INTEGER PRIMARY KEY, ws TEXT NOT NULL, at INTEGER NOT NULL, id TEXT NOT NULL,
  session TEXT NOT NULL, visitor TEXT NOT NULL, number INTEGER NOT NULL, rule TEXT NOT NULL,
  outcome TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS alias(
  ws TEXT, alias TEXT, visitor TEXT NOT NULL, session TEXT NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY(ws, alias)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS alias_at ON alias(at);
CREATE TABLE IF NOT EXISTS doc(
  ws TEXT, kind TEXT, id TEXT, version INTEGER NOT NULL, body BLOB,
  PRIMARY KEY(ws, kind, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cause(
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, ws TEXT NOT NULL, visitor TEXT NOT NULL,
  body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS counter(
  ws TEXT, day TEXT, name TEXT, number INTEGER NOT NULL, PRIMARY KEY(ws, day, name)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS counter_day ON counter(day);
CREATE TABLE IF NOT EXISTS booking(
  ws TEXT, place TEXT, id TEXT, at INTEGER NOT NULL, PRIMARY KEY(ws, place, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS booking_at ON booking(at);
CREATE INDEX IF NOT EXISTS session_visitor ON session(ws, visitor);
CREATE INDEX IF NOT EXISTS alias_visitor ON alias(ws, visitor);
CREATE TABLE IF NOT EXISTS delivery(
  num INTEGER PRIMARY KEY, ws TEXT NOT NULL, endpoint TEXT NOT NULL, id TEXT NOT NULL,
  visitor TEXT NOT NULL, created INTEGER NOT NULL, status TEXT NOT NULL, falls INTEGER,
  body BLOB NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS delivery_id ON delivery(ws, endpoint, id);
CREATE INDEX IF NOT EXISTS delivery_log ON delivery(ws, endpoint, created, id);
CREATE INDEX IF NOT EXISTS delivery_settled ON delivery(ws, endpoint, created, id) WHERE falls IS NULL;
CREATE INDEX IF NOT EXISTS delivery_falls ON delivery(falls, id) WHERE falls IS NOT NULL;
CREATE INDEX IF NOT EXISTS delivery_created ON delivery(created) WHERE falls IS NULL;
CREATE TABLE IF NOT EXISTS tomb(key BLOB PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID;
"""


def connect(file: DbFile) -> Db:
    """Open the file for this process alone and bring its tables up to date.

    The connection may be used by another thread than the caller's, by one at a time.

    Raises:
        StoreRefused: the folder or file cannot be used, is no store of ours, or is in use.
    """
    path = file.path
    if sqlite3.sqlite_version_info < SQLITE_VERSION_MIN:
        raise StoreRefused(_too_old(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreRefused(f"{path.parent} cannot be made: {error.strerror}") from error
    try:
        db = file.open(path)
    except sqlite3.Error as error:
        raise StoreRefused(f"{path} cannot be opened: {error}") from error
    try:
        _settle(db, file.synchronous)
        _check_layout(db, path)
    except sqlite3.Error as error:
        db.close()
        raise StoreRefused(_explain(path, error)) from error
    except StoreRefused:
        db.close()
        raise
    _owner_file(path).write_text(str(os.getpid()), "ascii")
    return db


def release(db: Db, path: Path) -> None:
    """Close the connection and say that nobody uses the file."""
    db.close()
    _owner_file(path).unlink(missing_ok=True)


def _settle(db: Db, synchronous: str) -> None:
    # Exclusive before WAL: SQLite then needs no shared memory, and a second process fails at once.
    for pragma in (
        "locking_mode=EXCLUSIVE",
        "page_size=4096",
        "journal_mode=WAL",
        f"synchronous={synchronous}",
        "wal_autocheckpoint=0",
        "busy_timeout=0",
        "temp_store=MEMORY",
        "secure_delete=ON",
        "foreign_keys=ON",
        "cache_size=-65536",
    ):
        db.execute(f"PRAGMA {pragma}")
    if sys.platform == "darwin":
        db.execute("PRAGMA fullfsync=1")
    # A write takes the lock now rather than at the first commit.
    db.execute("BEGIN EXCLUSIVE")
    db.execute("COMMIT")


def _check_layout(db: Db, path: Path) -> None:
    """Make the tables that are missing, and move what stands in one that is no more."""
    found = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    if found and ("meta",) not in found:
        raise StoreRefused(f"{path} is a database of another program; name another file")
    kept = found and db.execute("SELECT value FROM meta WHERE key = 'layout'").fetchone()
    if kept and kept[0] > LAYOUT:
        raise StoreRefused(
            f"{path} has layout {kept[0]}, this version reads {LAYOUT}; "
            "use the version that wrote it"
        )
    db.executescript(_TABLES)
    if ("seen",) in found:
        _move_seen(db)
    db.execute("INSERT OR IGNORE INTO meta VALUES('checkpoint', 0)")
    db.execute("INSERT OR REPLACE INTO meta VALUES('layout', ?)", (LAYOUT,))


def _move_seen(db: Db) -> None:
    """Put the ids of layouts before 4, a row each, into runs of one; all or nothing."""
    db.execute("BEGIN IMMEDIATE")
    rows = db.execute("SELECT ws, visitor, at, event FROM seen ORDER BY at")
    db.executemany(
        "INSERT INTO seen_run(ws, visitor, at, ids) VALUES(?,?,?,?)",
        ((ws, visitor, at_ms, packed((event,))) for ws, visitor, at_ms, event in rows),
    )
    db.execute("DROP TABLE seen")
    db.execute("COMMIT")


def _too_old(path: Path) -> str:
    wanted = ".".join(map(str, SQLITE_VERSION_MIN))
    return (
        f"{path} cannot be used: this Python has SQLite {sqlite3.sqlite_version}; "
        f"use one with {wanted} or newer"
    )


def _explain(path: Path, error: sqlite3.Error) -> str:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        try:
            return f"{path} is in use by process {_owner_file(path).read_text('ascii')}"
        except OSError:
            return f"{path} is in use by another process"
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return f"{path} cannot be written; allow this user to write it and its folder"
    if code == sqlite3.SQLITE_NOTADB:
        return f"{path} is not a SQLite file; name another file"
    return f"{path} cannot be used: {error}"


def _owner_file(path: Path) -> Path:
    return path.with_name(path.name + ".pid")
