"""The visitors of a simulated site: tabs that queue events until they are answered, and sockets that resume."""

from collections.abc import Callable
from random import Random
from types import SimpleNamespace
from typing import cast

from engine.events import Event
from engine.message import Item, Message
from engine.stores.base import SessionRef
from server.services import Services
from server.sockets.delivery import Delivery
from server.wire.sockets import Resume
from tests.simulation.breaches import hold
from tests.simulation.workers import Worker

PAGES = ("/pricing", "/pricing", "/pricing", "/cart", "/cart", "/about")


class Tab:
    """One page load: its events and its reading position, both as the widget keeps them."""

    def __init__(self, visitor: "Visitor", load: str) -> None:
        self.visitor = visitor
        self.load = load
        self.alias = visitor.alias
        self.number = 0
        self.pending: list[Event] = []
        self.answered: list[Event] = []
        self.ref: SessionRef | None = None
        self.read_ref: SessionRef | None = None
        self.epoch = ""
        self.offset = 0
        self.seen: dict[str, Item] = {}
        self.socket: Socket | None = None
        self.has_begun = False

    def event(self, name: str, at_ms: int, **given: object) -> Event:
        """Make the tab's next event, which it keeps until it is answered."""
        self.number += 1
        event = Event(
            f"{self.load}-{self.number}",
            name,
            at_ms,
            self.load,
            sequence=self.number,
            **given,  # type: ignore[arg-type]
        )
        self.pending.append(event)
        return event

    def note_answered(self, events: tuple[Event, ...]) -> None:
        """Forget events that were answered with success."""
        names = {event.id for event in events}
        self.pending = [event for event in self.pending if event.id not in names]
        self.answered = [*self.answered, *events][-4:]

    def batch(self, random: Random) -> tuple[Event, ...]:
        """Choose what is sent now: all, in any order, a part, or with what was answered before."""
        events = list(self.pending)
        if random.random() < 0.2:
            random.shuffle(events)
        if random.random() < 0.2:
            events = events[: random.randint(0, len(events))]
        if self.answered and random.random() < 0.2:
            events.append(random.choice(self.answered))
        return tuple(events[:20])

    # ---- reading

    def greet(self, ref: SessionRef, epoch: str, *, is_recovered: bool) -> None:
        """Learn where the reading goes on; without recovery it starts over."""
        if ref != self.read_ref or not is_recovered:
            self.seen = {}
            self.offset = 0
        self.read_ref, self.epoch, self.has_begun = ref, epoch, True

    def take(self, item: Item, epoch: str) -> None:
        """Show what comes; the same id again is not shown again (R10)."""
        if epoch != self.epoch:
            self.epoch, self.offset = epoch, 0
        is_next = item.offset > self.offset or item.id in self.seen
        hold("R10", that=is_next, else_say=f"{item.id} came at {item.offset}, after {self.offset}")
        self.offset = max(self.offset, item.offset)
        if item.id not in self.seen:
            self.seen[item.id] = item
            self.visitor.show(self, item)


class Visitor:
    """A browser of a person: one session id of its own for its tabs."""

    def __init__(self, number: int, now_ms: Callable[[], int]) -> None:
        self.number = number
        self.id = f"vis_{number}"
        self.alias = f"browser-{number}"
        self.tabs = [Tab(self, f"page{number:02d}0{letter}") for letter in "ab"]
        self.user = ""
        self.known = ""
        self.erased_s: float | None = None
        self.is_merging = False
        self.is_linked = False
        self.merge_sessions: set[str] = set()
        self.words = 0
        self.pages = 0
        self.calls: list[str] = []
        # By session and engagement epoch: the ids of the proactive messages that came on a screen.
        self.shown: dict[tuple[str, int], set[str]] = {}
        self._now_ms = now_ms

    @property
    def ids(self) -> tuple[str, ...]:
        """Return the visitor's id and that of who they turned out to be."""
        return (self.id, self.known) if self.known else (self.id,)

    def open_elsewhere(self, tab: Tab) -> None:
        """Put a page of another browser in the place of one of this."""
        self.pages += 1
        fresh = Tab(self, f"page{self.number:02d}{self.pages:02d}")
        fresh.alias = f"{self.alias}-{self.pages}"
        self.tabs[self.tabs.index(tab)] = fresh

    def show(self, tab: Tab, item: Item) -> None:
        """Show a message; a proactive one is reported as displayed."""
        if isinstance(item, Message) and item.kind == "proactive" and tab.read_ref is not None:
            self.shown.setdefault((tab.read_ref.session, item.epoch), set()).add(item.id)
            tab.event("message_displayed", self._now_ms(), properties={"message_id": item.id})

    def buttons(self) -> list[tuple[Tab, Message]]:
        """List the messages on screens that have buttons."""
        return [
            (tab, item)
            for tab in self.tabs
            for item in tab.seen.values()
            if isinstance(item, Message) and item.replies
        ]


class Socket(Delivery):
    """A socket of a tab at a worker: the server's own delivery, with the tab in the place of the wire."""

    def __init__(
        self, worker: Worker, ref: SessionRef, tab: Tab, fail: Callable[[Exception], None]
    ) -> None:
        services = SimpleNamespace(runtime=worker.runtime)
        super().__init__(cast("Services", services), ref, self._show)  # type: ignore[arg-type]  # no frames
        self.worker = worker
        self.tab = tab
        self._fail = fail
        self.is_over = False

    async def serve(self) -> None:
        """Greet, send what was missed, and go on until the tab or the worker is gone."""
        tab, ref = self.tab, self._ref
        goes_on = tab.has_begun and tab.read_ref == ref
        resume = Resume(tab.epoch, tab.offset) if goes_on else None
        async with self.turn:
            pulled, missed = await self.begin(resume)
            if self.is_over:
                return
            tab.greet(ref, pulled.epoch, is_recovered=resume is not None and pulled.recovered)
            await self.send(missed)
            self.offset = max(self.offset, pulled.offset)
        await self.run()

    def _frame(self, item: Item) -> Item:  # type: ignore[override]  # nothing is written on a wire
        return item

    async def _show(self, item: Item) -> None:
        if self.is_over:
            return
        try:
            self.tab.take(item, self.epoch)
        except Exception as error:  # noqa: BLE001  # what is wrong is for the world to tell
            self._fail(error)
