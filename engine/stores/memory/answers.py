"""The answers that `memory:` gave under Idempotency-Keys, for a day; the oldest leave early when many."""

import msgspec

from engine.limits import ANSWER_BYTES_MAX, IDEMPOTENCY_KEPT_MS, MEMORY_ANSWERS_BYTES_MAX
from engine.stores.base import Begun, InProgress, KeyReused, Replayed
from engine.stores.locks import Locks


class _Answer(msgspec.Struct, frozen=True, gc=False):
    """What a key was answered, for which body, and until when that is kept."""

    body_sha256: bytes
    status: int
    response: bytes
    until_ms: int


class Answers:
    """What `Store.idem_begin` and `Store.idem_end` promise, in a dict by the time of the answer."""

    def __init__(self) -> None:
        """Start with no key used."""
        self._locks = Locks()
        self._kept: dict[bytes, _Answer] = {}
        self._bytes = 0

    def begin(
        self, key: bytes, body_sha256: bytes, now_ms: int, lock_ms: int
    ) -> Begun | InProgress | Replayed | KeyReused:
        """See `Store.idem_begin`."""
        kept = self._kept.get(key)
        if kept is None or kept.until_ms <= now_ms:
            return self._locks.begin(key, body_sha256, now_ms, lock_ms)
        if kept.body_sha256 != body_sha256:
            return KeyReused()
        return Replayed(kept.status, kept.response)

    def end(
        self, key: bytes, body_sha256: bytes, now_ms: int, answer: tuple[int, bytes] | None
    ) -> None:
        """See `Store.idem_end`."""
        self._locks.end(key, body_sha256)
        if answer is None or len(answer[1]) > ANSWER_BYTES_MAX:
            return
        kept = self._kept.get(key)
        if kept is not None and kept.until_ms > now_ms:
            return
        if kept is not None:
            self._forget(key)
        self._kept[key] = _Answer(body_sha256, *answer, now_ms + IDEMPOTENCY_KEPT_MS)
        self._bytes += len(answer[1])
        while self._bytes > MEMORY_ANSWERS_BYTES_MAX:
            self._forget(next(iter(self._kept)))

    def sweep(self, now_ms: int) -> int:
        """Forget the answers whose time is over, and count them."""
        old = [key for key, kept in self._kept.items() if kept.until_ms <= now_ms]
        for key in old:
            self._forget(key)
        return len(old)

    def _forget(self, key: bytes) -> None:
        self._bytes -= len(self._kept.pop(key).response)
