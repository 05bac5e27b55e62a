"""The rows that a batch of commits adds to the SQLite file, and how they are written in one step."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.limits import BATCH_LEN_MAX, MESSAGES_KEPT_MAX
from engine.stores.base import Count, StoredCause
from engine.stores.sqlite.db import Db

_COLUMNS = 8
_PAGE_BYTES = 4_096
_JOURNAL = [
    "INSERT INTO journal(id, session, prev, at, op, head, entry, state) VALUES"
    + ",".join(["(?,?,?,?,?,?,?,?)"] * rows)
    for rows in range(1, BATCH_LEN_MAX + 1)
]


@dataclass(slots=True)
class Rows:
    """New rows by table, as parameters of their statements."""

    journal: list[str | int | bytes] = field(default_factory=list)
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
        """Write the journal rows with one statement."""
        if self.journal:
            db.execute(_JOURNAL[len(self.journal) // _COLUMNS - 1], self.journal)

    def write_others(self, db: Db) -> None:
        """Write all other rows, within a transaction that the caller began."""
        for statement, rows in (
            (
                (
                    "INSERT INTO session(num, ws, id, visitor, tip, due, ended) VALUES(?,?,?,?,?,?,?) "
                    "ON CONFLICT(num) DO UPDATE SET visitor = excluded.visitor, tip = excluded.tip, "
                    "due = excluded.due, ended = excluded.ended, swept = 0"
                ),
                self.sessions,
            ),
            (
                (
                    "INSERT INTO profile VALUES(?,?,?,?,?) ON CONFLICT DO UPDATE SET "
                    "version = excluded.version, body = excluded.body, at = excluded.at"
                ),
                self.profiles,
            ),
            ("INSERT INTO message VALUES(?,?,?,?)", self.messages),
            ("DELETE FROM message WHERE session = ? AND off <= ?", self.forgotten_messages),
            (
                "DELETE FROM granted WHERE session = ? AND epoch = ? AND place >= ?",
                self.given_back,
            ),
            ("INSERT INTO granted VALUES(?,?,?)", self.granted),
            ("INSERT INTO seen_run(ws, visitor, at, ids) VALUES(?,?,?,?)", self.seen),
            ("INSERT OR REPLACE INTO ref VALUES(?,?,?)", self.refs),
            (
                (
                    "INSERT INTO decision(ws, at, id, session, visitor, number, rule, outcome, body) "
                    "VALUES(?,?,?,?,?,?,?,?,?)"
                ),
                self.decisions,
            ),
        ):
            if rows:
                db.executemany(statement, rows)
        if self.counts:
            db.executemany(
                "INSERT INTO counter VALUES(?,?,?,?) ON CONFLICT DO UPDATE SET "
                "number = number + excluded.number",
                [(*key, number) for key, number in self.counts.items()],
            )

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
        bodies = sum(len(value) for value in self.journal if isinstance(value, bytes))
        bodies += sum(len(body) for *_, body in self.causes)
        scattered = 0 if self.is_append_only else len(self.journal) // _COLUMNS * 3
        return bodies + bodies // 8 + _PAGE_BYTES * (2 + scattered)

    def add_messages(self, num: int, first: int, messages: list[tuple[str, bytes]]) -> None:
        """Add a session's messages from an offset on; those beyond what is kept are forgotten."""
        last = first + len(messages) - 1
        for offset, (name, body) in enumerate(messages, first):
            self.messages.append((num, offset, name, body))
        if last > MESSAGES_KEPT_MAX:
            self.forgotten_messages.append((num, last - MESSAGES_KEPT_MAX))
        self.is_append_only = False
