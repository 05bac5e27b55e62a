"""One server of a deployment: a lane for reads, two for writes while it is a primary, and its clock."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from engine.clock import Stopwatch
from engine.stores.redis.address import Address, Place
from engine.stores.redis.lanes import Lane, LaneSettings, Room, Safety
from engine.stores.redis.replies import Script
from engine.stores.redis.server_time import Offset

WRITE_LANES = 2
_PROBE_S = 0.25
_PAUSE_S = 1.0


class NodeEvents(Protocol):
    """Who hears what becomes of a server."""

    def doubt(self) -> None:
        """What is known of the servers may be old."""
        ...

    def sampled(self) -> None:
        """A server told its time."""
        ...


MakeLane = Callable[[LaneSettings], Lane]


class Terms:
    """What all lanes of a deployment share, and the watch that they measure by."""

    def __init__(self, place: Place, scripts: tuple[Script, ...], make_lane: MakeLane) -> None:
        """Start the watch."""
        self.place = place
        self.scripts = scripts
        self.make_lane = make_lane
        self.watch = Stopwatch()


class Node:
    """A server. Writes go to a primary only; the table of partitions says who is one."""

    def __init__(self, address: Address, terms: Terms, events: NodeEvents) -> None:
        """Begin to connect the lane for reads."""
        self.address = address
        self.safety = Safety()
        self.offset = Offset()
        self.replicas = 0
        """That exist, in step or not."""
        self.history = ""
        """Names the lineage of its data; "" until it was asked."""
        self.reason = ""
        self.is_always_synced: bool | None = None
        """Whether its disk has what it answers; None: it does not say."""
        self._terms = terms
        self._events = events
        self._room = Room()
        self.writes: tuple[Lane, ...] = ()
        self.reads = self._make(writes=False, pause_s=_PROBE_S)

    @property
    def waiting(self) -> int:
        """Commands that have no answer yet."""
        return self._room.calls

    @property
    def trouble(self) -> str:
        """Tell why calls wait or are refused, "" when they are not."""
        lanes = (self.reads, *self.writes)
        return next((lane.trouble for lane in lanes if lane.trouble), "")

    def take_writes(self) -> None:
        """Begin to connect the lanes for writes; twice is fine."""
        if not self.writes:
            lanes = range(WRITE_LANES)
            self.writes = tuple(self._make(writes=True, pause_s=_PAUSE_S) for _ in lanes)

    async def give_up_writes(self) -> None:
        """End the lanes for writes; their commands are made elsewhere."""
        lanes, self.writes = self.writes, ()
        await asyncio.gather(*(lane.close() for lane in lanes))

    async def close(self) -> None:
        """End all lanes."""
        await asyncio.gather(self.give_up_writes(), self.reads.close())

    def _make(self, *, writes: bool, pause_s: float) -> Lane:
        terms = self._terms
        settings = LaneSettings(
            address=self.address,
            place=terms.place,
            scripts=terms.scripts,
            writes=writes,
            room=self._room,
            safety=self.safety,
            events=self,
            watch=terms.watch,
            pause_s=pause_s,
        )
        return terms.make_lane(settings)

    # ---- what the lanes tell

    def opened(self) -> None:
        """Try the other lanes at once: the server is there."""
        self.reason = ""
        for lane in self.writes:
            lane.hurry()

    def lost(self, reason: str) -> None:
        """Keep why, for those who ask; a replica that is gone changes nothing for the partitions."""
        self.reason = reason
        if self.writes:
            self._events.doubt()

    def doubted(self) -> None:
        """Pass it on."""
        self._events.doubt()

    def sampled(self, sent_ms: float, received_ms: float, server_us: int) -> None:
        """Keep how far the server's clock is ahead."""
        self.offset.add(sent_ms, received_ms, server_us)
        self._events.sampled()
