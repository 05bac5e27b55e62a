"""Visitors' profiles and the counters of workspaces in Redis."""

import asyncio
from collections.abc import Sequence
from typing import cast

from engine.stores.base import VisitorRecord
from engine.stores.head import check_profile_size
from engine.stores.redis.keys import Keys, tail_of
from engine.stores.redis.part import SLICE, RedisPart
from engine.stores.redis.replies import Reply, script

_PUT = script("profile_put_1")
_HASHES = script("hashes_1")
_READS_AT_ONCE = 64


def counted_from(keys: Keys) -> str:
    """Return the key of the first day whose counters are shown; a sweep moves it on."""
    return keys.of(0, "cf")


class RedisProfiles(RedisPart):
    """The part of `Store` that knows visitors and counts."""

    async def visitor(self, workspace: str, visitor: str) -> VisitorRecord | None:
        """See `Store.visitor`."""
        self._check_open()
        place = self._keys.partition(workspace, visitor)
        key = self._keys.of_visitor("u", workspace, visitor)
        found = await self._client.read(place, "HMGET", key, "v", "s", "at")
        assert isinstance(found, list)
        if not self._is_settled(cast("bytes | None", found[-1])):
            # On a lane for writes the answer waits for the replicas.
            found = await self._client.write(place, "HMGET", key, "v", "s", "at")
            assert isinstance(found, list)
        return _record(found[:-1])

    async def put_profile(
        self, workspace: str, visitor: str, profile: bytes, expect: int
    ) -> int | VisitorRecord | None:
        """See `Store.put_profile`."""
        self._check_open()
        check_profile_size(profile)
        place = self._keys.partition(workspace, visitor)
        keys = (
            self._keys.of_visitor("u", workspace, visitor),
            self._keys.aged("ux", place),
            self._keys.erased(place),
        )
        whose = tail_of(workspace, visitor)
        args = (self._time(), whose, self._attempt(), expect, profile)
        match await self._client.run(place, _PUT, keys, args):
            case [1, int(version)]:
                return version
            case [0, *found]:
                return _record(found) if found else None
            case _:
                return None

    async def counts(self, workspace: str, days: Sequence[str], prefix: str) -> dict[str, int]:
        """See `Store.counts`; every partition has some of each day."""
        self._check_open()
        # Counters of the days before are there until they expire, and no longer shown.
        oldest = await self._client.read(0, "GET", counted_from(self._keys))
        first_day = oldest.decode() if isinstance(oldest, bytes) else ""
        kept = [day for day in dict.fromkeys(days) if day >= first_day]
        sums: dict[str, int] = {}
        begun = prefix.encode()
        for first in range(0, self.partitions, _READS_AT_ONCE):
            places = range(first, min(first + _READS_AT_ONCE, self.partitions))
            for begin in range(0, len(kept), SLICE):
                some = kept[begin : begin + SLICE]
                reads = [self._counters(place, workspace, some) for place in places]
                for hashes in await asyncio.gather(*reads):
                    _add(sums, hashes, begun)
        return sums

    async def _counters(self, place: int, workspace: str, days: Sequence[str]) -> Reply:
        begin = self._keys.of_workspace(place, "ct", workspace, "")
        keys = [begin + day for day in days]
        return await self._client.run(place, _HASHES, keys, (), durable=False)


def _record(found: Reply) -> VisitorRecord | None:
    match found:
        case [int() | bytes() as version, bytes(profile)]:
            return VisitorRecord(int(version), profile)
        case _:
            return None


def _add(sums: dict[str, int], hashes: Reply, prefix: bytes) -> None:
    """Add up the counters of hashes whose name begins so."""
    assert isinstance(hashes, list)
    for fields in hashes:
        assert isinstance(fields, list)
        for name, number in zip(fields[::2], fields[1::2], strict=True):
            assert isinstance(name, bytes)
            assert isinstance(number, bytes)
            if name.startswith(prefix):
                text = name.decode()
                sums[text] = sums.get(text, 0) + int(number)
