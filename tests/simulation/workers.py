"""One worker of the simulated deployment: the engine as a server assembles it, over its own way to the store."""

from collections.abc import Callable, Sequence
from random import Random
from typing import cast

from engine.causes import Cause, Said
from engine.clock import StoreClock
from engine.conversations.agent_sessions import AgentSessions
from engine.conversations.bookings import Bookings
from engine.conversations.desk import Desk
from engine.conversations.orders import Post
from engine.conversations.voice import Voice
from engine.custody import Custody
from engine.feeds import LiveFeed
from engine.identity import carry_spend
from engine.ids import Ids, derived_id
from engine.outbox.outbox import Outbox
from engine.runtime import Runtime
from engine.stores.base import Delivery, SessionRef, Store
from engine.workspace import Workspaces
from rules.compiler.program import Program
from server.store_time import follow_store_time
from tests.engine.world import SECRET
from tests.simulation.loop import OWNER, VirtualLoop
from tests.simulation.replicated import START_MS, Replicated
from tests.simulation.unreliable import UnreliableStore

ENDPOINT = "whk_1"


class Worker:
    """A process: `owner` marks its callbacks on the loop. Make and use it in its own context."""

    def __init__(self, server: Replicated, owner: int, program: Program, seed: int) -> None:
        chance = Random(f"worker {seed} {owner}")
        self.owner = owner
        self.loop: VirtualLoop = server.loop
        self.is_ready = False
        self.is_dead = False
        self.on_told: Callable[[Cause], None] | None = None
        self.remote = UnreliableStore(server, owner)
        self.store = cast("Store", self.remote)
        self._base_ms = START_MS + chance.randrange(100_000)
        self.clock = StoreClock(server.now_ms(), self._monotonic_ms)
        workspaces = Workspaces()
        workspaces.add_site("w", "site", "main")
        workspaces.swap("w", "main", program)
        self.workspaces = workspaces
        ids = Ids(self.clock, chance.randbytes)
        self.runtime = Runtime(
            store=self.store, clock=self.clock, ids=ids, secret=SECRET, workspaces=workspaces
        )
        self.remote.stepper = self.runtime._stepper
        self.outbox = Outbox(self.store)
        self.feed = LiveFeed(self.store)
        self.custody = self._custody()
        self._connect()

    async def serve(self) -> None:
        """Begin as a server's lifespan does, and look after the clock as it does."""
        assert OWNER.get() == self.owner, "a worker runs in its own context"
        await self.runtime.start()
        self.outbox.start()
        self.feed.start()
        self.is_ready = True
        await follow_store_time(self.store, self.clock)

    def swap(self, program: Program) -> None:
        """Bring other rules into force."""
        self.workspaces.swap("w", "main", program)

    def fall_behind(self, by_ms: int) -> None:
        """Let the machine's clock have stood still for a while."""
        self._base_ms -= by_ms

    def _monotonic_ms(self) -> int:
        return self._base_ms + int(self.loop.time() * 1_000)

    def _connect(self) -> None:
        runtime, outbox = self.runtime, self.outbox
        runtime.on_kept(outbox.hear)
        runtime.ownership.on_change(outbox.change)
        runtime.hear_feeds(self.feed)
        self.feed.worker = runtime.worker
        self.remote.on_work = outbox.look
        outbox.add_hearer(self.feed.publish)
        outbox.add_hearer(self._note)
        outbox.plan_deliveries(plan)
        outbox.on_follow_up("answer", self._answer)
        outbox.on_follow_up("spend", self._carry)

    async def _note(self, cause: Cause) -> None:
        if self.on_told is not None:
            self.on_told(cause)

    async def _answer(self, cause: Cause) -> None:
        """Answer as an assistant does: its words have an id of their own, so twice is once."""
        ref = SessionRef(cause.workspace, cause.visitor, cause.session)
        name = derived_id("msg", SECRET, "answer", cause.id)
        await self.runtime.post(ref, Post(name, "assistant", "It depends."))

    async def _carry(self, cause: Cause) -> None:
        await carry_spend(self.store, cause.workspace, cause.visitor)

    def _custody(self) -> Custody:
        store, runtime, clock = self.store, self.runtime, self.clock
        return Custody(
            store=store,
            runtime=runtime,
            clock=clock,
            secret=SECRET,
            bookings=Bookings(store, runtime, clock, SECRET, {}),
            voice=Voice(store, clock, {}),
            desk=Desk(store, runtime, clock, {}),
            agent_sessions=AgentSessions(store),
        )


async def plan(cause: Cause) -> Sequence[Delivery]:
    """Let one endpoint be told what is said; the same delivery each time."""
    if not isinstance(cause.body, Said):
        return ()
    return (
        Delivery(
            id=derived_id("dlv", SECRET, cause.id, ENDPOINT),
            cause=cause.id,
            workspace=cause.workspace,
            visitor=cause.visitor,
            session=cause.session,
            endpoint=ENDPOINT,
            event="message.created",
            event_id=cause.id,
            body=b"{}",
            created_ms=cause.at_ms,
            due_ms=cause.at_ms,
        ),
    )
