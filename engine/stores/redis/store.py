"""`redis:`: the Store over Redis or Redis Cluster, shared by any number of workers."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Self

from engine.ids import system_random_bytes
from engine.stores.archive import Archive
from engine.stores.records import Durability, Health, Retention
from engine.stores.redis.checks import Finding
from engine.stores.redis.client import RedisClient, Standing
from engine.stores.redis.decisions import RedisDecisions
from engine.stores.redis.documents import RedisDocuments
from engine.stores.redis.export import RedisExport
from engine.stores.redis.fan_out import FanOut
from engine.stores.redis.feed import RedisFeed
from engine.stores.redis.forecast import RedisForecast
from engine.stores.redis.guards import RedisGuards
from engine.stores.redis.hints import WORK, RedisHints
from engine.stores.redis.names import RedisNames
from engine.stores.redis.places import RedisPlaces
from engine.stores.redis.profiles import RedisProfiles
from engine.stores.redis.reads import RedisReads
from engine.stores.redis.replies import script
from engine.stores.redis.sessions import RedisSessions
from engine.stores.redis.sweep import RedisSweep

_LUA = Path(__file__).parent / "lua"


class _Steady:
    """A clock that never steps back."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._now_ms = clock()

    def __call__(self) -> int:
        self._now_ms = max(self._now_ms, self._clock())
        return self._now_ms


class RedisStore(
    RedisSessions,
    RedisNames,
    RedisReads,
    RedisDecisions,
    RedisProfiles,
    RedisDocuments,
    RedisPlaces,
    RedisSweep,
    RedisExport,
    RedisFeed,
    RedisGuards,
    RedisForecast,
):
    """The contract of `Store` over the keys of STORES.md 7.1; D2 waits for the replicas, D1 does not."""

    is_shared = True

    def __init__(
        self,
        client: RedisClient,
        clock: Callable[[], int] | None,
        retention: Retention,
        archive: Archive | None = None,
    ) -> None:
        """Use an open client; use `RedisStore.open`."""
        self.durability: Durability = client.durability
        self.partitions = client.partitions
        self._client = client
        self._fan_out = FanOut(client)
        self._clock = None if clock is None else _Steady(clock)
        self._retention = retention
        self._archive = archive
        self._closed = False
        # As last counted, while all primaries answered.
        self._wakeups = 0
        self._next_ms = {}
        self._gone_workers = frozenset()
        self._feeds_watched = {}
        # What this object says of its own work is known here already.
        self._work_told = WORK + system_random_bytes(8).hex().encode()
        self._hints = RedisHints(client.channels, client.keys, self.hear_feed)
        self._hints.on_lost_work = self._look_again

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        clock: Callable[[], int] | None = None,
        durability: Literal["D1", "D2", "D3"] = "D2",
        retention: Retention = Retention(),  # noqa: B008 - a frozen value
        partitions: int | None = None,
        archive: Archive | None = None,
    ) -> Self:
        """Connect to the deployment and check that sessions can be kept in it.

        `clock` None, as in production: the time is the servers'. `partitions` None: as they are kept, 256
        in a new deployment. What ended goes to `archive`, and is read there.

        Raises:
            StoreRefused: it cannot be reached, or its settings have to be changed first.
        """
        scripts = [script(path.stem) for path in sorted(_LUA.glob("*.lua"))]
        client = await RedisClient.open(
            url, partitions=partitions, durability=durability, scripts=scripts
        )
        return cls(client, clock, retention, archive)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Return what was found in the servers' settings when the store was opened."""
        return self._client.findings

    async def lineages(self) -> tuple[str, ...]:
        """See `Store.lineages`."""
        return await self._client.lineages()

    async def now(self) -> int:
        """See `Store.now`."""
        return self._now_ms()

    async def health(self) -> Health:
        """See `Store.health`.

        It is well as long as one primary answers: what lies on the others waits, and a worker that
        stepped aside for them would take all workers with it. `sessions` are those with a wake-up, as
        every live one has.
        """
        if self._closed:
            return self._health(Standing(0, (), "the store is closed"), is_well=False)
        standing = await self._client.pings()
        self.durability = self._client.durability
        if not standing.down:
            self._wakeups = await self._count_wakeups()
        return self._health(standing, is_well=len(standing.down) < self._client.primaries)

    async def close(self) -> None:
        """See `Store.close`."""
        if self._closed:
            return
        self._closed = True
        await self._client.close()
        self._hints.close()

    def _health(self, standing: Standing, *, is_well: bool) -> Health:
        wakeups, down = self._wakeups, len(standing.down)
        return Health(
            *(is_well, standing.why, "redis", self.durability),
            *(standing.waiting, wakeups, wakeups, down),
        )

    async def _count_wakeups(self) -> int:
        counts = await asyncio.gather(
            *(
                self._fan_out.read(number, "ZCARD", self._keys.due(number))
                for number in range(self.partitions)
            ),
            return_exceptions=True,
        )
        return sum(count for count in counts if isinstance(count, int))
