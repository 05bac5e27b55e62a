"""What the SQLite file holds of one visitor: found, shown and removed, a slice a call of its thread."""

from engine.limits import ERASED_KEPT_MS
from engine.stores.base import Kept
from engine.stores.head import decode_head
from engine.stores.partitions import digest_of
from engine.stores.sqlite.commits import Commits
from engine.stores.sqlite.db import Db
from engine.stores.sqlite.deliveries import of_visitor
from engine.stores.sqlite.writer import Writer

DECISIONS_SLICE = 5_000
_CHAIN = (
    "WITH RECURSIVE chain(id, prev) AS (SELECT id, prev FROM journal WHERE id = ? UNION ALL "
    "SELECT journal.id, journal.prev FROM chain JOIN journal ON journal.id = chain.prev) "
    "SELECT id FROM chain ORDER BY id"
)


def bury(writer: Writer, workspace: str, visitor: str) -> None:
    """Note that nothing is kept of a visitor from now on; a digest stands for the name."""
    key, until_ms = digest_of(workspace, visitor), writer.tick() + ERASED_KEPT_MS
    writer.db.execute("INSERT OR REPLACE INTO tomb VALUES(?, ?)", (key, until_ms))
    writer.commits.then(lambda: writer.commits.tombs.update({key: until_ms}))


def sessions(db: Db, workspace: str, visitor: str) -> list[str]:
    """Name the sessions of a visitor that have a row, by id."""
    sql = "SELECT id FROM session WHERE ws = ? AND visitor = ? ORDER BY id"
    return [name for (name,) in db.execute(sql, (workspace, visitor))]


def aliases(db: Db, workspace: str, visitor: str) -> list[tuple[str, str, int]]:
    """Read (session, alias, instant) of a visitor's aliases."""
    sql = "SELECT session, alias, at FROM alias WHERE ws = ? AND visitor = ? ORDER BY alias"
    return db.execute(sql, (workspace, visitor)).fetchall()


def decisions(db: Db, workspace: str, visitor: str, first: int, end: int) -> list[tuple[int, str]]:
    """Read (number, session) of a visitor's decisions with a number in [first, end)."""
    return db.execute(
        "SELECT seq, session FROM decision WHERE seq >= ? AND seq < ? AND ws = ? AND visitor = ?",
        (first, end, workspace, visitor),
    ).fetchall()


def profile_of(db: Db, workspace: str, visitor: str) -> list[Kept]:
    """Show a visitor's profile."""
    sql = "SELECT at, body FROM profile WHERE ws = ? AND visitor = ?"
    found = db.execute(sql, (workspace, visitor))
    return [Kept("profile", "", visitor, at_ms, body) for at_ms, body in found]


def session_of(writer: Writer, workspace: str, name: str, numbers: list[int]) -> list[Kept]:
    """Show a session, its entries and messages, its decisions with these numbers, and its names."""
    db, found = writer.db, _row(writer.commits, workspace, name)
    kept = [] if found is None else _shown(db, name, *found)
    for number in numbers:
        sql = "SELECT id, at, body FROM decision WHERE seq = ?"
        kept += [Kept("decision", name, *row) for row in db.execute(sql, (number,))]
    if found is not None:
        names = db.execute("SELECT id FROM ref WHERE session = ? ORDER BY id", (found[0],))
        kept += [Kept("name", name, one, 0, b"") for (one,) in names]
    return kept


def waiting_of(db: Db, workspace: str, visitor: str) -> list[Kept]:
    """Show the causes and deliveries that name a visitor."""
    sql = "SELECT id, body FROM cause WHERE ws = ? AND visitor = ? ORDER BY seq"
    kept = [
        Kept("cause", "", name, 0, body) for name, body in db.execute(sql, (workspace, visitor))
    ]
    kept += [
        Kept("delivery", one.session, one.id, one.created_ms, one.body)
        for one in of_visitor(db, workspace, visitor)
    ]
    return kept


def erase_session(writer: Writer, workspace: str, name: str) -> None:
    """Remove a session with all its rows, within a batch's transaction."""
    commits, db = writer.commits, writer.db
    found = _row(commits, workspace, name)
    if found is None:
        return
    num, tip = found
    rows = db.execute(_CHAIN, (tip,)).fetchall()
    db.executemany("DELETE FROM journal WHERE id = ?", rows)
    for table in ("message", "granted", "ref"):
        db.execute(f"DELETE FROM {table} WHERE session = ?", (num,))  # noqa: S608 - names from here
    db.execute("DELETE FROM session WHERE num = ?", (num,))
    commits.then(lambda: commits.heads.drop(workspace, name))


def erase_decisions(db: Db, numbers: list[int]) -> None:
    """Remove decisions by their numbers."""
    db.executemany("DELETE FROM decision WHERE seq = ?", [(number,) for number in numbers])


def erase_rest(writer: Writer, workspace: str, visitor: str) -> int:
    """Remove what is kept of a visitor beside sessions and decisions, and count it."""
    commits, key = writer.commits, (workspace, visitor)
    commits.forget_profile(workspace, visitor)
    commits.seen.forget(key)
    count = commits.forget_causes(workspace, visitor)
    for table in ("profile", "seen_run", "alias", "delivery"):
        sql = f"DELETE FROM {table} WHERE ws = ? AND visitor = ?"  # noqa: S608 - names from here
        count += writer.db.execute(sql, key).rowcount
    return count


def _row(commits: Commits, workspace: str, name: str) -> tuple[int, int] | None:
    """Find a session's number and its newest journal row, also of one that was swept."""
    slot = commits.heads.slot(workspace, name)
    if slot is not None:
        return commits.heads.nums[slot], commits.heads.rows[slot]
    sql = "SELECT num, tip FROM session WHERE ws = ? AND id = ?"
    found: tuple[int, int] | None = commits.db.execute(sql, (workspace, name)).fetchone()
    return found


def _shown(db: Db, name: str, num: int, tip: int) -> list[Kept]:
    rows = [row for (row,) in db.execute(_CHAIN, (tip,)).fetchall()]
    kept: list[Kept] = []
    sql = "SELECT at, state FROM journal WHERE id = ?"
    kept += [
        Kept("session", name, name, at_ms, state or b"") for at_ms, state in db.execute(sql, (tip,))
    ]
    for row in rows:
        head, at_ms, entry = db.execute(
            "SELECT head, at, entry FROM journal WHERE id = ?", (row,)
        ).fetchone()
        kept.append(Kept("entry", name, str(decode_head(head).version), at_ms, entry))
    found = db.execute("SELECT id, body FROM message WHERE session = ? ORDER BY off", (num,))
    return kept + [Kept("message", name, one, 0, body) for one, body in found]
