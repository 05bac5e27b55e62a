"""T8: workers whose machines say another time: nothing fires early, and an event at the very instant wins."""

from collections.abc import Callable
from random import Random

import pytest

from engine.clock import Clock, StoreClock
from engine.events import Event
from engine.runtime_types import ClientContext
from engine.stores.base import SessionRef
from engine.stores.codec import decode_entry
from engine.testing.manual_clock import ManualClock
from tests.engine.workers import STEP_MS, Worker, Workers
from tests.engine.world import HELP
from tests.faults.runs import SEED, Outcome, sized

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(sized(60, 600))]
VISITORS = sized(60, 1_000)
DWELL_MS = 45_000
RUN_MS = 100_000
"""How long everybody is looked at: twice as long as a message takes."""
OFFSETS_MS = (30_000, -30_000, 0)
STEP_BACK_MS = 20_000
LATE_MS = 500


class HostClock:
    """The wall clock of a machine that is set wrongly, and at some instant set back."""

    def __init__(self, true: ManualClock, offset_ms: int) -> None:
        self.offset_ms = offset_ms
        self._true = true

    def now_ms(self) -> int:
        return self._true.now_ms() + self.offset_ms


MakeClock = Callable[[ManualClock, HostClock], Clock]


def by_the_store(true: ManualClock, host: HostClock) -> Clock:
    """Go by the store's time; the machine's monotonic clock counts from its start, whenever that was."""
    started_ms = true.now_ms() - 1_000 * abs(host.offset_ms)
    return StoreClock(true.now_ms(), lambda: true.now_ms() - started_ms)


def by_the_host(_: ManualClock, host: HostClock) -> Clock:
    """Go by the machine's wall clock: the control."""
    return host


class Visitor:
    """Comes to a page, and may leave or come again before, at or after the instant it is waited for."""

    def __init__(self, number: int, ref: SessionRef, random: Random) -> None:
        self.number = number
        self.ref = ref
        self.views: list[tuple[int, bool]] = []
        self.plan: dict[int, bool] = {}
        self.end_ms = 0
        at_ms = random.randrange(0, 10_000, STEP_MS)
        self.plan[at_ms] = True
        for _ in range(random.randint(0, 20)):
            pause_ms = random.choice([DWELL_MS, random.randrange(STEP_MS, 2 * DWELL_MS, STEP_MS)])
            at_ms += pause_ms
            self.plan[at_ms] = random.random() < 0.7

    def due_ms(self) -> int | None:
        """Tell when the message has to come: the first time that a stay lasts long enough."""
        ends = [at_ms for at_ms, _ in self.views[1:]]
        for (at_ms, is_pricing), end_ms in zip(self.views, [*ends, 1 << 60], strict=True):
            # Who leaves or comes again at the very instant was quicker.
            if is_pricing and end_ms > at_ms + DWELL_MS:
                return at_ms + DWELL_MS
        return None

    def wrong(self, sent_ms: int | None) -> str:
        """Say what is wrong about a message at this instant, "" for nothing."""
        due_ms = self.due_ms()
        if sent_ms is None:
            return "" if due_ms is None or due_ms > self.end_ms else "never came"
        if due_ms is None:
            return "early: it had been cancelled"
        if sent_ms < due_ms:
            return f"early by {due_ms - sent_ms} ms"
        return "" if sent_ms - due_ms <= LATE_MS else f"late by {sent_ms - due_ms} ms"


class Shop:
    """Three workers with clocks of their own over one store, and its visitors."""

    def __init__(self, make_clock: MakeClock, random: Random) -> None:
        self.workers = Workers(HELP, partitions=8)
        self.true = self.workers.clock
        self.hosts = [HostClock(self.true, offset_ms) for offset_ms in OFFSETS_MS]
        self.visitors: list[Visitor] = []
        self._clocks = [make_clock(self.true, host) for host in self.hosts]
        self._random = random

    async def open(self) -> None:
        """Start the workers and let everybody have a session."""
        for clock in self._clocks:
            worker = Worker(self.workers.shared, clock, self.workers.program)  # type: ignore[arg-type]  # any clock
            # Leases go by the monotonic clock of a machine, which nobody sets.
            worker.runtime.ownership._time_s = lambda: self.true.now_ms() / 1_000
            self.workers.all.append(worker)
            await worker.begin()
        await self.workers.pass_time(4_000)
        for number in range(VISITORS):
            worker = self._random.choice(self.workers.all)
            ref = await worker.runtime.resolve("w", "site", f"b{number}", f"v{number}")
            self.visitors.append(Visitor(number, ref, self._random))

    async def run(self) -> None:
        """Let time pass; who does something at an instant does it before wake-ups of it are taken."""
        begin_ms = self.true.now_ms()
        for at_ms in range(0, RUN_MS, STEP_MS):
            if at_ms == RUN_MS // 2:
                self.hosts[2].offset_ms -= STEP_BACK_MS
            for clock in self._clocks:
                if isinstance(clock, StoreClock) and at_ms % 1_000 == 0:
                    clock.follow(self.true.now_ms())
            for visitor in self.visitors:
                if at_ms in visitor.plan:
                    await self._view(visitor, is_pricing=visitor.plan[at_ms])
            await self._look_after_all(at_ms)
            self.true.advance(STEP_MS)
        for visitor in self.visitors:
            visitor.end_ms = begin_ms + RUN_MS

    async def _look_after_all(self, at_ms: int) -> None:
        """Let all workers do what they do by themselves at this instant."""
        for worker in self.workers.all:
            if at_ms % 1_000 == 0:
                await worker.runtime.ownership.beat()
            await worker.runtime.ownership.look()
        await self.workers.calm()

    async def _view(self, visitor: Visitor, *, is_pricing: bool) -> None:
        worker = self._random.choice(self.workers.all)
        number = len(visitor.views) + 1
        visitor.views.append((self.true.now_ms(), is_pricing))
        url = f"https://shop.test/{'pricing' if is_pricing else 'about'}"
        name = f"load{visitor.number:04}-{number}"
        event = Event(name, "view", worker.clock.now_ms(), sequence=number, url=url)
        await worker.runtime.track(visitor.ref, "site", [event], ClientContext())

    async def sent(self) -> dict[int, int]:
        """Find when the message of each visitor was committed, by the store's time."""
        store = self.workers.all[0].store
        return {
            visitor.number: entry.at_ms
            for visitor in self.visitors
            for entry in await store.journal(visitor.ref)
            if decode_entry(entry.body).messages
        }

    async def close(self) -> None:
        """End the workers."""
        for worker in self.workers.living:
            await worker.feed.stop()
            await worker.outbox.stop()
            await worker.runtime.stop()


async def wrongs_of(make_clock: MakeClock, outcome: Outcome) -> list[str]:
    """Let everybody visit; says what is wrong about which visitor's message."""
    shop = Shop(make_clock, Random(SEED))
    await shop.open()
    try:
        await shop.run()
        sent = await shop.sent()
    finally:
        await shop.close()
    outcome.acked = sum(len(visitor.views) for visitor in shop.visitors)
    outcome.faults = len(OFFSETS_MS) + 1
    found = [(visitor.number, visitor.wrong(sent.get(visitor.number))) for visitor in shop.visitors]
    return [f"visitor {number}: {wrong}" for number, wrong in found if wrong]


async def test_by_the_stores_time_nothing_fires_early_and_what_was_cancelled_never(
    outcome: Outcome,
) -> None:
    wrongs = await wrongs_of(by_the_store, outcome)
    outcome.early = len(wrongs)
    assert wrongs == []


async def test_the_control_that_goes_by_the_machines_clock_fires_early(outcome: Outcome) -> None:
    wrongs = await wrongs_of(by_the_host, outcome)
    early = [wrong for wrong in wrongs if "early" in wrong]
    outcome.control = f"by the machine's clock {len(early)} early"
    assert early
