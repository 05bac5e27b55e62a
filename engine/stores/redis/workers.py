"""Which workers live, which of them look after partitions, and what they say, in Redis."""

from contextlib import suppress

from engine.errors import LimitExceeded, StoreUnavailable
from engine.limits import ABOUT_BYTES_MAX, WORKERS_GONE_MAX
from engine.stores.redis.part import RedisPart
from engine.stores.redis.replies import Reply, script

_BEAT = script("worker_beat_1")
_EXCHANGE = script("worker_exchange_1")
_LEAVE = script("worker_leave_1")
_GONE = script("workers_gone_1")

_HOME = 0
"""The partition of what all workers share."""


class RedisWorkers(RedisPart):
    """The part of `Store` that workers know each other by."""

    # As last heard.
    _gone_workers: frozenset[str]

    async def heartbeat(self, worker: str, lease_ms: int, *, owns: bool = True) -> frozenset[str]:
        """See `Store.heartbeat`."""
        self._check_open()
        args = (self._time(), worker, lease_ms, int(owns), WORKERS_GONE_MAX)
        return _names(await self._client.run(_HOME, _BEAT, self._lists(), args, durable=False))

    async def exchange(self, worker: str, about: bytes) -> dict[str, bytes]:
        """See `Store.exchange`."""
        self._check_open()
        if len(about) > ABOUT_BYTES_MAX:
            raise LimitExceeded("ABOUT_BYTES_MAX", len(about), ABOUT_BYTES_MAX)
        living, _, _, said = self._lists()
        args = (self._time(), worker, about)
        found = await self._client.run(_HOME, _EXCHANGE, (living, said), args, durable=False)
        assert isinstance(found, list)
        texts = [text for text in found if isinstance(text, bytes)]
        return {name.decode(): about for name, about in zip(texts[::2], texts[1::2], strict=True)}

    async def leave(self, worker: str) -> None:
        """See `Store.leave`."""
        self._check_open()
        args = (self._time(), worker)
        await self._client.run(_HOME, _LEAVE, self._lists(), args, durable=False)

    async def gone_workers(self) -> frozenset[str]:
        """Name the workers that have left or ceased to live; one never heard of is not among them.

        While the server that knows does not answer, they are those named last: a socket of one that died
        since is counted until then.
        """
        living, _, gone, _ = self._lists()
        args = (self._time(),)
        with suppress(StoreUnavailable):
            told = await self._client.run(_HOME, _GONE, (living, gone), args, durable=False)
            self._gone_workers = _names(told)
        return self._gone_workers

    def _lists(self) -> tuple[str, str, str, str]:
        """Return the keys of who lives, of who looks after partitions, of who is gone, and of what they say."""
        of = self._keys.of
        return of(_HOME, "wu"), of(_HOME, "wo"), of(_HOME, "wg"), of(_HOME, "wa")


def _names(names: Reply) -> frozenset[str]:
    assert isinstance(names, list)
    return frozenset(name.decode() for name in names if isinstance(name, bytes))
