"""What is taken in while much is waiting: bounded, and the least important is refused first (STORES.md 12)."""

import zlib
from collections import deque
from collections.abc import Mapping, Sequence
from enum import IntEnum

from msgspec import Struct

from engine.events import Event
from server.errors import ApiError

EVENTS_WAITING_MAX = 10_000
"""Events whose commit is waited for; more are refused with 503 and nothing half done."""

EVENTS_RESERVED = 1_000
"""Beyond them so many more, which only words and engagement may use."""

BYTES_WAITING_MAX = 64 * 1024 * 1024
"""Bytes of bodies whose commit is waited for; more are refused alike."""

HANDSHAKES_PER_S = 4_000
"""Sockets that may be opened a second; more are refused with 503 before their upgrade."""

RETRY_AFTER_S_MAX = 5
WINDOWS = 2
"""Ticks, of half a second each, that the present speed of commits is measured over."""


class Rank(IntEnum):
    """Who is refused first: what a visitor's page says by itself, last what the visitor does with us."""

    HEARTBEAT = 0
    UNHEARD = 1
    EVENT = 2
    WORDS = 3
    ENGAGEMENT = 4


REFUSED_BEYOND_S: Mapping[Rank, float] = {
    Rank.HEARTBEAT: 1.0,
    Rank.UNHEARD: 1.2,
    Rank.EVENT: 1.4,
    Rank.WORDS: 1.7,
    Rank.ENGAGEMENT: float("inf"),
}
"""Estimated waits, in seconds, beyond which each rank is refused; UNHEARD: events of sessions without a socket."""

_RANKS: Mapping[str, Rank] = {
    "activity": Rank.HEARTBEAT,
    "heartbeat": Rank.HEARTBEAT,
    "visitor_message": Rank.WORDS,
    "consent": Rank.ENGAGEMENT,
    "message_dismissed": Rank.ENGAGEMENT,
    "message_displayed": Rank.ENGAGEMENT,
    "message_read": Rank.ENGAGEMENT,
    "reply_clicked": Rank.ENGAGEMENT,
    "voice_started": Rank.ENGAGEMENT,
}


class Place(Struct, frozen=True, gc=False):
    """A write that is waited for: what it takes of the room, and in which tick it came."""

    events: int
    size_bytes: int
    tick: int


class _Window(Struct, frozen=True, gc=False):
    seconds: float
    done: int
    was_idle: bool


class Admission:
    """Counts the writes that are waited for, and refuses what would wait too long.

    The wait of a new write is estimated as those that wait, times the time that each took in the last
    second. That says something only while the worker was never idle and some have really waited: a burst
    that is committed at once refuses nothing.
    """

    def __init__(self) -> None:
        """Start with nothing waiting."""
        self.events = 0
        self.size_bytes = 0
        self.writes = 0
        self.refused = dict.fromkeys(Rank, 0)
        self._write_s = 0.0
        self._tick = 0
        self._by_tick: dict[int, int] = {}
        self._windows: deque[_Window] = deque(maxlen=WINDOWS)
        self._done = 0
        self._was_idle = True
        self._handshakes = 0

    @property
    def wait_s(self) -> float:
        """Estimate how long a write that comes now will wait, in seconds."""
        by_tick, tick = self._by_tick, self._tick
        fresh = by_tick.get(tick, 0) + by_tick.get(tick - 1, 0)
        return self.writes * self._write_s if self.writes > fresh else 0.0

    def check(self, rank: Rank, name: str = "") -> None:
        """Refuse what is of too little importance now; `name`, of a session, spreads who comes back when.

        Raises ApiError: queue_full.
        """
        if self._write_s and self.wait_s > REFUSED_BEYOND_S[rank]:
            self.refused[rank] += 1
            after_s = 1 + zlib.crc32(name.encode("utf-8", "surrogatepass")) % RETRY_AFTER_S_MAX
            raise ApiError("queue_full", retry_after_s=after_s)

    def enter(self, rank: Rank, events: int, size_bytes: int, name: str = "") -> Place:
        """Begin to wait for a write of so many events and bytes; `leave` ends it, whatever becomes of it.

        Raises ApiError: queue_full.
        """
        self.check(rank, name)
        room = EVENTS_WAITING_MAX + (EVENTS_RESERVED if rank >= Rank.WORDS else 0)
        if self.events + events > room or self.size_bytes + size_bytes > BYTES_WAITING_MAX:
            self.refused[rank] += 1
            raise ApiError("queue_full", retry_after_s=1)
        self.events += events
        self.size_bytes += size_bytes
        self.writes += 1
        self._by_tick[self._tick] = self._by_tick.get(self._tick, 0) + 1
        return Place(events, size_bytes, self._tick)

    def leave(self, place: Place) -> None:
        """Wait no more: it was committed, or it failed."""
        self.events -= place.events
        self.size_bytes -= place.size_bytes
        self.writes -= 1
        self._done += 1
        self._was_idle |= self.writes == 0
        left = self._by_tick[place.tick] - 1
        if left:
            self._by_tick[place.tick] = left
        else:
            del self._by_tick[place.tick]

    def open_socket(self) -> None:
        """Count one handshake.

        Raises ApiError: queue_full.
        """
        if self._handshakes >= HANDSHAKES_PER_S // WINDOWS:
            raise ApiError("queue_full", retry_after_s=1 + self._handshakes % RETRY_AFTER_S_MAX)
        self._handshakes += 1

    def tick(self, seconds: float) -> None:
        """Measure anew; called twice a second with the seconds since the last time."""
        self._windows.append(_Window(seconds, self._done, self._was_idle))
        is_busy = len(self._windows) == WINDOWS and not any(w.was_idle for w in self._windows)
        done = sum(window.done for window in self._windows)
        passed_s = sum(window.seconds for window in self._windows)
        self._write_s = passed_s / max(1, done) if is_busy else 0.0
        self._done = 0
        self._was_idle = self.writes == 0
        self._handshakes = 0
        self._tick += 1


def rank_of(events: Sequence[Event]) -> Rank:
    """Rank events that come together by the most important of them; at least one."""
    first = _RANKS.get(events[0].name, Rank.EVENT)
    if len(events) == 1:
        return first
    return max(_RANKS.get(name, Rank.EVENT) for name in {event.name for event in events})
