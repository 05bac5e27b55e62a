"""What the Redis store lists of sessions, over all its partitions, and how it reads their journals."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import cast

from engine.limits import JOURNAL_ROWS_MAX, SESSIONS_ROWS_MAX
from engine.stores.records import Entry, SessionRef
from engine.stores.redis.archived import RedisArchived
from engine.stores.redis.merge import Row, merged
from engine.stores.redis.records import newest_run, unpack_entry, unpack_listed

# Sessions whose newest entries are looked at together, and entries of one session read at once.
_SESSIONS_AT_ONCE = 64
_ENTRIES_AT_ONCE = 256


class RedisReads(RedisArchived):
    """The part of `Store` that lists sessions and reads journals."""

    async def list_sessions(
        self, workspace: str, before: str | None, limit: int
    ) -> tuple[SessionRef, ...]:
        """See `Store.list_sessions`."""
        self._check_open()
        limit = min(limit, SESSIONS_ROWS_MAX)
        highest = b"+" if before is None else b"(" + before.encode()

        async def fetch(partition: int, last: Row | None, count: int) -> list[Row]:
            top = highest if last is None else b"(" + last.member
            return await self._listed(workspace, partition, (top, b"-"), count)

        found: list[SessionRef] = []
        first_len = first_slice(limit, self.partitions)
        async for row in merged(range(self.partitions), fetch, first_len=first_len, is_down=True):
            found.append(unpack_listed(workspace, row.member))
            if len(found) >= limit:
                break
        return tuple(found)

    async def journal(
        self, ref: SessionRef, after: int = 0, limit: int = JOURNAL_ROWS_MAX
    ) -> list[Entry]:
        """See `Store.journal`."""
        self._check_open()
        limit = min(limit, JOURNAL_ROWS_MAX)
        partition = self._keys.partition(ref.workspace, ref.visitor)
        key = self._keys.of_session("j", ref)
        slack = 0
        while True:
            kept, last = await self._extent(partition, key)
            if not last:
                archived = await self._archived_journal(ref)
                return [entry for entry in archived if entry.number > after][:limit]
            # An older run of a session that began again may stand before the newest, which counts from 1.
            first = max(after, last - kept, 0) + 1
            if first > last:
                return []
            place = kept - 1 - (last - first)
            begin = max(0, place - slack)
            raw = await self._fan_out.read(partition, "LRANGE", key, begin, place + limit - 1)
            run = newest_run([unpack_entry(row) for row in cast("list[bytes]", raw)])
            entries = [entry for entry in run if entry.number >= first]
            if entries and (entries[0].number == first or not begin):
                return entries[:limit]
            # It was trimmed between the two reads, and its places moved.
            slack = 4 * slack + 4

    async def scan(
        self, workspace: str, since_ms: int, until_ms: int
    ) -> AsyncIterator[tuple[SessionRef, list[Entry]]]:
        """See `Store.scan`; the sessions of an archive come first."""
        self._check_open()
        until_ms = min(until_ms, self._now_ms() + 1)
        began_ms = self._client.now_ms()
        async for shown in self._archived_between(workspace, (since_ms, until_ms), began_ms):
            yield shown

        async def fetch(partition: int, last: Row | None, count: int) -> list[Row]:
            bottom = b"-" if last is None else b"(" + last.member
            return await self._listed(workspace, partition, (bottom, b"+"), count)

        waiting: list[SessionRef] = []
        first_len = first_slice(_SESSIONS_AT_ONCE, self.partitions)
        async for row in merged(range(self.partitions), fetch, first_len=first_len, is_down=False):
            waiting.append(unpack_listed(workspace, row.member))
            if len(waiting) == _SESSIONS_AT_ONCE:
                async for shown in self._here(waiting, since_ms, until_ms, began_ms):
                    yield shown
                waiting = []
        async for shown in self._here(waiting, since_ms, until_ms, began_ms):
            yield shown

    async def _extent(self, partition: int, key: str) -> tuple[int, int]:
        """Tell how many entries a journal has and the number of its last; (0, 0) when there is none."""
        length, newest = await asyncio.gather(
            self._fan_out.read(partition, "LLEN", key),
            self._fan_out.read(partition, "LINDEX", key, -1),
        )
        if newest is None:
            return 0, 0
        return cast("int", length), unpack_entry(cast("bytes", newest)).number

    async def _here(
        self, refs: Sequence[SessionRef], since_ms: int, until_ms: int, began_ms: int
    ) -> AsyncIterator[tuple[SessionRef, list[Entry]]]:
        """Yield what the archive did not have when the reading began."""
        left = await self._have_left(refs, began_ms)
        here = [ref for ref, has_left in zip(refs, left, strict=True) if not has_left]
        async for shown in self._entries_between(here, since_ms, until_ms):
            yield shown

    async def _entries_between(
        self, refs: Sequence[SessionRef], since_ms: int, until_ms: int
    ) -> AsyncIterator[tuple[SessionRef, list[Entry]]]:
        newest = await asyncio.gather(*(self._newest_entry(ref) for ref in refs))
        for ref, last in zip(refs, newest, strict=True):
            if last is None or last.at_ms < since_ms:
                continue
            entries: list[Entry] = []
            after = 0
            while page := await self.journal(ref, after, _ENTRIES_AT_ONCE):
                entries += [entry for entry in page if since_ms <= entry.at_ms < until_ms]
                after = page[-1].number
                if after >= last.number or page[-1].at_ms >= until_ms:
                    break
            if entries:
                yield ref, entries

    async def _newest_entry(self, ref: SessionRef) -> Entry | None:
        partition = self._keys.partition(ref.workspace, ref.visitor)
        raw = await self._fan_out.read(partition, "LINDEX", self._keys.of_session("j", ref), -1)
        return None if raw is None else unpack_entry(cast("bytes", raw))

    async def _listed(
        self, workspace: str, partition: int, span: tuple[bytes, bytes], count: int
    ) -> list[Row]:
        """Read sessions by id from one end of a span to the other."""
        key = self._keys.of_workspace(partition, "ix", workspace)
        is_down = span[1] == b"-"
        rest = ("BYLEX", *(("REV",) if is_down else ()), "LIMIT", 0, count)
        members = await self._fan_out.read(partition, "ZRANGE", key, *span, *rest)
        return [Row(0, member, partition) for member in cast("list[bytes]", members)]


def first_slice(limit: int, partitions: int) -> int:
    """Say how many rows of each partition to read at first for a page: some more than its share."""
    return min(limit, 2 * limit // partitions + 4)
