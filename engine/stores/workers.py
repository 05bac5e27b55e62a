"""Which workers live, which of them look after partitions, and what they say, within one process."""

from collections.abc import Set as AbstractSet

import msgspec

from engine.errors import LimitExceeded
from engine.limits import ABOUT_BYTES_MAX, WORKERS_GONE_MAX


class _Worker(msgspec.Struct, gc=False):
    """Until when a worker lives if it says no more, whether partitions may be its own, and what it said."""

    until_ms: int
    owns: bool
    about: bytes | None = None


class Workers:
    """What `Store.heartbeat`, `exchange` and `leave` promise, in dicts."""

    def __init__(self) -> None:
        """Start with nobody."""
        self._living: dict[str, _Worker] = {}
        # By the time of their end; of one that was never heard of nothing is known.
        self._gone: dict[str, None] = {}

    def heartbeat(self, worker: str, now_ms: int, lease_ms: int, *, owns: bool) -> frozenset[str]:
        """See `Store.heartbeat`."""
        self._gone.pop(worker, None)
        self._bury(now_ms)
        beating = self._living.setdefault(worker, _Worker(0, owns=False))
        beating.until_ms, beating.owns = now_ms + lease_ms, owns
        return frozenset(name for name, living in self._living.items() if living.owns)

    def exchange(self, worker: str, about: bytes, now_ms: int) -> dict[str, bytes]:
        """See `Store.exchange`.

        Raises:
            LimitExceeded: `about` is too long.
        """
        if len(about) > ABOUT_BYTES_MAX:
            raise LimitExceeded("ABOUT_BYTES_MAX", len(about), ABOUT_BYTES_MAX)
        self._bury(now_ms)
        if worker in self._living:
            self._living[worker].about = about
        said = self._living.items()
        return {name: living.about for name, living in said if living.about is not None}

    def leave(self, worker: str) -> None:
        """See `Store.leave`."""
        self._living.pop(worker, None)
        self._gone[worker] = None
        if len(self._gone) > WORKERS_GONE_MAX:
            del self._gone[next(iter(self._gone))]

    def gone(self, now_ms: int) -> AbstractSet[str]:
        """Tell which workers have left or ceased to live; those never heard of are not among them."""
        self._bury(now_ms)
        return self._gone.keys()

    def _bury(self, now_ms: int) -> None:
        over = [name for name, living in self._living.items() if living.until_ms <= now_ms]
        for name in over:
            self.leave(name)
