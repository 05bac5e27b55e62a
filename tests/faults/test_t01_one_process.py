"""T1 on SQLite: two hundred tasks in one process, over two runtimes that know nothing of each other."""

import asyncio
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from random import Random

import pytest

from engine.events import Event
from engine.ids import Ids
from engine.runtime import Runtime
from engine.runtime_types import ClientContext
from engine.stores.base import SessionRef
from engine.stores.open import open_store
from engine.testing.manual_clock import ManualClock
from engine.workspace import Workspaces
from tests.engine.world import SECRET, START_MS, program_of
from tests.faults import unsafe_worker
from tests.faults.approached import PAGES, WORDS, as_due, kind_of, rules, withdrawn_twice
from tests.faults.judge import Held, held_in, over_the_cap
from tests.faults.runs import SEED, Outcome, sized

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(sized(60, 300))]
TASKS = 200
SESSIONS = sized(48, 480)
# The first message, an event between, words, the expiry, and another event after it.
INSTANTS_MS = (1_000, 1_200, 1_500, 2_000, 2_400)
WORDS_MS = 1_500


class Shop:
    """Two runtimes over one store and one clock."""

    def __init__(
        self,
        runtimes: list[Runtime],
        clock: ManualClock,
        borne: tuple[type[Exception], ...],
    ) -> None:
        """Let each event take one of the runtimes, chosen from the seed; failures of `borne` are no news."""
        self._borne = borne
        self.runtimes = runtimes
        self.clock = clock
        self.refs: list[SessionRef] = []
        self.events = 0
        self._random = Random(SEED)

    async def come(self) -> None:
        """Let every visitor open the page."""
        for number in range(SESSIONS):
            runtime = self._random.choice(self.runtimes)
            ref = await runtime.resolve("w", "site", f"s-{number}", f"visitor-{number}")
            self.refs.append(ref)
            url = f"https://shop.test{PAGES[kind_of(ref.visitor)]}"
            await self._track(ref, "view", url=url)

    async def crowd(self, at_ms: int) -> None:
        """Let two hundred tasks send events of few sessions at one instant, while wake-ups are taken."""
        self.clock.set(START_MS + at_ms)
        for first in range(0, SESSIONS, 48):
            refs = self.refs[first : first + 48]
            async with asyncio.TaskGroup() as group:
                for number in range(TASKS):
                    group.create_task(self._try(refs[number % len(refs)], number, at_ms))
                for runtime in self.runtimes:
                    group.create_task(runtime.take_due())

    async def _try(self, ref: SessionRef, number: int, at_ms: int) -> None:
        with suppress(*self._borne):
            await self._send(ref, number, at_ms)

    async def _send(self, ref: SessionRef, number: int, at_ms: int) -> None:
        # Each session's first task of the instant: words are said once.
        is_first = number < min(len(self.refs), 48)
        if at_ms == WORDS_MS and is_first and kind_of(ref.visitor) == "answers":
            await self._track(ref, "visitor_message", properties={"text": WORDS})
        else:
            await self._track(ref, "scroll", properties={"depth": number % 100})

    async def _track(self, ref: SessionRef, name: str, **given: object) -> None:
        self.events += 1
        event = Event(f"ev_{self.events}", name, self.clock.now_ms(), **given)  # type: ignore[arg-type]
        runtime = self._random.choice(self.runtimes)
        await runtime.track(ref, "site", [event], ClientContext())


async def crowded(folder: Path, *borne: type[Exception]) -> tuple[Shop, Held]:
    """Let all tasks run at every instant; answers what the store holds then."""
    clock, program = ManualClock(START_MS), program_of(rules(1))
    async with AsyncExitStack() as stack:
        url = f"sqlite:///{folder / 'opportune.db'}"
        store = await open_store(url, durability="D1", clock=clock.now_ms)
        runtimes = []
        for _ in range(2):
            workspaces = Workspaces()
            workspaces.add_site("w", "site", "main")
            workspaces.swap("w", "main", program)
            ids = Ids(clock)
            runtimes.append(
                Runtime(store=store, clock=clock, ids=ids, secret=SECRET, workspaces=workspaces)
            )
            stack.push_async_callback(runtimes[-1].stop)
        shop = Shop(runtimes, clock, borne)
        await shop.come()
        for at_ms in INSTANTS_MS:
            await shop.crowd(at_ms)
        return shop, await held_in(store, "w")


async def test_two_hundred_tasks_at_once_approach_a_visitor_once(
    tmp_path: Path, outcome: Outcome
) -> None:
    shop, held = await crowded(tmp_path)
    again = withdrawn_twice(held)
    outcome.acked = shop.events
    outcome.lost = shop.events - sum(held.events.values())
    outcome.doubled = len(over_the_cap(held)) + len(again)
    conflicts = sum(runtime.stats()["conflicts"] for runtime in shop.runtimes)
    outcome.notes = f"{conflicts:.0f} conflicts, {len(as_due(held))} of {SESSIONS} as due"
    assert (outcome.lost, over_the_cap(held), again, held.breaks) == (0, [], [], [])
    assert max(held.events.values()) == 1
    assert len(as_due(held)) == SESSIONS
    assert conflicts


async def test_the_control_in_one_process_approaches_visitors_twice(
    tmp_path: Path, outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in unsafe_worker.stores():
        monkeypatch.setattr(kind, "commit", kind.commit)
    unsafe_worker.no_cas()
    unsafe_worker.no_cap_check()
    # A worker notices when the store gives its messages other places than it did.
    _, held = await crowded(tmp_path, AssertionError)
    twice = over_the_cap(held)
    outcome.control = f"no_cas, no_cap_check: {len(twice)} approached twice"
    assert twice
