"""What a chat socket hears beside its sequence: that the assistant writes, and the pieces it has written."""

import asyncio

from engine.conversations.writing import Delta, Typing
from engine.stores.base import SessionRef
from server.services import Services
from server.sockets.delivery import Delivery, Write
from server.wire.server_frames import DeltaOut, TypingOut

WHISPERS_MAX = 256
"""Pieces that wait for a slow client; a further one is left out: the whole message follows anyway."""


class Whispers:
    """Sends pieces as they come; none of them is kept, so a lost one costs nothing but its moment."""

    def __init__(
        self, services: Services, ref: SessionRef, write: Write, delivery: Delivery
    ) -> None:
        """Hear what is being written in a session, and pass on through `write` what `delivery` has not sent."""
        self._services = services
        self._ref = ref
        self._write = write
        self._delivery = delivery
        self._waiting: asyncio.Queue[Typing | Delta] = asyncio.Queue(WHISPERS_MAX)

    async def run(self) -> None:
        """Pass on until the client is gone."""
        leave = self._services.answering.writing.listen(self._ref, self._hear)
        try:
            while True:
                heard = await self._waiting.get()
                if isinstance(heard, Typing):
                    await self._write(TypingOut(heard.is_writing))
                elif not self._delivery.has_sent(heard.id):
                    # What another worker writes may come later than the whole message.
                    await self._write(DeltaOut(heard.id, heard.text))
        finally:
            leave()

    def _hear(self, what: Typing | Delta) -> None:
        if not self._waiting.full():
            self._waiting.put_nowait(what)
