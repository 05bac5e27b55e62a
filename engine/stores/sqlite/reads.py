"""Reads of the SQLite store, each short, run by its thread between batches."""

from engine.limits import HISTORY_ROWS_MAX, JOURNAL_ROWS_MAX, SESSIONS_ROWS_MAX
from engine.stores.base import (
    DecisionFilter,
    DecisionFound,
    DecisionLine,
    Due,
    Entry,
    History,
    SessionRef,
    StoredMessage,
)
from engine.stores.head import decode_head, is_recovered
from engine.stores.sqlite.commits import Commits
from engine.stores.sqlite.db import Db

DECISIONS_SLICE = 2_000
_SCAN_ROWS = 2_000
_CHAIN = (
    "WITH RECURSIVE chain(hop, id, prev) AS (SELECT 0, id, prev FROM journal WHERE id = ?1 AND ?2 > 0 "
    "UNION ALL SELECT hop + 1, journal.id, journal.prev FROM chain "
    "JOIN journal ON journal.id = chain.prev WHERE hop + 1 < ?2) SELECT hop, id FROM chain"
)
_LISTED = "seq, id, at, rule, outcome, body, visitor, session, number"


def claim_due(commits: Commits, now_ms: int, limit: int, lease_ms: int) -> Due:
    """See `Store.claim_due`."""
    wheel = commits.heads.wheel
    claimed: list[tuple[SessionRef, int]] = []
    while popped := wheel.pop_due(now_ms, limit - len(claimed)):
        for _, slot in popped:
            found = _claim(commits, slot, now_ms)
            if found is not None:
                wheel.arm(slot, now_ms + max(1, lease_ms))
                claimed.append(found)
    claimed.sort(key=lambda pair: pair[1])
    return Due(now_ms, wheel.next_due(), tuple(claimed))


def _claim(commits: Commits, slot: int, now_ms: int) -> tuple[SessionRef, int] | None:
    """Name the session of a slot that fell due; None when it is not due, or has another slot by now."""
    heads = commits.heads
    sql = "SELECT ws, id, visitor, tip FROM session WHERE num = ? AND swept = 0"
    found = commits.db.execute(sql, (heads.nums[slot],)).fetchone()
    if found is None:
        heads.cool(slot)
        return None
    ws, name, visitor, tip = found
    if heads.names[slot] is None:
        if heads.slot(ws, name) is not None:
            heads.cool(slot)
            return None
        heads.name(slot, ws, name)
        commits.warm(slot, tip)
    due_ms = decode_head(heads.heads[slot]).due_ms
    if due_ms < 0:
        return None
    if due_ms > now_ms:
        # The wake-up was moved while this slot had no name.
        heads.wheel.arm(slot, due_ms)
        return None
    return SessionRef(ws, visitor, name), due_ms


def history(
    commits: Commits, ref: SessionRef, epoch: str | None, after: int, limit: int
) -> History:
    """See `Store.history`."""
    num, head = commits.head(ref)
    (oldest,) = commits.db.execute(
        "SELECT min(off) FROM message WHERE session = ?", (num,)
    ).fetchone()
    recovered = is_recovered(head, head.offset + 1 if oldest is None else oldest, epoch, after)
    found = commits.db.execute(
        "SELECT off, id, body FROM message WHERE session = ? AND off > ? ORDER BY off LIMIT ?",
        (num, after if recovered else 0, min(limit, HISTORY_ROWS_MAX)),
    )
    return History(head.epoch, head.offset, recovered, tuple(StoredMessage(*row) for row in found))


def find_alias(db: Db, workspace: str, alias: str) -> SessionRef | None:
    """See `Store.find_alias`."""
    found = db.execute(
        "SELECT visitor, session FROM alias WHERE ws = ? AND alias = ?", (workspace, alias)
    ).fetchone()
    return None if found is None else SessionRef(workspace, *found)


def find(db: Db, workspace: str, name: str) -> SessionRef | None:
    """See `Store.find`."""
    found = db.execute(
        "SELECT visitor, id FROM session WHERE ws = ?1 AND id = ?2 AND swept = 0 UNION ALL "
        "SELECT visitor, session.id FROM ref JOIN session ON num = ref.session "
        "WHERE ref.ws = ?1 AND ref.id = ?2 LIMIT 1",
        (workspace, name),
    ).fetchone()
    return None if found is None else SessionRef(workspace, *found)


def list_sessions(db: Db, workspace: str, before: str | None, limit: int) -> tuple[SessionRef, ...]:
    """See `Store.list_sessions`."""
    found = db.execute(
        "SELECT visitor, id FROM session WHERE ws = ?1 AND (?2 IS NULL OR id < ?2) "
        "ORDER BY id DESC LIMIT ?3",
        (workspace, before, min(limit, SESSIONS_ROWS_MAX)),
    )
    return tuple(SessionRef(workspace, *row) for row in found)


def journal(commits: Commits, ref: SessionRef, after: int, limit: int) -> list[Entry]:
    """See `Store.journal`."""
    slot = commits.find(ref.workspace, ref.session)
    if slot is None:
        row, newest = _swept_tip(commits.db, ref)
    else:
        row, newest = commits.heads.rows[slot], decode_head(commits.heads.heads[slot]).version
    # The chain is walked by its links alone; bodies are read only for the entries asked for.
    chain = commits.db.execute(_CHAIN, (row, newest - after)).fetchall()
    wanted = [(newest - hop, row) for hop, row in reversed(chain)]
    return [
        _entry(commits.db, number, row) for number, row in wanted[: min(limit, JOURNAL_ROWS_MAX)]
    ]


def rows_between(db: Db, since_ms: int, until_ms: int) -> tuple[int, int]:
    """Find the journal rows [first, end) of an interval of time; times rise with row numbers."""
    return _first_row_at(db, since_ms), _first_row_at(db, until_ms)


def scan_rows(db: Db, first: int, end: int) -> list[tuple[int, int]]:
    """Read (row, session) of the next slice of [first, end)."""
    return db.execute(
        "SELECT id, session FROM journal WHERE id >= ? AND id < ? ORDER BY id LIMIT ?",
        (first, end, _SCAN_ROWS),
    ).fetchall()


def scan_session(
    db: Db, workspace: str, num: int, rows: list[int]
) -> tuple[SessionRef, list[Entry]] | None:
    """Read a session's entries in these rows; None when it is of another workspace or gone."""
    found = db.execute("SELECT visitor, id FROM session WHERE num = ? AND ws = ?", (num, workspace))
    session = found.fetchone()
    if session is None:
        return None
    entries = []
    for row in rows:
        kept = db.execute("SELECT head, at, entry FROM journal WHERE id = ?", (row,)).fetchone()
        if kept is not None:
            entries.append(Entry(decode_head(kept[0]).version, kept[1], kept[2]))
    return (SessionRef(workspace, *session), entries) if entries else None


def decision_span(db: Db) -> tuple[int, int]:
    """Find the numbers [first, end) of all listed decisions."""
    sql = "SELECT ifnull(min(seq), 0), ifnull(max(seq), -1) + 1 FROM decision"
    first, end = db.execute(sql).fetchone()
    return first, end


def decisions_before(
    db: Db, workspace: str, wanted: DecisionFilter, end: int, limit: int
) -> list[tuple[int, DecisionFound]]:
    """Read (number, decision) of those wanted among the `DECISIONS_SLICE` numbers before `end`."""
    tests = ["ws = ?", "seq < ?", "seq >= ?"]
    parameters: list[str | int] = [workspace, end, end - DECISIONS_SLICE]
    for test, value in (
        ("rule = ?", wanted.rule),
        ("outcome = ?", wanted.outcome),
        ("session = ?", wanted.session),
        ("visitor = ?", wanted.visitor),
        ("at >= ?", wanted.since_ms),
        ("at < ?", wanted.until_ms),
    ):
        if value is not None and value != "":
            tests.append(test)
            parameters.append(value)
    where = " AND ".join(tests)
    # The text is made of the tests above; every value is a parameter.
    sql = f"SELECT {_LISTED} FROM decision WHERE {where} ORDER BY seq DESC LIMIT ?"  # noqa: S608
    return [
        (row[0], DecisionFound(DecisionLine(*row[1:6]), SessionRef(workspace, *row[6:8]), row[8]))
        for row in db.execute(sql, (*parameters, limit)).fetchall()
    ]


def _entry(db: Db, number: int, row: int) -> Entry:
    at_ms, body = db.execute("SELECT at, entry FROM journal WHERE id = ?", (row,)).fetchone()
    return Entry(number, at_ms, body)


def _swept_tip(db: Db, ref: SessionRef) -> tuple[int, int]:
    """Find the newest journal row and its number of a session that was swept; (0, 0) when there is none."""
    sql = (
        "SELECT journal.id, head FROM session JOIN journal ON journal.id = tip "
        "WHERE ws = ? AND session.id = ? AND swept = 1"
    )
    found = db.execute(sql, (ref.workspace, ref.session)).fetchone()
    return (0, 0) if found is None else (found[0], decode_head(found[1]).version)


def _first_row_at(db: Db, at_ms: int) -> int:
    low, high = db.execute(
        "SELECT ifnull(min(id), 0), ifnull(max(id), -1) + 1 FROM journal"
    ).fetchone()
    while low < high:
        middle = (low + high) // 2
        row, at = db.execute(
            "SELECT id, at FROM journal WHERE id >= ? ORDER BY id LIMIT 1", (middle,)
        ).fetchone()
        if at >= at_ms:
            high = middle
        else:
            low = row + 1
    return int(low)
