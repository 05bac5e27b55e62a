"""Small writes of the SQLite store that are not commits, run within a batch's transaction."""

import sqlite3

from engine.stores.base import DocConflict, SessionRef
from engine.stores.sqlite_reads import doc_row, find_alias, get_doc
from engine.stores.sqlite_writer import Writer


def resolve(writer: Writer, alias: str, fresh: SessionRef, ended: str | None) -> SessionRef:
    """See `Store.resolve`."""
    found = find_alias(writer.db, fresh.workspace, alias)
    if found is not None and found.session != ended:
        return found
    writer.db.execute(
        "INSERT OR REPLACE INTO alias VALUES(?,?,?,?,?)",
        (fresh.workspace, alias, fresh.visitor, fresh.session, writer.tick()),
    )
    return fresh


def put_doc(
    db: sqlite3.Connection, key: tuple[str, str, str], body: bytes | None, expect: int
) -> int | DocConflict:
    """See `Store.put_doc`."""
    last, kept = doc_row(db, *key)
    if expect != (0 if kept is None else last):
        return DocConflict(get_doc(db, *key))
    db.execute("INSERT OR REPLACE INTO doc VALUES(?,?,?,?,?)", (*key, last + 1, body))
    return last + 1
