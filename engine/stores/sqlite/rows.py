"""The rows that a batch of commits adds to the SQLite file, and how they are written in one step."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

import msgspec

from engine.limits import BATCH_ROWS_MAX, MESSAGES_KEPT_MAX
from engine.stores.base import Count, DecisionLine, NewMessage, SessionRef, StoredCause
from engine.stores.sqlite.batch import Batch, define
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
_INTO_JOURNAL = "INSERT INTO journal(id, session, prev, at, op, head, entry, state) "
_ENTRY_COLUMNS = 8
_JOURNAL = (
    _INTO_JOURNAL + "VALUES({row}, {num}, {previous}, {at_ms}, {op}, {head}, {entry}, {state})"
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
_STEP, _ALIAS, _MESSAGE, _FORGET, _GIVE_BACK, _GRANTED, _REF, _DECISION, _COUNTER = range(9)


def _inserting(kind: int, into: str, columns: int, then: str = "") -> str:
    values = ", ".join(f"new.c{place}" for place in range(columns))
    return f"INSERT INTO {into} SELECT {values} WHERE new.kind = {kind} {then}"


def _deleting(kind: int, table: str, where: str) -> str:
    return f"DELETE FROM {table} WHERE new.kind = {kind} AND {where}"  # noqa: S608 - of this file


_OTHERS = [
    _inserting(
        _ALIAS,
        "alias",
        5,
        "ON CONFLICT DO UPDATE SET visitor = excluded.visitor, session = excluded.session, "
        "at = excluded.at",
    ),
    _inserting(_MESSAGE, "message", 4),
    _deleting(_FORGET, "message", "session = new.c0 AND off <= new.c1"),
    _deleting(_GIVE_BACK, "granted", "session = new.c0 AND epoch = new.c1 AND place >= new.c2"),
    _inserting(_GRANTED, "granted", 3),
    _inserting(_REF, "ref", 3, "ON CONFLICT DO UPDATE SET session = excluded.session"),
    _inserting(_DECISION, "decision(ws, at, id, session, visitor, number, rule, outcome, body)", 9),
    _inserting(
        _COUNTER, "counter", 4, "ON CONFLICT DO UPDATE SET number = number + excluded.number"
    ),
]


def prepare(db: Db) -> None:
    """Make what a connection writes rows through; see `define`."""
    define(db, _STEPS, _OTHERS)


@cache
def _entries_text(count: int) -> str:
    """Write the journal without the view, which costs a row as much again."""
    row = f"({','.join('?' * _ENTRY_COLUMNS)})"
    return f"{_INTO_JOURNAL}VALUES{','.join([row] * count)}"


class NewAlias(msgspec.Struct, frozen=True, gc=False):
    """A client's own session id, and what it stands for from an instant on."""

    alias: str
    ref: SessionRef
    at_ms: int


class Rows:
    """New rows, in the order in which they were added."""

    __slots__ = (
        "_aliases", "_batch", "_bodies_bytes", "_causes", "_commits", "_counts", "_is_journal_only",
    )  # fmt: skip

    def __init__(self) -> None:
        """Begin with no rows."""
        self._batch = Batch()
        self._commits = self._aliases = self._bodies_bytes = 0
        self._is_journal_only = True
        self._causes: list[tuple[str, str, str, bytes]] = []
        self._counts: dict[tuple[str, str, str], int] = {}

    @property
    def is_one_statement(self) -> bool:
        """Tell whether one statement writes everything, so that it is a transaction by itself."""
        return not self._causes and len(self._batch) + len(self._counts) <= BATCH_ROWS_MAX

    @property
    def _is_append_only(self) -> bool:
        """Tell whether there are rows of the journal and no others, as of most events of our own widget."""
        has_more = len(self._batch) > self._commits or self._causes or self._counts
        return self._commits > 0 and self._is_journal_only and not has_more

    def write(self, db: Db) -> int:
        """Write everything, within a transaction that the caller began unless it is one statement.

        Returns:
            how many of the causes were not kept yet.
        """
        if self._is_append_only:
            db.execute(_entries_text(self._commits), self._batch.first_values(_ENTRY_COLUMNS))
            return 0
        for key, number in self._counts.items():
            self._batch.add(_COUNTER, (*key, number))
        self._batch.write(db)
        if not self._causes:
            return 0
        return db.executemany(
            "INSERT INTO cause(id, ws, visitor, body) VALUES(?,?,?,?) ON CONFLICT DO NOTHING",
            self._causes,
        ).rowcount

    def estimate_bytes(self) -> int:
        """Estimate what writing costs in the write-ahead log: whole pages, one a scattered row."""
        scattered = 0 if self._is_append_only else self._commits * 3 + self._aliases
        return self._bodies_bytes + self._bodies_bytes // 8 + _PAGE_BYTES * (2 + scattered)

    def add_step(self, step: Step) -> None:
        """Add what every commit has."""
        self._commits += 1
        self._bodies_bytes += len(step.entry) + len(step.state)
        if step.is_new or step.profile_version or step.run:
            self._is_journal_only = False
        self._batch.add(_STEP, step)

    def add_alias(self, new: NewAlias) -> None:
        """Add a client's own session id."""
        self._aliases += 1
        ref = new.ref
        self._batch.add(_ALIAS, (ref.workspace, new.alias, ref.visitor, ref.session, new.at_ms))

    def add_messages(self, num: int, first: int, messages: Sequence[NewMessage]) -> None:
        """Add a session's messages from an offset on; those beyond what is kept are forgotten."""
        for offset, message in enumerate(messages, first):
            self._batch.add(_MESSAGE, (num, offset, message.id, message.body))
        last = first + len(messages) - 1
        if last > MESSAGES_KEPT_MAX:
            self._batch.add(_FORGET, (num, last - MESSAGES_KEPT_MAX))

    def add_grants(self, num: int, epoch: int, places: Iterable[int]) -> None:
        """Add places of what a session may send in an epoch that are taken."""
        for place in places:
            self._batch.add(_GRANTED, (num, epoch, place))

    def give_back(self, num: int, epoch: int, first: int) -> None:
        """Free the places of an epoch from the first one on."""
        self._batch.add(_GIVE_BACK, (num, epoch, first))

    def add_ids(self, workspace: str, num: int, ids: Iterable[str]) -> None:
        """Add names of a session by which it is found."""
        for name in ids:
            self._batch.add(_REF, (workspace, name, num))

    def add_decisions(self, ref: SessionRef, number: int, lines: Iterable[DecisionLine]) -> None:
        """Add what was decided in a session's step of this number."""
        for line in lines:
            self._batch.add(
                _DECISION,
                (
                    ref.workspace, line.at_ms, line.id, ref.session, ref.visitor,
                    number, line.rule, line.outcome, line.body,
                ),
            )  # fmt: skip

    def add_causes(self, causes: Sequence[StoredCause]) -> None:
        """Add causes in the order in which they are to be told."""
        self._causes += [(c.id, c.workspace, c.visitor, c.body) for c in causes]
        self._bodies_bytes += sum(len(c.body) for c in causes)

    def add_counts(self, workspace: str, counts: Iterable[Count]) -> None:
        """Add to counters; what a batch adds to one of them is written once."""
        for count in counts:
            key = (workspace, count.day, count.name)
            self._counts[key] = self._counts.get(key, 0) + count.number
