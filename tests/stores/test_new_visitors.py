"""What a new visitor costs a SQLite file, and that what is not looked for there is not there."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.stores.base import Committed, SessionRef
from engine.stores.sqlite import schema
from engine.stores.sqlite.checkpoint import recover
from engine.stores.sqlite.commits import Commits
from engine.stores.sqlite.db import Db, open_db
from engine.stores.sqlite.heads import HeadMap
from engine.stores.sqlite.store import SqliteStore
from tests.stores.steps import START_MS, SteppedClock, step

NAMES = ["", "chat_1", "chat_2", "\uffff", "\U0001f600"]
names = st.sampled_from(NAMES)


class Noted:
    """A connection that notes how each statement begins."""

    def __init__(self, db: Db) -> None:
        self.db = db
        self.words: list[str] = []

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> Any:
        self.words.append(sql.split(maxsplit=1)[0])
        return self.db.execute(sql, values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.db, name)


async def begin(store: SqliteStore, visitor: str) -> None:
    """Do what a server does for a stranger's first events."""
    assert await store.find_alias("ws_a", f"of {visitor}") is None
    assert await store.visitor("ws_a", visitor) is None
    ref = await store.resolve(f"of {visitor}", SessionRef("ws_a", visitor, f"chat_{visitor}"))
    answer = await store.commit(
        step(0, ref, expect_profile=0, profile=b"profile", seen=(1, 2, 3), wake_ms=START_MS)
    )
    assert isinstance(answer, Committed)


@pytest.mark.anyio
@pytest.mark.parametrize("is_learnt", [True, False])
async def test_many_strangers_at_once_cost_one_statement_and_no_read_once_names_are_learnt(
    tmp_path: Path, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch, *, is_learnt: bool
) -> None:
    opened: list[Noted] = []

    def open_noted(path: Path) -> Noted:
        opened.append(Noted(open_db(path)))
        return opened[-1]

    monkeypatch.setattr(SqliteStore, "open_db", staticmethod(open_noted))
    store = await SqliteStore.open(tmp_path / "a.db", "D2", clock)
    await begin(store, "the first of the workspace")
    await store._learning
    store._strangers._is_whole = is_learnt
    opened[0].words.clear()
    await asyncio.gather(*(begin(store, f"visitor {number}") for number in range(10)))
    words = opened[0].words
    assert sorted(words) == ["INSERT", *["SELECT"] * (0 if is_learnt else 20)]
    await store.close()


class File:
    """A file with its heads, whose sessions go cold and are swept as the test says."""

    def __init__(self) -> None:
        self.db = sqlite3.connect(":memory:", isolation_level=None)
        self.db.executescript(schema._TABLES)
        self.db.execute("INSERT INTO meta VALUES('checkpoint', 0)")
        self.versions: dict[str, int] = {}
        self.start("")

    def start(self, _: str) -> None:
        last_row, _ms = recover(self.db)
        (last_num,) = self.db.execute("SELECT ifnull(max(num), 0) FROM session").fetchone()
        self.commits = Commits(self.db, HeadMap(), last_row + 1, last_num + 1)

    def commit(self, name: str) -> None:
        expect = self.versions.get(name, 0)
        commit = step(expect, SessionRef("ws_a", "v", name))
        assert [type(answer) for answer in self.commits.run([commit], START_MS)] == [Committed]
        self.versions[name] = expect + 1

    def cool(self, name: str) -> None:
        heads, slot = self.commits.heads, self.commits.heads.slot("ws_a", name)
        if slot is not None:
            place = (heads.rows[slot], heads.nums[slot])
            self.db.execute("UPDATE session SET tip = ? WHERE num = ?", place)
            heads.cool(slot)

    def sweep(self, name: str) -> None:
        self.cool(name)
        self.db.execute("UPDATE session SET swept = 1 WHERE id = ?", (name,))
        self.versions.pop(name, None)

    def fail(self, name: str) -> None:
        def fault() -> None:
            raise ZeroDivisionError

        commit = step(self.versions.get(name, 0), SessionRef("ws_a", "v", name))
        with pytest.raises(ZeroDivisionError):
            self.commits.run([commit], START_MS, fault)

    def look(self, name: str) -> None:
        slot = self.commits.find("ws_a", name)
        assert (slot is not None) == (name in self.versions)
        if slot is not None:
            ref = SessionRef("ws_a", "v", name)
            assert self.commits.load(ref).version == self.versions[name]


Act = Callable[[File, str], None]
MOST: list[Act] = [File.commit, File.cool, File.look]
ACTS: list[Act] = [*MOST, *MOST, File.start, File.sweep, File.fail]


@given(st.lists(st.tuples(st.sampled_from(ACTS), names), min_size=12, max_size=60))
def test_a_session_is_found_whenever_there_is_one(acts: list[tuple[Act, str]]) -> None:
    file = File()
    for act, name in acts:
        act(file, name)
    for name in NAMES:
        file.look(name)
    file.db.close()
