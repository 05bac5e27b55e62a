"""Retention in Redis: each partition keeps lists by age of what will be over, and one slice takes the oldest."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import cast

import msgspec

from engine.limits import BOOKINGS_KEPT_MS, DELIVERIES_KEPT_MS, ERASED_KEPT_MS, ERASED_LATELY_MS
from engine.stores.base import Swept
from engine.stores.days import utc_day
from engine.stores.redis.archiving import RedisArchiving
from engine.stores.redis.keys import unpack_ref
from engine.stores.redis.part import SLICE
from engine.stores.redis.profiles import counted_from
from engine.stores.redis.records import unpack_decision
from engine.stores.redis.replies import script

_LOOK = script("sweep_look_1")
_FLOOR = script("sweep_days_1")
_JOURNAL = script("sweep_journal_1")
_PROFILE = script("sweep_profile_1")
_DECISIONS = script("decisions_old_1")
_LOG = script("sweep_log_1")
_PLACES = script("sweep_places_1")

PARTITIONS_AT_ONCE = 16
SWEPT_MAX = 1_000
"""Things removed after which a slice ends; the next one goes on behind its partitions.
test_a_sweep_of_much_is_done_in_slices"""

Count = Callable[[int, bytes, int], Awaitable["_Removed"]]


class _Removed(msgspec.Struct):
    """How much was removed, and whether there is more of the same at once."""

    sessions: int = 0
    entries: int = 0
    others: int = 0
    more: bool = False

    def add(self, other: "_Removed") -> None:
        """Count what was removed beside."""
        self.sessions += other.sessions
        self.entries += other.entries
        self.others += other.others
        self.more = self.more or other.more


class RedisSweep(RedisArchiving):
    """The part of `Store` that lets go what is over."""

    _swept_to: int = 0
    _counted_from: str = ""

    async def sweep(self, now_ms: int) -> Swept:
        """See `Store.sweep`; a slice looks at partitions until it has removed enough."""
        self._check_open()
        all_removed = _Removed()
        if not self._swept_to:
            await self._move_counted_from(utc_day(now_ms - self._retention.decisions_ms))
            await self._rewrite_files(self._rewrites_owed | await self._erased_lately(now_ms))
        while self._swept_to < self.partitions:
            end = min(self._swept_to + PARTITIONS_AT_ONCE, self.partitions)
            places = range(self._swept_to, end)
            for removed in await asyncio.gather(*(self._sweep(place, now_ms) for place in places)):
                all_removed.add(removed)
            if all_removed.more:
                break
            self._swept_to = end
            if _count(all_removed) >= SWEPT_MAX:
                all_removed.more = end < self.partitions
                break
        if self._swept_to >= self.partitions:
            self._swept_to = 0
        counted = (all_removed.sessions, all_removed.entries, all_removed.others)
        return Swept(*counted, all_removed.more)

    async def _erased_lately(self, now_ms: int) -> frozenset[int]:
        """List the partitions whose servers' files may hold what was removed, whichever worker removed it."""
        since, places = f"({now_ms + ERASED_KEPT_MS - ERASED_LATELY_MS}", range(self.partitions)
        counts = await asyncio.gather(
            *(
                self._client.read(place, "ZCOUNT", self._keys.erased(place), since, "+inf")
                for place in places
            )
        )
        return frozenset(place for place, count in zip(places, counts, strict=True) if count)

    async def _move_counted_from(self, day: str) -> None:
        if day > self._counted_from:
            await self._client.run(0, _FLOOR, (counted_from(self._keys),), (day,))
            self._counted_from = day

    async def _sweep(self, place: int, now_ms: int) -> _Removed:
        """Remove a slice of each kind in a partition."""
        kept = self._retention
        kinds: tuple[tuple[str, int, Count], ...] = (
            # With an archive, sessions go when it has them.
            ("en", now_ms - kept.ended_ms if self._archive is None else -1, self._sweep_session),
            ("jx", now_ms - kept.events_ms, self._sweep_journal),
            ("ux", now_ms - kept.profiles_ms, self._sweep_profile),
            ("da", now_ms - kept.decisions_ms, self._sweep_decisions),
            ("lx", now_ms - DELIVERIES_KEPT_MS, self._sweep_log),
            ("bx", now_ms - BOOKINGS_KEPT_MS, self._sweep_places),
        )
        keys = [self._keys.erased(place), *(self._keys.aged(kind, place) for kind, _, _ in kinds)]
        ends = [end_ms for _, end_ms, _ in kinds]
        found = await self._client.run(place, _LOOK, keys, (now_ms, SLICE, *ends), durable=False)
        tombstones, *old = cast("tuple[int, list[bytes]]", found)
        removed = _Removed(others=tombstones)
        if self._archive is not None:
            removed.sessions, removed.more = await self._archive_ended(place, now_ms)
        for members, (_, end_ms, sweep) in zip(old, kinds, strict=True):
            for member in members:
                removed.add(await sweep(place, member, end_ms))
            removed.more = removed.more or len(members) == SLICE
        return removed

    async def _sweep_session(self, place: int, member: bytes, end_ms: int) -> _Removed:
        done = await self._let_session_go(place, unpack_ref(member), end_ms)
        return _Removed(sessions=1 if done else 0)

    async def _sweep_journal(self, place: int, member: bytes, end_ms: int) -> _Removed:
        ref = unpack_ref(member)
        keys = [self._keys.of_session(kind, ref) for kind in ("s", "j")]
        keys.append(self._keys.aged("jx", place))
        reply = await self._client.run(place, _JOURNAL, keys, (member, end_ms), durable=False)
        entries, is_over = cast("tuple[int, int]", reply)
        if is_over:
            await self._sweep_names(place, member)
        return _Removed(entries=entries, more=entries == SLICE)

    async def _sweep_profile(self, place: int, member: bytes, end_ms: int) -> _Removed:
        keys = (self._keys.of(place, "u", member.decode()), self._keys.aged("ux", place))
        done = await self._client.run(place, _PROFILE, keys, (member, end_ms), durable=False)
        return _Removed(others=cast("int", done))

    async def _sweep_decisions(self, place: int, member: bytes, end_ms: int) -> _Removed:
        workspace = member.decode()
        keys = [self._keys.of_workspace(place, kind, workspace) for kind in ("dx", "db")]
        keys.append(self._keys.aged("da", place))
        found = await self._client.run(
            place, _DECISIONS, keys, (end_ms, workspace, SLICE), durable=False
        )
        ids, records = cast("tuple[list[bytes], list[bytes]]", found)
        for visitor, some in _by_visitor(workspace, ids, records).items():
            await self._drop_decisions(workspace, visitor, some)
        # Another look notes the oldest that stays.
        return _Removed(others=len(ids), more=bool(ids))

    async def _sweep_log(self, place: int, member: bytes, end_ms: int) -> _Removed:
        tail = member.decode()
        workspace, _, endpoint = tail.partition(":")
        keys = [self._keys.of(place, kind, tail) for kind in ("dl", "ds", "dh")]
        keys += [self._keys.of(place, "dv", workspace), self._keys.aged("lx", place)]
        args = (end_ms, member, endpoint, SLICE)
        count = cast("int", await self._client.run(place, _LOG, keys, args, durable=False))
        return _Removed(others=count, more=count == SLICE)

    async def _sweep_places(self, place: int, member: bytes, end_ms: int) -> _Removed:
        workspace = member.decode()
        keys = [self._keys.of_workspace(place, kind, workspace) for kind in ("bk", "bt")]
        keys.append(self._keys.aged("bx", place))
        reply = await self._client.run(
            place, _PLACES, keys, (end_ms, workspace, SLICE), durable=False
        )
        count = cast("int", reply)
        return _Removed(others=count, more=count == SLICE)


def _by_visitor(
    workspace: str, ids: Sequence[bytes], records: Sequence[bytes]
) -> dict[str, list[bytes]]:
    visitors: dict[str, list[bytes]] = {}
    for name, record in zip(ids, records, strict=True):
        found = unpack_decision(workspace, name.decode(), 0, record)
        visitors.setdefault(found.ref.visitor, []).append(name)
    return visitors


def _count(removed: _Removed) -> int:
    return removed.sessions + removed.entries + removed.others
