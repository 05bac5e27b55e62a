"""Retention of the SQLite file: one slice a call, within a batch's transaction."""

from engine.limits import ALIAS_KEPT_MS, BOOKINGS_KEPT_MS, DELIVERIES_KEPT_MS, SEEN_KEPT_MS
from engine.stores.base import Retention, Swept
from engine.stores.days import utc_day
from engine.stores.head import NO_DUE_MS, decode_head
from engine.stores.sqlite.checkpoint import Checkpoints
from engine.stores.sqlite.commits import Commits
from engine.stores.sqlite.db import Db
from engine.stores.sqlite.writer import Writer

_SLICE = 500


def sweep(commits: Commits, checkpoints: Checkpoints, retention: Retention, now_ms: int) -> Swept:
    """See `Store.sweep`."""
    sessions = _sweep_sessions(commits, now_ms - retention.ended_ms)
    states = _sweep_states(commits, checkpoints.row, now_ms - retention.ended_ms)
    entries = _sweep_journal(commits, checkpoints.row, now_ms - retention.events_ms)
    others = _sweep_profiles(commits, now_ms - retention.profiles_ms)
    others = max(others, _sweep_seen(commits, now_ms - SEEN_KEPT_MS))
    for table, test, before in (
        ("answer", "until <= ?", now_ms),
        ("decision", _DECISION_IS_OLD, now_ms - retention.decisions_ms),
        ("alias", _ALIAS_IS_OLD, now_ms - ALIAS_KEPT_MS),
        ("counter", "day < ?", utc_day(now_ms - retention.decisions_ms)),
        ("booking", "at <= ?", now_ms - BOOKINGS_KEPT_MS),
        ("delivery", "falls IS NULL AND created <= ?", now_ms - DELIVERIES_KEPT_MS),
        ("tomb", "until <= ?", now_ms),
    ):
        others = max(others, _sweep_table(commits, table, test, before))
    commits.forget_tombs(now_ms)
    more = max(sessions, states, entries, others) >= _SLICE
    return Swept(sessions, entries, others, more)


def clear_files(writer: Writer) -> None:
    """Let nothing that was removed stay in the write-ahead log, soon after an erasure."""
    if writer.commits.has_erased_lately(writer.tick()):
        writer.checkpoints.empty_wal()


_ALIAS_IS_OLD = (
    "at <= ? AND NOT EXISTS (SELECT 1 FROM session WHERE session.ws = alias.ws "
    "AND session.id = alias.session AND swept = 0)"
)
# Decisions are numbered in the order of their time, so the oldest are the first.
_DECISION_IS_OLD = f"at <= ? AND seq < (SELECT min(seq) FROM decision) + {_SLICE}"  # noqa: S608
# So are runs of ids.
_RUN_IS_OLD = f"at <= ? AND num < (SELECT min(num) FROM seen_run) + {_SLICE}"  # noqa: S608
_KEYS = {
    "seen_run": "num",
    "answer": "key",
    "decision": "seq",
    "alias": "ws, alias",
    "counter": "ws, day, name",
    "booking": "ws, place, id",
    "delivery": "num",
    "tomb": "key",
}


def _sweep_table(commits: Commits, table: str, test: str, before: int | str) -> int:
    keys = _KEYS[table]
    return commits.db.execute(
        f"DELETE FROM {table} WHERE ({keys}) IN "  # noqa: S608 - names from this file
        f"(SELECT {keys} FROM {table} WHERE {test} LIMIT {_SLICE})",
        (before,),
    ).rowcount


def _sweep_seen(commits: Commits, before_ms: int) -> int:
    count = _sweep_table(commits, "seen_run", _RUN_IS_OLD, before_ms)
    if count:
        commits.seen.clear()
    return count


def _sweep_profiles(commits: Commits, before_ms: int) -> int:
    old = commits.db.execute(
        "SELECT ws, visitor FROM profile WHERE at <= ? LIMIT ?", (before_ms, _SLICE)
    ).fetchall()
    for workspace, visitor in old:
        commits.forget_profile(workspace, visitor)
    commits.db.executemany("DELETE FROM profile WHERE ws = ? AND visitor = ?", old)
    return len(old)


def _sweep_sessions(commits: Commits, before_ms: int) -> int:
    """Drop state and messages of sessions that ended; their journal stays."""
    db, heads = commits.db, commits.heads
    found = db.execute(
        "SELECT num, ws, id, tip FROM session WHERE ended <= ? AND ended IS NOT NULL "
        "AND swept = 0 AND due IS NULL LIMIT ?",
        (before_ms, _SLICE),
    ).fetchall()
    count = 0
    for num, workspace, name, tip in found:
        slot = heads.slot(workspace, name)
        if slot is not None:
            head = decode_head(heads.heads[slot])
            # The file's row is older than a commit of a session that went on.
            if heads.rows[slot] != tip or head.closed_ms < 0 or head.due_ms != NO_DUE_MS:
                continue
            heads.cool(slot)
        db.execute("UPDATE journal SET state = NULL WHERE id = ?", (tip,))
        db.execute("DELETE FROM message WHERE session = ?", (num,))
        db.execute("DELETE FROM granted WHERE session = ?", (num,))
        db.execute("UPDATE session SET swept = 1 WHERE num = ?", (num,))
        count += 1
    return count


def _sweep_states(commits: Commits, checkpoint: int, before_ms: int) -> int:
    """Drop states that a newer commit replaced: only the newest of a session is ever read."""
    db = commits.db
    hand = _hand(db, "compacted")
    rows = db.execute(
        "SELECT id FROM journal WHERE id > ? AND id <= ? AND at <= ? ORDER BY id LIMIT ?",
        (hand, checkpoint, before_ms, _SLICE),
    ).fetchall()
    if not rows:
        return 0
    last = rows[-1][0]
    db.execute(
        "UPDATE journal SET state = NULL WHERE id > ? AND id <= ? AND state IS NOT NULL "
        "AND id != (SELECT tip FROM session WHERE num = journal.session)",
        (hand, last),
    )
    _move_hand(db, "compacted", last)
    return len(rows)


def _sweep_journal(commits: Commits, checkpoint: int, before_ms: int) -> int:
    """Drop the oldest entries; a session whose newest entry goes leaves no trace but decisions."""
    db = commits.db
    rows = db.execute(
        "SELECT journal.id, at, num, tip, swept FROM journal JOIN session ON num = session "
        "WHERE journal.id > ? AND journal.id <= ? ORDER BY journal.id LIMIT ?",
        (_hand(db, "forgotten"), checkpoint, _SLICE),
    ).fetchall()
    old = [(row, num, tip, swept) for row, at_ms, num, tip, swept in rows if at_ms <= before_ms]
    if not old:
        return 0
    # The newest row of a session that still lives holds its state.
    gone = [(row, num, tip) for row, num, tip, swept in old if row != tip or swept]
    db.executemany("DELETE FROM journal WHERE id = ?", [(row,) for row, _, _ in gone])
    over = [(num,) for row, num, tip in gone if row == tip]
    db.executemany("DELETE FROM ref WHERE session = ?", over)
    db.executemany("DELETE FROM session WHERE num = ?", over)
    _move_hand(db, "forgotten", old[-1][0])
    return len(old)


def _hand(db: Db, name: str) -> int:
    """Read how far a sweep over the journal has come."""
    found = db.execute("SELECT value FROM meta WHERE key = ?", (name,)).fetchone()
    return 0 if found is None else int(found[0])


def _move_hand(db: Db, name: str, row: int) -> None:
    db.execute("INSERT OR REPLACE INTO meta VALUES(?, ?)", (name, row))
