"""Ids of events by visitor, in runs: what one commit brings is one row, read once and then kept at hand."""

import struct
from collections import OrderedDict
from collections.abc import Sequence

from engine.stores.sqlite.db import Db

AT_HAND_MAX = 200_000
"""Ids and visitors at hand; beyond, those of the visitor heard of longest ago are read again when they are
asked for. test_ids_beyond_what_is_kept_at_hand_are_still_known"""

Key = tuple[str, str]
"""Workspace and visitor."""

Ids = bytes | set[int]
"""A visitor's ids: as written until somebody looks for one among them, as most visitors send one batch."""

_ID_BYTES = 8
_NONE: frozenset[int] = frozenset()
_RUNS = "SELECT ids FROM seen_run WHERE ws = ? AND visitor = ?"


class SeenIds:
    """What was seen before, with what the open batch adds. Of the thread that owns the file."""

    def __init__(self, db: Db) -> None:
        """Read nothing before it is asked for."""
        self._db = db
        self._at_hand: OrderedDict[Key, Ids] = OrderedDict()
        self._size = 0
        self._fresh: dict[Key, list[bytes]] = {}

    def begin(self) -> None:
        """Begin a batch; what a batch added that failed was never seen."""
        self._fresh = {}

    def known(self, key: Key, ids: Sequence[int]) -> tuple[int, ...]:
        """Return those of a visitor's ids that were seen before."""
        before = self._kept(key)
        if key in self._fresh:
            before = before.union(*map(unpacked, self._fresh[key]))
        if not before:
            return ()
        # Mostly none was: that is found out without a look at each.
        return () if before.isdisjoint(ids) else tuple(event for event in ids if event in before)

    def add(self, key: Key, ids: Sequence[int]) -> bytes:
        """Note what the open batch adds, and return it as it is written."""
        run = packed(ids)
        self._fresh.setdefault(key, []).append(run)
        return run

    def settle(self) -> None:
        """Keep what the batch added, now that it is durable, of those visitors who are at hand."""
        for key, runs in self._fresh.items():
            kept = self._at_hand.get(key)
            if isinstance(kept, bytes):
                self._put(key, b"".join((kept, *runs)))
            elif kept is not None:
                self._size -= len(kept)
                kept.update(*map(unpacked, runs))
                self._size += len(kept)
        self._fresh = {}
        self._trim()

    def note_none(self, key: Key) -> None:
        """Learn that the file has no ids of a visitor."""
        if key not in self._at_hand:
            self._put(key, b"")
            self._trim()

    def forget(self, key: Key) -> None:
        """Let a visitor's ids be read from the file again."""
        gone = self._at_hand.pop(key, None)
        if gone is not None:
            self._size -= _size(gone)

    def clear(self) -> None:
        """Let everybody's ids be read from the file again."""
        self._at_hand.clear()
        self._size = 0

    def _kept(self, key: Key) -> set[int] | frozenset[int]:
        kept = self._at_hand.get(key)
        if kept == b"":
            return _NONE
        if isinstance(kept, set):
            self._at_hand.move_to_end(key)
            return kept
        if kept is None:
            kept = b"".join([run for (run,) in self._db.execute(_RUNS, key).fetchall()])
        found = set(unpacked(kept))
        self._put(key, found or b"")
        self._trim()
        return found

    def _put(self, key: Key, ids: Ids) -> None:
        self.forget(key)
        self._at_hand[key] = ids
        self._size += _size(ids)

    def _trim(self) -> None:
        while self._size > AT_HAND_MAX and len(self._at_hand) > 1:
            _, gone = self._at_hand.popitem(last=False)
            self._size -= _size(gone)


def _size(ids: Ids) -> int:
    return 1 + (len(ids) // _ID_BYTES if isinstance(ids, bytes) else len(ids))


def packed(ids: Sequence[int]) -> bytes:
    """Write ids of 63 bits, eight bytes each."""
    return struct.pack(f"<{len(ids)}q", *ids)


def unpacked(run: bytes) -> tuple[int, ...]:
    """Read what `packed` wrote."""
    return struct.unpack(f"<{len(run) // _ID_BYTES}q", run)
