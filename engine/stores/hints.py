"""Who is connected to which session and watches which feed, and the hints for them, within one process."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from collections.abc import Set as AbstractSet

from engine.limits import HINTS_LEN_MAX, WHISPERS_BEHIND_MAX
from engine.stores.base import FeedHint, Heard, Hint, Lost, Passing, SessionRef, Whisper

_NOBODY: frozenset[str] = frozenset()


class _Listener:
    """The hints that wait for one worker, and the feeds that it watches."""

    def __init__(self) -> None:
        self.waiting: deque[Heard] = deque()
        self.rung = asyncio.Event()
        self.feeds: AbstractSet[str] = _NOBODY

    def put(self, heard: Heard) -> None:
        behind = len(self.waiting)
        if type(heard) is Whisper and behind >= WHISPERS_BEHIND_MAX:
            return
        if behind >= HINTS_LEN_MAX:
            self.waiting.clear()
            self.waiting.append(Lost())
        else:
            self.waiting.append(heard)
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
        self._listener(worker)

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

    def leave(self, worker: str) -> None:
        """Disconnect all sockets of a worker."""
        for ref in [ref for ref, workers in self._sockets.items() if worker in workers]:
            workers = self._sockets[ref]
            del workers[worker]
            if not workers:
                del self._sockets[ref]

    def count(self, ref: SessionRef, gone: AbstractSet[str] = _NOBODY) -> int:
        """Count a session's sockets but those of workers that are gone."""
        workers = self._sockets.get(ref)
        if workers is None:
            return 0
        return sum(len(conns) for worker, conns in workers.items() if worker not in gone)

    @property
    def workers(self) -> tuple[str, ...]:
        """Name the workers of this process that hear anything."""
        return tuple(self._listeners)

    def watch_feeds(self, worker: str, workspaces: AbstractSet[str]) -> None:
        """Let a worker hear of these feeds, and of no others from now on."""
        self._listener(worker).feeds = frozenset(workspaces)

    def announce(self, ref: SessionRef, epoch: str, offset: int) -> None:
        """Hint every worker that is connected to a session."""
        for worker in self._sockets.get(ref, ()):
            self._listeners[worker].put(Hint(ref, epoch, offset))

    def whisper(self, ref: SessionRef, body: bytes) -> bool:
        """Let every worker that is connected to a session hear something; False: none is."""
        workers = self._sockets.get(ref, {})
        for worker in workers:
            self._listeners[worker].put(Whisper(ref, body))
        return bool(workers)

    def announce_feed(self, workspace: str, offset: int) -> None:
        """Hint every worker that watches a workspace's feed."""
        self._put_feed(workspace, FeedHint(workspace, offset))

    def pass_on(self, workspace: str, body: bytes) -> None:
        """Show something to every worker that watches a workspace's feed."""
        self._put_feed(workspace, Passing(workspace, body))

    async def listen(self, worker: str) -> AsyncIterator[Heard]:
        """Yield a worker's hints until `close`."""
        listener = self._listener(worker)
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

    def _put_feed(self, workspace: str, heard: Heard) -> None:
        for listener in self._listeners.values():
            if workspace in listener.feeds:
                listener.put(heard)

    def _listener(self, worker: str) -> _Listener:
        return self._listeners.setdefault(worker, _Listener())
