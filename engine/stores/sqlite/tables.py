"""What the SQLite file keeps of a workspace besides its sessions; run by its thread, writes in a batch."""

from collections.abc import Sequence

from engine.limits import ANSWER_BYTES_MAX, CAUSES_ROWS_MAX, DOCS_ROWS_MAX, IDEMPOTENCY_KEPT_MS
from engine.stores.base import (
    Begun,
    Delivery,
    Doc,
    DocConflict,
    InProgress,
    KeyReused,
    NamedDoc,
    Replayed,
    StoredCause,
    VisitorRecord,
)
from engine.stores.locks import Locks
from engine.stores.sqlite import deliveries as sent
from engine.stores.sqlite.db import Db
from engine.stores.sqlite.writer import Writer

# No text goes on with this last of all characters.
_LAST = "\U0010ffff"


def visitor(db: Db, workspace: str, name: str) -> VisitorRecord | None:
    """See `Store.visitor`."""
    found = db.execute(
        "SELECT version, body FROM profile WHERE ws = ? AND visitor = ?", (workspace, name)
    ).fetchone()
    return None if found is None else VisitorRecord(*found)


def put_profile(
    writer: Writer, key: tuple[str, str], profile: bytes, expect: int
) -> int | VisitorRecord | None:
    """See `Store.put_profile`."""
    if writer.commits.is_erased(*key, writer.tick()):
        return None
    found = visitor(writer.db, *key)
    if expect != (0 if found is None else found.version):
        return found
    # The file is asked, not the versions in memory: what is read of a batch that fails never was.
    writer.commits.forget_profile(*key)
    writer.db.execute(
        "INSERT OR REPLACE INTO profile VALUES(?,?,?,?,?)",
        (*key, expect + 1, profile, writer.tick()),
    )
    return expect + 1


def get_doc(db: Db, key: tuple[str, str, str]) -> Doc | None:
    """See `Store.get_doc`."""
    version, body = _doc_row(db, key)
    return None if body is None else Doc(version, body)


def put_doc(
    writer: Writer,
    key: tuple[str, str, str],
    body: bytes | None,
    expect: int,
    causes: tuple[StoredCause, ...],
) -> int | DocConflict:
    """See `Store.put_doc`."""
    commits = writer.commits
    last, kept = _doc_row(commits.db, key)
    if expect != (0 if kept is None else last):
        return DocConflict(get_doc(commits.db, key))
    commits.db.execute("INSERT OR REPLACE INTO doc VALUES(?,?,?,?,?)", (*key, last + 1, body))
    commits.keep_causes(causes, writer.tick())
    commits.note_written(len(body or b""))
    return last + 1


def changes(db: Db, workspace: str) -> list[tuple[tuple[str, str], int]]:
    """See `Store.changes`: a document's version counts its writes and removals."""
    sql = "SELECT kind, sum(version) FROM doc WHERE ws = ? GROUP BY kind"
    return [((workspace, kind), number) for kind, number in db.execute(sql, (workspace,))]


def list_docs(
    db: Db, workspace: str, kind: str, before: str | None, limit: int
) -> tuple[NamedDoc, ...]:
    """See `Store.list_docs`."""
    found = db.execute(
        "SELECT id, version, body FROM doc WHERE ws = ?1 AND kind = ?2 AND (?3 IS NULL OR id < ?3) "
        "AND body IS NOT NULL ORDER BY id DESC LIMIT ?4",
        (workspace, kind, before, min(limit, DOCS_ROWS_MAX)),
    )
    return tuple(NamedDoc(*row) for row in found)


def book(writer: Writer, key: tuple[str, str, str], capacity: int) -> bool:
    """See `Store.book`; the key is (workspace, place, booking)."""
    sql = "SELECT count(*), ifnull(max(id = ?3), 0) FROM booking WHERE ws = ?1 AND place = ?2"
    taken, is_ours = writer.db.execute(sql, key).fetchone()
    if is_ours:
        return True
    if taken >= capacity:
        return False
    writer.db.execute("INSERT INTO booking VALUES(?,?,?,?)", (*key, writer.tick()))
    return True


def unbook(db: Db, key: tuple[str, str, str]) -> bool:
    """See `Store.unbook`."""
    return db.execute("DELETE FROM booking WHERE (ws, place, id) = (?,?,?)", key).rowcount > 0


def booked(db: Db, workspace: str, first: str, last: str) -> dict[str, int]:
    """See `Store.booked`."""
    sql = (
        "SELECT place, count(*) FROM booking WHERE ws = ? AND place BETWEEN ? AND ? GROUP BY place"
    )
    return dict(db.execute(sql, (workspace, first, last)).fetchall())


def take_causes(db: Db, limit: int) -> list[StoredCause]:
    """See `Store.take_causes`."""
    found = db.execute(
        "SELECT id, ws, visitor, body FROM cause ORDER BY seq LIMIT ?",
        (min(limit, CAUSES_ROWS_MAX),),
    )
    return [StoredCause(*row) for row in found]


def settle_causes(writer: Writer, ids: Sequence[str], deliveries: Sequence[Delivery]) -> None:
    """See `Store.settle_causes`."""
    sent.add(writer, deliveries)
    writer.commits.settle_causes(ids)


def counts(db: Db, workspace: str, days: Sequence[str], prefix: str) -> list[tuple[str, int]]:
    """Sum the counters of a few days; see `Store.counts`."""
    marks = ",".join("?" * len(days))
    sql = (
        "SELECT name, sum(number) FROM counter WHERE ws = ? "  # noqa: S608 - only marks are put in
        f"AND day IN ({marks}) AND name >= ? AND name < ? GROUP BY name"
    )
    return db.execute(sql, (workspace, *days, prefix, prefix + _LAST)).fetchall()


def begin_key(
    writer: Writer, locks: Locks, key: bytes, body_sha256: bytes, lock_ms: int
) -> Begun | InProgress | Replayed | KeyReused:
    """See `Store.idem_begin`."""
    now_ms = writer.tick()
    found = writer.db.execute(
        "SELECT body_sha256, status, response FROM answer WHERE key = ? AND until > ?",
        (key, now_ms),
    ).fetchone()
    if found is None:
        return locks.begin(key, body_sha256, now_ms, lock_ms)
    return Replayed(*found[1:]) if found[0] == body_sha256 else KeyReused()


def keep_answer(writer: Writer, key: bytes, body_sha256: bytes, answer: tuple[int, bytes]) -> None:
    """Keep a key's first answer for as long as answers are kept."""
    now_ms = writer.tick()
    writer.db.execute(
        "INSERT INTO answer VALUES(?1,?2,?3,?4,?5) ON CONFLICT(key) DO UPDATE SET "
        "body_sha256 = ?2, status = ?3, response = ?4, until = ?5 WHERE until <= ?6",
        (key, body_sha256, *answer, now_ms + IDEMPOTENCY_KEPT_MS, now_ms),
    )
    writer.commits.note_written(len(answer[1]))


def is_kept(answer: tuple[int, bytes]) -> bool:
    """Tell whether an answer is short enough to be kept."""
    return len(answer[1]) <= ANSWER_BYTES_MAX


def _doc_row(db: Db, key: tuple[str, str, str]) -> tuple[int, bytes | None]:
    """Read a document's last version and its body, None when it was removed."""
    found = db.execute(
        "SELECT version, body FROM doc WHERE ws = ? AND kind = ? AND id = ?", key
    ).fetchone()
    return (0, None) if found is None else (found[0], found[1])
