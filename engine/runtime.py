"""The async shell: receive, order, deduplicate, decide, commit, deliver. It decides nothing itself.

Every way in ends in `Stepper.act`: one step of the pure core, committed as one atomic step; only then is
anybody told. Wake-ups come from the store and take the same way.
"""

from collections.abc import Callable, Sequence

import msgspec

from engine.arriving import Arriving
from engine.clock import Clock
from engine.commits import Prepared
from engine.conversing import Conversing
from engine.events import Event
from engine.finder import Known
from engine.handing import Handing
from engine.ids import Ids
from engine.limits import TAB_CLOSE_GRACE_MS
from engine.message import Message
from engine.openings import (
    context_events,
    first_instant,
    opening_events,
    opening_order,
    view_of,
)
from engine.runtime_types import (
    Attachment,
    ClientContext,
    Opening,
    Pulled,
    SessionView,
    Tracked,
)
from engine.step import Handed, Ordered, TabClosed
from engine.stepper import Done, Moment, Opens
from engine.stores.base import SessionRef, Store
from engine.workspace import Workspaces


class Runtime(Conversing):
    """Serves sessions of all workspaces over one store. One event loop uses it."""

    def __init__(
        self, *, store: Store, clock: Clock, ids: Ids, secret: bytes, workspaces: Workspaces
    ) -> None:
        """Serve from `store` under the rules of `workspaces`; `secret` (>= 32 bytes) signs ids."""
        super().__init__(store=store, clock=clock, ids=ids, secret=secret, workspaces=workspaces)
        self.handing = Handing(self.delivered, waits=store.durability != "D0")
        """Takes reports of what was written to sockets, which nobody waits for."""

    async def stop(self) -> None:
        """Take no more wake-ups, end those under way, and close the store."""
        await self.handing.stop()
        await super().stop()

    # ---- finding sessions

    async def resolve(
        self,
        workspace: str,
        source: str,
        alias: str,
        visitor: str | None,
        known: Known | None = None,
    ) -> SessionRef:
        """Return the live session that a client's own session id stands for; made when there is none."""
        return await self._finder.resolve(workspace, alias, visitor, known)

    async def know(self, workspace: str, visitor: str) -> Known:
        """Read what there is of a visitor, for those who ask for more than one thing at once."""
        return await self._finder.know(workspace, visitor)

    async def find_in_hand(self, workspace: str, alias: str) -> SessionRef | None:
        """Return the session that a client's own id stands for and that goes on, as far as this worker knows."""
        return await self._finder.find_in_hand(workspace, alias)

    async def find(self, workspace: str, session_id: str) -> SessionRef | None:
        """Return the session of a `chat_…` id or of a client's own id, ended ones too."""
        return await self._finder.find(workspace, session_id)

    async def latest_session(
        self, workspace: str, visitor: str, known: Known | None = None
    ) -> SessionRef | None:
        """Return a visitor's most recent session that has not ended."""
        return await self._finder.latest(workspace, visitor, known=known)

    # ---- what comes in

    async def open(self, opening: Opening) -> SessionView:
        """Make a live chat session, or return the visitor's active one on that site."""
        visitor = opening.visitor or self._ids.make("vis")
        if opening.visitor and opening.origin != "agent":
            known = await self._finder.latest(opening.workspace, opening.visitor, opening.source)
            if known is not None:
                return await self._greet(known, opening, created=False)
            visitor = await self._finder.owner(opening.workspace, opening.visitor)
        session_id = opening.session_id or self._ids.make("chat")
        ref = SessionRef(opening.workspace, visitor, session_id)
        if opening.session_id is not None and await self.view(ref) is not None:
            return await self._greet(ref, opening, created=False)
        return await self._greet(ref, opening, created=True)

    async def track(
        self,
        ref: SessionRef,
        source: str,
        events: list[Event],
        context: ClientContext,
        *,
        knows_gpc: bool = True,
    ) -> Tracked:
        """Fold events of one session and decide once; returns when all of it is durable.

        Args:
            events: they are taken out of the list as soon as a commit holds them.
            knows_gpc: whether the sender knows of the browser's privacy signal. A server does not.

        Raises:
            StoreUnavailable: nothing was half done; the same ids may be sent again.
        """
        if not events:
            return Tracked(0, 0, None)
        await self._take_overdue(ref, events)
        arriving = Arriving(events)
        now_ms = self._clock.now_ms()
        opens = Opens(source, first_instant(events, now_ms), context)

        def prepare(at: Moment) -> Prepared:
            told = context_events(at.session, context, at.now_ms, knows_gpc=knows_gpc)
            return self._arrival(ref, at, (*told, *arriving.read()))

        done = await self._act(ref, prepare, opens, let_go=arriving.let_go)
        assert done is not None, "a session that may be opened exists after its step"
        self._counts["events"] += len(arriving)
        self._counts["duplicates"] += done.duplicates
        wake_ms = done.session.wake_ms
        return Tracked(
            len(arriving) - done.duplicates, done.duplicates, wake_ms if wake_ms >= 0 else None
        )

    # ---- what goes out

    async def attach(self, ref: SessionRef, hint: Callable[[], None]) -> Attachment:
        """Connect a socket: `hint` is called on the loop when something new may be pulled."""
        return await self._listeners.attach(ref, hint)

    async def detach(self, ref: SessionRef, attachment: Attachment, tab: str | None = None) -> None:
        """Disconnect a socket; the tab it spoke for counts as hidden after a grace, unless it is back."""
        await self._listeners.detach(ref, attachment)
        if tab is None:
            return
        if self._store.is_shared:
            # The tab may have been seen at another worker only.
            self._stepper.drop(ref)

        def prepare(at: Moment) -> Prepared:
            entry = at.session.state.tabs.get(tab)
            if entry is None or not entry.visible:
                return Prepared(None)
            return Prepared(TabClosed(at.now_ms, tab, at.now_ms + TAB_CLOSE_GRACE_MS))

        await self._act(ref, prepare)

    def may_have_messages(self, ref: SessionRef) -> bool:
        """Tell, without reading, whether a session can have messages to pull."""
        if self._store.is_shared:
            return True
        session = self._stepper.session_in_hand(ref)
        return session is None or session.offset > 0

    async def pull(self, ref: SessionRef, epoch: str | None, after: int) -> Pulled:
        """Read what follows an offset; undisplayed messages whose page no longer fits expire here."""
        return await self._transcripts.pull(ref, epoch, after)

    async def message(self, workspace: str, message_id: str) -> tuple[SessionRef, Message] | None:
        """Find a message of a workspace by id, with its present state."""
        return await self._transcripts.find(workspace, message_id)

    async def messages(self, ref: SessionRef, after: int, limit: int) -> tuple[Message, ...]:
        """Read a session's messages after an offset, oldest first; expired ones too."""
        return await self._transcripts.page(ref, after, limit)

    async def delivered(self, ref: SessionRef, message_ids: Sequence[str]) -> None:
        """Note that messages were written to a socket or handed out by a poll; twice is once."""
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
            "partitions": len(self.ownership.mine),
        }

    # ---- inside

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
            online = self.agents_online(ref.workspace)
            # Who is only to be approached has no conversation before they answer.
            orders = () if opening.origin == "proactive" else (opening_order(opening),)
            return Prepared(Ordered(at.now_ms, orders, fresh, online))

        done = await self._act(ref, prepare, opens)
        assert done is not None
        view = await self.view(ref) or self._last_view(ref, done)
        return view if not done.created else _as_created(view)

    def _last_view(self, ref: SessionRef, done: Done) -> SessionView:
        """Show a session of which nothing is kept: its visitor was erased a short while ago."""
        program = self.workspaces.program(ref.workspace, done.session.source)
        return view_of(program, ref, done.session, 0, self._clock.now_ms(), created=True)


def _as_created(view: SessionView) -> SessionView:
    return msgspec.structs.replace(view, created=True)
