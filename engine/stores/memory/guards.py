"""What `memory:` keeps watch with: rates, Idempotency-Keys, leases, and which workers live."""

from collections.abc import Sequence

from engine.stores.base import (
    Begun,
    InProgress,
    KeyReused,
    RateAnswer,
    RateAsk,
    Replayed,
)
from engine.stores.memory.state import MemoryPart


class MemoryGuards(MemoryPart):
    """The part of `Store` that is about calls and workers, not about visitors."""

    async def rate(self, asks: Sequence[RateAsk]) -> RateAnswer:
        """See `Store.rate`."""
        self._check_open()
        return self._state.rates.count(asks, self._state.tick())

    async def idem_begin(
        self, key: bytes, body_sha256: bytes, *, lock_ms: int = 30_000
    ) -> Begun | InProgress | Replayed | KeyReused:
        """See `Store.idem_begin`."""
        self._check_open()
        return self._state.answers.begin(key, body_sha256, self._state.tick(), lock_ms)

    async def idem_end(
        self, key: bytes, body_sha256: bytes, answer: tuple[int, bytes] | None
    ) -> None:
        """See `Store.idem_end`."""
        self._check_open()
        self._state.answers.end(key, body_sha256, self._state.tick(), answer)

    async def lease(self, name: str, worker: str, lease_ms: int) -> bool:
        """See `Store.lease`."""
        self._check_open()
        return self._state.leases.take(name, worker, self._state.tick(), lease_ms)

    async def release(self, name: str, worker: str) -> None:
        """See `Store.release`."""
        self._check_open()
        self._state.leases.release(name, worker)

    async def heartbeat(self, worker: str, lease_ms: int, *, owns: bool = True) -> frozenset[str]:
        """See `Store.heartbeat`."""
        self._check_open()
        return self._state.workers.heartbeat(worker, self._state.tick(), lease_ms, owns=owns)

    async def exchange(self, worker: str, about: bytes) -> dict[str, bytes]:
        """See `Store.exchange`."""
        self._check_open()
        return self._state.workers.exchange(worker, about, self._state.tick())

    async def leave(self, worker: str) -> None:
        """See `Store.leave`."""
        self._check_open()
        self._state.workers.leave(worker)
        self._hints.leave(worker)
