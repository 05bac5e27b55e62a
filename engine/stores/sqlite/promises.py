"""Clients' session ids whose row is on its way to the disk: they are answered already.

The thread writes in the order of asking, so whatever is committed in such a session is durable after its id,
or with it. Until then the id is known here alone.
"""

import asyncio
from dataclasses import dataclass

from engine.stores.base import SessionRef

MISSED_MAX = 4_096
"""Ids that were looked for in vain and are remembered; beyond, all are looked for again.
test_ids_that_were_looked_for_in_vain_are_bounded"""

Key = tuple[str, str]
"""Workspace and the client's id."""


@dataclass(slots=True, frozen=True)
class _Promise:
    ref: SessionRef
    written: asyncio.Future[object]


class Promises:
    """What clients' ids were promised to stand for, and which of them stand for nothing yet."""

    __slots__ = ("_made", "_missed")

    def __init__(self) -> None:
        """Know of none."""
        self._made: dict[Key, _Promise] = {}
        self._missed: set[Key] = set()

    def __len__(self) -> int:
        """Return how many ids are known here."""
        return len(self._made) + len(self._missed)

    def find(self, key: Key) -> SessionRef | None:
        """Return what an id was promised to stand for, while its row is on its way."""
        promise = self._made.get(key)
        return None if promise is None else promise.ref

    def make(self, key: Key, ref: SessionRef, written: asyncio.Future[object]) -> None:
        """Promise that an id stands for a session from now on, until its row is `written`, or cannot be."""
        self._missed.discard(key)
        promise = self._made[key] = _Promise(ref, written)

        def settle(told: asyncio.Future[object]) -> None:
            # Whoever read the file before this row was in it, and was told before, has looked here by now.
            if self._made.get(key) is promise:
                del self._made[key]
            if not told.cancelled():
                # Who commits in the session is told of trouble by the commit.
                told.exception()

        written.add_done_callback(settle)

    async def settled(self, key: Key) -> None:
        """Wait until the row of an id that is promised is durable, or will never be."""
        promise = self._made.get(key)
        if promise is not None:
            await asyncio.wait((promise.written,))

    def miss(self, key: Key) -> None:
        """Remember that an id stood for nothing when it was looked for, unless it was promised meanwhile."""
        if key in self._made:
            return
        if len(self._missed) >= MISSED_MAX:
            self._missed.clear()
        self._missed.add(key)

    def is_missed(self, key: Key) -> bool:
        """Tell whether an id stood for nothing when it was looked for, and was not promised since."""
        return key in self._missed
