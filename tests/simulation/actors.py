"""What a step does in the world: visitors act, callers call, and machines fail."""

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from engine.identity import known_visitor, link_user
from engine.message import Message
from engine.runtime_types import ClientContext, Draft
from engine.stores.base import SessionRef
from tests.engine.world import SECRET
from tests.simulation.programs import programs
from tests.simulation.visitors import PAGES, Socket, Tab
from tests.simulation.workers import Worker

if TYPE_CHECKING:
    from tests.simulation.world import World

AGAIN_S = 0.4
"""How long a caller waits before it asks again."""
ATTEMPTS_MAX = 6


class Actors:
    """Carries steps out; everything that is drawn comes from the step's own chance."""

    def __init__(self, world: "World") -> None:
        self._world = world

    def act(self, kind: str, random: Random) -> None:
        """Let one thing happen."""
        visitor = random.choice(self._world.visitors)
        tab = random.choice(visitor.tabs)
        does: Callable[[Tab, Random], None] = getattr(self, f"_{kind}")
        does(tab, random)

    # ---- a visitor

    def _view(self, tab: Tab, random: Random) -> None:
        url = f"https://sim.test{random.choice(PAGES)}"
        tab.event("view", self._world.client_ms(random), url=url)
        if random.random() < 0.8:
            self.send(tab, random)

    def _cart(self, tab: Tab, random: Random) -> None:
        name = random.choice(("add_to_cart", "add_to_cart", "checkout_start"))
        tab.event(name, self._world.client_ms(random))
        self.send(tab, random)

    def _scroll(self, tab: Tab, random: Random) -> None:
        tab.event(random.choice(("activity", "hide", "show")), self._world.client_ms(random))
        self.send(tab, random)

    def _hold(self, tab: Tab, random: Random) -> None:
        """Do something that is sent only later, behind what comes after it."""
        tab.event("activity", self._world.client_ms(random))

    def _send(self, tab: Tab, random: Random) -> None:
        self.send(tab, random)

    def _wait(self, _: Tab, __: Random) -> None:
        """Do nothing, for longer than usual."""

    def _device(self, tab: Tab, _: Random) -> None:
        """Go on in another browser of the same visitor: a page of its own, and a session beside the first."""
        self.drop(tab)
        tab.visitor.open_elsewhere(tab)

    def send(self, tab: Tab, random: Random, *, everything: bool = False) -> None:
        """Send what a tab has to say to any worker."""
        events = tuple(tab.pending[:20]) if everything else tab.batch(random)
        worker = self._world.any_worker(random)
        if not events or worker is None:
            return
        visitor, alias = tab.visitor, tab.alias

        async def track() -> SessionRef:
            ref = await worker.runtime.resolve("w", "site", alias, visitor.id)
            await worker.runtime.track(ref, "site", list(events), ClientContext())
            return ref

        def answered(ref: SessionRef) -> None:
            tab.ref = ref
            tab.note_answered(events)
            names = tuple(event.id for event in events)
            self._world.ledger.answered(visitor, names, self._world.server.caught_up())

        self._world.ask(worker, track(), answered)

    def _attach(self, tab: Tab, random: Random) -> None:
        self.attach(tab, random)

    def attach(self, tab: Tab, random: Random) -> None:
        """Open a socket at any worker, in the place of the one before."""
        worker, ref = self._world.any_worker(random), tab.ref
        if worker is None or ref is None:
            return
        self.drop(tab)
        socket = tab.socket = Socket(worker, ref, tab, self._world.fail)
        self._world.ask(worker, socket.serve(), lambda _: None)

    def _drop(self, tab: Tab, _: Random) -> None:
        self.drop(tab)

    def drop(self, tab: Tab) -> None:
        """Let a tab's socket break; its worker notices, unless it is dead."""
        socket, tab.socket = tab.socket, None
        if socket is None:
            return
        socket.is_over = True
        self._world.ask(socket.worker, socket.end([tab.load]), lambda _: None)

    def _words(self, tab: Tab, random: Random) -> None:
        visitor, ref = tab.visitor, tab.ref
        if ref is None:
            return
        visitor.words += 1
        name = f"v{visitor.number}w{visitor.words}"

        def answered(message: object) -> None:
            if isinstance(message, Message):
                safe = self._world.server.caught_up()
                self._world.ledger.answered(visitor, (f"say:{name}",), safe)

        def say(worker: Worker) -> object:
            return worker.runtime.say(ref, f"words {name}", name)

        self._world.ask_until(random, say, answered, ATTEMPTS_MAX)

    def _click(self, tab: Tab, random: Random) -> None:
        buttons, ref = tab.visitor.buttons(), tab.read_ref
        if not buttons or ref is None:
            return
        clicked, message = random.choice(buttons)
        value = random.choice(message.replies).value
        where = clicked.read_ref or ref

        def click(worker: Worker) -> object:
            return worker.runtime.click(where, message.id, value)

        self._world.ask_until(random, click, lambda _: None, ATTEMPTS_MAX)

    # ---- a caller of the API

    def _offer(self, tab: Tab, random: Random) -> None:
        ref, visitor = tab.ref, tab.visitor
        if ref is None:
            return
        if not visitor.calls or random.random() < 0.7:
            visitor.calls.append(f"call-{visitor.number}-{len(visitor.calls)}")
        name = random.choice(visitor.calls[-2:])
        draft = Draft("An offer", expires_in_ms=random.choice((3_000, 120_000)))

        def offer(worker: Worker) -> object:
            return worker.runtime.offer(ref, draft, name)

        self._world.ask_until(random, offer, lambda _: None, ATTEMPTS_MAX)

    def _close(self, tab: Tab, random: Random) -> None:
        ref = tab.ref
        if ref is not None:
            self._world.ask_until(
                random, lambda worker: worker.runtime.close_session(ref, "api"), lambda _: None, 3
            )

    def _merge(self, tab: Tab, random: Random) -> None:
        visitor = tab.visitor
        visitor.user = f"user-{visitor.number % 2}"
        people = [v for v in self._world.visitors if v.user == visitor.user]
        if any(one.erased_s is not None for one in people):
            return
        visitor.known = known_visitor(SECRET, "w", visitor.user)
        visitor.is_merging = True
        visitor.merge_sessions |= self._world.sessions_of(visitor)

        def merge(worker: Worker) -> object:
            return link_user(worker.store, "w", visitor.user, visitor.known, visitor.id)

        def merged(is_linked: object) -> None:
            visitor.is_merging = False
            visitor.is_linked |= bool(is_linked)
            visitor.merge_sessions |= self._world.sessions_of(visitor)

        self._world.ask_until(random, merge, merged, ATTEMPTS_MAX)

    def _erase(self, tab: Tab, random: Random) -> None:
        visitor = tab.visitor
        everybody = [v for v in self._world.visitors if set(v.ids) & set(visitor.ids)]
        # While a merge is under way nobody knows whether it comes before or after; a refused one joins nobody.
        is_known = not any(one.is_merging for one in everybody)
        person = [one for one in everybody if one.is_linked] if is_known else []
        for one in everybody:
            one.erased_s = self._world.loop.time()
            self._world.ledger.release(one)

        def erased(at_ms: object) -> None:
            if at_ms is not None:
                ids = {name for one in person for name in one.ids} if visitor in person else set()
                self._world.ledger.erase(visitor, ids | {visitor.id})

        self._world.ask_until(
            random, lambda worker: worker.custody.erase("w", visitor.id), erased, ATTEMPTS_MAX
        )

    def _publish(self, _: Tab, random: Random) -> None:
        program = self._world.program = random.choice(programs())
        for worker in self._world.living:
            delay_s = random.uniform(0, 0.5)
            self._world.loop.later(delay_s, worker.swap, program, owner=worker.owner)

    # ---- machines

    def _crash(self, _: Tab, random: Random) -> None:
        worker = self._world.any_worker(random)
        if worker is not None:
            self._world.crash(worker, random.uniform(0.2, 2.0))

    def _pause(self, _: Tab, random: Random) -> None:
        worker = self._world.any_worker(random)
        if worker is not None:
            self._world.pause(worker, random.uniform(0.5, 3.5))

    def _set_clock(self, _: Tab, random: Random) -> None:
        """Let a worker's clock fall behind, as after a sleep of its machine."""
        worker = self._world.any_worker(random)
        if worker is not None:
            worker.fall_behind(random.choice((50, 500, 5_000)))

    def _fail_over(self, _: Tab, random: Random) -> None:
        """Let people talk while the replica hears nothing, maybe a worker die, and the replica take over."""
        server = self._world.server
        server.cut()
        for visitor in self._world.visitors:
            self._words(visitor.tabs[0], random)
        if random.random() < 0.3:
            self._crash(self._world.visitors[0].tabs[0], random)
        self._world.loop.later(random.uniform(0, 1.5), server.fail_over, random.uniform(0.05, 0.8))

    def _blackhole(self, _: Tab, random: Random) -> None:
        server = self._world.server
        server.cut()
        self._world.loop.later(random.uniform(0.1, 3.0), server.mend)

    def _two_owners(self, _: Tab, __: Random) -> None:
        """Let every partition be free while its owner believes to have it."""
        state = self._world.server.primary.state
        for worker in self._world.living:
            state.workers.leave(worker.runtime.worker)
