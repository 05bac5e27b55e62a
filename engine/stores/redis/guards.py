"""Rates, Idempotency-Keys and named leases in Redis."""

from collections.abc import Sequence

from engine.errors import StoreUnavailable
from engine.limits import ANSWER_BYTES_MAX, IDEMPOTENCY_KEPT_MS, LOCKS_LEN_MAX
from engine.stores.base import (
    Begun,
    InProgress,
    KeyReused,
    RateAnswer,
    RateAsk,
    RateState,
    Replayed,
)
from engine.stores.partitions import digest_of, partition_of
from engine.stores.redis.keys import short
from engine.stores.redis.part import RedisPart
from engine.stores.redis.replies import script

_COUNT = script("rate_count_1")
_BEGIN = script("key_begin_1")
_END = script("key_end_1")
_TAKE = script("lease_take_1")
_DROP = script("lease_drop_1")

LOCKS_LEN_MIN = 100
"""Keys in use that a partition has room for, however many partitions share `LOCKS_LEN_MAX`.
test_a_partition_refuses_more_keys_in_use_than_it_has_room_for"""


def locks_len_max(partitions: int) -> int:
    """Return how many Idempotency-Keys may be in use in one partition."""
    return max(LOCKS_LEN_MAX // partitions, LOCKS_LEN_MIN)


class RedisGuards(RedisPart):
    """The part of `Store` that calls are held back by."""

    async def rate(self, asks: Sequence[RateAsk]) -> RateAnswer:
        """See `Store.rate`."""
        self._check_open()
        if not asks:
            return RateAnswer(None, ())
        home = self._home(asks)
        keys = [self._keys.of(home, "rl", short(ask.bucket, str(ask.window_ms))) for ask in asks]
        args = [part for ask in asks for part in (ask.limit, ask.window_ms)]
        found = await self._client.run(home, _COUNT, keys, (self._time(), *args), durable=False)
        assert isinstance(found, list)
        full, *rest = (number for number in found if isinstance(number, int))
        states = tuple(
            RateState(ask.limit, max(0, ask.limit - count), end_ms)
            for ask, count, end_ms in zip(asks, rest[::2], rest[1::2], strict=True)
        )
        return RateAnswer(None if full < 0 else full, states)

    async def idem_begin(
        self, key: bytes, body_sha256: bytes, *, lock_ms: int = 30_000
    ) -> Begun | InProgress | Replayed | KeyReused:
        """See `Store.idem_begin`."""
        self._check_open()
        home, keys, name = self._places(key)
        args = (
            self._time(),
            self._attempt(),
            body_sha256,
            lock_ms,
            locks_len_max(self.partitions),
            name,
        )
        match await self._client.run(home, _BEGIN, keys, args):
            case [0]:
                return Begun()
            case [1]:
                return InProgress()
            case [2, int(status), bytes(response)]:
                return Replayed(status, response)
            case [3]:
                return KeyReused()
            case _:
                raise StoreUnavailable("none", 1_000, "too many Idempotency-Keys are in use")

    async def idem_end(
        self, key: bytes, body_sha256: bytes, answer: tuple[int, bytes] | None
    ) -> None:
        """See `Store.idem_end`."""
        self._check_open()
        home, keys, name = self._places(key)
        kept = answer if answer is not None and len(answer[1]) <= ANSWER_BYTES_MAX else ()
        args = (self._time(), body_sha256, name, IDEMPOTENCY_KEPT_MS, *kept)
        await self._client.run(home, _END, keys, args)

    async def lease(self, name: str, worker: str, lease_ms: int) -> bool:
        """See `Store.lease`."""
        self._check_open()
        home, key = self._lease(name)
        args = (self._time(), worker, lease_ms)
        return await self._client.run(home, _TAKE, (key,), args, durable=False) == 1

    async def release(self, name: str, worker: str) -> None:
        """See `Store.release`."""
        self._check_open()
        home, key = self._lease(name)
        await self._client.run(home, _DROP, (key,), (worker,), durable=False)

    def _home(self, asks: Sequence[RateAsk]) -> int:
        """Return the partition of windows that are counted together.

        It is that of the last bucket which can have calls, by its text before a second "|": the widest
        window comes last, and so lies in one place for all the narrower ones that are asked with it.
        """
        widest = next((ask for ask in reversed(asks) if ask.limit > 0), asks[-1])
        scope = "|".join(widest.bucket.split("|", 2)[:2])
        return partition_of(digest_of(scope), self.partitions)

    def _places(self, key: bytes) -> tuple[int, tuple[str, str], str]:
        """Return where a key's answer lies: the partition, the two keys and its member of the second."""
        text = key.hex()
        home = partition_of(digest_of(text), self.partitions)
        name = short(text)
        return home, (self._keys.of(home, "id", name), self._keys.of(home, "il")), name

    def _lease(self, name: str) -> tuple[int, str]:
        home = partition_of(digest_of(name), self.partitions)
        return home, self._keys.of(home, "le", short(name))
