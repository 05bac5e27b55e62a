"""The chat sockets of this process: at most twenty a session, and who has just been handed what."""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Iterable
from typing import Protocol

from engine.stores.base import SessionRef

SOCKETS_PER_SESSION_MAX = 20
"""One more, of all workers together, closes the oldest where it came with 4409, if another one is there."""

HANDED_KEPT_MAX = 4_096
"""Message ids remembered as handed; an older one counts as not handed."""


class Closable(Protocol):
    """A socket that can be told to go."""

    def close_soon(self, code: int) -> None:
        """Promise to close with this code, soon and once."""
        ...


class OpenSockets:
    """Sockets by session, in order of arrival."""

    def __init__(self) -> None:
        """Start with no sockets."""
        self._by_session: dict[SessionRef, list[Closable]] = {}
        self._by_workspace: Counter[str] = Counter()
        self._handed: OrderedDict[str, None] = OrderedDict()
        self._waiters: dict[str, asyncio.Event] = {}

    def add(self, ref: SessionRef, socket: Closable) -> None:
        """Note an authenticated socket; the oldest of the session goes when there are too many."""
        if ref not in self._by_session:
            self._by_workspace[ref.workspace] += 1
        sockets = self._by_session.setdefault(ref, [])
        sockets.append(socket)
        self.make_room(ref)

    def make_room(self, ref: SessionRef, elsewhere: int = 0) -> None:
        """Let the oldest socket of a session go when there are too many with those at other workers."""
        sockets = self._by_session.get(ref, [])
        if len(sockets) > max(1, SOCKETS_PER_SESSION_MAX - elsewhere):
            sockets.pop(0).close_soon(4409)

    def remove(self, ref: SessionRef, socket: Closable) -> None:
        """Forget a socket that ended."""
        sockets = self._by_session.get(ref, [])
        if socket in sockets:
            sockets.remove(socket)
        if not sockets and self._by_session.pop(ref, None) is not None:
            self._by_workspace[ref.workspace] -= 1

    def has(self, ref: SessionRef) -> bool:
        """Tell whether a session has a socket here."""
        return ref in self._by_session

    def sessions_of(self, workspace: str) -> int:
        """Count the sessions of a workspace that have a socket here."""
        return self._by_workspace[workspace]

    def close_session(self, ref: SessionRef, code: int) -> None:
        """Tell every socket of a session to go."""
        for socket in tuple(self._by_session.get(ref, ())):
            socket.close_soon(code)

    def close_all(self, code: int) -> None:
        """Tell every socket to go."""
        for sockets in tuple(self._by_session.values()):
            for socket in tuple(sockets):
                socket.close_soon(code)

    # ---- what was written to a socket

    def note_handed(self, message_ids: Iterable[str]) -> None:
        """Remember messages that were written to a socket, and wake who waits for them."""
        for message_id in message_ids:
            self._handed[message_id] = None
            if waiter := self._waiters.get(message_id):
                waiter.set()
        while len(self._handed) > HANDED_KEPT_MAX:
            self._handed.popitem(last=False)

    async def was_handed(self, message_id: str, wait_s: float) -> bool:
        """Tell whether a message was written to a socket here, waiting for it at most `wait_s`."""
        if message_id in self._handed:
            return True
        waiter = self._waiters.setdefault(message_id, asyncio.Event())
        try:
            async with asyncio.timeout(wait_s):
                await waiter.wait()
        except TimeoutError:
            return False
        finally:
            self._waiters.pop(message_id, None)
        return True
