"""One TCP or TLS connection to a Redis server: bytes to replies and back, by hiredis."""

import asyncio
import ssl
from typing import Protocol, cast

import hiredis

from engine.stores.redis.address import Address, Place
from engine.stores.redis.replies import Reply, ServerSaid, Word


class WireEvents(Protocol):
    """Who hears what comes in."""

    def replied(self, reply: Reply | ServerSaid) -> None:
        """Take the next reply, in the order of the commands."""
        ...

    def drained(self) -> None:
        """Every reply that came with these bytes was taken."""
        ...

    def hung_up(self, reason: str) -> None:
        """Nothing more will come."""
        ...


def pack(words: tuple[Word, ...]) -> bytes:
    """Write a command as it goes over the wire."""
    packed: bytes = hiredis.pack_command(words)  # type: ignore[arg-type] # any number of words
    return packed


def _readable() -> hiredis.Reader:
    return hiredis.Reader(replyError=ServerSaid)


class Wire(asyncio.Protocol):
    """A connection; after `drop` nobody hears of it any more."""

    def __init__(self, events: WireEvents) -> None:
        """Tell `events`."""
        self._events: WireEvents | None = events
        self._reader = _readable()
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def connect(cls, address: Address, place: Place, events: WireEvents) -> "Wire":
        """Connect to a server.

        Raises:
            OSError: it cannot be reached, or its certificate is not trusted.
        """
        loop = asyncio.get_running_loop()
        context = ssl.create_default_context() if place.tls else None
        wire = cls(events)
        await loop.create_connection(lambda: wire, address.host, address.port, ssl=context)
        return wire

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        # uvloop's transports are none of asyncio's classes.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Hand replies on."""
        events = self._events
        if events is None:
            return
        try:
            self._reader.feed(data)
            reply = self._reader.gets()
            while reply is not False and self._events is not None:
                events.replied(reply)
                reply = self._reader.gets()
        except hiredis.ProtocolError as error:
            events.hung_up(f"the server sent what is no reply: {error}")
            return
        events.drained()

    def connection_lost(self, exc: Exception | None) -> None:
        """Say that the server is gone."""
        if self._events is not None:
            self._events.hung_up(str(exc or "the server closed the connection"))

    def send(self, sent: bytes) -> None:
        """Write bytes without waiting."""
        if self._transport is not None:
            self._transport.write(sent)

    def drop(self) -> None:
        """Close at once, without a word."""
        self._events = None
        if self._transport is not None:
            self._transport.abort()
