"""The Redis deployment as the store uses it: commands to partitions, channels, and the servers' time."""

import asyncio
from collections.abc import Sequence
from typing import Self

from msgspec import Struct

from engine.errors import StoreRefused, StoreUnavailable
from engine.stores.records import Durability
from engine.stores.redis.address import read_url
from engine.stores.redis.channels import Channels
from engine.stores.redis.checks import Finding
from engine.stores.redis.keys import Keys
from engine.stores.redis.lane import HiredisLane
from engine.stores.redis.lanes import RETRY_AFTER_MS
from engine.stores.redis.node import MakeLane, Terms
from engine.stores.redis.nodes import Nodes
from engine.stores.redis.opening import (
    DEADLINE_S,
    agree,
    check_partitions,
    find_all,
    look_over,
    refuse,
)
from engine.stores.redis.replies import LaneLeft, Reply, Script, ServerSaid, Word
from engine.stores.redis.retries import Asked, again, lane_of

_DRAIN_S = 2.0
_DRAIN_LOOKS = 200
_PING_S = 1.0


class Standing(Struct, frozen=True):
    """How the servers are; `why` is "" when each primary answers and its replicas confirm."""

    waiting: int
    down: tuple[str, ...]
    why: str


class RedisClient:
    """Commands to partitions; used by the event loop that opened it."""

    def __init__(self, terms: Terms, durability: Durability) -> None:
        """Begin to connect; `open` makes one that is ready."""
        self._loop = asyncio.get_running_loop()
        self._is_closed = False
        self.nodes = Nodes(terms, durability)
        self.channels = Channels(terms.place, self.nodes.address_of)
        self.channels.on_moved = self.nodes.doubt
        self.nodes.on_moved = self.channels.moved
        self.nodes.on_looked = self.channels.looked
        self.findings: tuple[Finding, ...] = ()
        self.keys = Keys(1)

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        partitions: int | None,
        durability: Durability,
        scripts: Sequence[Script],
        make_lane: MakeLane = HiredisLane,
    ) -> Self:
        """Connect, and check that the deployment is one to keep sessions in.

        `partitions` None takes what the data there have, 256 where there are none.

        Raises:
            StoreRefused: the URL is wrong, nobody answers, or a setting has to be changed first.
        """
        client = cls(Terms(read_url(url), tuple(scripts), make_lane), durability)
        try:
            async with asyncio.timeout(2 * DEADLINE_S):
                await client._get_ready(partitions)
        except TimeoutError:
            await client.close()
            raise StoreRefused("the Redis servers are too slow to begin; try again") from None
        except BaseException:
            await client.close()
            raise
        return client

    async def _get_ready(self, partitions: int | None) -> None:
        await self._spread(Keys(check_partitions(partitions)))
        self.findings = await look_over(self.nodes)
        refuse(self.findings)
        agreed = await agree(self.nodes, partitions)
        if agreed != self.partitions:
            await self._spread(Keys(agreed))

    async def _spread(self, keys: Keys) -> None:
        self.keys = keys
        self.nodes.spread(keys)
        await find_all(self.nodes)

    @property
    def partitions(self) -> int:
        """How many there are; fixed while data exist."""
        return self.keys.partitions

    @property
    def primaries(self) -> int:
        """How many servers have partitions now."""
        return len(self.nodes.primaries())

    @property
    def durability(self) -> Durability:
        """The level in force now: the weaker of what is wanted and what the servers can give."""
        return self.nodes.level()

    @property
    def histories(self) -> frozenset[str]:
        """The lineages of data that the primaries have; a fail-over brings a new one."""
        return frozenset(node.history for node in self.nodes.primaries())

    async def run(  # noqa: PLR0913  # a command's parts, by name
        self,
        partition: int,
        script: Script,
        keys: Sequence[str],
        args: Sequence[Word],
        *,
        durable: bool = True,
        lane: int = 0,
        deadline_s: float = 2.0,
    ) -> Reply:
        """Run a script on a write lane; the same `lane` keeps its order.

        With `durable` the answer is told when it is as safe as `durability` says; without it is told at
        once, and in no order with others. It may run twice: it has to know by its arguments that it did.

        Raises:
            StoreUnavailable: it was not done, or it is not known whether it was.
            RuntimeError: the script is wrong.
        """
        words = ("EVALSHA", script.sha, len(keys), *keys, *args)
        deadline = self._loop.time() + deadline_s
        number = lane if durable else None
        return await self._do(Asked(partition, words, number, durable, deadline, script))

    async def write(
        self, partition: int, *command: Word, durable: bool = True, lane: int = 0
    ) -> Reply:
        """Send a command that changes something; as `run`."""
        number = lane if durable else None
        return await self._do(Asked(partition, command, number, durable, self._deadline()))

    async def read(self, partition: int, *command: Word) -> Reply:
        """Send a command that changes nothing; it does not wait for writes to be safe."""
        return await self._do(Asked(partition, command, None, False, self._deadline()))

    def _deadline(self) -> float:
        return self._loop.time() + 2.0

    async def _do(self, asked: Asked) -> Reply:
        if self._is_closed:
            raise StoreUnavailable("none", RETRY_AFTER_MS, "the store is closed")
        try:
            lane = lane_of(self.nodes.primary(asked.partition), asked.lane)
            return await lane.submit(asked.words, asked.deadline, durable=asked.durable)
        except (ServerSaid, LaneLeft) as refused:
            refusal = refused
        return await again(self.nodes, asked, refusal)

    def now_ms(self) -> int:
        """Tell the servers' time in Unix milliseconds; it never steps back."""
        return self.nodes.time.now_ms()

    async def lineages(self) -> tuple[str, ...]:
        """Name the lineage of the data of each partition, asked now.

        Raises:
            StoreUnavailable: "none": one of them has no primary that answers.
        """
        return await self.nodes.lineages()

    @property
    def waiting(self) -> int:
        """Commands that have no answer yet."""
        return sum(node.waiting for node in self.nodes.primaries())

    @property
    def trouble(self) -> str:
        """Tell why calls wait or are refused, "" when they are not."""
        return "the store is closed" if self._is_closed else self.nodes.why_not()

    async def pings(self) -> Standing:
        """Ask each primary for a sign of life, for a second at most."""
        primaries = self.nodes.primaries()
        deadline = self._loop.time() + _PING_S
        down = []
        for node in primaries:
            try:
                await node.reads.submit(("PING",), deadline, durable=False)
            except (StoreUnavailable, LaneLeft, ServerSaid):
                down.append(str(node.address))
        return Standing(self.waiting, tuple(down), self.trouble)

    async def close(self) -> None:
        """Let what was asked be answered for 2 s at most, and end all connections; twice is fine."""
        if self._is_closed:
            return
        self._is_closed = True
        await self.channels.close()
        for _ in range(_DRAIN_LOOKS):
            if not self.waiting:
                break
            await asyncio.sleep(_DRAIN_S / _DRAIN_LOOKS)
        await self.nodes.close()
