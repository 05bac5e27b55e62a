"""Ids of events by visitor, in runs: what one commit brings is one row, read once and then kept at hand."""

import struct
from collections import OrderedDict
from collections.abc import Sequence

from engine.stores.sqlite.db import Db

AT_HAND_MAX = 200_000
"""Ids at hand; beyond, those of the visitor heard of longest ago are read again when they are asked for.
test_ids_beyond_what_is_kept_at_hand_are_still_known"""

Key = tuple[str, str]
"""Workspace and visitor."""

_RUNS = "SELECT ids FROM seen_run WHERE ws = ? AND visitor = ?"
_NONE: frozenset[int] = frozenset()


class SeenIds:
    """What was seen before, with what the open batch adds. Of the thread that owns the file."""

    def __init__(self, db: Db) -> None:
        """Read nothing before it is asked for."""
        self._db = db
        self._at_hand: OrderedDict[Key, set[int]] = OrderedDict()
        self._count = 0
        self._fresh: dict[Key, list[Sequence[int]]] = {}

    def begin(self) -> None:
        """Begin a batch; what a batch added that failed was never seen."""
        self._fresh = {}

    def known(self, key: Key, ids: Sequence[int]) -> tuple[int, ...]:
        """Return those of a visitor's ids that were seen before."""
        before = self._kept(key)
        if key in self._fresh:
            before = before.union(*self._fresh[key])
        # Mostly none was: that is found out without a look at each.
        return () if before.isdisjoint(ids) else tuple(event for event in ids if event in before)

    def add(self, key: Key, ids: Sequence[int]) -> None:
        """Note what the open batch adds."""
        self._fresh.setdefault(key, []).append(ids)

    def settle(self) -> None:
        """Keep what the batch added, now that it is durable, of those visitors who are at hand."""
        for key, runs in self._fresh.items():
            kept = self._at_hand.get(key)
            if kept is not None:
                self._count -= len(kept)
                kept.update(*runs)
                self._count += len(kept)
        self._fresh = {}
        self._trim()

    def forget(self, key: Key) -> None:
        """Let a visitor's ids be read from the file again."""
        self._count -= len(self._at_hand.pop(key, _NONE))

    def clear(self) -> None:
        """Let everybody's ids be read from the file again."""
        self._at_hand.clear()
        self._count = 0

    def _kept(self, key: Key) -> set[int]:
        found = self._at_hand.get(key)
        if found is not None:
            self._at_hand.move_to_end(key)
            return found
        found = set()
        for (packed,) in self._db.execute(_RUNS, key).fetchall():
            found.update(unpacked(packed))
        self._at_hand[key] = found
        self._count += len(found)
        self._trim()
        return found

    def _trim(self) -> None:
        while self._count > AT_HAND_MAX and len(self._at_hand) > 1:
            _, gone = self._at_hand.popitem(last=False)
            self._count -= len(gone)


def packed(ids: Sequence[int]) -> bytes:
    """Write ids of 63 bits, eight bytes each."""
    return struct.pack(f"<{len(ids)}q", *ids)


def unpacked(run: bytes) -> tuple[int, ...]:
    """Read what `packed` wrote."""
    return struct.unpack(f"<{len(run) // 8}q", run)
