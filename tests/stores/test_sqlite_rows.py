"""Rows of a batch stand in the SQLite file as if each had been written by itself, in their order."""

import sqlite3

from hypothesis import given
from hypothesis import strategies as st

from engine.limits import BATCH_LEN_MAX, BATCH_ROWS_MAX, MESSAGES_KEPT_MAX
from engine.stores.base import Count, NewMessage, StoredCause
from engine.stores.sqlite import schema
from engine.stores.sqlite.rows import Rows, Step, prepare
from tests.stores.steps import START_MS


@given(st.integers(0, 3 * BATCH_ROWS_MAX // 4), st.integers(1, 200))
def test_rows_beyond_one_statement_are_written_with_the_next(count: int, profiles: int) -> None:
    together, apart = _empty_tables(), _empty_tables()
    rows = Rows()
    for number in range(count):
        one = Rows()
        for new in (one, rows):
            new.add_step(_step_row(number, f"v{number % profiles}"))
            new.add_ids("w", number, [f"name {number % 7}"])
            new.add_messages(
                1, MESSAGES_KEPT_MAX - 20 + number, [NewMessage(f"m{number}", b"body")]
            )
            new.give_back(1, 1, number % 5)
            new.add_grants(1, 1, range(number % 5, number % 5 + 2))
            new.add_counts("w", [Count("2026-11-22", "messages", 1)])
        one.write(apart)
    assert rows.is_one_statement == (count * 6 + max(0, count - 21) + (count > 0) <= BATCH_ROWS_MAX)
    rows.write(together)
    for table in (
        "journal",
        "session",
        "profile",
        "seen_run",
        "ref",
        "message",
        "granted",
        "counter",
    ):
        sql = f"SELECT * FROM {table} ORDER BY 1, 2"
        assert together.execute(sql).fetchall() == apart.execute(sql).fetchall()
    together.close()
    apart.close()


def test_a_batch_that_only_appends_is_reckoned_without_pages_of_other_tables() -> None:
    appending = _step_row(1, "v")._replace(is_new=0, profile_version=0, profile=0, run=0)
    alone = _bytes_of([appending])
    assert _bytes_of([appending] * 20) < 2 * alone
    for more in ({"is_new": 1}, {"profile_version": 1}, {"run": b"run"}):
        assert _bytes_of([appending, appending._replace(**more)]) > 2 * alone


@given(st.integers(1, BATCH_LEN_MAX))
def test_steps_stand_in_the_journal_alike_with_and_without_other_rows(count: int) -> None:
    alone, beside, told = Rows(), Rows(), Rows()
    for number in range(count):
        step = _step_row(number, "v")._replace(is_new=0, profile_version=0, profile=0, run=0)
        for rows in (alone, beside, told):
            rows.add_step(step)
    beside.add_ids("w", 1, ["name"])
    told.add_causes([StoredCause("c", "w", "v", b"body")])
    found = []
    for rows in (alone, beside, told):
        db = _empty_tables()
        statements: list[str] = []
        db.set_trace_callback(statements.append)
        rows.write(db)
        # What triggers do stands behind two dashes, and after it the statement again.
        own = {text for text in statements if not text.startswith("--")}
        assert rows.is_one_statement == (rows is not told)
        assert len(own) == (1 if rows.is_one_statement else 2)
        found.append(db.execute("SELECT * FROM journal").fetchall())
        db.close()
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == count


def _bytes_of(steps: list[Step]) -> int:
    rows = Rows()
    for step in steps:
        rows.add_step(step)
    return rows.estimate_bytes()


def _step_row(number: int, visitor: str) -> Step:
    has_profile, has_run = number % 3 > 0, number % 2 > 0
    return Step(
        number + 1, number // 2, number, START_MS, "op", b"head", b"entry", b"state",
        "w", visitor, f"s{number // 2}", None if has_run else 5, None, 1 - number % 2,
        number * has_profile, b"" if has_profile else 0, b"" if has_run else 0,
    )  # fmt: skip


def _empty_tables() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.executescript(schema._TABLES)
    prepare(db)
    return db
