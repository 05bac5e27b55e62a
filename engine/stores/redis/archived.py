"""What the Redis store reads of its archive: sessions whose journals have left the servers."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import cast

from engine.ids import made_ms
from engine.limits import ARCHIVED_KEPT_MS
from engine.stores.archive_file import Archived
from engine.stores.records import Entry, SessionRef
from engine.stores.redis.part import RedisPart
from engine.stores.redis.records import newest_run

_MADE_MS_AGO_MAX = 400 * 86_400_000
"""An id that says to be made longer ago, or later than now, was not made by the clock."""


class RedisArchived(RedisPart):
    """The part of `Store` that reads the archive, where there is one."""

    async def _archived_journal(self, ref: SessionRef) -> list[Entry]:
        """Read the newest run of a journal that is in the archive; [] when it is not."""
        if self._archive is None:
            return []
        now_ms, since_ms = self._now_ms(), made_ms(ref.session)
        if not now_ms - _MADE_MS_AGO_MAX < since_ms <= now_ms:
            since_ms = 0
        place = self._keys.partition(ref.workspace, ref.visitor)
        return newest_run(await self._archive.journal(ref, place, since_ms))

    async def _archived_between(
        self, workspace: str, span_ms: tuple[int, int], began_ms: int
    ) -> AsyncIterator[Archived]:
        """Yield the sessions of the archive with entries in [since, until), with those entries.

        `began_ms` is when the reading began: what was archived after it is still read from the servers.
        """
        if self._archive is None:
            return
        since_ms, until_ms = span_ms
        async for some in self._archive.scan(workspace, since_ms):
            wanted = [
                (ref, between)
                for ref, entries in some
                if (between := _between(newest_run(entries), since_ms, until_ms))
            ]
            left = await self._have_left([ref for ref, _ in wanted], began_ms)
            for shown, has_left in zip(wanted, left, strict=True):
                if has_left:
                    yield shown

    async def _have_left(self, refs: Sequence[SessionRef], began_ms: int) -> list[bool]:
        """Tell whose journals were archived before an instant, of the servers' time.

        Such a journal has an end, `ARCHIVED_KEPT_MS` after it was archived, or is gone.
        """
        if self._archive is None:
            return [False] * len(refs)
        found = await asyncio.gather(
            *(
                self._fan_out.read(
                    self._keys.partition(ref.workspace, ref.visitor),
                    *("PEXPIRETIME", self._keys.of_session("j", ref)),
                )
                for ref in refs
            )
        )
        ends = cast("list[int]", found)
        return [end == -2 or -1 < end - ARCHIVED_KEPT_MS < began_ms for end in ends]


def _between(entries: Sequence[Entry], since_ms: int, until_ms: int) -> list[Entry]:
    return [entry for entry in entries if since_ms <= entry.at_ms < until_ms]
