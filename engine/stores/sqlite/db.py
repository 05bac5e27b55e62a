"""The port to SQLite: what the store asks of a connection, and how one is opened for a file."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec

Value = str | int | float | bytes | None
"""What a column holds."""


class Found(Protocol):
    """What a statement found or did."""

    @property
    def rowcount(self) -> int:
        """Rows written by `executemany`; -1 after a reading statement."""
        ...

    def fetchone(self) -> Any:  # noqa: ANN401  # a row is as wide as its query
        """Return the next row, None after the last one."""
        ...

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""
        ...

    def __iter__(self) -> Iterator[Any]: ...


class Db(Protocol):
    """A connection without transactions of its own; every failure is a `sqlite3.Error`."""

    @property
    def in_transaction(self) -> bool:
        """Tell whether a transaction is open."""
        ...

    @property
    def total_changes(self) -> int:
        """Rows written since the connection was opened."""
        ...

    def execute(self, sql: str, values: Sequence[Value] = (), /) -> Found:
        """Run one statement."""
        ...

    def executemany(self, sql: str, rows: Iterable[Sequence[Value]], /) -> Found:
        """Run one statement for each row."""
        ...

    def executescript(self, sql: str, /) -> object:
        """Run statements."""
        ...

    def close(self) -> None:
        """Let the file go."""
        ...


def open_db(path: Path) -> Db:
    """Open a file with the standard library's SQLite, for one thread at a time.

    Raises:
        sqlite3.Error: it cannot be opened.
    """
    return sqlite3.connect(
        path, timeout=0, isolation_level=None, check_same_thread=False, cached_statements=256
    )


class DbFile(msgspec.Struct, frozen=True):
    """Where the database is, and how to open it: "FULL" syncs each commit, "NORMAL" does not."""

    path: Path
    synchronous: str
    open: Callable[[Path], Db] = open_db
