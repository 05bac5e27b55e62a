"""What one socket is sent of its session's messages: pulled by (epoch, offset), in order, none twice."""

import asyncio
import zlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from engine.message import Item, Message, Notice
from engine.runtime_types import Attachment, Pulled
from engine.stores.base import SessionRef
from server.services import Services
from server.sockets import registry
from server.sockets.connection import SESSION_CLOSED, Rejected
from server.wire.conversation_frames import frame_of
from server.wire.server_frames import SocketFrame, ack_out
from server.wire.sockets import Resume

FRESH_MESSAGES_MAX = 50
"""Messages that a client gets which cannot go on where it stopped."""

OWN_KEPT_MAX = 256
"""Own messages whose ack is not sent yet."""

SENT_KEPT_MAX = 16
"""Newest whole messages that are remembered, so that no piece of one comes after it."""

LOOK_AGAIN_S = 30
LOOK_AGAIN_SPREAD_S = 10
"""A lost hint costs this long at most: 30 to 40 s, spread over the sessions."""

COME_AGAIN = 1012
"""Closes a socket whose client is to connect again, and goes on where that finds it."""

Write = Callable[[SocketFrame], Awaitable[None]]


class Delivery:
    """The reading position of one socket. `turn` is held while anything changes or follows it."""

    def __init__(self, services: Services, ref: SessionRef, write: Write) -> None:
        """Deliver a session's messages through `write`, which raises when the client is gone."""
        self._services = services
        self._ref = ref
        self._write = write
        self._hint = asyncio.Event()
        self._own: dict[str, str | None] = {}
        self._sent: deque[str] = deque(maxlen=SENT_KEPT_MAX)
        self._attachment: Attachment | None = None
        self._look_again_s = LOOK_AGAIN_S + zlib.crc32(ref.session.encode()) % LOOK_AGAIN_SPREAD_S
        self.turn = asyncio.Lock()
        self.epoch = ""
        self.offset = 0

    async def begin(self, resume: Resume | None) -> tuple[Pulled, list[Item]]:
        """Attach to the session and read what the client has missed.

        Returns what was pulled and what is to be sent after the `hello`.

        Raises:
            Rejected: 4410 when nothing of the session is kept since it was looked up.
        """
        runtime = self._services.runtime
        self._attachment = await runtime.attach(self._ref, self._hint.set)
        if self._attachment.noted > registry.SOCKETS_PER_SESSION_MAX:
            elsewhere = await runtime.sockets_elsewhere(self._ref)
            self._services.sockets.make_room(self._ref, elsewhere)
        if resume is None:
            pulled = await runtime.pull(self._ref, None, 0)
        else:
            pulled = await runtime.pull(self._ref, resume.epoch, resume.offset)
        if not pulled.epoch:
            # Its visitor was erased a moment ago; the hint of that came before this socket was noted.
            raise Rejected(SESSION_CLOSED)
        self.epoch = pulled.epoch
        if resume is not None and pulled.recovered:
            self.offset = resume.offset
            return pulled, list(pulled.items)
        return pulled, _newest(pulled.items)

    async def end(self, tabs: list[str]) -> None:
        """Detach; the tabs that this socket spoke for count as hidden after a grace."""
        if self._attachment is None:
            return
        spoken_for: list[str | None] = list(tabs)
        for tab in spoken_for or [None]:
            await self._services.runtime.detach(self._ref, self._attachment, tab)

    async def run(self) -> None:
        """Send what is new, at each hint and every 30 to 40 s, until the client is gone."""
        loop = asyncio.get_running_loop()
        while True:
            look_again = loop.call_later(self._look_again_s, self._hint.set)
            try:
                await self._hint.wait()
            finally:
                look_again.cancel()
            self._hint.clear()
            async with self.turn:
                await self.push()

    async def push(self) -> None:
        """Pull what is new and send it; the caller holds `turn`.

        Raises:
            Rejected: 4410 when nothing of the session is kept any more; 1012 when the client has to start
                over in the same sequence, which it is told when it comes again.
        """
        pulled = await self._services.runtime.pull(self._ref, self.epoch, self.offset)
        if pulled.epoch != self.epoch:
            if not pulled.epoch:
                raise Rejected(SESSION_CLOSED)
            # Another sequence: offsets of the one before say nothing.
            self.epoch, self.offset = pulled.epoch, 0
        elif not pulled.recovered:
            # The store went back behind what was sent, or is too far ahead: only a new `hello` says so.
            raise Rejected(COME_AGAIN)
        await self.send(list(pulled.items))
        self.offset = max(self.offset, pulled.offset)

    async def send(self, items: list[Item]) -> None:
        """Write items in their order, own messages as acks, then report what was delivered.

        Raises:
            Rejected: 4410 after the notice that the session is closed.
        """
        fresh = []
        for item in items:
            await self._write(self._frame(item))
            self.offset = max(self.offset, item.offset)
            if isinstance(item, Message) and item.author != "visitor":
                self._sent.append(item.id)
                if item.status == "sent":
                    fresh.append(item.id)
        if fresh:
            self._services.runtime.handing.add(self._ref, fresh)
        if any(isinstance(item, Notice) and _says_closed(item) for item in items):
            raise Rejected(SESSION_CLOSED)

    def has_sent(self, message_id: str) -> bool:
        """Tell whether this message, one of the newest, was written whole."""
        return message_id in self._sent

    def note_own(self, message: Message, client_id: str | None) -> None:
        """Remember that this socket sent a message: it gets the ack in the message's place."""
        if len(self._own) >= OWN_KEPT_MAX:
            del self._own[next(iter(self._own))]
        self._own[message.id] = client_id

    def _frame(self, item: Item) -> SocketFrame:
        if isinstance(item, Message) and item.id in self._own:
            return ack_out(item, self.epoch, self._own.pop(item.id))
        return frame_of(item, self.epoch)


def _newest(items: Sequence[Item]) -> list[Item]:
    """Return the newest messages with the notices among and after them.

    Slots that were shown, a number that was lent, a person who took over: a page that was just loaded
    has to show them too.
    """
    count = 0
    for place in range(len(items) - 1, -1, -1):
        count += isinstance(items[place], Message)
        if count == FRESH_MESSAGES_MAX:
            return list(items[place:])
    return list(items)


def _says_closed(notice: Notice) -> bool:
    return notice.name == "session_status" and notice.data.get("status") == "closed"
