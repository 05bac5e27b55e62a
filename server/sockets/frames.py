"""What each frame of a client means: events for the engine, words of the visitor, clicks."""

import msgspec
from starlette.types import Scope

from engine.conversations.appointments import NotBooked
from engine.conversations.desk import NO_WAIT
from engine.effects import reply_of
from engine.events import Event
from engine.ids import derived_id
from engine.message import Message
from engine.outbox.contents import TypingContent
from engine.runtime_types import SessionView
from server.admission import Rank, rank_of
from server.errors import ApiError
from server.ingest.native import (
    MESSAGE_CHARS_MAX,
    TITLE_CHARS_MAX,
    URL_CHARS_MAX,
    Moment,
    batch_events,
    clock_skew_ms,
)
from server.services import Services
from server.sockets.delivery import Delivery
from server.sockets.manners import Manners
from server.wire.appointments import refusal, wish_of
from server.wire.server_frames import AckOut, PongOut, SocketFrame, TrackAckOut, ack_out
from server.wire.sockets import (
    READERS,
    AboutMessageFrame,
    AuthFrame,
    BookFrame,
    MessageFrame,
    PageFrame,
    PingFrame,
    ReplyFrame,
    TrackFrame,
    TypingFrame,
    VisibilityFrame,
)

_ABOUT_MESSAGES = {
    "displayed": "message_displayed",
    "read": "message_read",
    "dismissed": "message_dismissed",
}


class FrameReader:
    """Takes the frames of one authenticated client. `tabs` are the page loads it has spoken for."""

    def __init__(
        self,
        services: Services,
        view: SessionView,
        delivery: Delivery,
        scope: Scope,
    ) -> None:
        """Serve the session of `view`; events without a page load's id belong to the first tab."""
        self._services = services
        self._view = view
        self._ref = view.ref
        self._delivery = delivery
        self._manners = Manners(services, view, scope)
        self._tab = ""
        self._skew_ms = 0
        self.tabs: list[str] = []

    async def greet(self, auth: AuthFrame) -> None:
        """Take the clock, the page and the visibility that came with the authentication."""
        self._tab = auth.load or ""
        self._skew_ms = clock_skew_ms(auth.sent_at, self._services.clock.now_ms())
        self._manners.meet(auth.context)
        events = []
        if auth.page is not None and auth.page.url and auth.page.url != self._view.page_url:
            events.append(self._page_view(auth.page.url, auth.page.title))
        if auth.visible is not None:
            events.append(self._event("show" if auth.visible else "hide"))
        await self._track(events)

    async def take(self, kind: str, raw: bytes) -> SocketFrame | None:
        """Carry out one frame; returns the frame that answers it, if any.

        Raises ApiError for a frame that does not fit its type; unknown types are ignored.
        """
        reader = READERS.get(kind)
        frame = None if reader is None else reader.read(raw)
        match frame:
            case MessageFrame():
                return await self._say(frame)
            case ReplyFrame():
                await self._click(frame)
            case AboutMessageFrame():
                properties: dict[str, object] = {"message_id": frame.message_id}
                await self._track([self._event(_ABOUT_MESSAGES[kind], properties)])
            case TrackFrame():
                return await self._take_events(frame)
            case PageFrame():
                await self._track([self._page_view(frame.url, frame.title)])
            case VisibilityFrame():
                await self._track([self._event("show" if frame.visible else "hide")])
            case BookFrame():
                await self._book(frame)
            case TypingFrame():
                self._show_typing(frame)
            case PingFrame():
                return PongOut(frame.id)
            case _:
                pass
        return None

    # ---- words and clicks

    async def _say(self, frame: MessageFrame) -> AckOut | None:
        """Store the visitor's words; the ack takes the message's place in the sequence."""
        text = frame.text.strip()
        if not 1 <= len(text) <= MESSAGE_CHARS_MAX:
            reason = "too_long" if text else "too_short"
            raise ApiError(reason, "text has 1 to 4,000 characters", field="text")
        delivery = self._delivery
        self._services.admission.check(Rank.WORDS, self._ref.session)
        await self._manners.check_words(delivery.offset)
        seat = await self._manners.seat()
        async with delivery.turn:
            message = await self._services.runtime.say(self._ref, text, frame.client_id or "")
            if message is None:
                return await self._ack_again(frame.client_id or "")
            await self._manners.queue(seat)
            delivery.note_own(message, frame.client_id)
            await delivery.push()
        return None

    async def _ack_again(self, client_id: str) -> AckOut | None:
        """Acknowledge a repeated message with the place of the first one."""
        pulled = await self._services.runtime.pull(self._ref, None, 0)
        first = next((m for m in pulled.messages if m.client_id == client_id), None)
        return None if first is None else ack_out(first, pulled.epoch, client_id)

    async def _click(self, frame: ReplyFrame) -> None:
        delivery = self._delivery
        seat = NO_WAIT
        if await self._says_something(frame):
            await self._manners.check_words(delivery.offset)
            seat = await self._manners.seat()
        async with delivery.turn:
            message: Message | None = await self._services.runtime.click(
                self._ref, frame.message_id, frame.value
            )
            if message is not None:
                await self._manners.queue(seat)
                delivery.note_own(message, None)
                await delivery.push()

    async def _says_something(self, frame: ReplyFrame) -> bool:
        """Tell whether a click makes words: not a dismissal, nor one on a reply that is not there."""
        found = await self._services.runtime.read(self._ref)
        shown = None if found is None else found[0].message(frame.message_id)
        reply = None if shown is None else reply_of(shown, frame.value)
        return reply is not None and reply.action != "dismiss"

    def _show_typing(self, frame: TypingFrame) -> None:
        """Show dashboards that the visitor types; nothing of it is kept."""
        services, ref = self._services, self._ref
        services.feed.show(
            ref.workspace,
            "visitor:typing",
            ref.session,
            TypingContent(ref.session, ref.visitor, frame.state),
            services.clock.now_ms(),
            source=self._view.source,
            session=ref.session,
        )

    async def _book(self, frame: BookFrame) -> None:
        """Book the chosen slot; what is booked comes as an event of the sequence.

        Raises ApiError: invalid_timestamp, slot_taken, slot_invalid, calendar_not_found.
        """
        services = self._services
        await self._manners.check_words(self._delivery.offset)
        wish = msgspec.structs.replace(wish_of(frame), ref=self._ref)
        name = frame.client_id or services.ids.make("appt")
        secret, place = services.secret, (self._ref.workspace, self._ref.session)
        booked = await services.bookings.book(
            self._ref.workspace, wish, derived_id("appt", secret, *place, name)
        )
        if isinstance(booked, NotBooked):
            raise refusal(booked)

    # ---- events

    async def _take_events(self, frame: TrackFrame) -> TrackAckOut:
        now_ms = self._services.clock.now_ms()
        events, rejected = batch_events(frame.events, None, Moment(now_ms, self._skew_ms))
        size_bytes = sum(map(len, frame.events))
        self._services.metrics.count_rejected(len(rejected))
        accepted, duplicates = await self._track(events, size_bytes)
        return TrackAckOut(accepted, duplicates, rejected)

    async def _track(self, events: list[Event], size_bytes: int = 0) -> tuple[int, int]:
        events = await self._manners.kept(events)
        if not events:
            return 0, 0
        self.tabs.extend({e.tab for e in events if e.tab not in self.tabs})
        admission = self._services.admission
        place = admission.enter(rank_of(events), len(events), size_bytes, self._ref.session)
        try:
            tracked = await self._services.runtime.track(
                self._ref, self._view.source, events, self._manners.client
            )
        finally:
            admission.leave(place)
        self._services.metrics.count_events(tracked.accepted, tracked.duplicates)
        return tracked.accepted, tracked.duplicates

    def _page_view(self, url: str, title: str | None) -> Event:
        return Event(
            id="",
            name="view",
            at_ms=self._services.clock.now_ms(),
            tab=self._tab,
            url=url[:URL_CHARS_MAX],
            title=title[:TITLE_CHARS_MAX] if title else None,
        )

    def _event(self, name: str, properties: dict[str, object] | None = None) -> Event:
        now_ms = self._services.clock.now_ms()
        return Event(id="", name=name, at_ms=now_ms, tab=self._tab, properties=properties or {})
