"""Rows for many tables, written with one statement: through a view whose triggers deal them out.

Each run of a statement hands the interpreter's lock over and waits to have it back from an event loop
that is busy, which costs more than what most of them do. A row that is dealt out costs more than one of its
table's own statement, though: what takes several statements anyway is written kind by kind.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import chain
from typing import NamedTuple

from engine.limits import BATCH_ROWS_MAX
from engine.stores.sqlite.db import Db, Value

Row = tuple[Value, ...]

_VIEW = "batch"
# As many as a step has.
_COLUMNS = 17
_WIDTH = 1 + _COLUMNS
# The rest of a row: numbers, which are bound in half the time of nulls.
_REST = tuple(tuple([0] * (_COLUMNS - n)) for n in range(_COLUMNS + 1))
_NO_ROW: Row = (-1, *_REST[0])


class Kind(NamedTuple):
    """Rows that are written alike: put into a table, or, with `is_gone`, saying what goes out of it.

    `then`: what is done with a row that is there already; of rows that are gone a condition, with `{}` for
    each of the row's values.
    """

    table: str
    columns: int
    then: str = ""
    is_gone: bool = False

    def dealt(self, number: int) -> str:
        """Write the statement of a trigger, for rows whose kind has this number."""
        names = [f"new.c{place}" for place in range(self.columns)]
        if self.is_gone:
            return (
                f"DELETE FROM {self.table} WHERE new.kind = {number} AND {self.then.format(*names)}"  # noqa: S608 - of this package
            )
        values = ", ".join(names)
        return f"INSERT INTO {self.table} SELECT {values} WHERE new.kind = {number} {self.then}"

    def put(self, db: Db, rows: Sequence[Row]) -> None:
        """Put rows of this kind into its table with one statement: at most `BATCH_ROWS_MAX`."""
        db.execute(_text(self, len(rows)), list(chain.from_iterable(rows)))

    def run(self, db: Db, rows: Sequence[Row]) -> None:
        """Write rows of this kind with statements of its own, within a transaction."""
        if self.is_gone:
            db.executemany(self._gone(), rows)
            return
        first = 0
        while first < len(rows):
            # In few sizes, so that SQLite has compiled the statement before.
            count = min(BATCH_ROWS_MAX, 1 << (len(rows) - first).bit_length() - 1)
            self.put(db, rows[first : first + count])
            first += count

    def _gone(self) -> str:
        return f"DELETE FROM {self.table} WHERE {self.then.format(*'?' * self.columns)}"  # noqa: S608 - of this package


@cache
def _text(kind: Kind, rows: int) -> str:
    row = f"({','.join('?' * kind.columns)})"
    return f"INSERT INTO {kind.table} VALUES{','.join([row] * rows)} {kind.then}"


def define(db: Db, steps: Sequence[str], others: Sequence[str]) -> None:
    """Make the view of a connection; it goes with it, and with a change of where it keeps what is temporary.

    Args:
        steps: statements that are run for a row of kind 0; `new.c0` is its first value.
        others: those that are run for a row of any greater kind, which is `new.kind`.
    """
    names = ", ".join(f"NULL AS {name}" for name in ("kind", *(f"c{n}" for n in range(_COLUMNS))))
    db.execute(f"CREATE TEMP VIEW IF NOT EXISTS {_VIEW} AS SELECT {names}")
    # Two, as a row opens the tables of all statements of its trigger.
    for name, when, done in (("others", "> 0", others), ("steps", "= 0", steps)):
        db.execute(
            f"CREATE TEMP TRIGGER IF NOT EXISTS {_VIEW}_{name} INSTEAD OF INSERT ON {_VIEW} "
            f"WHEN new.kind {when} BEGIN {'; '.join(done)}; END"
        )


def deal_out(db: Db, rows: Iterable[tuple[int, Row]]) -> None:
    """Write rows, each with its kind, in their order and with one statement: at most `BATCH_ROWS_MAX`."""
    values: list[Value] = []
    for kind, row in rows:
        values.append(kind)
        values += row
        values += _REST[len(row)]
    count = len(values) // _WIDTH
    whole = _rounded(count)
    values += _NO_ROW * (whole - count)
    db.execute(_dealt_text(whole), values)


@cache
def _dealt_text(rows: int) -> str:
    row = f"({','.join('?' * _WIDTH)})"
    return f"INSERT INTO {_VIEW} VALUES{','.join([row] * rows)}"


@cache
def _rounded(rows: int) -> int:
    """Round up to one of few numbers, four an octave, so that SQLite has compiled the statement before."""
    step = max(1, 1 << rows.bit_length() >> 3)
    return -(-rows // step) * step
