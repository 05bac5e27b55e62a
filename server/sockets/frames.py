"""What each frame of a client means: events for the engine, words of the visitor, clicks."""

from engine.events import Event
from engine.message import Message
from engine.runtime_types import ClientContext, SessionView
from server.errors import ApiError
from server.ingest.native import (
    MESSAGE_CHARS_MAX,
    TITLE_CHARS_MAX,
    URL_CHARS_MAX,
    Moment,
    batch_events,
)
from server.services import Services
from server.sockets.delivery import Delivery
from server.wire.sockets import (
    READERS,
    AboutMessageFrame,
    AuthFrame,
    MessageFrame,
    PageFrame,
    PingFrame,
    ReplyFrame,
    TrackFrame,
    VisibilityFrame,
    ack_frame,
    track_ack_frame,
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
        headers: dict[bytes, bytes],
    ) -> None:
        """Serve the session of `view`; events without a page load's id belong to the first tab."""
        self._services = services
        self._view = view
        self._ref = view.ref
        self._delivery = delivery
        self._client = ClientContext(
            user_agent=headers.get(b"user-agent", b"")[:512].decode("latin-1"),
            gpc=services.config.privacy.honour_gpc and headers.get(b"sec-gpc") == b"1",
        )
        self._tab = ""
        self.tabs: list[str] = []

    async def greet(self, auth: AuthFrame) -> None:
        """Take the page and the visibility that came with the authentication."""
        self._tab = auth.load or ""
        if auth.context is not None:
            self._client = ClientContext(
                user_agent=self._client.user_agent,
                timezone=auth.context.timezone or "",
                locale=auth.context.locale or "",
                gpc=self._client.gpc,
            )
        events = []
        if auth.page is not None and auth.page.url and auth.page.url != self._view.page_url:
            events.append(self._page_view(auth.page.url, auth.page.title))
        if auth.visible is not None:
            events.append(self._event("show" if auth.visible else "hide"))
        await self._track(events)

    async def take(self, kind: str, raw: bytes) -> dict[str, object] | None:
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
            case PingFrame():
                return {"type": "pong"} if frame.id is None else {"type": "pong", "id": frame.id}
            case _:
                pass
        return None

    # ---- words and clicks

    async def _say(self, frame: MessageFrame) -> dict[str, object] | None:
        """Store the visitor's words; the ack takes the message's place in the sequence."""
        text = frame.text.strip()
        if not 1 <= len(text) <= MESSAGE_CHARS_MAX:
            reason = "too_long" if text else "too_short"
            raise ApiError(reason, "text has 1 to 4,000 characters", field="text")
        delivery = self._delivery
        async with delivery.turn:
            message = await self._services.runtime.say(self._ref, text, frame.client_id or "")
            if message is None:
                return await self._ack_again(frame.client_id or "")
            delivery.note_own(message, frame.client_id)
            await delivery.push()
        return None

    async def _ack_again(self, client_id: str) -> dict[str, object] | None:
        """Acknowledge a repeated message with the place of the first one."""
        pulled = await self._services.runtime.pull(self._ref, None, 0)
        first = next((m for m in pulled.messages if m.client_id == client_id), None)
        return None if first is None else ack_frame(first, pulled.epoch, client_id)

    async def _click(self, frame: ReplyFrame) -> None:
        delivery = self._delivery
        async with delivery.turn:
            message: Message | None = await self._services.runtime.click(
                self._ref, frame.message_id, frame.value
            )
            if message is not None:
                delivery.note_own(message, None)
                await delivery.push()

    # ---- events

    async def _take_events(self, frame: TrackFrame) -> dict[str, object]:
        now_ms = self._services.clock.now_ms()
        events, rejected = batch_events(frame.events, None, Moment(now_ms))
        accepted, duplicates = await self._track(events)
        return track_ack_frame(accepted, duplicates, rejected)

    async def _track(self, events: list[Event]) -> tuple[int, int]:
        if not events:
            return 0, 0
        self.tabs.extend({e.tab for e in events if e.tab not in self.tabs})
        tracked = await self._services.runtime.track(
            self._ref, self._view.source, events, self._client
        )
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
