"""Who is new to the SQLite file, known without asking it: most who come first are strangers.

Every name that is written is noted before it is handed to the file's thread, and those that were written
before a start are learnt after it, a slice at a time. Once all are, a name that was never noted has no rows.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from engine.stores.bloom import BloomFilter
from engine.stores.sqlite.db import Db

NAMES_MAX = 1 << 24
"""Names that are noted, in 32 MB; of a file with more, everybody is looked for.
test_of_too_many_names_none_is_told_to_be_new"""

SLICE_ROWS = 256
"""Names that are learnt at once: about a millisecond of the thread and of the loop."""

Name = tuple[str, str] | tuple[str, str, str]
Place = tuple[Any, ...]

_rows_decoder = msgspec.json.Decoder(list[list[Any]])


def visitor_name(workspace: str, visitor: str) -> Name:
    """Return the name of a visitor: none means no profile, and no ids of events."""
    return workspace, visitor


def alias_name(workspace: str, alias: str) -> Name:
    """Return the name of a client's own session id."""
    return workspace, alias, ""


class Source(msgspec.Struct, frozen=True):
    """An index that holds names, in whose order they are learnt: by `columns`, beginning behind `first`.

    `name_of` makes a name of the two columns from `place` on.
    """

    index: str
    table: str
    columns: str
    first: Place
    place: int
    name_of: Callable[[str, str], Name]

    def names(self, rows: Sequence[Sequence[Any]]) -> list[Name]:
        """Return the names of rows."""
        return [self.name_of(*row[self.place : self.place + 2]) for row in rows]


SOURCES = (
    Source("profile_at", "profile", "at, ws, visitor", (-1, "", ""), 1, visitor_name),
    Source("alias_at", "alias", "at, ws, alias", (-1, "", ""), 1, alias_name),
    Source("seen_run_visitor", "seen_run", "ws, visitor, num", ("", "", -1), 0, visitor_name),
)


class Strangers:
    """Tells whether a name is new. Of the loop; `read_slice` is called on the thread."""

    __slots__ = ("_is_whole", "_names")

    def __init__(self) -> None:
        """Know nothing: until all is learnt, nobody is told to be new."""
        self._names = BloomFilter()
        self._is_whole = False

    def __len__(self) -> int:
        """Return how many names were noted."""
        return len(self._names)

    def is_new(self, name: Name) -> bool:
        """Tell whether the file certainly has nothing of a name, and nothing of it is on its way there."""
        return self._is_whole and name not in self._names

    def note(self, name: Name) -> bool:
        """Note a name that is about to be written; return whether it was new."""
        if len(self._names) >= NAMES_MAX:
            self._is_whole = False
            return False
        return self._names.add(name) and self._is_whole

    def learn(self, names: Sequence[Name]) -> bool:
        """Note names that the file has; return whether there is room for more."""
        for name in names:
            self._names.add(name)
        return len(self._names) < NAMES_MAX

    def learnt_all(self) -> None:
        """Learn that the file had no other names when it was opened."""
        self._is_whole = len(self._names) < NAMES_MAX


def read_slice(db: Db, source: Source, after: Place) -> tuple[list[Name], Place | None]:
    """Read the next names behind a place, and the place of the last; None where there are no more.

    They are read as one value: each row by itself would be one more turn for the interpreter's lock.
    """
    columns = source.columns
    ((found,),) = db.execute(
        f"SELECT json_group_array(json_array({columns})) FROM (SELECT {columns} "  # noqa: S608 - names of ours
        f"FROM {source.table} INDEXED BY {source.index} WHERE ({columns}) > (?, ?, ?) "
        f"ORDER BY {columns} LIMIT {SLICE_ROWS})",
        after,
    ).fetchall()
    rows = _rows_decoder.decode(found)
    return source.names(rows), tuple(rows[-1]) if len(rows) == SLICE_ROWS else None
