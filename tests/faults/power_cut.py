"""A disk that forgets at a power cut what was not synced: an SQLite VFS that keeps every file twice.

What is written lies in a real folder, as a running process sees it. What was synced lies in memory; a cut
leaves that alone, and of the writes after it what a seed decides: nothing, the last one torn, or some.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

import apsw

from engine.stores.sqlite.db import Db, Value

NEVER = 10**9
_TORN_UNIT = 512


class Disk:
    """One power supply: counts what is written, and ends at the `cut_at`-th act.

    `acts` counts writes, syncs, truncations and removals. While `is_full`, nothing can be written.
    """

    _made = 0

    def __init__(self, cut_at: int = NEVER) -> None:
        """Run until the act `cut_at`, counted from 1; that one is not done."""
        Disk._made += 1
        self.name = f"cutting-{Disk._made}"
        self.acts = 0
        self.cut_at = cut_at
        self.is_cut = False
        self.is_full = False
        self._synced: dict[str, bytearray] = {}
        self._unsynced: dict[str, list[_Write]] = {}
        self._removed: set[str] = set()
        self._vfs = _Vfs(self)

    def open_db(self, path: Path) -> Db:
        """Open a database on this disk; see `engine.stores.sqlite.db.open_db`."""
        with _as_sqlite3():
            return ApswDb(apsw.Connection(str(path), vfs=self.name))

    def act(self) -> None:
        """Count one act.

        Raises:
            apsw.IOError: the power is cut, now or before.
        """
        self.acts += 1
        self.is_cut = self.is_cut or self.acts >= self.cut_at
        self.live()

    def live(self) -> None:
        """Refuse to go on without power."""
        if self.is_cut:
            raise apsw.IOError("the power is cut")

    def wrote(self, name: str, write: "_Write") -> None:
        """Remember a write that no sync covers yet."""
        self._unsynced.setdefault(name, []).append(write)

    def sync(self, name: str) -> None:
        """Let everything written to a file so far survive, and every removal: SQLite syncs the folder too."""
        for gone in self._removed:
            self._synced.pop(gone, None)
        self._removed.clear()
        image = self._synced.setdefault(name, bytearray())
        for write in self._unsynced.pop(name, []):
            write.apply(image)

    def remove(self, name: str) -> None:
        """Remove a file; a cut before the next sync brings it back as it was last synced."""
        self._unsynced.pop(name, None)
        self._removed.add(name)

    def begin(self, name: str) -> None:
        """Open a file; one that was removed begins empty."""
        if name in self._removed:
            self._removed.discard(name)
            self._synced.pop(name, None)

    def leave(self, folder: Path, random: Random) -> None:
        """Write into another folder what a cut at this instant leaves."""
        folder.mkdir(parents=True)
        for name in sorted({*self._synced, *self._unsynced}):
            image = bytearray(self._synced.get(name, b""))
            for write in _surviving(self._unsynced.get(name, []), random):
                write.apply(image)
            (folder / Path(name).name).write_bytes(image)


class _Write:
    """Bytes at a place of a file; `size` instead of bytes truncates it."""

    __slots__ = ("content", "offset", "size")

    def __init__(self, offset: int, content: bytes, size: int | None = None) -> None:
        self.offset = offset
        self.content = content
        self.size = size

    def apply(self, image: bytearray) -> None:
        if self.size is not None:
            del image[self.size :]
            return
        end = self.offset + len(self.content)
        if len(image) < end:
            image.extend(bytes(end - len(image)))
        image[self.offset : end] = self.content

    def torn(self, random: Random) -> "_Write":
        """Only the first sectors of it reached the disk."""
        sectors = random.randint(0, len(self.content) // _TORN_UNIT)
        return _Write(self.offset, self.content[: sectors * _TORN_UNIT], self.size)


def _surviving(writes: Sequence[_Write], random: Random) -> Iterator[_Write]:
    """Choose what a disk with a cache of its own may have kept of unsynced writes."""
    fate = random.choice(["none", "torn", "some"])
    if fate == "none" or not writes:
        return
    if fate == "some":
        yield from (write for write in writes[:-1] if random.getrandbits(1))
    yield writes[-1].torn(random)


class _Vfs(apsw.VFS):
    """Hands out files of the disk; everything else is the system's."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        super().__init__(disk.name, "")

    def xOpen(self, name: "str | apsw.URIFilename | None", flags: list[int]) -> "_File":  # noqa: N802  # SQLite's names
        self._disk.live()
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        assert path is not None, "everything temporary is in memory"
        self._disk.begin(path)
        return _File(self._disk, path, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        self._disk.act()
        super().xDelete(filename, syncdir)
        self._disk.remove(filename)


class _File(apsw.VFSFile):
    """A file that tells the disk what is written to it. It is never really synced: that takes time."""

    def __init__(self, disk: Disk, path: str, flags: list[int]) -> None:
        self._disk = disk
        self._path = path
        super().__init__("", path, flags)

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        self._disk.live()
        return super().xRead(amount, offset)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._disk.act()
        if self._disk.is_full:
            full = apsw.FullError("the disk is full")
            full.extendedresult = apsw.SQLITE_FULL
            raise full
        super().xWrite(data, offset)
        self._disk.wrote(self._path, _Write(offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        self._disk.act()
        super().xTruncate(newsize)
        self._disk.wrote(self._path, _Write(0, b"", newsize))

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._disk.act()
        self._disk.sync(self._path)


class ApswDb:
    """An APSW connection as `engine.stores.sqlite.db.Db`: same calls, same errors."""

    def __init__(self, db: apsw.Connection) -> None:
        """Take over a connection."""
        self._db = db

    @property
    def in_transaction(self) -> bool:
        return self._db.in_transaction

    @property
    def total_changes(self) -> int:
        return self._db.total_changes()

    def execute(self, sql: str, values: Sequence[Value] = ()) -> "_Found":
        with _as_sqlite3():
            return _Found(self._db.execute(sql, values).fetchall(), -1)

    def executemany(self, sql: str, rows: Iterable[Sequence[Value]]) -> "_Found":
        before = self._db.total_changes()
        with _as_sqlite3():
            self._db.executemany(sql, rows).fetchall()
        return _Found([], self._db.total_changes() - before)

    def executescript(self, sql: str) -> None:
        with _as_sqlite3():
            self._db.execute(sql).fetchall()

    def close(self) -> None:
        # As the standard library's: what SQLite cannot tidy up at the end is no error of the caller.
        with suppress(apsw.Error):
            self._db.close()


class _Found:
    """Rows that are read already: nothing of a statement stays open."""

    def __init__(self, rows: list[tuple[Value, ...]], rowcount: int) -> None:
        self._rows = iter(rows)
        self.rowcount = rowcount

    def fetchone(self) -> tuple[Value, ...] | None:
        return next(self._rows, None)

    def fetchall(self) -> list[tuple[Value, ...]]:
        return list(self._rows)

    def __iter__(self) -> Iterator[tuple[Value, ...]]:
        return self._rows


@contextmanager
def _as_sqlite3() -> Iterator[None]:
    """Raise the standard library's errors, with the code that the store looks at."""
    try:
        yield
    except apsw.Error as error:
        twin = sqlite3.OperationalError(str(error))
        twin.sqlite_errorcode = getattr(error, "extendedresult", -1) & 0xFFFF
        raise twin from error
