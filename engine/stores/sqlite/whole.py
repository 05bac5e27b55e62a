"""What takes the SQLite file as a whole: a copy of it, and writing it anew without the gaps in its pages.

Both take about a second for 300 MB, on the store's thread; writes wait meanwhile, or are refused.
"""

import os
import shutil
import sqlite3
from pathlib import Path

from engine.errors import BackupRefused
from engine.limits import DISK_FREE_BYTES_MIN
from engine.stores.sqlite.rows import prepare
from engine.stores.sqlite.writer import Writer


def back_up(writer: Writer, path: Path) -> int:
    """Copy all that is committed into a new file, readable by its owner alone; answers its bytes.

    The file is there under its name when it is whole and on the disk.

    Raises:
        BackupRefused: it exists, its folder cannot be used, or the disk has no room.
    """
    part = path.with_name(path.name + ".part")
    try:
        _reserve(path)
    except OSError as error:
        why = "exists already" if path.exists() else (error.strerror or str(error)).lower()
        raise BackupRefused(f"{path}: {why}. Name another file") from error
    try:
        _check_room(writer, path.parent)
        part.unlink(missing_ok=True)
        _reserve(part)
        writer.db.execute("VACUUM INTO ?", (str(part),))
        size = _sync(part)
        part.replace(path)
    except (OSError, sqlite3.Error) as error:
        _let_go(part, path)
        raise BackupRefused(f"{path} could not be written: {error}") from error
    except BackupRefused:
        _let_go(part, path)
        raise
    _sync(path.parent)
    return size


def rewrite(writer: Writer) -> None:
    """Write the whole file anew: what was removed is then in no gap of a page, nor in the log of writes.

    Raises:
        BackupRefused: the disk has no room for it.
    """
    folder = Path(writer.db.execute("PRAGMA database_list").fetchone()[2]).parent
    _check_room(writer, folder)
    # The copy that it makes lies in a file of the system's temporary folder, not in memory.
    writer.db.execute("PRAGMA temp_store=FILE")
    try:
        writer.db.execute("VACUUM")
    finally:
        writer.db.execute("PRAGMA temp_store=MEMORY")
        prepare(writer.db)
    writer.checkpoints.empty_wal()


def _reserve(path: Path) -> None:
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _check_room(writer: Writer, folder: Path) -> None:
    pages, size = (
        writer.db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size")
    )
    needed = pages * size + DISK_FREE_BYTES_MIN
    if shutil.disk_usage(folder).free < needed:
        raise BackupRefused(f"{folder} has no room for {pages * size >> 20} MB; make room there")


def _sync(path: Path) -> int:
    """Have the disk hold a file or a folder; answers its bytes."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
        return os.fstat(number).st_size
    finally:
        os.close(number)


def _let_go(*paths: Path) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
