"""What one process hears over the channels of Redis: messages of its sessions, and work in its partitions."""

import asyncio
from collections.abc import Callable
from collections.abc import Set as AbstractSet

from engine.stores.hints import Hints
from engine.stores.records import Heard, Lost, SessionRef
from engine.stores.redis.channels import Channels
from engine.stores.redis.keys import Keys, pack_ref, unpack_ref

WAKE = b"w"
"""Begins what is said of a wake-up; the instant follows (`commit.lua`)."""
WHISPER = b"s"
"""Begins what is whispered to a session's sockets; length and text of its place and the body follow."""
WORK = b"c"
"""Begins what is said of causes and deliveries that were kept; the store object that kept them follows."""


def pack_erased(ref: SessionRef) -> bytes:
    """Write, in the form of `commit.lua`, that nothing is kept of a session: no epoch, no offset."""
    return b"0:0:" + pack_ref(ref)


def parse_hint(told: bytes) -> tuple[SessionRef, str, int]:
    """Read what `commit.lua` says of messages: session, message epoch and offset."""
    size, offset, rest = told.split(b":", 2)
    end = int(size)
    return unpack_ref(rest[end:]), rest[:end].decode(), int(offset)


def pack_whisper(ref: SessionRef, body: bytes) -> bytes:
    """Write what is whispered to the sockets of a session."""
    place = pack_ref(ref)
    return WHISPER + str(len(place)).encode() + b":" + place + body


def parse_whisper(told: bytes) -> tuple[SessionRef, bytes]:
    """Read what `pack_whisper` wrote."""
    size, _, rest = told[len(WHISPER) :].partition(b":")
    end = int(size)
    return unpack_ref(rest[:end]), rest[end:]


def _do_nothing(partition: int) -> None:
    """Nobody looks after a partition yet."""


class RedisHints(Hints):
    """Hints for the workers of this process, and the channels that they come by."""

    def __init__(
        self, channels: Channels, keys: Keys, hear_feed: Callable[[str, bytes], bool]
    ) -> None:
        """Hear `channels`; `hear_feed` takes what comes by any channel but those of sessions and work."""
        super().__init__()
        self._channels = channels
        self._keys = keys
        self._hear_feed = hear_feed
        self._receivers: dict[str, Callable[[bytes], None]] = {}
        self._watched: dict[str, frozenset[int]] = {}
        self._watching = asyncio.Lock()
        self.on_lost_work: Callable[[int], None] = _do_nothing
        channels.on_message = self._receive
        channels.on_lost = self.lose

    def put(self, worker: str, heard: Heard) -> None:
        """Let a worker hear something."""
        self._listener(worker).put(heard)

    def lose(self) -> None:
        """Tell every worker that hints may have been lost, and look at every partition that is watched."""
        for listener in self._listeners.values():
            listener.put(Lost())
        for partition in self._watched_by_any():
            self.on_lost_work(partition)

    async def hear_sessions(self, partition: int, worker: str) -> None:
        """Hear of a worker's sessions in a partition from the return on.

        It is never undone: a worker has sessions in most partitions at most times.
        """
        channel = self._keys.hint_channel(partition, worker)
        self._receivers[channel] = self._hear_session
        await self._channels.subscribe(partition, channel)

    async def hear_work(
        self, worker: str, partitions: AbstractSet[int], hear: Callable[[int, bytes], None]
    ) -> None:
        """Hear of work in these partitions from the return on, and of no others for this worker."""
        async with self._watching:
            before, known = self._watched_by_any(), self._watched.get(worker, frozenset[int]())
            self._watched[worker] = frozenset(partitions)
            wanted = self._watched_by_any()
            changes = [self._begin_work(number, hear) for number in wanted - before]
            changes += [self._end_work(number) for number in before - wanted]
            try:
                await asyncio.gather(*changes)
            except BaseException:
                # What was not confirmed is waited for when it is asked for again.
                self._watched[worker] = known
                raise

    async def _begin_work(self, partition: int, hear: Callable[[int, bytes], None]) -> None:
        channel = self._keys.work_channel(partition)
        self._receivers[channel] = lambda told: hear(partition, told)
        await self._channels.subscribe(partition, channel)

    async def _end_work(self, partition: int) -> None:
        channel = self._keys.work_channel(partition)
        self._receivers.pop(channel, None)
        await self._channels.unsubscribe(partition, channel)

    def _watched_by_any(self) -> frozenset[int]:
        return frozenset[int]().union(*self._watched.values())

    def _hear_session(self, told: bytes) -> None:
        if told[:1] == WHISPER:
            self.whisper(*parse_whisper(told))
        else:
            self.announce(*parse_hint(told))

    def _receive(self, channel: str, told: bytes) -> None:
        receiver = self._receivers.get(channel)
        if receiver is not None:
            receiver(told)
        else:
            self._hear_feed(channel, told)
