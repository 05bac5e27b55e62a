"""Level D3 over three servers: the one that knows the least takes over, and nothing that was answered is missing."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from engine.clock import SystemClock
from engine.errors import StoreUnavailable
from engine.events import Event
from engine.ids import Ids
from engine.runtime import Runtime
from engine.runtime_types import ClientContext
from engine.stores.accepted_log import AcceptedLog
from engine.stores.base import Durability, SessionRef
from engine.stores.codec import decode_entry
from engine.stores.open import open_store
from engine.workspace import Workspaces
from tests.engine.world import HELP, SECRET, program_of
from tests.faults.trio import Trio
from tests.servers import need_server

pytestmark = pytest.mark.anyio

SOON = "policy { first message after 1s }\n" + HELP.replace("45s", "1s")
SESSIONS = 20
CLIENT = ClientContext()


class Shop:
    """A worker, and visitors who send one event after the other until each is answered."""

    def __init__(self, runtime: Runtime, refs: list[SessionRef]) -> None:
        self.runtime = runtime
        self.refs = refs
        self.acked: list[tuple[SessionRef, int]] = []
        self.shown: dict[SessionRef, set[str]] = {ref: set() for ref in refs}
        self.is_over = False

    async def visit(self, ref: SessionRef, number: int) -> None:
        at = 0
        while not self.is_over:
            at += 1
            # Of our own widget, whose numbers the session keeps, or of others, whose ids the store keeps.
            name = f"pageload-{at}" if number % 2 else f"an id of others {at}"
            event = Event(
                *(name, "view" if at == 1 else "added_to_cart", SystemClock().now_ms()),
                sequence=at,
                url="https://shop.test/pricing",
                properties={"number": at},
            )
            await self.sent(ref, event)
            self.acked.append((ref, at))
            await asyncio.sleep(0.02)

    async def sent(self, ref: SessionRef, event: Event) -> None:
        while True:
            try:
                await self.runtime.track(ref, "site", [event], CLIENT)
            except StoreUnavailable:
                await asyncio.sleep(0.05)
            else:
                return

    async def look(self) -> None:
        """Pull what is shown, as each visitor's widget does."""
        for ref in self.refs:
            pulled = await self.runtime.pull(ref, None, 0)
            self.shown[ref] |= {message.id for message in pulled.messages}

    async def journaled(self) -> Counter[tuple[SessionRef, int]]:
        found: Counter[tuple[SessionRef, int]] = Counter()
        async for ref, entries in self.runtime._store.scan("w", 0, 1 << 62):
            for entry in entries:
                for event in getattr(decode_entry(entry.body).given, "events", ()):
                    if "number" in event.properties:
                        found[ref, event.properties["number"]] += 1
        return found


@asynccontextmanager
async def shop(url: str, folder: Path, level: Durability) -> AsyncIterator[Shop]:
    clock, workspaces = SystemClock(), Workspaces()
    workspaces.add_site("w", "site", "main")
    workspaces.swap("w", "main", program_of(SOON))
    store = await open_store(url, durability=level, clock=clock.now_ms, partitions=16)
    assert store.durability == level
    runtime = Runtime(
        store=store, clock=clock, ids=Ids(clock), secret=SECRET, workspaces=workspaces
    )
    if level == "D3":
        runtime.keep_accepted(AcceptedLog.open(folder, url, clock.now_ms))
    await runtime.start()
    try:
        names = [f"browser-{number}" for number in range(SESSIONS)]
        yield Shop(runtime, [await runtime.resolve("w", "site", name, None) for name in names])
    finally:
        await runtime.stop()


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not is_so():  # noqa: ASYNC110  # nothing tells of it
            await asyncio.sleep(0.01)


async def lose_what_is_newest(made: Shop, trio: Trio) -> None:
    """Let visitors send all the time, and lose 1.5 s of it."""
    visits = [made.visit(ref, number) for number, ref in enumerate(made.refs)]
    running = asyncio.gather(*visits)
    await asyncio.sleep(0.3)
    await asyncio.to_thread(trio.cut_off)
    before = len(made.acked)
    await asyncio.sleep(1.5)
    await made.look()
    assert len(made.acked) > before + 5 * SESSIONS
    await asyncio.to_thread(trio.lose)
    await asyncio.to_thread(trio.promote)
    survived = len(made.acked)
    await until(lambda: len(made.acked) > survived + 2 * SESSIONS)
    made.is_over = True
    await running


async def test_all_that_was_answered_is_in_the_journal_once_and_messages_are_shown_once(
    tmp_path: Path,
) -> None:
    need_server()
    with Trio.start(tmp_path) as trio:
        async with shop(trio.url, tmp_path / "data", "D3") as made:
            await lose_what_is_newest(made, trio)
            resending = made.runtime._resending
            assert resending is not None
            await until(lambda: not resending._lost)
            assert resending.sent_again > 5 * SESSIONS
            found = await made.journaled()
            assert [acked for acked in made.acked if found[acked] != 1] == []
            assert max(found.values()) == 1
            await made.look()
            assert {len(shown) for shown in made.shown.values()} == {1}


async def test_the_control_without_the_file_loses_events(tmp_path: Path) -> None:
    need_server()
    with Trio.start(tmp_path) as trio:
        async with shop(trio.url, tmp_path / "data", "D2") as made:
            await lose_what_is_newest(made, trio)
            await asyncio.sleep(1)
            found = await made.journaled()
            assert sum(found[acked] == 0 for acked in made.acked) > 5 * SESSIONS
