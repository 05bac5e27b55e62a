"""The sessions of the last day in Redis, counted and sampled, to tell how much memory journals come to need."""

import asyncio
from collections.abc import Sequence
from typing import cast

from engine.ids import ulid_text
from engine.stores.journal_forecast import JournalForecast
from engine.stores.redis.part import RedisPart
from engine.stores.redis.records import unpack_listed

DAY_MS = 86_400_000
SAMPLED_MAX = 4
"""Journals of a partition and workspace whose bytes are looked at; the others are taken to be as long."""

_ULID_RANDOM_BITS = 80


class RedisForecast(RedisPart):
    """The part of the store that looks ahead; for `opportune doctor`."""

    async def forecast(self, workspaces: Sequence[str]) -> JournalForecast:
        """See `ForecastsJournals.forecast`."""
        begin = ulid_text((self._now_ms() - DAY_MS) << _ULID_RANDOM_BITS)
        places = [(place, name) for place in range(self.partitions) for name in workspaces]
        counts = await asyncio.gather(*(self._begun(*each, f"chat_{begin}") for each in places))
        sizes = await asyncio.gather(*(self._sizes(*each, f"chat_{begin}") for each in places))
        sampled = [size for of_one in sizes for size in of_one]
        mean = sum(sampled) // len(sampled) if sampled else 0
        return JournalForecast(sum(counts), mean, await self._memory_bytes())

    async def _begun(self, place: int, workspace: str, first: str) -> int:
        key = self._keys.of_workspace(place, "ix", workspace)
        found = await self._fan_out.read(place, "ZLEXCOUNT", key, f"[{first}", "+")
        return cast("int", found)

    async def _sizes(self, place: int, workspace: str, first: str) -> list[int]:
        key = self._keys.of_workspace(place, "ix", workspace)
        span = (f"[{first}", "+", "BYLEX", "LIMIT", 0, SAMPLED_MAX)
        found = cast("list[bytes]", await self._fan_out.read(place, "ZRANGE", key, *span))
        refs = [unpack_listed(workspace, member) for member in found]
        sizes = await asyncio.gather(
            *(
                self._fan_out.read(place, "MEMORY", "USAGE", self._keys.of_session("j", ref))
                for ref in refs
            )
        )
        return [cast("int", size) for size in sizes if size is not None]

    async def _memory_bytes(self) -> int:
        """Add up what the servers may use; each is asked for each of its partitions, and counts once."""
        texts = await asyncio.gather(
            *(self._fan_out.read(place, "INFO", "everything") for place in range(self.partitions))
        )
        limits = {}
        for text in texts:
            lines = cast("bytes", text).decode().splitlines()
            about = dict(line.split(":", 1) for line in lines if ":" in line)
            limits[about["run_id"]] = int(about["maxmemory"])
        return sum(limits.values()) if all(limits.values()) else 0
