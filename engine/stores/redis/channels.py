"""The channels that a process hears, each on the primary where its partition lies now."""

import asyncio
from collections.abc import Callable, Iterable

from engine.errors import StoreUnavailable
from engine.stores.redis.address import Address, Place
from engine.stores.redis.ear import Ear
from engine.stores.redis.lanes import RETRY_AFTER_MS

_CONFIRMED_WITHIN_S = 2.0
_ELSEWHERE = ("MOVED", "CLUSTERDOWN", "READONLY")
_TOGETHER_S = 0.05
"""Channels that are heard again within this time are one loss."""
CHANNELS_MAX = 100_000
"""Channels heard at once; over it `subscribe` refuses. test_too_many_channels_are_refused"""


def _hear_nothing(channel: str, body: bytes) -> None:
    """Drop it: nobody listens yet."""


def _do_nothing() -> None:
    """Drop it: nobody listens yet."""


class Channels:
    """Sharded pub/sub. Set `on_message` and `on_lost` before the first `subscribe`.

    `on_lost` is called when channels are heard again after a while in which messages may have passed.
    """

    def __init__(self, place: Place, address_of: Callable[[int], Address | None]) -> None:
        """Hear the primaries of partitions, which `address_of` tells as they are at the time."""
        self.on_message: Callable[[str, bytes], None] = _hear_nothing
        self.on_lost: Callable[[], None] = _do_nothing
        self.on_moved: Callable[[], None] = _do_nothing
        self._place = place
        self._address_of = address_of
        self._wanted: dict[str, tuple[int, asyncio.Future[None]]] = {}
        self._ears: dict[Address, Ear] = {}
        self._missed: set[str] = set()
        self._refused: set[str] = set()
        self._telling: asyncio.TimerHandle | None = None
        self._is_closed = False

    async def subscribe(self, partition: int, channel: str) -> None:
        """Hear a channel of a partition; returns when the server confirmed it. Twice is fine.

        Raises:
            StoreUnavailable: it was not confirmed in 2 s; it stays wanted and is tried on.
        """
        is_full = channel not in self._wanted and len(self._wanted) >= CHANNELS_MAX
        if self._is_closed or is_full:
            reason = "the store is closed" if self._is_closed else "too many channels are heard"
            raise StoreUnavailable("none", RETRY_AFTER_MS, reason)
        if channel not in self._wanted:
            self._wanted[channel] = (partition, asyncio.get_running_loop().create_future())
            self._place_channel(channel)
        try:
            async with asyncio.timeout(_CONFIRMED_WITHIN_S):
                await asyncio.shield(self._wanted[channel][1])
        except TimeoutError:
            reason = "a channel was not confirmed in time"
            raise StoreUnavailable("unknown", RETRY_AFTER_MS, reason) from None

    async def unsubscribe(self, partition: int, channel: str) -> None:
        """Hear a channel no more; nothing happens when it was not heard."""
        _, confirmed = self._wanted.pop(channel, (partition, None))
        if confirmed is not None:
            confirmed.cancel()
        self._missed.discard(channel)
        for ear in self._ears.values():
            ear.drop(channel)

    def looked(self) -> None:
        """Ask again for what was refused; called when the servers were looked at."""
        refused, self._refused = self._refused, set()
        for channel in refused & self._wanted.keys():
            self._place_channel(channel)

    def moved(self) -> None:
        """Look where each channel lies now; called when partitions have moved."""
        for channel in self._wanted:
            self._place_channel(channel)
        heard = {self._address_of(partition) for partition, _ in self._wanted.values()}
        for address in self._ears.keys() - heard:
            self._ears.pop(address).end()

    async def close(self) -> None:
        """Hear nothing more."""
        self._is_closed = True
        if self._telling is not None:
            self._telling.cancel()
        ears = list(self._ears.values())
        self._ears.clear()
        for ear in ears:
            ear.end()
        for _, confirmed in self._wanted.values():
            confirmed.cancel()
        await asyncio.gather(*(ear.ended() for ear in ears))

    def _place_channel(self, channel: str) -> None:
        address = self._address_of(self._wanted[channel][0])
        if address is None or self._is_closed:
            return
        for other in self._ears.values():
            if other.address != address and other.drop(channel):
                self._missed.add(channel)
        if address not in self._ears:
            self._ears[address] = Ear(address, self._place, self)
        self._ears[address].add(channel)

    # ---- what the ears tell

    def heard(self, channel: str, body: bytes) -> None:
        """Pass a message on."""
        if channel in self._wanted:
            self.on_message(channel, body)

    def confirmed(self, channel: str) -> None:
        """Let those go on who wait for a channel."""
        _, waiting = self._wanted.get(channel, (0, None))
        if waiting is not None and not waiting.done():
            waiting.set_result(None)
        if channel in self._missed:
            self._missed.discard(channel)
            if self._telling is None:
                self._telling = asyncio.get_running_loop().call_later(_TOGETHER_S, self._tell)

    def missed(self, channels: Iterable[str]) -> None:
        """Remember what is not heard now."""
        self._missed.update(channels)

    def refused(self, channel: str, code: str) -> None:
        """Remember a channel for the next look at the servers; when it was sent away, look soon."""
        self._missed.add(channel)
        self._refused.add(channel)
        if code in _ELSEWHERE:
            self.on_moved()

    def _tell(self) -> None:
        self._telling = None
        self.on_lost()
