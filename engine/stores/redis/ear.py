"""A connection of redis-py that hears sharded channels of one primary, and hears them again when lost."""

import asyncio
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from math import inf
from typing import Protocol

from redis.asyncio.connection import Connection
from redis.exceptions import RedisError, ResponseError

from engine.stores.redis.address import Address, Place
from engine.stores.redis.plain import connection_to, said

_PAUSE_S = 0.1
_PING_S = 1.0
_SILENCE_S = 3.0
_GONE = "MOVED"


class EarEvents(Protocol):
    """Who hears what an ear hears."""

    def heard(self, channel: str, body: bytes) -> None:
        """Take a message."""
        ...

    def confirmed(self, channel: str) -> None:
        """The server will send what comes on a channel."""
        ...

    def missed(self, channels: Iterable[str]) -> None:
        """What comes on these is not heard now; they are asked for again by this ear."""
        ...

    def refused(self, channel: str, code: str) -> None:
        """The server does not have, or has no more, a channel's partition, or gives another reason."""
        ...


class Ear:
    """Channels of one primary."""

    def __init__(self, address: Address, place: Place, events: EarEvents) -> None:
        """Begin to connect."""
        self.address = address
        self._place = place
        self._events = events
        self._channels: set[str] = set()
        self._requests: asyncio.Queue[tuple[str, ...]] = asyncio.Queue()
        self._asked: deque[str] = deque()
        self._task = asyncio.get_running_loop().create_task(self._serve())

    def add(self, channel: str) -> None:
        """Hear a channel; nothing happens when it is heard."""
        if channel not in self._channels:
            self._channels.add(channel)
            self._requests.put_nowait(("SSUBSCRIBE", channel))

    def drop(self, channel: str) -> bool:
        """Hear a channel no more; False when it was not heard."""
        if channel not in self._channels:
            return False
        self._channels.discard(channel)
        self._requests.put_nowait(("SUNSUBSCRIBE", channel))
        return True

    def end(self) -> None:
        """Begin to close."""
        self._task.cancel()

    async def ended(self) -> None:
        """Wait for the end."""
        with suppress(asyncio.CancelledError):
            await self._task

    async def _serve(self) -> None:
        while True:
            connection = connection_to(self.address, self._place, None)
            try:
                await connection.connect_check_health()
                await self._hear(connection)
            except (RedisError, OSError, TimeoutError):
                self._events.missed(self._channels)
            finally:
                await connection.disconnect(nowait=True)
            await asyncio.sleep(_PAUSE_S)

    async def _hear(self, connection: Connection) -> None:
        """Speak and listen until one of both fails."""
        self._asked.clear()
        self._requests = asyncio.Queue()
        for channel in self._channels:
            self._requests.put_nowait(("SSUBSCRIBE", channel))
        speaking = asyncio.create_task(self._speak(connection))
        listening = asyncio.create_task(self._listen(connection))
        try:
            await asyncio.wait((speaking, listening), return_when=asyncio.FIRST_COMPLETED)
            for task in (speaking, listening):
                if task.done():
                    task.result()
        finally:
            speaking.cancel()
            listening.cancel()
            await asyncio.gather(speaking, listening, return_exceptions=True)

    async def _speak(self, connection: Connection) -> None:
        while True:
            try:
                async with asyncio.timeout(_PING_S):
                    words = await self._requests.get()
            except TimeoutError:
                words = ("PING", "")
            self._asked.append(words[1])
            await connection.send_command(*words)

    async def _listen(self, connection: Connection) -> None:
        while True:
            try:
                async with asyncio.timeout(_SILENCE_S):
                    told = await connection.read_response(disable_decoding=True, timeout=inf)
            except ResponseError as error:
                self._refuse(self._asked.popleft(), said(error).code)
                continue
            match told:
                case [b"smessage", bytes(name), bytes(body)]:
                    self._events.heard(name.decode(), body)
                case [b"ssubscribe", bytes(name), _]:
                    self._answered(name.decode())
                    self._confirm(name.decode())
                case [b"sunsubscribe", bytes(name), _]:
                    self._leave(name.decode())
                case _:
                    self._answered("")

    def _confirm(self, channel: str) -> None:
        if channel in self._channels:
            self._events.confirmed(channel)

    def _leave(self, channel: str) -> None:
        """Take note of the end of a channel, which the server may have decided by itself."""
        if channel in self._asked:
            self._answered(channel)
        elif channel in self._channels:
            self._refuse(channel, _GONE)

    def _refuse(self, channel: str, code: str) -> None:
        if channel in self._channels:
            self._channels.discard(channel)
            self._events.refused(channel, code)

    def _answered(self, word: str) -> None:
        with suppress(ValueError):
            self._asked.remove(word)
