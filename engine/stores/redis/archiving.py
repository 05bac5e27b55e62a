"""Ended sessions on their way out of Redis into the archive: a file, then an end for what the file holds."""

import asyncio
import logging
from collections.abc import Sequence
from itertools import groupby
from typing import cast

from engine.limits import ARCHIVE_SESSIONS_MAX, ARCHIVED_KEPT_MS
from engine.stores.archive import HOUR_MS, Archive
from engine.stores.archive_file import Archived, Draft
from engine.stores.records import Entry, SessionRef
from engine.stores.redis.erase import RedisErase
from engine.stores.redis.keys import pack_ref, unpack_ref
from engine.stores.redis.records import pack_listed, unpack_entry
from engine.stores.redis.replies import script

_SESSION = script("sweep_session_2")
_NAMES = script("sweep_names_1")
_SESSIONS_AT_ONCE = 32
_ENTRIES_AT_ONCE = 256
_log = logging.getLogger("opportune.stores")


class RedisArchiving(RedisErase):
    """The part of `Store.sweep` that lets ended sessions go, into the archive where there is one."""

    _archive_trouble: str = ""

    async def _archive_ended(self, place: int, now_ms: int) -> tuple[int, bool]:
        """Archive the sessions of a partition that ended in hours that are over, a file an hour.

        Answers how many left, and whether there are more. What cannot be written stays, and is tried again.
        """
        assert self._archive is not None
        cut_ms = (now_ms - self._retention.ended_ms) // HOUR_MS * HOUR_MS
        rows = await self._ended_before(place, cut_ms)
        count = 0
        for (workspace, hour_ms), some in groupby(rows, key=_file_of):
            refs = [ref for ref, _ in some]
            try:
                count += await self._archive_hour(self._archive, place, refs, hour_ms)
            except OSError as error:
                self._tell_trouble(f"{self._archive.folder}: {error}", workspace)
                return count, False
        self._archive_trouble = ""
        return count, len(rows) == ARCHIVE_SESSIONS_MAX and count > 0

    async def _ended_before(self, place: int, cut_ms: int) -> list[tuple[SessionRef, int]]:
        """Read sessions that ended before an instant and when they did, sorted by the file they belong in."""
        key = self._keys.aged("en", place)
        command = ("ZRANGE", key, "-inf", f"({cut_ms}", "BYSCORE")
        rest = ("LIMIT", 0, ARCHIVE_SESSIONS_MAX, "WITHSCORES")
        found = cast("list[bytes]", await self._client.read(place, *command, *rest))
        pairs = zip(found[::2], found[1::2], strict=True)
        return sorted(
            ((unpack_ref(member), int(float(score))) for member, score in pairs), key=_file_of
        )

    async def _archive_hour(
        self, archive: Archive, place: int, refs: Sequence[SessionRef], hour_ms: int
    ) -> int:
        """Write a file of sessions, then let them go; answers how many went.

        Raises:
            OSError: the file cannot be written; nothing went.
        """
        workspace = refs[0].workspace
        draft = await archive.begin(workspace, place, hour_ms)
        try:
            for begin in range(0, len(refs), _SESSIONS_AT_ONCE):
                await archive.add(
                    draft, await self._journals(refs[begin : begin + _SESSIONS_AT_ONCE])
                )
            await archive.finish(draft)
        finally:
            draft.let_go()
        return await self._let_archived_go(archive, draft, place, refs)

    async def _let_archived_go(
        self, archive: Archive, draft: Draft, place: int, refs: Sequence[SessionRef]
    ) -> int:
        """Let sessions go that a file has; what went on, or was erased, meanwhile leaves the file again."""
        cut_ms, stayed = self._now_ms() - self._retention.ended_ms, set[str]()
        for begin in range(0, len(refs), _SESSIONS_AT_ONCE):
            some = refs[begin : begin + _SESSIONS_AT_ONCE]
            gone = await asyncio.gather(
                *(self._let_session_go(place, ref, cut_ms, ARCHIVED_KEPT_MS) for ref in some)
            )
            stayed |= {ref.session for ref, left in zip(some, gone, strict=True) if not left}
        if stayed and draft.count:
            await archive.take_out(draft.path, refs[0].workspace, frozenset(stayed))
        return len(refs) - len(stayed)

    async def _let_session_go(
        self, place: int, ref: SessionRef, end_ms: int, journal_ms: int | None = None
    ) -> int:
        """Remove an ended session but its journal, which with `journal_ms` has an end after so long.

        Answers 0 when it went on meanwhile, 2 when no journal is left.
        """
        member = pack_ref(ref)
        keys = [self._keys.of_session(kind, ref) for kind in ("s", "m", "j", "n")]
        keys.append(self._keys.aged("en", place))
        args = (member, end_ms, ref.session, "" if journal_ms is None else journal_ms)
        done = cast("int", await self._client.run(place, _SESSION, keys, args, durable=False))
        if done:
            await self._drop_names(ref, [ref.session.encode()])
        if done == 2:
            await self._sweep_names(place, member)
        return done

    async def _sweep_names(self, place: int, member: bytes) -> None:
        """Forget a session of which only names and its place in lists are left."""
        ref, keys = unpack_ref(member), self._keys
        named = (
            *(keys.of_session(kind, ref) for kind in ("s", "j", "n")),
            keys.of_visitor("v", ref.workspace, ref.visitor),
            keys.of_workspace(place, "ix", ref.workspace),
            *(keys.aged("jx", place), keys.aged("en", place)),
        )
        names = await self._client.run(place, _NAMES, named, (pack_ref(ref), pack_listed(ref)))
        await self._drop_names(ref, cast("list[bytes]", names))

    async def _journals(self, refs: Sequence[SessionRef]) -> list[Archived]:
        return list(zip(refs, await asyncio.gather(*map(self._whole_journal, refs)), strict=True))

    async def _whole_journal(self, ref: SessionRef) -> list[Entry]:
        """Read all that is kept of a journal."""
        place, key = (
            self._keys.partition(ref.workspace, ref.visitor),
            self._keys.of_session("j", ref),
        )
        entries: list[Entry] = []
        while True:
            end = len(entries) + _ENTRIES_AT_ONCE - 1
            raw = await self._client.read(place, "LRANGE", key, len(entries), end)
            found = cast("list[bytes]", raw)
            entries += map(unpack_entry, found)
            if len(found) < _ENTRIES_AT_ONCE:
                return entries

    def _tell_trouble(self, trouble: str, workspace: str) -> None:
        """Log once what keeps the archive from being written."""
        if trouble != self._archive_trouble:
            words = "%s: ended sessions of %s stay in the store, they cannot be archived"
            _log.error(words, trouble, workspace)
        self._archive_trouble = trouble


def _file_of(row: tuple[SessionRef, int]) -> tuple[str, int]:
    """Return the workspace and hour that a session's file is of."""
    ref, ended_ms = row
    return ref.workspace, ended_ms // HOUR_MS * HOUR_MS
