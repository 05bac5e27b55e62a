"""One step taken for somebody: committed, then told to whoever listens. What the async shell stands on."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from engine.causes import Cause, encode_cause
from engine.clock import Clock
from engine.commits import Prepared
from engine.errors import StoreUnavailable
from engine.events import Event
from engine.finder import Finder
from engine.fleet import Fleet
from engine.hearing import FeedHearer, Hearing
from engine.ids import Ids
from engine.intake import admit_events, first_new_ms
from engine.limits import OVERDUE_WAKES_MAX
from engine.listeners import Fresh, Listeners
from engine.openings import view_of
from engine.ownership import Ownership
from engine.profile import Profile
from engine.resending import EraseAgain, Resending
from engine.runtime_types import SessionView
from engine.session import Session
from engine.step import Arrived, Woke
from engine.stepper import Done, LetGo, Moment, Opens, Prepare, Stepper
from engine.stores.accepted_log import AcceptedLog
from engine.stores.base import SessionRef, Store, StoredCause
from engine.transcripts import Transcripts
from engine.wake_loop import WakeLoop
from engine.workspace import Workspaces
from rules.compiler.program import Program


class KeptHearer(Protocol):
    """Who is told of causes once they are kept; returns at once and raises nothing."""

    def __call__(self, cause: Cause, partition: int, /, *, follows: bool = False) -> None:
        """Take a cause that is kept in a partition.

        Args:
            cause: those of one session come in their order.
            follows: this worker committed what its session told before, too.
        """
        ...


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
        self._finder = Finder(store, clock, ids, secret, stepper=self._stepper, wake=self._wake)
        self._listeners = Listeners(store, worker)
        self._hearing = Hearing(store, worker, self._listeners, self._stepper.note_place)
        self._hearing.on_erased = self.forget
        self._hearing.on_whisper = self._hear_whisper
        self.worker = worker
        self.fleet = Fleet()
        self.ownership = Ownership(store, worker, self.fleet.about)
        self.ownership.on_heard = self.fleet.learn
        self._wakes = WakeLoop(store, self._wake, lambda: self.ownership.mine)
        self.ownership.on_change(self._wakes.change)
        self._transcripts = Transcripts(store, self._stepper, self._listeners, self._act)
        self._hearers: list[KeptHearer] = []
        self._forgetters: list[Callable[[SessionRef], None]] = []
        self._whisper_hearers: list[Callable[[SessionRef, bytes], None]] = []
        self._touched: Callable[[SessionRef], None] | None = None
        self._resending: Resending | None = None
        self.agents_online: Callable[[str], int] = _nobody
        self._counts = {"events": 0, "duplicates": 0, "messages": 0, "wakes": 0, "unavailable": 0}

    def keep_accepted(self, log: AcceptedLog, erase_again: EraseAgain | None = None) -> None:
        """Answer for what is accepted when `log` has it, and send it again when a fail-over lost it.

        `erase_again` removes visitors once more whose erasure was lost.
        """
        self._resending = Resending(
            self._store,
            log,
            self._clock,
            act=partial(self._act, is_new=False),
            take_overdue=self._take_overdue,
            reread=self._stepper.read,
        )
        self._resending.erase_again = erase_again
        self._finder.on_alias = self._resending.keep_alias

    async def start(self) -> None:
        """Begin to take wake-ups, the ones that fell due meanwhile first."""
        self._hearing.start()
        if self._resending is not None:
            await self._resending.start()
        await self.ownership.start()
        self._wakes.start()

    async def stop(self) -> None:
        """Take no more wake-ups, end those under way, and close the store."""
        await self._wakes.stop()
        await self.ownership.stop()
        await self._hearing.stop()
        if self._resending is not None:
            await self._resending.stop()
        await self._store.close()
        if self._resending is not None:
            await self._resending.close()

    async def take_due(self) -> int | None:
        """Take the wake-ups that are due now; returns the milliseconds until the next, None for none.

        `start` does this by itself; a caller on a clock of its own does it by hand.
        """
        return await self._wakes.take_due()

    @property
    def is_shared(self) -> bool:
        """Tell whether other workers may serve the same sessions."""
        return self._store.is_shared

    # ---- looking

    async def read(self, ref: SessionRef) -> tuple[Session, Profile, Program] | None:
        """Look inside a session as it is now, without changing it; None when there is none."""
        found = await self._stepper.read(ref)
        return None if found is None else (found[0].session, found[0].profile, found[1])

    async def view(self, ref: SessionRef) -> SessionView | None:
        """Show a session; None when there is none."""
        return await self._view(ref)

    async def view_in_hand(self, ref: SessionRef) -> SessionView | None:
        """Show a session as this worker knows it; in a shared store another may know it better."""
        return await self._view(ref, in_hand=True)

    async def sockets(self, ref: SessionRef) -> int:
        """Count the sockets of a session, at all workers."""
        if not self._store.is_shared:
            return self._listeners.count(ref)
        (count,) = await self._store.presence((ref,))
        return count

    async def sockets_elsewhere(self, ref: SessionRef) -> int:
        """Count the sockets of a session at other workers."""
        return max(0, await self.sockets(ref) - self._listeners.count(ref))

    async def _view(self, ref: SessionRef, *, in_hand: bool = False) -> SessionView | None:
        found = await self._stepper.read(ref, in_hand=in_hand)
        if found is None:
            return None
        hot, program = found
        return view_of(program, ref, hot.session, await self.sockets(ref), self._clock.now_ms())

    # ---- who hears of it

    async def tell(self, causes: Sequence[Cause]) -> None:
        """Tell what belongs to no session's commit, once it is kept."""
        kept = [StoredCause(c.id, c.workspace, c.visitor, encode_cause(c)) for c in causes]
        await self._store.keep_causes(kept)
        for cause in causes:
            partition = self._store.partition_of(cause.workspace, cause.visitor)
            self._spread((cause,), partition)

    def announce(self, causes: Sequence[Cause]) -> None:
        """Tell causes that were kept with a document of their workspace."""
        for cause in causes:
            self._spread((cause,), self._store.partition_of(cause.workspace))

    def on_cause(self, hear: Callable[[Cause], None]) -> None:
        """Call `hear` with each cause when it is durable, those of one session in their order."""
        self._hearers.append(lambda cause, _, **__: hear(cause))

    def on_kept(self, hear: KeptHearer) -> None:
        """Call `hear` as `on_cause` does, with the partition in which the cause is kept."""
        self._hearers.append(hear)

    def hear_feeds(self, feeds: FeedHearer) -> None:
        """Let `feeds` hear what other workers add to feeds, or show."""
        self._hearing.feeds = feeds

    def on_forget(self, hear: Callable[[SessionRef], None]) -> None:
        """Call `hear` with each session of which nothing is kept any more."""
        self._forgetters.append(hear)

    async def keep_erasure(self, workspace: str, visitors: Sequence[str]) -> None:
        """Keep that visitors were erased, where what is accepted is kept.

        Raises:
            StoreUnavailable: "unknown": it is not kept yet.
        """
        if self._resending is not None:
            for visitor in visitors:
                await self._resending.keep_erasure(workspace, visitor)

    def forget(self, ref: SessionRef) -> None:
        """Let nothing of an erased session stay in memory; its sockets are told to go."""
        self._stepper.forget(ref)
        self._finder.forget(ref.workspace, ref.visitor)
        if self._resending is not None:
            self._resending.forget(ref.workspace, ref.visitor)
        for hear in self._forgetters:
            hear(ref)

    async def whisper(self, ref: SessionRef, body: bytes) -> bool:
        """Tell the sockets of a session at other workers something, kept nowhere; False: there are none."""
        return await self._store.whisper(ref, body)

    def on_whisper(self, hear: Callable[[SessionRef, bytes], None]) -> None:
        """Call `hear` with what other workers tell the sockets of a session."""
        self._whisper_hearers.append(hear)

    def on_touch(self, hear: Callable[[SessionRef], None] | None) -> None:
        """Call `hear` after each commit of a session; None: nobody."""
        self._touched = hear

    # ---- one step

    async def _act(
        self,
        ref: SessionRef,
        prepare: Prepare,
        opens: Opens | None = None,
        *,
        is_new: bool = True,
        let_go: LetGo | None = None,
    ) -> Done | None:
        """Take a step, then tell of it; one that `is_new` is refused when it could not be kept."""
        try:
            if is_new and self._resending is not None:
                prepare = self._resending.guarded(prepare)
            done = await self._stepper.act(ref, prepare, opens, let_go)
            if self._resending is not None and done is not None:
                await self._resending.keep(done, opens)
        except StoreUnavailable:
            # What was committed and is not told here has to be read by whoever tells what follows.
            self._stepper.drop(ref)
            self._counts["unavailable"] += 1
            raise
        if done is None:
            return None
        if done.is_erased:
            self.forget(ref)
            return done
        if done.effect.items or done.is_resync:
            self._counts["messages"] += len(done.effect.messages)
            appended = None if done.is_resync else Fresh(done.epoch, tuple(done.effect.items))
            self._listeners.hint(ref, done.session.offset, appended)
        if done.effect.causes:
            partition = self._store.partition_of(ref.workspace, ref.visitor)
            self._spread(done.effect.causes, partition, follows=done.follows)
        if self._touched is not None:
            self._touched(ref)
        return done

    def _hear_whisper(self, ref: SessionRef, body: bytes) -> None:
        for hear in self._whisper_hearers:
            hear(ref, body)

    def _spread(self, causes: Sequence[Cause], partition: int, *, follows: bool = False) -> None:
        for cause in causes:
            for hear in self._hearers:
                hear(cause, partition, follows=follows)

    def _arrival(self, ref: SessionRef, at: Moment, events: Sequence[Event]) -> Prepared:
        """Prepare events for their step: the repeated ones left out."""
        admission = admit_events(at.session, events, at.now_ms, at.repeated, at.past)
        online = self.agents_online(ref.workspace)
        given = Arrived(at.now_ms, admission.events, online) if admission.events else None
        return Prepared(given, admission.seen, admission.duplicates)

    async def _wake(self, ref: SessionRef, due_ms: int, at_ms: int | None = None) -> None:
        """Take one wake-up of a session, at `at_ms` or now, never before it is due."""

        def prepare(at: Moment) -> Prepared:
            session = at.session
            instant = at.now_ms if at_ms is None else min(at_ms, at.now_ms)
            # Somebody else may have set it anew: what is due later than this instant stays pending.
            if not 0 <= session.wake_ms <= instant:
                return Prepared(None)
            instant = max(instant, session.state.clock_ms)
            online = self.agents_online(ref.workspace)
            return Prepared(Woke(instant, session.wake_ms, online), fired_ms=session.wake_ms)

        self._counts["wakes"] += 1
        if self._store.is_shared:
            known = self._stepper.session_in_hand(ref)
            if known is not None and known.wake_ms != due_ms:
                # Another worker has set it: by what is in memory here it would seem not to be due.
                self._stepper.drop(ref)
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
