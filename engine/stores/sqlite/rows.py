"""The rows that a batch of commits adds to the SQLite file, and how they are written in one step."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

import msgspec

from engine.limits import BATCH_ROWS_MAX, MESSAGES_KEPT_MAX
from engine.stores.base import Count, DecisionLine, NewMessage, SessionRef, StoredCause
from engine.stores.sqlite.batch import Kind, Row, deal_out, define
from engine.stores.sqlite.db import Db

_PAGE_BYTES = 4_096


class Step(NamedTuple):
    """A row of the journal, and what a commit changes once of its session and visitor.

    `due_ms` and `ended_ms` are written of a session that `is_new`; 0 stands for no profile and no run.
    """

    row: int
    num: int
    previous: int
    at_ms: int
    op: str
    head: bytes
    entry: bytes
    state: bytes
    workspace: str
    visitor: str
    session: str
    due_ms: int | None
    ended_ms: int | None
    is_new: int
    profile_version: int
    profile: bytes | int
    run: bytes | int


_COLUMN_OF = {name: f"new.c{place}" for place, name in enumerate(Step._fields)}
_ENTRY_COLUMNS = 8
_JOURNAL = (
    "INSERT INTO journal(id, session, prev, at, op, head, entry, state) "
    "VALUES({row}, {num}, {previous}, {at_ms}, {op}, {head}, {entry}, {state})"
)
_SESSION = (
    "INSERT INTO session(num, ws, id, visitor, tip, due, ended) "
    "SELECT {num}, {workspace}, {session}, {visitor}, {row}, {due_ms}, {ended_ms} WHERE {is_new} "
    "ON CONFLICT(num) DO UPDATE SET visitor = excluded.visitor, tip = excluded.tip, "
    "due = excluded.due, ended = excluded.ended, swept = 0"
)
_PROFILE = (
    "INSERT INTO profile SELECT {workspace}, {visitor}, {profile_version}, {profile}, {at_ms} "
    "WHERE {profile_version} > 0 "
    "ON CONFLICT DO UPDATE SET version = excluded.version, body = excluded.body, at = excluded.at"
)
_SEEN = (
    "INSERT INTO seen_run(ws, visitor, at, ids) "
    "SELECT {workspace}, {visitor}, {at_ms}, {run} WHERE {run} <> 0"
)
_STEPS = [text.format_map(_COLUMN_OF) for text in (_JOURNAL, _SESSION, _PROFILE, _SEEN)]
_ENTRIES = Kind("journal(id, session, prev, at, op, head, entry, state)", _ENTRY_COLUMNS)
_STEP, _ALIAS, _MESSAGE, _FORGET, _GIVE_BACK, _GRANTED, _REF, _DECISION, _COUNTER = range(9)
_KINDS = {
    _ALIAS: Kind(
        "alias",
        5,
        "ON CONFLICT DO UPDATE SET visitor = excluded.visitor, session = excluded.session, "
        "at = excluded.at",
    ),
    _MESSAGE: Kind("message", 4),
    _FORGET: Kind("message", 2, "session = {} AND off <= {}", is_gone=True),
    _GIVE_BACK: Kind("granted", 3, "session = {} AND epoch = {} AND place >= {}", is_gone=True),
    _GRANTED: Kind("granted", 3),
    _REF: Kind("ref", 3, "ON CONFLICT DO UPDATE SET session = excluded.session"),
    _DECISION: Kind("decision(ws, at, id, session, visitor, number, rule, outcome, body)", 9),
    _COUNTER: Kind("counter", 4, "ON CONFLICT DO UPDATE SET number = number + excluded.number"),
}


def prepare(db: Db) -> None:
    """Make what a connection writes rows through; see `define`."""
    define(db, _STEPS, [kind.dealt(number) for number, kind in _KINDS.items()])


class NewAlias(msgspec.Struct, frozen=True, gc=False):
    """A client's own session id, and what it stands for from an instant on."""

    alias: str
    ref: SessionRef
    at_ms: int


class Rows:
    """New rows, in the order in which they were added."""

    __slots__ = (
        "_bodies_bytes", "_causes", "_counts", "_is_journal_only", "_others", "_steps",
    )  # fmt: skip

    def __init__(self) -> None:
        """Begin with no rows."""
        self._steps: list[Step] = []
        self._others: list[tuple[int, Row]] = []
        self._bodies_bytes = 0
        self._is_journal_only = True
        self._causes: list[Row] = []
        self._counts: dict[tuple[str, str, str], int] = {}

    @property
    def is_one_statement(self) -> bool:
        """Tell whether one statement writes everything, so that it is a transaction by itself."""
        count = len(self._steps) + len(self._others) + len(self._counts)
        return not self._causes and count <= BATCH_ROWS_MAX

    @property
    def _is_append_only(self) -> bool:
        """Tell whether there are rows of the journal and no others, as of most events of our own widget."""
        return self._is_journal_only and not (self._others or self._causes or self._counts)

    def write(self, db: Db) -> int:
        """Write everything, within a transaction that the caller began unless it is one statement.

        Returns:
            how many of the causes were not kept yet.
        """
        others = [*self._others, *((_COUNTER, (*key, n)) for key, n in self._counts.items())]
        if others and self.is_one_statement:
            deal_out(db, [*self._dealt_steps(), *others])
            return 0
        self._write_steps(db)
        # What is put into a table and what is taken out of it stay in their order.
        others.sort(key=_table_of)
        for kind, rows in groupby(others, key=_kind_of):
            _KINDS[kind].run(db, [row for _, row in rows])
        if not self._causes:
            return 0
        return db.executemany(
            "INSERT INTO cause(id, ws, visitor, body) VALUES(?,?,?,?) ON CONFLICT DO NOTHING",
            self._causes,
        ).rowcount

    def estimate_bytes(self) -> int:
        """Estimate what writing costs in the write-ahead log: whole pages, one a scattered row."""
        aliases = sum(kind == _ALIAS for kind, _ in self._others)
        scattered = 0 if self._is_append_only else len(self._steps) * 3 + aliases
        return self._bodies_bytes + self._bodies_bytes // 8 + _PAGE_BYTES * (2 + scattered)

    def add_step(self, step: Step) -> None:
        """Add what every commit has."""
        self._bodies_bytes += len(step.entry) + len(step.state)
        if step.is_new or step.profile_version or step.run:
            self._is_journal_only = False
        self._steps.append(step)

    def add_alias(self, new: NewAlias) -> None:
        """Add a client's own session id."""
        ref = new.ref
        self._others.append(
            (_ALIAS, (ref.workspace, new.alias, ref.visitor, ref.session, new.at_ms))
        )

    def add_messages(self, num: int, first: int, messages: Sequence[NewMessage]) -> None:
        """Add a session's messages from an offset on; those beyond what is kept are forgotten."""
        for offset, message in enumerate(messages, first):
            self._others.append((_MESSAGE, (num, offset, message.id, message.body)))
        last = first + len(messages) - 1
        if last > MESSAGES_KEPT_MAX:
            self._others.append((_FORGET, (num, last - MESSAGES_KEPT_MAX)))

    def add_grants(self, num: int, epoch: int, places: Iterable[int]) -> None:
        """Add places of what a session may send in an epoch that are taken."""
        for place in places:
            self._others.append((_GRANTED, (num, epoch, place)))

    def give_back(self, num: int, epoch: int, first: int) -> None:
        """Free the places of an epoch from the first one on."""
        self._others.append((_GIVE_BACK, (num, epoch, first)))

    def add_ids(self, workspace: str, num: int, ids: Iterable[str]) -> None:
        """Add names of a session by which it is found."""
        for name in ids:
            self._others.append((_REF, (workspace, name, num)))

    def add_decisions(self, ref: SessionRef, number: int, lines: Iterable[DecisionLine]) -> None:
        """Add what was decided in a session's step of this number."""
        for line in lines:
            row = (
                ref.workspace, line.at_ms, line.id, ref.session, ref.visitor,
                number, line.rule, line.outcome, line.body,
            )  # fmt: skip
            self._others.append((_DECISION, row))

    def add_causes(self, causes: Sequence[StoredCause]) -> None:
        """Add causes in the order in which they are to be told."""
        self._causes += [(c.id, c.workspace, c.visitor, c.body) for c in causes]
        self._bodies_bytes += sum(len(c.body) for c in causes)

    def add_counts(self, workspace: str, counts: Iterable[Count]) -> None:
        """Add to counters; what a batch adds to one of them is written once."""
        for count in counts:
            key = (workspace, count.day, count.name)
            self._counts[key] = self._counts.get(key, 0) + count.number

    def _write_steps(self, db: Db) -> None:
        """Write steps with one statement, and what stands in the journal alone without the view."""
        if not self._steps:
            return
        if self._is_journal_only:
            _ENTRIES.put(db, [step[:_ENTRY_COLUMNS] for step in self._steps])
        else:
            deal_out(db, self._dealt_steps())

    def _dealt_steps(self) -> list[tuple[int, Row]]:
        return [(_STEP, step) for step in self._steps]


def _kind_of(row: tuple[int, Row]) -> int:
    return row[0]


def _table_of(row: tuple[int, Row]) -> str:
    return _KINDS[row[0]].table
