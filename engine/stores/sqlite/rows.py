"""The rows that a batch of commits adds to the SQLite file, and how they are written in one step."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import chain

from engine.limits import BATCH_LEN_MAX, MESSAGES_KEPT_MAX
from engine.stores.base import Count, StoredCause
from engine.stores.sqlite.db import Db, Value

_PAGE_BYTES = 4_096


@dataclass(slots=True, frozen=True)
class _Insert:
    """How new rows of a table are written: many with one statement, as each run of one hands the GIL over."""

    into: str
    columns: int
    then: str = ""

    def run(self, db: Db, rows: Sequence[Sequence[Value]]) -> None:
        """Write rows."""
        for first in range(0, len(rows), BATCH_LEN_MAX):
            part = rows[first : first + BATCH_LEN_MAX]
            db.execute(_text(self, len(part)), list(chain.from_iterable(part)))


@cache
def _text(insert: _Insert, rows: int) -> str:
    row = f"({','.join('?' * insert.columns)})"
    return f"INSERT INTO {insert.into} VALUES{','.join([row] * rows)} {insert.then}"


_JOURNAL = _Insert("journal(id, session, prev, at, op, head, entry, state)", 8)
_SESSION = _Insert(
    "session(num, ws, id, visitor, tip, due, ended)",
    7,
    "ON CONFLICT(num) DO UPDATE SET visitor = excluded.visitor, tip = excluded.tip, "
    "due = excluded.due, ended = excluded.ended, swept = 0",
)
_PROFILE = _Insert(
    "profile",
    5,
    "ON CONFLICT DO UPDATE SET version = excluded.version, body = excluded.body, at = excluded.at",
)
_MESSAGE = _Insert("message", 4)
_GRANTED = _Insert("granted", 3)
_SEEN = _Insert("seen_run(ws, visitor, at, ids)", 4)
_REF = _Insert("ref", 3, "ON CONFLICT DO UPDATE SET session = excluded.session")
_DECISION = _Insert("decision(ws, at, id, session, visitor, number, rule, outcome, body)", 9)
_COUNTER = _Insert("counter", 4, "ON CONFLICT DO UPDATE SET number = number + excluded.number")
_FORGET_MESSAGES = "DELETE FROM message WHERE session = ? AND off <= ?"
_GIVE_BACK = "DELETE FROM granted WHERE session = ? AND epoch = ? AND place >= ?"


@dataclass(slots=True)
class Rows:
    """New rows by table, as parameters of their statements."""

    journal: list[tuple[int, int, int, int, str, bytes, bytes, bytes]] = field(default_factory=list)
    sessions: list[tuple[int, str, str, str, int, int | None, int | None]] = field(
        default_factory=list
    )
    profiles: list[tuple[str, str, int, bytes, int]] = field(default_factory=list)
    messages: list[tuple[int, int, str, bytes]] = field(default_factory=list)
    forgotten_messages: list[tuple[int, int]] = field(default_factory=list)
    granted: list[tuple[int, int, int]] = field(default_factory=list)
    given_back: list[tuple[int, int, int]] = field(default_factory=list)
    seen: list[tuple[str, str, int, bytes]] = field(default_factory=list)
    refs: list[tuple[str, str, int]] = field(default_factory=list)
    decisions: list[tuple[str, int, str, str, str, int, str, str, bytes]] = field(
        default_factory=list
    )
    causes: list[tuple[str, str, str, bytes]] = field(default_factory=list)
    counts: dict[tuple[str, str, str], int] = field(default_factory=dict)
    is_append_only: bool = True

    def write_journal(self, db: Db) -> None:
        """Write the journal rows with one statement: a batch has no more of them than one takes."""
        _JOURNAL.run(db, self.journal)

    def write_others(self, db: Db) -> None:
        """Write all other rows, within a transaction that the caller began."""
        _SESSION.run(db, self.sessions)
        _PROFILE.run(db, self.profiles)
        _MESSAGE.run(db, self.messages)
        if self.forgotten_messages:
            db.executemany(_FORGET_MESSAGES, self.forgotten_messages)
        if self.given_back:
            db.executemany(_GIVE_BACK, self.given_back)
        _GRANTED.run(db, self.granted)
        _SEEN.run(db, self.seen)
        _REF.run(db, self.refs)
        _DECISION.run(db, self.decisions)
        _COUNTER.run(db, [(*key, number) for key, number in self.counts.items()])

    def write_causes(self, db: Db) -> int:
        """Write the causes that are not kept yet, within such a transaction, and count them."""
        return db.executemany(
            "INSERT INTO cause(id, ws, visitor, body) VALUES(?,?,?,?) ON CONFLICT DO NOTHING",
            self.causes,
        ).rowcount

    def add_causes(self, causes: Sequence[StoredCause]) -> None:
        """Add causes in the order in which they are to be told."""
        self.causes += [(c.id, c.workspace, c.visitor, c.body) for c in causes]
        self.is_append_only = False

    def add_counts(self, workspace: str, counts: Sequence[Count]) -> None:
        """Add to counters; what a batch adds to one of them is written once."""
        for count in counts:
            key = (workspace, count.day, count.name)
            self.counts[key] = self.counts.get(key, 0) + count.number
        self.is_append_only = False

    def estimate_bytes(self) -> int:
        """Estimate what writing costs in the write-ahead log: whole pages, one a scattered row."""
        bodies = sum(len(row[-1]) + len(row[-2]) for row in self.journal)
        bodies += sum(len(body) for *_, body in self.causes)
        scattered = 0 if self.is_append_only else len(self.journal) * 3
        return bodies + bodies // 8 + _PAGE_BYTES * (2 + scattered)

    def add_messages(self, num: int, first: int, messages: list[tuple[str, bytes]]) -> None:
        """Add a session's messages from an offset on; those beyond what is kept are forgotten."""
        last = first + len(messages) - 1
        for offset, (name, body) in enumerate(messages, first):
            self.messages.append((num, offset, name, body))
        if last > MESSAGES_KEPT_MAX:
            self.forgotten_messages.append((num, last - MESSAGES_KEPT_MAX))
        self.is_append_only = False
