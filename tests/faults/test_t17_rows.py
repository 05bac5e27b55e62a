"""T17 on SQLite: two workspaces with the same odd ids in one file, and every row belongs to whom it speaks of."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.stores.base import (
    Commit,
    CommitAnswer,
    Committed,
    Count,
    DecisionLine,
    Delivery,
    SessionRef,
    StoredCause,
)
from engine.stores.sqlite.db import Db, Value
from engine.stores.sqlite.store import SqliteStore
from tests.faults.runs import Outcome, sized
from tests.faults.test_t17_tenants import commit_for, pairs
from tests.stores.steps import START_MS, SteppedClock

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(sized(60, 300))]
EXAMPLES = sized(10, 500)
DAY = "2027-01-15"
# What belongs to the whole file: its layout, answers under sealed keys, digests of who was erased.
OF_NO_WORKSPACE = {"meta", "answer", "tomb"}
OTHER = {"ws_a": b"of ws_b", "ws_b": b"of ws_a"}


async def keep_all(store: SqliteStore, workspace: str, visitor: str, session: str) -> None:
    """Keep one of everything under these ids; whatever is kept says whose it is."""
    own = f"of {workspace}"
    made = commit_for(workspace, visitor, session)
    ref, body = made.ref, own.encode()
    cause = StoredCause(f"evt {own} {session}", workspace, visitor, body)
    line = DecisionLine(f"dec {own} {session}", START_MS, own, own, body)
    more = {"spend": 1, "causes": (cause,), "decisions": (line,), "counts": (Count(DAY, own),)}
    assert isinstance(await store.commit(replace(made, **more)), Committed)
    assert await store.resolve(f"alias {session}", ref) == ref
    assert await store.book(workspace, f"place {session}", f"booking {own}", 1)
    await store.put_doc(workspace, "kind", f"doc {session}", body, 0)
    delivery = Delivery(
        id=f"dlv {session}",
        cause=cause.id,
        workspace=workspace,
        visitor=visitor,
        session=session,
        endpoint="we_1",
        event="message.sent",
        event_id=cause.id,
        body=body,
        created_ms=START_MS,
        due_ms=START_MS,
    )
    told = replace(cause, id=f"{cause.id} told")
    await store.keep_causes([told])
    await store.settle_causes(0, [told.id], [delivery])


def rows(db: Db) -> Iterator[tuple[str, str, tuple[Value, ...]]]:
    """Read every row of every table that belongs to a workspace, beside the table and the workspace."""
    tables = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (table,) in tables:
        if table in OF_NO_WORKSPACE:
            continue
        columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})").fetchall()]
        owner = "ws" if "ws" in columns else "(SELECT ws FROM session WHERE num = t.session)"
        for workspace, *row in db.execute(f"SELECT {owner}, t.* FROM {table} AS t").fetchall():
            yield table, workspace, tuple(row)


def misplaced(db: Db) -> list[str]:
    """Name the rows that speak of another workspace than theirs, and tables of which one has more."""
    found, counts = [], Counter[tuple[str, str]]()
    for table, workspace, row in rows(db):
        counts[table, workspace] += 1
        texts = (each.encode() if isinstance(each, str) else each for each in row)
        if any(isinstance(each, bytes) and OTHER[workspace] in each for each in texts):
            found.append(f"{table} of {workspace}: {row}")
    tables = {table for table, _ in counts}
    return found + [table for table in tables if counts[table, "ws_a"] != counts[table, "ws_b"]]


async def fill(store: SqliteStore) -> list[tuple[str, str]]:
    """Let both workspaces keep everything under the same visitors and sessions, which it answers."""
    drawn = enumerate(pairs(EXAMPLES))
    places = [
        (f"{visitor} {number}", f"{session} {number}") for number, (visitor, session) in drawn
    ]
    for visitor, session in places:
        for workspace in OTHER:
            await keep_all(store, workspace, visitor, session)
    return places


def own_tables(db: Db) -> set[str]:
    """Name the tables that can hold something of a workspace."""
    found = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return {name for (name,) in found} - OF_NO_WORKSPACE


async def test_every_row_belongs_to_the_workspace_that_it_speaks_of(
    tmp_path: Path, outcome: Outcome
) -> None:
    store = await SqliteStore.open(tmp_path / "a.db", "D1", SteppedClock())
    places = await fill(store)
    for workspace in OTHER:
        for visitor, session in places:
            ref, own = SessionRef(workspace, visitor, session), f"of {workspace}".encode()
            loaded = await store.load(ref)
            assert (loaded.state, loaded.profile) == (own, own)
            assert await store.find_alias(workspace, f"alias {session}") == ref
    found = await store._read(lambda writer: misplaced(writer.db))
    filled = await store._read(lambda writer: {table for table, _, _ in rows(writer.db)})
    tables = await store._read(lambda writer: own_tables(writer.db))
    await store.close()
    outcome.acked, outcome.notes = 2 * len(places), f"rows in {len(filled)} tables"
    assert found == []
    assert filled == tables, "every table was looked at"


class OneForAll(SqliteStore):
    """A store that keeps the sessions of all workspaces in one."""

    async def commit(self, commit: Commit) -> CommitAnswer:
        workspace, visitor, session = commit.ref.workspace, commit.ref.visitor, commit.ref.session
        one = SessionRef("ws_a", f"{workspace} {visitor}", f"{workspace} {session}")
        return await super().commit(replace(commit, ref=one))


async def test_the_control_with_one_workspace_for_all_is_found(
    tmp_path: Path, outcome: Outcome
) -> None:
    store = await OneForAll.open(tmp_path / "a.db", "D1", SteppedClock())
    for workspace in OTHER:
        await store.commit(commit_for(workspace, "visitor", "chat"))
    found = await store._read(lambda writer: misplaced(writer.db))
    await store.close()
    outcome.control = f"one workspace for all: {len(found)} rows and tables"
    assert {each.split()[0] for each in found} >= {"journal", "profile", "message"}
