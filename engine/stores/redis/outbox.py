"""Causes in Redis: each partition's in the order they were kept, until everybody was told of them."""

import asyncio
from collections.abc import Sequence

import msgspec

from engine.errors import StoreUnavailable
from engine.limits import CAUSES_LEN_MAX, CAUSES_ROWS_MAX
from engine.stores.base import StoredCause
from engine.stores.redis.keys import tail_of
from engine.stores.redis.part import SLICE, RedisPart
from engine.stores.redis.replies import Word, script

_KEEP = script("causes_keep_1")
_TAKE = script("causes_take_1")

CAUSES_LEN_MIN = 1_000
"""Causes that a partition has room for, however many partitions share `CAUSES_LEN_MAX`.
test_every_partition_has_room_for_some_causes"""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[str, str, str, bytes]).decode


def causes_len_max(partitions: int) -> int:
    """Return how many causes one partition keeps."""
    return max(CAUSES_LEN_MAX // partitions, min(CAUSES_LEN_MAX, CAUSES_LEN_MIN))


def pack_cause(cause: StoredCause) -> bytes:
    """Write a cause as it is kept under its id."""
    return _encode((cause.id, cause.workspace, cause.visitor, cause.body))


def unpack_cause(raw: bytes) -> StoredCause:
    """Read what `pack_cause` wrote."""
    return StoredCause(*_decode(raw))


class RedisOutbox(RedisPart):
    """The part of `Store` that keeps what others are to be told."""

    async def keep_causes(self, causes: Sequence[StoredCause]) -> None:
        """See `Store.keep_causes`."""
        self._check_open()
        parts: dict[int, list[StoredCause]] = {}
        for cause in causes:
            place = self._keys.partition(cause.workspace, cause.visitor)
            parts.setdefault(place, []).append(cause)
        await asyncio.gather(*(self._keep(place, some) for place, some in parts.items()))

    async def take_causes(self, partition: int = 0, *, limit: int = 256) -> list[StoredCause]:
        """See `Store.take_causes`."""
        self._check_open()
        causes: list[StoredCause] = []
        number, wanted = 0, min(limit, CAUSES_ROWS_MAX)
        while len(causes) < wanted:
            some = min(SLICE, wanted - len(causes))
            number, read = await self._causes_after(partition, number, some)
            causes += read
            if len(read) < some:
                break
        return await self._confirmed(partition, causes) if causes else []

    async def _confirmed(self, partition: int, causes: list[StoredCause]) -> list[StoredCause]:
        """Wait until the replicas have what was read, and leave out what a fail-over lost meanwhile.

        Another worker's commit may still wait for them, and nothing is told before (R6).
        """
        order, ids = self._keys.cause_order(partition), [cause.id for cause in causes]
        numbers = await self._client.write(partition, "ZMSCORE", order, *ids)
        assert isinstance(numbers, list)
        kept = zip(causes, numbers, strict=True)
        return [cause for cause, number in kept if number is not None]

    async def _causes_after(
        self, partition: int, number: int, limit: int
    ) -> tuple[int, list[StoredCause]]:
        """Read at most 128 causes of a partition after a number (0 = the oldest), and the number of the last."""
        keys = (self._keys.cause_order(partition), self._keys.cause_bodies(partition))
        match await self._client.run(partition, _TAKE, keys, (number, limit), durable=False):
            case [int(last), *records]:
                return last, [unpack_cause(raw) for raw in records if isinstance(raw, bytes)]
            case _:
                return number, []

    async def _keep(self, partition: int, causes: Sequence[StoredCause]) -> None:
        keys = (
            self._keys.cause_order(partition),
            self._keys.cause_bodies(partition),
            self._keys.cause_number(partition),
            self._keys.erased(partition),
        )
        args: list[Word] = [self._time(), causes_len_max(self.partitions)]
        args += [self._keys.work_channel(partition), self._work_told]
        for cause in causes:
            args += [cause.id, tail_of(cause.workspace, cause.visitor), pack_cause(cause)]
        if await self._client.run(partition, _KEEP, keys, args) == 0:
            raise StoreUnavailable("none", 1_000, "too many causes wait to be told")
