"""What is held for a time, in memory: Idempotency-Keys in use, and leases by name."""

from engine.errors import StoreUnavailable
from engine.limits import LEASES_LEN_MAX, LOCKS_LEN_MAX
from engine.stores.base import Begun, InProgress, KeyReused


class Locks:
    """One lock a key, each for a time; a store looks for a kept answer before it asks here."""

    def __init__(self) -> None:
        """Start with no key in use."""
        # By the time of locking. Locks last about equally long, so the oldest are the first to expire.
        self._locks: dict[bytes, tuple[bytes, int]] = {}

    def begin(
        self, key: bytes, body_sha256: bytes, now_ms: int, lock_ms: int
    ) -> Begun | InProgress | KeyReused:
        """Lock a key that nobody holds.

        Raises:
            StoreUnavailable: too many keys are in use.
        """
        found = self._locks.get(key)
        if found is not None and found[1] > now_ms:
            return InProgress() if found[0] == body_sha256 else KeyReused()
        self._forget_expired(now_ms)
        self._locks.pop(key, None)
        if len(self._locks) >= LOCKS_LEN_MAX:
            raise StoreUnavailable("none", 1_000, "too many Idempotency-Keys are in use")
        self._locks[key] = (body_sha256, now_ms + lock_ms)
        return Begun()

    def end(self, key: bytes, body_sha256: bytes) -> None:
        """Release a key that this body holds."""
        found = self._locks.get(key)
        if found is not None and found[0] == body_sha256:
            del self._locks[key]

    def _forget_expired(self, now_ms: int) -> None:
        while self._locks:
            first = next(iter(self._locks))
            if self._locks[first][1] > now_ms:
                return
            del self._locks[first]


class Leases:
    """What `Store.lease` and `Store.release` promise, for a store within one process."""

    def __init__(self) -> None:
        """Start with no name taken."""
        self._leases: dict[str, tuple[str, int]] = {}

    def take(self, name: str, worker: str, now_ms: int, lease_ms: int) -> bool:
        """See `Store.lease`.

        Raises:
            StoreUnavailable: too many names are taken.
        """
        held = self._leases.get(name)
        if held is not None and held[0] != worker and held[1] > now_ms:
            return False
        if held is None and len(self._leases) >= LEASES_LEN_MAX:
            self._forget_ended(now_ms)
        if held is None and len(self._leases) >= LEASES_LEN_MAX:
            raise StoreUnavailable("none", 1_000, "too many leases are taken")
        self._leases[name] = (worker, now_ms + lease_ms)
        return True

    def release(self, name: str, worker: str) -> None:
        """See `Store.release`."""
        held = self._leases.get(name)
        if held is not None and held[0] == worker:
            del self._leases[name]

    def _forget_ended(self, now_ms: int) -> None:
        ended = [name for name, (_, until_ms) in self._leases.items() if until_ms <= now_ms]
        for name in ended:
            del self._leases[name]
