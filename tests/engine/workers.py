"""Several workers over one shared store and one clock that a test moves: what tests of many workers drive."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from engine.causes import Cause
from engine.events import Event
from engine.feeds import LiveFeed
from engine.ids import Ids
from engine.outbox.outbox import Outbox
from engine.outbox.present import Present
from engine.runtime import Runtime
from engine.runtime_types import ClientContext
from engine.stores.base import SessionRef
from engine.testing.manual_clock import ManualClock
from engine.testing.shared_store import SharedMemory
from engine.workspace import Workspaces
from rules.compiler import Program
from tests.engine.world import SECRET, START_MS, program_of

STEP_MS = 250


class Worker:
    """One worker: a runtime, an outbox and feeds, over its own view of the store."""

    def __init__(self, shared: SharedMemory, clock: ManualClock, program: Program) -> None:
        self.store = shared.view()
        self.clock = clock
        workspaces = Workspaces()
        workspaces.add_site("w", "site", "main")
        workspaces.swap("w", "main", program)
        self.runtime = Runtime(
            store=self.store, clock=clock, ids=Ids(clock), secret=SECRET, workspaces=workspaces
        )
        self.runtime.ownership._time_s = lambda: clock.now_ms() / 1_000
        self.outbox = Outbox(self.store, retry_s=0.001)
        self.feed = LiveFeed(self.store)
        self.feed.worker = self.runtime.worker
        self.present = Present(self.runtime, self.store, self.feed, clock)
        self.runtime.on_kept(self.outbox.hear)
        self.runtime.ownership.on_change(self.outbox.change)
        self.runtime.hear_feeds(self.feed)
        self.store.on_work = self.outbox.look
        self.store.on_earlier_wake = None
        self.outbox.add_hearer(self.feed.publish)
        self.outbox.add_hearer(self.present.hear)
        self.outbox.add_hearer(self._note)
        self.told: list[Cause] = []
        self.is_alive = True

    async def _note(self, cause: Cause) -> None:
        self.told.append(cause)

    @property
    def mine(self) -> frozenset[int]:
        return self.runtime.ownership.mine

    async def begin(self) -> None:
        self.runtime._hearing.start()
        self.feed.start()
        await self.round()

    async def round(self) -> None:
        """Do what its timers would do."""
        ownership = self.runtime.ownership
        await ownership.beat()
        await ownership.exchange()
        await ownership.look()

    async def kill(self) -> None:
        """End without a word: it is missed only when its life ends."""
        self.is_alive = False
        await self.runtime._hearing.stop()
        await self.feed.stop()
        await self.store.close()

    async def view(self, ref: SessionRef, path: str, number: int = 1) -> None:
        at_ms = self.clock.now_ms()
        url = f"https://shop.test{path}"
        event = Event(f"pageload-{number}", "view", at_ms, sequence=number, url=url)
        await self.runtime.track(ref, "site", [event], ClientContext())


class Workers:
    """The workers of one deployment."""

    def __init__(self, text: str, partitions: int) -> None:
        self.clock = ManualClock(START_MS)
        self.shared = SharedMemory(self.clock.now_ms, partitions=partitions)
        self.program = program_of(text)
        self.all: list[Worker] = []

    @property
    def living(self) -> list[Worker]:
        return [worker for worker in self.all if worker.is_alive]

    async def add(self) -> Worker:
        worker = Worker(self.shared, self.clock, self.program)
        self.all.append(worker)
        await worker.begin()
        return worker

    async def pass_time(self, ms: int) -> None:
        """Let time pass in steps of a heartbeat: wake-ups and causes are looked after in each."""
        for _ in range(ms // STEP_MS):
            self.clock.advance(STEP_MS)
            for worker in self.living:
                await worker.round()
            await self.calm()

    async def calm(self) -> None:
        """Let everything happen that is due now."""
        for worker in self.living:
            await worker.runtime.take_due()
            await hear()
            await worker.outbox.drain()
        await hear()

    @property
    def told(self) -> list[Cause]:
        """Return what was told at any worker."""
        return [cause for worker in self.all for cause in worker.told]


async def hear() -> None:
    """Let hints arrive that are on their way."""
    for _ in range(20):
        await asyncio.sleep(0)


@asynccontextmanager
async def workers(text: str, count: int, partitions: int = 8) -> AsyncIterator[Workers]:
    """Run some workers that have shared their partitions out, and end those that live."""
    made = Workers(text, partitions)
    for _ in range(count):
        await made.add()
    await made.pass_time(4_000)
    try:
        yield made
    finally:
        for worker in made.living:
            await worker.feed.stop()
            await worker.outbox.stop()
            await worker.runtime.stop()
