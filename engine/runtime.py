"""The async shell: receive, order, deduplicate, decide, commit, deliver. It decides nothing itself.

Every way in ends in `Stepper.act`: one step of the pure core, committed as one atomic step; only then is
anybody told. Wake-ups come from the store and take the same way.
"""

from collections.abc import Callable, Sequence

import msgspec

from engine.clock import Clock
from engine.commits import Prepared
from engine.errors import StoreUnavailable
from engine.events import Event
from engine.finder import Finder
from engine.ids import Ids
from engine.intake import admit_events, first_new_ms
from engine.limits import OVERDUE_WAKES_MAX, TAB_CLOSE_GRACE_MS
from engine.listeners import Listeners
from engine.message import Message, as_known
from engine.offers import Offer
from engine.openings import context_events, first_instant, opening_events, view_of, visitor_status
from engine.pages import fits_page
from engine.runtime_types import (
    Attachment,
    ClientContext,
    Draft,
    Offered,
    Opening,
    Pulled,
    Refused,
    SessionView,
    Tracked,
)
from engine.step import Arrived, Fetched, Handed, TabClosed, Woke
from engine.stepper import Done, Moment, Opens, Prepare, Stepper
from engine.stores.base import SessionRef, Store
from engine.stores.codec import decode_message
from engine.wake_loop import WakeLoop
from engine.workspace import Workspaces


class Runtime:
    """Serves sessions of all workspaces over one store. One event loop uses it."""

    def __init__(
        self, *, store: Store, clock: Clock, ids: Ids, secret: bytes, workspaces: Workspaces
    ) -> None:
        """Serve from `store` under the rules of `workspaces`; `secret` (>= 32 bytes) signs ids."""
        worker = ids.make("wkr")
        self._store = store
        self._clock = clock
        self._ids = ids
        self.workspaces = workspaces
        self._stepper = Stepper(store, clock, workspaces, secret, worker)
        self._finder = Finder(store, clock, ids, secret, self._stepper)
        self._listeners = Listeners(store, worker)
        self._wakes = WakeLoop(store, self._wake)
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

    # ---- finding sessions

    async def resolve(
        self, workspace: str, source: str, alias: str, visitor: str | None
    ) -> SessionRef:
        """Return the live session that a client's own session id stands for; made when there is none."""
        return await self._finder.resolve(workspace, alias, visitor)

    async def find(self, workspace: str, session_id: str) -> SessionRef | None:
        """Return the session of a `chat_…` id or of a client's own id, ended ones too."""
        return await self._finder.find(workspace, session_id)

    async def latest_session(self, workspace: str, visitor: str) -> SessionRef | None:
        """Return a visitor's most recent session that has not ended."""
        return await self._finder.latest(workspace, visitor)

    # ---- what comes in

    async def open(self, opening: Opening) -> SessionView:
        """Make a live chat session, or return the visitor's active one on that site."""
        if opening.visitor:
            known = await self._finder.latest(opening.workspace, opening.visitor, opening.source)
            if known is not None:
                return await self._greet(known, opening, created=False)
        visitor = opening.visitor or self._ids.make("vis")
        ref = SessionRef(opening.workspace, visitor, self._ids.make("chat"))
        return await self._greet(ref, opening, created=True)

    async def track(
        self, ref: SessionRef, source: str, events: Sequence[Event], context: ClientContext
    ) -> Tracked:
        """Fold events of one session and decide once; returns when all of it is durable.

        Raises:
            StoreUnavailable: nothing was half done; the same ids may be sent again.
        """
        if not events:
            return Tracked(0, 0, None)
        await self._take_overdue(ref, events)
        now_ms = self._clock.now_ms()
        opens = Opens(source, first_instant([event.at_ms for event in events], now_ms), context)

        def prepare(at: Moment) -> Prepared:
            told = context_events(at.session, context, at.now_ms)
            admission = admit_events(at.session, (*told, *events), at.now_ms, at.repeated)
            given = Arrived(at.now_ms, admission.events) if admission.events else None
            return Prepared(given, admission.seen, admission.duplicates)

        done = await self._act(ref, prepare, opens)
        assert done is not None, "a session that may be opened exists after its step"
        self._counts["events"] += len(events)
        self._counts["duplicates"] += done.duplicates
        wake_ms = done.session.wake_ms
        return Tracked(
            len(events) - done.duplicates, done.duplicates, wake_ms if wake_ms >= 0 else None
        )

    async def say(self, ref: SessionRef, text: str, client_id: str) -> Message | None:
        """Store what the visitor wrote; None when a message with this `client_id` was stored before."""
        properties: dict[str, object] = {"text": text}
        event_id = self._ids.make("evt")
        if client_id:
            properties["client_id"] = client_id
            event_id = f"say:{client_id}"
        return await self._chat(ref, "visitor_message", event_id, properties)

    async def click(self, ref: SessionRef, message_id: str, value: str) -> Message | None:
        """Take a click on a quick reply; the visitor's message, or None for `dismiss` and second clicks."""
        properties: dict[str, object] = {"message_id": message_id, "value": value}
        event_id = f"click:{message_id}"
        return await self._chat(ref, "reply_clicked", event_id, properties)

    async def offer(self, ref: SessionRef, draft: Draft) -> Offered | Refused:
        """Send a proactive message under the policy, hold it for its moment, or refuse it."""
        sockets = self._listeners.count(ref)
        call_id = self._ids.make("evt")

        def prepare(at: Moment) -> Prepared:
            return Prepared(Offer(at.now_ms, call_id, draft, sockets))

        done = await self._act(ref, prepare)
        assert done is not None, "the edge looked the session up"
        if done.effect.refused is not None:
            return done.effect.refused
        message = done.effect.offered
        assert message is not None
        now_ms = self._clock.now_ms()
        held = message.held_until_ms > now_ms and not message.offset
        return Offered(
            message=message,
            visitor_status=visitor_status(done.session, sockets, now_ms),
            score=message.score,
            deliver_after_ms=message.held_until_ms if held else None,
            chat=message.kind == "chat",
        )

    # ---- what goes out

    async def view(self, ref: SessionRef) -> SessionView | None:
        """Show a session; None when there is none."""
        found = await self._stepper.read(ref)
        if found is None:
            return None
        hot, program = found
        return view_of(program, ref, hot.session, self._listeners.count(ref), self._clock.now_ms())

    async def attach(self, ref: SessionRef, hint: Callable[[], None]) -> Attachment:
        """Connect a socket: `hint` is called on the loop when something new may be pulled."""
        return await self._listeners.attach(ref, hint)

    async def detach(self, ref: SessionRef, attachment: Attachment, tab: str | None = None) -> None:
        """Disconnect a socket; the tab it spoke for counts as hidden after a grace, unless it is back."""
        await self._listeners.detach(ref, attachment)
        if tab is None:
            return

        def prepare(at: Moment) -> Prepared:
            entry = at.session.state.tabs.get(tab)
            if entry is None or not entry.visible:
                return Prepared(None)
            return Prepared(TabClosed(at.now_ms, tab, at.now_ms + TAB_CLOSE_GRACE_MS))

        await self._act(ref, prepare)

    def may_have_messages(self, ref: SessionRef) -> bool:
        """Tell, without reading, whether a session can have messages to pull."""
        session = self._stepper.session_in_hand(ref)
        return session is None or session.offset > 0

    async def pull(self, ref: SessionRef, epoch: str | None, after: int) -> Pulled:
        """Read messages after an offset; undisplayed ones whose page no longer fits expire here."""
        history = await self._store.history(ref, epoch, after)
        messages = [_at_offset(decode_message(kept.body), kept.offset) for kept in history.messages]
        waiting = tuple(m.id for m in messages if m.kind == "proactive")
        if waiting:
            messages = await self._current_states(ref, waiting, messages)
        return Pulled(history.epoch, history.offset, history.recovered, tuple(messages))

    async def delivered(self, ref: SessionRef, message_ids: Sequence[str]) -> None:
        """Note that messages were written to a socket or handed out by a poll."""
        wanted = frozenset(message_ids)

        def prepare(at: Moment) -> Prepared:
            fresh = [m.id for m in at.session.messages if m.id in wanted and m.delivered_ms < 0]
            return Prepared(Handed(at.now_ms, tuple(fresh)) if fresh else None)

        await self._act(ref, prepare)

    def stats(self) -> dict[str, float]:
        """Return counters and gauges for /metrics and /readyz."""
        return {
            **self._counts,
            "conflicts": self._stepper.conflicts,
            "sessions_in_hand": self._stepper.in_hand,
            "sockets": self._listeners.total,
            "wakes_late_ms_max": self._wakes.late_ms_max,
        }

    # ---- inside

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
        if done is not None and done.effect.messages:
            self._counts["messages"] += len(done.effect.messages)
            self._listeners.hint(ref)
        return done

    async def _wake(self, ref: SessionRef, due_ms: int, at_ms: int | None = None) -> None:
        """Take one wake-up of a session, at `at_ms` or now, never before it is due."""

        def prepare(at: Moment) -> Prepared:
            session = at.session
            if not 0 <= session.wake_ms <= at.now_ms:
                return Prepared(None)
            instant = at.now_ms if at_ms is None else min(at_ms, at.now_ms)
            instant = max(instant, session.wake_ms, session.state.clock_ms)
            return Prepared(Woke(instant, session.wake_ms), fired_ms=session.wake_ms)

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

    async def _chat(
        self, ref: SessionRef, name: str, event_id: str, properties: dict[str, object]
    ) -> Message | None:
        words = Event("", name, self._clock.now_ms())
        await self._take_overdue(ref, (words,))

        def prepare(at: Moment) -> Prepared:
            tab = at.session.state.tab
            event = Event(event_id, name, at.now_ms, tab=tab, properties=properties)
            admission = admit_events(at.session, (event,), at.now_ms, at.repeated)
            given = Arrived(at.now_ms, admission.events) if admission.events else None
            return Prepared(given, admission.seen, admission.duplicates)

        done = await self._act(ref, prepare)
        if done is None:
            return None
        return next((m for m in done.effect.messages if m.author == "visitor"), None)

    async def _greet(self, ref: SessionRef, opening: Opening, *, created: bool) -> SessionView:
        """Open a session, or meet a known one, with the page and the words that came along."""
        events = opening_events(opening, self._ids, self._clock.now_ms())
        opens = Opens(
            opening.source,
            self._clock.now_ms(),
            opening.client,
            assistant=opening.assistant,
            made_by_widget=False,
        )

        def prepare(at: Moment) -> Prepared:
            fresh = tuple(
                msgspec.structs.replace(event, at_ms=at.now_ms)
                for event in events
                if event.name != "view" or created
            )
            return Prepared(Arrived(at.now_ms, fresh) if fresh else None)

        done = await self._act(ref, prepare, opens)
        assert done is not None
        view = await self.view(ref)
        assert view is not None
        return view if not done.created else _as_created(view)

    async def _current_states(
        self, ref: SessionRef, waiting: tuple[str, ...], messages: list[Message]
    ) -> list[Message]:
        """Bring messages to their present state, and leave out those that nobody may see any more."""

        def prepare(at: Moment) -> Prepared:
            misplaced = [
                m.id
                for m in at.session.messages
                if m.id in waiting and m.outcome is None and m.displayed_ms < 0
                if not fits_page(at.program, at.session, m)
            ]
            return Prepared(Fetched(at.now_ms, tuple(misplaced)) if misplaced else None)

        done = await self._act(ref, prepare)
        if done is None:
            return messages
        known = {message.id: message for message in done.session.messages}
        current = [as_known(message, known.get(message.id)) for message in messages]
        return [m for m in current if m.outcome not in ("expired", "withdrawn", "held_out")]


def _at_offset(message: Message, offset: int) -> Message:
    message.offset = offset
    return message


def _as_created(view: SessionView) -> SessionView:
    return SessionView(
        **{name: getattr(view, name) for name in view.__struct_fields__} | {"created": True}
    )
