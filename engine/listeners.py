"""Who listens to which session: sockets of this process, called when there is something to pull."""

from collections.abc import Callable

import msgspec

from engine.message import Item
from engine.runtime_types import Attachment
from engine.stores.base import Hint, SessionRef, Store


class Fresh(msgspec.Struct, frozen=True):
    """What this worker's latest commit appended to the sequence `epoch` of a session; at least one item."""

    epoch: str
    items: tuple[Item, ...]


class _Sockets:
    """The sockets of one session here, and how far they were told to pull.

    `fresh` is what the latest hint told of, when this worker committed it itself.
    """

    __slots__ = ("by_number", "epoch", "fresh", "offset")

    def __init__(self) -> None:
        self.by_number: dict[int, Callable[[], None]] = {}
        self.epoch = ""
        self.fresh: Fresh | None = None
        self.offset = 0


class Listeners:
    """Sockets by session. A hint carries nothing: whoever gets it pulls, so a lost one costs time only."""

    __slots__ = ("_by_session", "_next", "_store", "_worker")

    def __init__(self, store: Store, worker: str) -> None:
        """Tell the store which sessions this worker listens to."""
        self._store = store
        self._worker = worker
        self._by_session: dict[SessionRef, _Sockets] = {}
        self._next = 0

    @property
    def total(self) -> int:
        """Return how many sockets listen."""
        return sum(len(sockets.by_number) for sockets in self._by_session.values())

    @property
    def sessions(self) -> tuple[SessionRef, ...]:
        """Return the sessions that are listened to."""
        return tuple(self._by_session)

    def count(self, ref: SessionRef) -> int:
        """Return how many sockets listen to a session."""
        sockets = self._by_session.get(ref)
        return 0 if sockets is None else len(sockets.by_number)

    def fresh(self, ref: SessionRef) -> Fresh | None:
        """Return what this worker's commit appended that those who listen were called for last."""
        sockets = self._by_session.get(ref)
        return None if sockets is None else sockets.fresh

    async def attach(self, ref: SessionRef, hint: Callable[[], None]) -> Attachment:
        """Listen to a session; every commit with messages after the answer's offset is hinted."""
        self._next += 1
        number = self._next
        self._by_session.setdefault(ref, _Sockets()).by_number[number] = hint
        epoch, offset, noted = await self._store.attach(ref, self._worker, number)
        return Attachment(number, epoch, offset, noted)

    async def detach(self, ref: SessionRef, attachment: Attachment) -> None:
        """Listen no more."""
        sockets = self._by_session.get(ref)
        if sockets is not None:
            sockets.by_number.pop(attachment.id, None)
            if not sockets.by_number:
                del self._by_session[ref]
        await self._store.detach(ref, self._worker, attachment.id)

    def hint(self, ref: SessionRef, offset: int = 0, fresh: Fresh | None = None) -> None:
        """Call everybody who listens to a session, which has messages up to `offset`, the latest `fresh`."""
        sockets = self._by_session.get(ref)
        if sockets is None:
            return
        sockets.fresh = fresh
        sockets.offset = max(sockets.offset, offset)
        for hint in tuple(sockets.by_number.values()):
            hint()

    def hear(self, heard: Hint) -> None:
        """Call everybody who listens to a session, unless they were called for what it has already."""
        sockets = self._by_session.get(heard.ref)
        if sockets is None:
            return
        if heard.epoch != sockets.epoch:
            is_first = not sockets.epoch
            sockets.epoch = heard.epoch
            sockets.offset = sockets.offset if is_first else 0
        if heard.offset > sockets.offset:
            self.hint(heard.ref, heard.offset)

    def hint_all(self) -> None:
        """Call everybody: hints may have been lost."""
        for ref in self.sessions:
            self.hint(ref)
