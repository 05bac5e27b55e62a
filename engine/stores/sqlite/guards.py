"""What `sqlite:` keeps watch with: rates, Idempotency-Keys, leases, and which workers live."""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Literal

from engine.stores.base import (
    Begun,
    InProgress,
    KeyReused,
    RateAnswer,
    RateAsk,
    Replayed,
)
from engine.stores.locks import Leases, Locks
from engine.stores.rates import Rates
from engine.stores.sqlite import tables
from engine.stores.sqlite.calls import SqliteCalls
from engine.stores.workers import Workers


class SqliteGuards(SqliteCalls):
    """The part of `Store` that is about calls and workers; all but the answers to keys is in memory."""

    def __init__(
        self,
        path: Path,
        durability: Literal["D1", "D2"],
        clock: Callable[[], int],
        heads_len_max: int,
    ) -> None:
        """Open the file, see `SqliteCalls`."""
        super().__init__(path, durability, clock, heads_len_max)
        self._rates = Rates()
        self._leases = Leases()
        self._workers = Workers()
        # Only the thread looks at them, in the same breath as at the answers in the file.
        self._locks = Locks()

    async def rate(self, asks: Sequence[RateAsk]) -> RateAnswer:
        """See `Store.rate`."""
        self._check_open()
        return self._rates.count(asks, self._writer.tick())

    async def idem_begin(
        self, key: bytes, body_sha256: bytes, *, lock_ms: int = 30_000
    ) -> Begun | InProgress | Replayed | KeyReused:
        """See `Store.idem_begin`."""
        locks = self._locks
        return await self._read(lambda w: tables.begin_key(w, locks, key, body_sha256, lock_ms))

    async def idem_end(
        self, key: bytes, body_sha256: bytes, answer: tuple[int, bytes] | None
    ) -> None:
        """See `Store.idem_end`."""
        if answer is not None and tables.is_kept(answer):
            await self._write(lambda w: tables.keep_answer(w, key, body_sha256, answer))
        # From here on a kept answer speaks before any lock, so that nobody begins in between.
        await self._read(lambda _: self._locks.end(key, body_sha256))

    async def lease(self, name: str, worker: str, lease_ms: int) -> bool:
        """See `Store.lease`."""
        self._check_open()
        return self._leases.take(name, worker, self._writer.tick(), lease_ms)

    async def release(self, name: str, worker: str) -> None:
        """See `Store.release`."""
        self._check_open()
        self._leases.release(name, worker)

    async def heartbeat(self, worker: str, lease_ms: int, *, owns: bool = True) -> frozenset[str]:
        """See `Store.heartbeat`."""
        self._check_open()
        return self._workers.heartbeat(worker, self._writer.tick(), lease_ms, owns=owns)

    async def exchange(self, worker: str, about: bytes) -> dict[str, bytes]:
        """See `Store.exchange`."""
        self._check_open()
        return self._workers.exchange(worker, about, self._writer.tick())

    async def leave(self, worker: str) -> None:
        """See `Store.leave`."""
        self._check_open()
        self._workers.leave(worker)
        self._hints.leave(worker)

    async def watch(self, worker: str, partitions: AbstractSet[int]) -> None:
        """See `Store.watch`; within one process there is nobody else to hear of."""
        self._check_open()
