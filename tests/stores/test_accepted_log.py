"""The file of what a worker accepted: in order, over a restart, one process a file, small, and never in vain."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.errors import StoreRefused, StoreUnavailable
from engine.limits import ACCEPTED_BATCH_LEN_MAX
from engine.stores import accepted_log as module
from engine.stores.accepted_file import Row
from engine.stores.accepted_log import Accepted, AcceptedLog
from engine.stores.base import SessionRef
from engine.stores.sqlite.db import Db
from tests.stores.steps import OTHER, REF, START_MS, SteppedClock

pytestmark = pytest.mark.anyio

CANARY = b"a secret of the visitor"


def one(number: int, ref: SessionRef = REF, entry: bytes = b"entry") -> Accepted:
    return Accepted(ref, number, entry, (number,), b"opens")


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
async def log(tmp_path: Path, clock: SteppedClock) -> AsyncIterator[AcceptedLog]:
    made = AcceptedLog.open(tmp_path, "here", clock)
    yield made
    await made.close()


async def numbers(log: AcceptedLog) -> list[int]:
    return [kept.number for _, kept in await log.read(0)]


def holds_canary(folder: Path) -> bool:
    return any(CANARY in path.read_bytes() for path in folder.iterdir())


async def test_what_is_kept_is_read_in_order_and_in_slices(log: AcceptedLog) -> None:
    await asyncio.gather(*(log.keep(one(number)) for number in range(1, 6)))
    first = await log.read(0, 3)
    assert [kept for _, kept in first] == [one(1), one(2), one(3)]
    assert [kept.number for _, kept in await log.read(first[-1][0], 3)] == [4, 5]


async def test_many_rows_are_written_in_batches(
    log: AcceptedLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    insert = module._insert

    def counted(db: Db, rows: list[Row]) -> None:
        sizes.append(len(rows))
        insert(db, rows)

    monkeypatch.setattr(module, "_insert", counted)
    count = 2 * ACCEPTED_BATCH_LEN_MAX + 1
    await asyncio.gather(*(log.keep(one(number)) for number in range(count)))
    assert sizes == [ACCEPTED_BATCH_LEN_MAX, ACCEPTED_BATCH_LEN_MAX, 1]
    assert len(await log.read(0, 10_000)) == count


async def test_a_caller_that_goes_away_is_kept_all_the_same(log: AcceptedLog) -> None:
    keeping = asyncio.create_task(log.keep(one(1)))
    await asyncio.sleep(0)
    keeping.cancel()
    await log.keep(one(2))
    assert await numbers(log) == [1, 2]


async def test_a_restart_finds_what_was_kept(tmp_path: Path, clock: SteppedClock) -> None:
    first = AcceptedLog.open(tmp_path, "here", clock)
    await first.keep(one(1))
    await first.close()
    second = AcceptedLog.open(tmp_path, "here", clock)
    assert (second.path, await numbers(second)) == (first.path, [1])
    await second.close()


async def test_each_worker_has_a_file_and_what_nobody_has_any_more_is_taken_over(
    tmp_path: Path, clock: SteppedClock
) -> None:
    one_, two = (AcceptedLog.open(tmp_path, "here", clock) for _ in range(2))
    assert one_.path != two.path
    await one_.keep(one(1))
    await two.keep(one(2))
    await two.close()
    await one_.close()
    alone = AcceptedLog.open(tmp_path, "here", clock)
    assert await numbers(alone) == [1, 2]
    await alone.close()
    again = AcceptedLog.open(tmp_path, "here", clock)
    assert await numbers(again) == [1, 2]
    await again.close()


async def test_more_workers_than_files_are_refused(
    log: AcceptedLog, tmp_path: Path, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.stores.accepted_file.FILES_MAX", 1)
    with pytest.raises(StoreRefused, match="are in use"):
        AcceptedLog.open(tmp_path, "here", clock)


async def test_a_row_of_another_version_is_left_out(log: AcceptedLog) -> None:
    await log.keep(one(1))
    await log._run(lambda db: module._insert(db, [(START_MS, b"", b"of another version")]))
    await log.keep(one(2))
    assert [kept.number for _, kept in await log.read(0, 1)] == [1]
    assert [kept.number for _, kept in await log.read(1, 1)] == [2]


async def test_who_settles_waits_for_what_was_there_before(log: AcceptedLog) -> None:
    keeping = asyncio.create_task(log.keep(one(1)))
    await asyncio.sleep(0)
    await log.settle()
    assert not log._waiting
    assert await numbers(log) == [1]
    await keeping


async def test_what_was_accepted_for_another_deployment_is_not_kept(
    tmp_path: Path, clock: SteppedClock
) -> None:
    first, second = (AcceptedLog.open(tmp_path, "here", clock) for _ in range(2))
    await first.keep(one(1))
    await second.keep(one(2))
    await first.close()
    await second.close()
    elsewhere = AcceptedLog.open(tmp_path, "elsewhere", clock)
    assert await numbers(elsewhere) == []
    await elsewhere.close()


async def test_what_is_pruned_leaves_no_byte_behind(
    log: AcceptedLog, clock: SteppedClock, tmp_path: Path
) -> None:
    await log.keep(one(1, entry=CANARY))
    assert holds_canary(tmp_path)
    clock.now_ms += 1_000
    await log.keep(one(2))
    await log.prune(START_MS)
    assert await numbers(log) == [1, 2]
    await log.prune(START_MS + 1_000)
    assert await numbers(log) == [2]
    assert not holds_canary(tmp_path)
    await log.prune(START_MS + 2_000)
    assert await numbers(log) == []


async def test_pruning_takes_nothing_younger_along(
    log: AcceptedLog, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.stores.accepted_file.TRIM_ROWS", 2)
    await asyncio.gather(*(log.keep(one(number)) for number in range(1, 6)))
    clock.now_ms += 1_000
    await log.keep(one(6))
    await log._run(lambda db: module._insert(db, [(START_MS, b"", module._encoder.encode(one(7)))]))
    await log.prune(START_MS + 1_000)
    assert await numbers(log) == [6, 7]
    await log.prune(START_MS + 2_000)
    assert await numbers(log) == []


async def test_what_is_forgotten_of_a_visitor_leaves_no_byte_behind(
    log: AcceptedLog, tmp_path: Path
) -> None:
    await log.keep(one(1, entry=CANARY))
    await log.keep(one(2, OTHER))
    log.forget(REF.workspace, REF.visitor)
    assert await numbers(log) == [2]
    assert not holds_canary(tmp_path)


async def test_a_full_log_accepts_nothing_more(
    log: AcceptedLog, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ACCEPTED_LOG_BYTES_MAX", 100_000)
    log.check()
    await log.keep(one(1, entry=bytes(100_000)))
    with pytest.raises(StoreUnavailable) as refused:
        log.check()
    assert refused.value.outcome == "none"
    log.check(adds=False)
    clock.now_ms += 1
    await log.prune(clock.now_ms)
    log.check()


async def test_a_file_that_cannot_be_written_stops_all_and_is_tried_again(
    log: AcceptedLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert = module._insert

    def full(db: Db, rows: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(module, "RETRY_S", 0.01)
    monkeypatch.setattr(module, "_insert", full)
    with pytest.raises(StoreUnavailable) as lost:
        await log.keep(one(1))
    assert lost.value.outcome == "unknown"
    with pytest.raises(StoreUnavailable) as refused:
        log.check(adds=False)
    assert refused.value.outcome == "none"
    assert "disk is full" in log.trouble
    monkeypatch.setattr(module, "_insert", insert)
    async with asyncio.timeout(5):
        while log.trouble:  # noqa: ASYNC110  # nothing tells of it
            await asyncio.sleep(0.01)
    log.check()
    assert await numbers(log) == [1]


async def test_a_folder_that_cannot_be_used_is_refused(tmp_path: Path, clock: SteppedClock) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(StoreRefused, match="cannot be made"):
        AcceptedLog.open(tmp_path / "data", "here", clock)
    (tmp_path / "accepted-0.db").write_text("no database at all, " * 100)
    with pytest.raises(StoreRefused, match="move it away"):
        AcceptedLog.open(tmp_path, "here", clock)
