"""Workers over one store go by its time."""

import asyncio
from pathlib import Path

import pytest

from engine.clock import StoreClock, SystemClock
from engine.errors import StoreUnavailable
from engine.stores.memory.store import MemoryStore
from engine.testing.manual_clock import ManualClock
from engine.testing.shared_store import SharedMemory
from server import store_time
from server.assembly import assemble
from server.store_time import JUMP_MS, follow_store_time, look_at_store_time
from tests.server.running import write_config

pytestmark = pytest.mark.anyio


class Standing:
    """A monotonic clock that stands still, so that only the store moves the time."""

    def __call__(self) -> int:
        return 0


async def test_a_process_over_a_shared_store_goes_by_the_store_s_time(
    tmp_path: Path, anyio_backend: str
) -> None:
    clock = ManualClock(1_000_000_000_000)
    parts = await assemble(write_config(tmp_path), store=SharedMemory(clock.now_ms).view())
    assert isinstance(parts.clock, StoreClock)
    assert parts.app.services.clock is parts.clock
    assert 0 <= parts.clock.now_ms() - clock.now_ms() < 60_000
    await parts.runtime.stop()


async def test_a_process_that_has_its_store_alone_goes_by_its_machine(
    tmp_path: Path, anyio_backend: str
) -> None:
    parts = await assemble(write_config(tmp_path))
    assert isinstance(parts.clock, SystemClock)
    await parts.runtime.stop()


async def test_only_a_jump_of_the_store_s_time_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    manual = ManualClock()
    store, clock = MemoryStore(manual.now_ms), StoreClock(manual.now_ms(), Standing())
    manual.advance(JUMP_MS)
    await look_at_store_time(store, clock)
    assert clock.now_ms() == manual.now_ms()
    assert not caplog.records
    manual.advance(JUMP_MS + 1)
    await look_at_store_time(store, clock)
    assert [record.getMessage() for record in caplog.records] == ["the store's time moved by 5.0 s"]


async def test_the_clock_runs_on_while_the_store_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_time, "FOLLOW_EVERY_S", 0)
    manual = ManualClock()
    store, clock = MemoryStore(manual.now_ms), StoreClock(manual.now_ms(), Standing())
    real = store.now

    async def away() -> int:
        raise StoreUnavailable("none", 100)

    monkeypatch.setattr(store, "now", away)
    following = asyncio.create_task(follow_store_time(store, clock))
    for _ in range(5):
        await asyncio.sleep(0)
    monkeypatch.setattr(store, "now", real)
    manual.advance(1_234)
    async with asyncio.timeout(5):
        while clock.now_ms() != manual.now_ms():  # noqa: ASYNC110  # nobody sets an event
            await asyncio.sleep(0)
    following.cancel()
