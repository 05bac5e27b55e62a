"""What every part of the Redis store works with: the client, the store's time, and names for attempts."""

from collections.abc import Callable
from itertools import count

from engine.errors import StoreUnavailable
from engine.ids import system_random_bytes
from engine.stores.archive import Archive
from engine.stores.base import Retention
from engine.stores.redis.client import RedisClient
from engine.stores.redis.fan_out import FanOut
from engine.stores.redis.hints import RedisHints
from engine.stores.redis.keys import Keys

SLICE = 128
"""Items that one script looks at, at most; more are asked for with the next."""


SETTLED_MS = 2_500
"""What was written longer ago is on the replicas, or its writer gave up; anything younger may still be
waited for by its writer, and a fail-over could lose it after it was read."""


class RedisPart:
    """The attributes that `RedisStore` sets, and what follows from them."""

    partitions: int
    _client: RedisClient
    _fan_out: FanOut
    _clock: Callable[[], int] | None
    _retention: Retention
    _archive: Archive | None
    _hints: RedisHints
    _work_told: bytes
    _closed: bool

    @property
    def _keys(self) -> Keys:
        return self._client.keys

    def _check_open(self) -> None:
        if self._closed:
            raise StoreUnavailable("none", 1_000, "the store is closed")

    def _time(self) -> str:
        """Return what scripts take for the time: "" = the server's own."""
        return "" if self._clock is None else str(self._clock())

    def _now_ms(self) -> int:
        """Tell the time that the scripts go by, as well as it is known here."""
        return self._client.now_ms() if self._clock is None else self._clock()

    def _is_settled(self, at: bytes | None) -> bool:
        """Tell whether what was written at an instant may be shown without asking the replicas."""
        return at is None or self._now_ms() - int(at) >= SETTLED_MS

    def _attempt(self) -> str:
        """Name one attempt, so that a script that is sent again answers as it did the first time."""
        return f"{_ORIGIN}.{next(_numbers):x}"


_ORIGIN = system_random_bytes(8).hex()
_numbers = count()
