"""Who is connected to which session, and the hints for them, within one process."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from engine.limits import HINTS_LEN_MAX
from engine.stores.base import Hint, Lost, SessionRef


class _Listener:
    """The hints that wait for one worker."""

    def __init__(self) -> None:
        self.waiting: deque[Hint | Lost] = deque()
        self.rung = asyncio.Event()

    def put(self, hint: Hint) -> None:
        if len(self.waiting) >= HINTS_LEN_MAX:
            self.waiting.clear()
            self.waiting.append(Lost())
        else:
            self.waiting.append(hint)
        self.rung.set()


class Hints:
    """Sockets by session and worker, and a bounded queue of hints for each worker."""

    def __init__(self) -> None:
        """Start with nobody connected."""
        self._sockets: dict[SessionRef, dict[str, set[int]]] = {}
        self._listeners: dict[str, _Listener] = {}
        self._closed = False

    def attach(self, ref: SessionRef, worker: str, conn: int) -> None:
        """Connect a socket; again is the same."""
        self._sockets.setdefault(ref, {}).setdefault(worker, set()).add(conn)
        self._listeners.setdefault(worker, _Listener())

    def detach(self, ref: SessionRef, worker: str, conn: int) -> None:
        """Disconnect a socket; again is the same."""
        workers = self._sockets.get(ref)
        if workers is None or worker not in workers:
            return
        workers[worker].discard(conn)
        if not workers[worker]:
            del workers[worker]
        if not workers:
            del self._sockets[ref]

    def count(self, ref: SessionRef) -> int:
        """Count a session's sockets."""
        return sum(len(conns) for conns in self._sockets.get(ref, {}).values())

    def announce(self, ref: SessionRef, epoch: str, offset: int) -> None:
        """Hint every worker that is connected to a session."""
        for worker in self._sockets.get(ref, ()):
            self._listeners[worker].put(Hint(ref, epoch, offset))

    async def listen(self, worker: str) -> AsyncIterator[Hint | Lost]:
        """Yield a worker's hints until `close`."""
        listener = self._listeners.setdefault(worker, _Listener())
        while True:
            while listener.waiting:
                yield listener.waiting.popleft()
            if self._closed:
                return
            listener.rung.clear()
            await listener.rung.wait()

    def close(self) -> None:
        """End every `listen` after what waits."""
        self._closed = True
        for listener in self._listeners.values():
            listener.rung.set()
