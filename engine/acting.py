"""One step taken for somebody: committed, then told to whoever listens. What the async shell stands on."""

from collections.abc import Callable, Sequence

from engine.causes import Cause, encode_cause
from engine.clock import Clock
from engine.commits import Prepared
from engine.errors import StoreUnavailable
from engine.events import Event
from engine.finder import Finder
from engine.ids import Ids
from engine.intake import admit_events, first_new_ms
from engine.limits import OVERDUE_WAKES_MAX
from engine.listeners import Listeners
from engine.openings import view_of
from engine.profile import Profile
from engine.runtime_types import SessionView
from engine.session import Session
from engine.step import Arrived, Woke
from engine.stepper import Done, Moment, Opens, Prepare, Stepper
from engine.stores.base import SessionRef, Store, StoredCause
from engine.transcripts import Transcripts
from engine.wake_loop import WakeLoop
from engine.workspace import Workspaces
from rules.compiler.program import Program


class Acting:
    """Takes steps of sessions over one store, wake-ups too, and tells what came of them."""

    def __init__(
        self, *, store: Store, clock: Clock, ids: Ids, secret: bytes, workspaces: Workspaces
    ) -> None:
        """Serve from `store` under the rules of `workspaces`; `secret` (>= 32 bytes) signs ids."""
        worker = ids.make("wkr")
        self._store = store
        self._clock = clock
        self._ids = ids
        self._secret = secret
        self.workspaces = workspaces
        self._stepper = Stepper(store, clock, workspaces, secret, worker)
        self._finder = Finder(store, clock, ids, secret, self._stepper)
        self._listeners = Listeners(store, worker)
        self._wakes = WakeLoop(store, self._wake)
        self._transcripts = Transcripts(store, self._stepper, self._act)
        self._hearers: list[Callable[[Cause], None]] = []
        self._touched: Callable[[SessionRef], None] | None = None
        self.agents_online: Callable[[str], int] = _nobody
        self._counts = {"events": 0, "duplicates": 0, "messages": 0, "wakes": 0, "unavailable": 0}

    async def start(self) -> None:
        """Begin to take wake-ups, the ones that fell due meanwhile first."""
        self._wakes.start()

    async def stop(self) -> None:
        """Take no more wake-ups, end those under way, and close the store."""
        await self._wakes.stop()
        await self._store.close()

    async def take_due(self) -> int | None:
        """Take the wake-ups that are due now; returns the milliseconds until the next, None for none.

        `start` does this by itself; a caller on a clock of its own does it by hand.
        """
        return await self._wakes.take_due()

    # ---- looking

    async def read(self, ref: SessionRef) -> tuple[Session, Profile, Program] | None:
        """Look inside a session as it is now, without changing it; None when there is none."""
        found = await self._stepper.read(ref)
        return None if found is None else (found[0].session, found[0].profile, found[1])

    async def view(self, ref: SessionRef) -> SessionView | None:
        """Show a session; None when there is none."""
        found = await self._stepper.read(ref)
        if found is None:
            return None
        hot, program = found
        return view_of(program, ref, hot.session, self._listeners.count(ref), self._clock.now_ms())

    # ---- who hears of it

    async def tell(self, causes: Sequence[Cause]) -> None:
        """Tell what belongs to no session's commit, once it is kept."""
        kept = [StoredCause(c.id, c.workspace, c.visitor, encode_cause(c)) for c in causes]
        await self._store.keep_causes(kept)
        self._spread(causes)

    def on_cause(self, hear: Callable[[Cause], None]) -> None:
        """Call `hear` with each cause when it is durable, those of one session in their order."""
        self._hearers.append(hear)

    def on_touch(self, hear: Callable[[SessionRef], None] | None) -> None:
        """Call `hear` after each commit of a session; None: nobody."""
        self._touched = hear

    # ---- one step

    async def _act(
        self,
        ref: SessionRef,
        prepare: Prepare,
        opens: Opens | None = None,
    ) -> Done | None:
        try:
            done = await self._stepper.act(ref, prepare, opens)
        except StoreUnavailable:
            self._counts["unavailable"] += 1
            raise
        if done is None:
            return None
        if done.effect.items:
            self._counts["messages"] += len(done.effect.messages)
            self._listeners.hint(ref)
        if done.effect.causes:
            self._spread(done.effect.causes)
        if self._touched is not None:
            self._touched(ref)
        return done

    def _spread(self, causes: Sequence[Cause]) -> None:
        for cause in causes:
            for hear in self._hearers:
                hear(cause)

    def _arrival(self, ref: SessionRef, at: Moment, events: Sequence[Event]) -> Prepared:
        """Prepare events for their step: the repeated ones left out."""
        admission = admit_events(at.session, events, at.now_ms, at.repeated)
        online = self.agents_online(ref.workspace)
        given = Arrived(at.now_ms, admission.events, online) if admission.events else None
        return Prepared(given, admission.seen, admission.duplicates)

    async def _wake(self, ref: SessionRef, due_ms: int, at_ms: int | None = None) -> None:
        """Take one wake-up of a session, at `at_ms` or now, never before it is due."""

        def prepare(at: Moment) -> Prepared:
            session = at.session
            if not 0 <= session.wake_ms <= at.now_ms:
                return Prepared(None)
            instant = at.now_ms if at_ms is None else min(at_ms, at.now_ms)
            instant = max(instant, session.wake_ms, session.state.clock_ms)
            online = self.agents_online(ref.workspace)
            return Prepared(Woke(instant, session.wake_ms, online), fired_ms=session.wake_ms)

        self._counts["wakes"] += 1
        await self._act(ref, prepare)

    async def _take_overdue(self, ref: SessionRef, events: Sequence[Event]) -> None:
        """Take the wake-ups that were due strictly before the first new event.

        On time they were taken already; this is for the moments in which the loop is behind.
        """
        for _ in range(OVERDUE_WAKES_MAX):
            session = self._stepper.session_in_hand(ref) or await self._stepper.peek(ref)
            if session is None or not 0 <= session.wake_ms < self._clock.now_ms():
                return
            first_ms = first_new_ms(session, events)
            if first_ms is None or session.wake_ms >= first_ms:
                return
            await self._wake(ref, session.wake_ms, first_ms - 1)


def _nobody(_: str) -> int:
    """Count agents where nothing counts them."""
    return 0
