"""Lanes for tests: both kinds, over one server, and what they tell of themselves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from engine.clock import Stopwatch
from engine.errors import StoreUnavailable
from engine.stores.redis.address import Address, Place
from engine.stores.redis.lane import HiredisLane
from engine.stores.redis.lanes import Lane, LaneSettings, Room, Safety
from engine.stores.redis.node import MakeLane
from engine.stores.redis.plain import RedisPyLane
from engine.stores.redis.replies import Reply, Script, Word

KINDS: list[MakeLane] = [HiredisLane, RedisPyLane]


class Told:
    """What a lane said of itself."""

    def __init__(self) -> None:
        self.opens = 0
        self.losses: list[str] = []
        self.doubts = 0
        self.samples: list[int] = []
        self.is_open = asyncio.Event()
        self.has_sampled = asyncio.Event()

    def opened(self) -> None:
        self.opens += 1
        self.is_open.set()

    def lost(self, reason: str) -> None:
        self.losses.append(reason)

    def doubted(self) -> None:
        self.doubts += 1

    def sampled(self, sent_ms: float, received_ms: float, server_us: int) -> None:
        assert sent_ms <= received_ms
        self.samples.append(server_us)
        self.has_sampled.set()


class LaneUnderTest:
    """A lane with its surroundings."""

    def __init__(
        self,
        make: MakeLane,
        port: int,
        *,
        safety: Safety | None = None,
        writes: bool = True,
        scripts: tuple[Script, ...] = (),
    ) -> None:
        address = Address("127.0.0.1", port)
        self.told = Told()
        self.room = Room()
        self.safety = safety or Safety()
        self.loop = asyncio.get_running_loop()
        self.lane: Lane = make(
            LaneSettings(
                address,
                Place("nodes", (address,)),
                scripts,
                writes,
                self.room,
                self.safety,
                self.told,
                Stopwatch(),
            )
        )

    def ask(
        self, *words: Word, durable: bool = False, within_s: float = 2.0
    ) -> "asyncio.Future[Reply]":
        return self.lane.submit(words, self.loop.time() + within_s, durable=durable)

    async def ask_until_answered(self, *words: Word, durable: bool = False) -> Reply:
        """Ask for 5 s, as a caller would who is told to come again."""
        async with asyncio.timeout(5):
            while True:
                try:
                    return await self.ask(*words, durable=durable)
                except StoreUnavailable:
                    await asyncio.sleep(0.05)


@asynccontextmanager
async def lane_to(
    make: MakeLane, port: int, *, safety: Safety | None = None, writes: bool = True
) -> AsyncIterator[LaneUnderTest]:
    """Open a lane while the block runs."""
    under_test = LaneUnderTest(make, port, safety=safety, writes=writes)
    try:
        yield under_test
    finally:
        await under_test.lane.close()
