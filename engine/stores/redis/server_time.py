"""The servers' time as a worker knows it: its own steady watch and the median of their offsets."""

import logging
from collections import deque
from statistics import median_low

from engine.clock import Stopwatch

_SAMPLES = 16
_JUMP_US = 5_000_000
_log = logging.getLogger("opportune.stores")


class Offset:
    """How far a server's clock is ahead of the watch, by the quickest of its last 16 answers."""

    def __init__(self) -> None:
        """Begin without a sample."""
        self._samples: deque[tuple[float, int]] = deque(maxlen=_SAMPLES)
        self.offset_us: int | None = None

    def add(self, sent_ms: float, received_ms: float, server_us: int) -> None:
        """Take a sample: the watch before and after, and what the server said between."""
        middle_us = round((sent_ms + received_ms) * 500)
        offset_us = server_us - middle_us
        if self.offset_us is not None and abs(offset_us - self.offset_us) > _JUMP_US:
            jump_s = (offset_us - self.offset_us) / 1_000_000
            _log.warning("a Redis server's clock jumped by %.1f s", jump_s)
            self._samples.clear()
        self._samples.append((received_ms - sent_ms, offset_us))
        self.offset_us = min(self._samples)[1]


class ServerTime:
    """Unix milliseconds that never step back."""

    def __init__(self, watch: Stopwatch) -> None:
        """Count from no offset; nothing may ask before the first sample."""
        self._watch = watch
        self._offset_us = 0
        self._latest_ms = 0

    def follow(self, offsets: list[Offset]) -> None:
        """Take the median of those offsets that are known; without any the last one stays."""
        known = [offset.offset_us for offset in offsets if offset.offset_us is not None]
        if known:
            self._offset_us = median_low(known)

    def now_ms(self) -> int:
        """Tell the time."""
        now_us = self._watch.elapsed_ms() * 1_000 + self._offset_us
        self._latest_ms = max(self._latest_ms, int(now_us) // 1_000)
        return self._latest_ms
