"""One simulated deployment from its seed: workers, visitors, faults; it runs to its end or to what is broken."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from hashlib import sha256
from random import Random
from typing import Any, cast

from engine.causes import Cause
from engine.errors import StoreUnavailable
from server.sockets.connection import Rejected
from tests.simulation.actors import AGAIN_S, Actors
from tests.simulation.breaches import Broken
from tests.simulation.invariants import ALWAYS, FINALLY, Scene
from tests.simulation.ledger import Ledger
from tests.simulation.loop import VirtualLoop, context_of
from tests.simulation.mutants import Weakness
from tests.simulation.options import Options, usual
from tests.simulation.programs import programs
from tests.simulation.replicated import Replicated
from tests.simulation.retelling import Retelling
from tests.simulation.steps import Step, chance_of
from tests.simulation.visitors import Tab, Visitor
from tests.simulation.workers import Worker

STEP_MS = (1, 20, 200, 700, 1_500)
WAIT_MS = (2_000, 3_500)
END_S = 25
"""How long a world is given at its end to bring everything in order, in seconds of its own time."""

READ_ROUNDS_MAX = 5
"""How often tabs that read on say what they have shown: a message may bring one more, up to the caps."""


class World:
    """A deployment and its visitors on one loop."""

    def __init__(self, seed: int, options: Options, weak: Weakness) -> None:
        self.seed = seed
        self.options = options
        self.loop = VirtualLoop(Random(f"turns {seed}") if options.shuffles else None)
        self._digest = sha256()
        self.server = Replicated(self.loop, options, weak, self.trace)
        self.ledger = Ledger()
        self.retelling = Retelling({p.version: p for p in programs()}, self.server.profiles)
        self.server.on_broken = self.fail
        self.server.on_fail_over = self.retelling.reset
        self.program = programs()[0]
        self.workers: list[Worker] = []
        self.visitors = [Visitor(n, self.server.now_ms) for n in range(options.visitors)]
        self.failure: Exception | None = None
        self.step = -1
        self.crashes = 0
        self.actors = Actors(self)
        self.is_ended = False

    # ---- what happened

    def trace(self, line: str) -> None:
        """Add a line to what names the run."""
        self._digest.update(f"{self.loop.time():.6f} {line}\n".encode())

    def fail(self, error: Exception) -> None:
        """Keep the first thing that is broken."""
        if self.failure is None and not self.is_ended:
            self.failure = error
            self.trace(f"broken {error}")

    # ---- workers

    @property
    def living(self) -> list[Worker]:
        """Return the workers that did not die, paused ones too."""
        return [worker for worker in self.workers if not worker.is_dead]

    def any_worker(self, random: Random) -> Worker | None:
        """Choose a worker that takes requests."""
        ready = [worker for worker in self.living if worker.is_ready]
        return random.choice(ready) if ready else None

    def start_worker(self) -> None:
        """Begin one more worker, with the rules that are live."""
        owner = len(self.workers) + 1
        context = context_of(owner)
        worker = context.run(Worker, self.server, owner, self.program, self.seed)
        worker.on_told = self._note_told
        self.workers.append(worker)
        self.ask(worker, worker.serve(), lambda _: None)

    def crash(self, worker: Worker, restart_s: float) -> None:
        """Let a worker die between two of its turns: nothing of it runs any more."""
        self.trace(f"crash {worker.owner}")
        self.crashes += 1
        worker.is_dead = True
        self.loop.pause(worker.owner)
        # Its sockets are missed when its lease ends.
        self.loop.later(3.0, setattr, worker.remote.view, "_closed", True)
        self.loop.later(restart_s, self.start_worker)
        for visitor in self.visitors:
            for tab in visitor.tabs:
                if tab.socket is not None and tab.socket.worker is worker:
                    tab.socket.is_over = True
                    tab.socket = None

    def pause(self, worker: Worker, pause_s: float) -> None:
        """Give a worker no turns for a while."""
        if not self.loop.is_paused(worker.owner):
            self.loop.pause(worker.owner)
            self.loop.later(pause_s, self._resume, worker)

    def _resume(self, worker: Worker) -> None:
        if not worker.is_dead:
            self.loop.resume(worker.owner)

    # ---- requests

    def ask(self, worker: Worker, work: Awaitable[Any], then: Callable[[Any], None]) -> None:
        """Let a worker do something; `then` takes its answer when there is one."""
        self._begin(worker, work, then, lambda: None)

    def ask_until(
        self,
        random: Random,
        work: Callable[[Worker], object],
        then: Callable[[Any], None],
        attempts: int,
    ) -> None:
        """Ask any worker, and again elsewhere when it could not do it."""
        worker = self.any_worker(random)

        def again() -> None:
            if attempts > 1 and not self.is_ended:
                self.loop.later(AGAIN_S, self.ask_until, random, work, then, attempts - 1)

        if worker is None:
            again()
        else:
            self._begin(worker, cast("Awaitable[Any]", work(worker)), then, again)

    def _begin(
        self,
        worker: Worker,
        work: Awaitable[Any],
        then: Callable[[Any], None],
        again: Callable[[], None],
    ) -> None:
        def ended(task: asyncio.Task[Any]) -> None:
            if task.cancelled() or self.is_ended:
                return
            error = task.exception()
            if isinstance(error, StoreUnavailable):
                again()
            elif isinstance(error, Exception) and not isinstance(error, Rejected):
                self.fail(error)
            elif error is None:
                self._take_answer(then, task.result())

        made = self.loop.create_task(
            cast("Coroutine[Any, Any, Any]", work), context=context_of(worker.owner)
        )
        made.add_done_callback(ended, context=context_of(0))

    def _take_answer(self, then: Callable[[Any], None], answer: object) -> None:
        try:
            then(answer)
        except Broken as error:
            self.fail(error)

    def _note_told(self, cause: Cause) -> None:
        self.ledger.told.add(cause.id)
        visitor = next((v for v in self.visitors if cause.visitor in v.ids), None)
        if visitor is not None and visitor.erased_s is not None:
            return
        try:
            self.ledger.tell(cause.id, cause.visitor, self.server.caught_up())
        except Broken as error:
            self.fail(error)

    # ---- looking

    def client_ms(self, random: Random) -> int:
        """Return what a browser says the time is."""
        return self.server.now_ms() - random.choice((0, 0, 0, 30, 2_000))

    def sessions_of(self, visitor: Visitor) -> set[str]:
        """Name the sessions of a person, as the store has them now."""
        records = self.server.primary.state.tables.sessions.get("w", {}).values()
        return {record.session for record in records if record.visitor in visitor.ids}

    def check(self, invariants: Sequence[Callable[[Scene], None]]) -> None:
        """Look whether everything holds.

        Raises:
            Exception: what is broken.
        """
        scene = Scene(
            self.server.primary, self.ledger, self.retelling, self.visitors, self.server.now_ms()
        )
        if self.failure is None:
            for invariant in invariants:
                invariant(scene)
        if self.loop.failures:
            raise Broken("engine", self.loop.failures[0])
        if self.failure is not None:
            raise self.failure

    @property
    def trace_hash(self) -> str:
        """Name what happened so far."""
        return self._digest.hexdigest()[:16]

    # ---- the run

    async def run(self, steps: Sequence[Step]) -> None:
        """Begin, take the steps, and bring everything in order."""
        for _ in range(self.options.workers):
            self.start_worker()
        await asyncio.sleep(1.0)
        for step in steps:
            self.step = step.number
            random = chance_of(self.seed, step)
            self.server.chance = Random(f"network {self.seed} {step.number}")
            self.trace(step.kind)
            self.actors.act(step.kind, random)
            pause_ms = random.choice(WAIT_MS if step.kind == "wait" else STEP_MS)
            await asyncio.sleep(pause_ms / 1_000)
            self.check(ALWAYS)
        await self._end()

    async def _end(self) -> None:
        """Turn the faults off, let everybody send what is left and read what there is, and look."""
        random = Random(f"end {self.seed}")
        self.server.options = usual(self.options)
        self.server.mend()
        for worker in self.living:
            self._resume(worker)
        await asyncio.sleep(4.0)
        until_s = self.loop.time() + END_S
        while self.loop.time() < until_s:
            tabs = [tab for visitor in self.visitors for tab in visitor.tabs if tab.pending]
            for tab in tabs:
                self.actors.send(tab, random, everything=True)
            await asyncio.sleep(3.0)
            self.check(ALWAYS)
            if not tabs and not any(self.server.primary.state.tables.causes):
                break
        await self._read_all(random)
        for _ in range(30):
            # What was asked for a moment ago is still under way.
            if not any(self.server.primary.state.tables.causes):
                break
            await asyncio.sleep(0.35)
        self.check(FINALLY)

    async def _read_all(self, random: Random) -> None:
        """Let every tab that ever read read on, elsewhere, until nothing is left to be sent."""
        reading: list[Tab] = [
            tab for visitor in self.visitors for tab in visitor.tabs if tab.has_begun
        ]
        for tab in reading:
            tab.ref = tab.read_ref
            self.actors.attach(tab, random)
        await asyncio.sleep(2.0)
        for _ in range(READ_ROUNDS_MAX):
            for tab in reading:
                self.actors.send(tab, random, everything=True)
            await asyncio.sleep(2.0)
            # What was sent may bring a message, whose display is to be told too.
            if not any(tab.pending for tab in reading):
                break

    async def clean_up(self) -> None:
        """End every task, also those of the dead; nothing of this is part of the run."""
        self.is_ended = True
        for worker in self.workers:
            worker.remote.is_dead = True
            self.loop.resume(worker.owner)
        for _ in range(20):
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            if not tasks:
                return
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=5)
