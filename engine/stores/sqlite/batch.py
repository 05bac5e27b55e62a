"""Rows for many tables, written with one statement: through a view whose triggers deal them out.

Each run of a statement hands the interpreter's lock over and waits to have it back from an event loop
that is busy, which costs more than what most of them do.
"""

from collections.abc import Sequence
from functools import cache
from itertools import chain

from engine.limits import BATCH_ROWS_MAX
from engine.stores.sqlite.db import Db, Value

_VIEW = "batch"
# As many as a step has.
_COLUMNS = 17
_WIDTH = 1 + _COLUMNS
# The rest of a row: numbers, which are bound in half the time of nulls.
_REST = tuple(tuple([0] * (_COLUMNS - n)) for n in range(_COLUMNS + 1))
_NO_ROW: tuple[Value, ...] = (-1, *_REST[0])


class Batch:
    """Rows of several kinds, written in the order in which they were added."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        """Begin with no rows."""
        self._values: list[Value] = []

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self._values) // _WIDTH

    def add(self, kind: int, row: tuple[Value, ...]) -> None:
        """Add a row; 0 is the kind of a step, and those of all else are greater."""
        values = self._values
        values.append(kind)
        values += row
        values += _REST[len(row)]

    def first_values(self, columns: int) -> list[Value]:
        """Return the first values of each row, one row after the other."""
        starts = range(1, len(self._values), _WIDTH)
        return list(chain.from_iterable(self._values[at : at + columns] for at in starts))

    def write(self, db: Db) -> None:
        """Write the rows; within a transaction, if they are more than `BATCH_ROWS_MAX`."""
        for first in range(0, len(self._values), BATCH_ROWS_MAX * _WIDTH):
            part = self._values[first : first + BATCH_ROWS_MAX * _WIDTH]
            count = len(part) // _WIDTH
            whole = _rounded(count)
            part += _NO_ROW * (whole - count)
            db.execute(_text(whole), part)


def define(db: Db, steps: Sequence[str], others: Sequence[str]) -> None:
    """Make the view of a connection; it goes with it, and with a change of where it keeps what is temporary.

    Args:
        steps: statements that are run for a step; `new.c0` is the first value of its row.
        others: those that are run for a row of any other kind, which is `new.kind`.
    """
    names = ", ".join(f"NULL AS {name}" for name in ("kind", *(f"c{n}" for n in range(_COLUMNS))))
    db.execute(f"CREATE TEMP VIEW IF NOT EXISTS {_VIEW} AS SELECT {names}")
    # Two, as a row opens the tables of all statements of its trigger.
    for name, when, done in (("others", "> 0", others), ("steps", "= 0", steps)):
        db.execute(
            f"CREATE TEMP TRIGGER IF NOT EXISTS {_VIEW}_{name} INSTEAD OF INSERT ON {_VIEW} "
            f"WHEN new.kind {when} BEGIN {'; '.join(done)}; END"
        )


@cache
def _text(rows: int) -> str:
    row = f"({','.join('?' * _WIDTH)})"
    return f"INSERT INTO {_VIEW} VALUES{','.join([row] * rows)}"


@cache
def _rounded(rows: int) -> int:
    """Round up to one of few numbers, four an octave, so that SQLite has compiled the statement before."""
    step = max(1, 1 << rows.bit_length() >> 3)
    return -(-rows // step) * step
