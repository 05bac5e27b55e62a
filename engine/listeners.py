"""Who listens to which session: sockets of this process, called when there is something to pull."""

from collections.abc import Callable

from engine.runtime_types import Attachment
from engine.stores.base import SessionRef, Store


class Listeners:
    """Sockets by session. A hint carries nothing: whoever gets it pulls, so a lost one costs time only."""

    __slots__ = ("_by_session", "_next", "_store", "_worker")

    def __init__(self, store: Store, worker: str) -> None:
        """Tell the store which sessions this worker listens to."""
        self._store = store
        self._worker = worker
        self._by_session: dict[SessionRef, dict[int, Callable[[], None]]] = {}
        self._next = 0

    @property
    def total(self) -> int:
        """Return how many sockets listen."""
        return sum(len(sockets) for sockets in self._by_session.values())

    def count(self, ref: SessionRef) -> int:
        """Return how many sockets listen to a session."""
        return len(self._by_session.get(ref, ()))

    async def attach(self, ref: SessionRef, hint: Callable[[], None]) -> Attachment:
        """Listen to a session; every commit with messages after the answer's offset is hinted."""
        self._next += 1
        number = self._next
        self._by_session.setdefault(ref, {})[number] = hint
        epoch, offset = await self._store.attach(ref, self._worker, number)
        return Attachment(number, epoch, offset)

    async def detach(self, ref: SessionRef, attachment: Attachment) -> None:
        """Listen no more."""
        sockets = self._by_session.get(ref, {})
        sockets.pop(attachment.id, None)
        if not sockets:
            self._by_session.pop(ref, None)
        await self._store.detach(ref, self._worker, attachment.id)

    def hint(self, ref: SessionRef) -> None:
        """Call everybody who listens to a session."""
        for hint in tuple(self._by_session.get(ref, {}).values()):
            hint()
