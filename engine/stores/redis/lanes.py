"""One connection's worth of commands to a Redis server: what a lane promises, and what it is given."""

import asyncio
from typing import Literal, Protocol

from msgspec import Struct

from engine.clock import Stopwatch
from engine.errors import StoreUnavailable
from engine.limits import LANE_QUEUE_BYTES_MAX, LANE_QUEUE_LEN_MAX
from engine.stores.redis.address import Address, Place
from engine.stores.redis.replies import Reply, Script, Word

Outcome = Literal["none", "unknown"]
RETRY_AFTER_MS = 1_000
WAIT_MS = 500
"""How long the server holds one `WAIT`; short of its replicas it is sent again."""
SILENCE_S = 1.0
"""A server that owes an answer and says nothing for so long has lost this connection."""

TRIP_S = 1.0
"""What fails for so long is refused at once from then on, until the server answers again."""


class Lane(Protocol):
    """One ordered connection to one server, opened again whenever it is lost."""

    def submit(
        self, words: tuple[Word, ...], deadline: float, *, durable: bool, asking: bool = False
    ) -> "asyncio.Future[Reply]":
        """Queue a command; never blocks. `deadline` is in the loop's time.

        The future ends with the reply; with `durable` not before every replica that counts has it. Or
        with `ServerSaid`, `LaneLeft` or `StoreUnavailable`. `asking` follows a redirection (Redis
        Cluster specification, "ASK redirection").

        Raises:
            StoreUnavailable: "none": the queue is full, or the server has not answered for a second.
            LaneLeft: the lane is closed.
        """
        ...

    @property
    def trouble(self) -> str:
        """Tell why commands wait longer than they should, "" when they do not."""
        ...

    def hurry(self) -> None:
        """Connect now, when a pause before the next attempt runs: the server was heard elsewhere."""
        ...

    async def close(self) -> None:
        """End the connection; what is unanswered ends with `LaneLeft`."""
        ...


class Room:
    """What may wait for one server, over all its lanes."""

    def __init__(self) -> None:
        """Begin empty."""
        self.calls = 0
        self.bytes = 0

    def take(self, size: int) -> None:
        """Make room for one more.

        Raises:
            StoreUnavailable: "none": there is none left.
        """
        if self.calls >= LANE_QUEUE_LEN_MAX or self.bytes + size > LANE_QUEUE_BYTES_MAX:
            raise StoreUnavailable("none", RETRY_AFTER_MS, "too many commands wait for the server")
        self.calls += 1
        self.bytes += size

    def give_back(self, size: int) -> None:
        """Say that one waits no more."""
        self.calls -= 1
        self.bytes -= size


class Safety:
    """How many replicas have to hold a write of one server; changes while lanes are open.

    `replicas` 0 means no `WAIT`. `fences` are keys of this server's, one of which is written before each
    `WAIT`: that counts from the last write of its own connection, so without one an answer that wrote
    nothing ("this op was done already") would be told before what it stands on is safe.
    """

    def __init__(self, replicas: int = 0, fences: tuple[str, ...] = ()) -> None:
        """Begin so."""
        self.replicas = replicas
        self.fences = fences


class LaneEvents(Protocol):
    """Who hears what becomes of a lane."""

    def opened(self) -> None:
        """The server answers."""
        ...

    def lost(self, reason: str) -> None:
        """The connection ended or could not be made; it is tried again."""
        ...

    def doubted(self) -> None:
        """Replicas do not confirm writes: what is known of the servers may be old."""
        ...

    def sampled(self, sent_ms: float, received_ms: float, server_us: int) -> None:
        """The server told its time: the watch's before and after, the server's in Unix microseconds."""
        ...


class LaneSettings(Struct, frozen=True):
    """What a lane is opened with.

    `writes` refuses a server that is no primary; `pause_s` is the longest between two attempts to connect.
    """

    address: Address
    place: Place
    scripts: tuple[Script, ...]
    writes: bool
    room: Room
    safety: Safety
    events: LaneEvents
    watch: Stopwatch
    pause_s: float = 1.0
