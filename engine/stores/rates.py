"""Calls counted in fixed windows of time, in memory; windows that are over leave."""

from collections.abc import Sequence

import msgspec

from engine.limits import RATE_BUCKETS_MAX
from engine.stores.base import RateAnswer, RateAsk, RateState


class _Window(msgspec.Struct):
    """The current window of one length: when it ends, and the calls of each bucket in it."""

    end_ms: int
    calls: dict[str, int]


class Rates:
    """What `Store.rate` promises, for a store within one process."""

    def __init__(self) -> None:
        """Start with nothing counted."""
        self._windows: dict[int, _Window] = {}

    def count(self, asks: Sequence[RateAsk], now_ms: int) -> RateAnswer:
        """See `Store.rate`."""
        windows = [self._window(ask.window_ms, now_ms) for ask in asks]
        pairs = list(zip(asks, windows, strict=True))
        refused = next(
            (
                place
                for place, (ask, window) in enumerate(pairs)
                if window.calls.get(ask.bucket, 0) >= ask.limit
            ),
            None,
        )
        if refused is None:
            for ask, window in pairs:
                _add(window.calls, ask.bucket)
        return RateAnswer(refused, tuple(_state(ask, window) for ask, window in pairs))

    def sweep(self, now_ms: int) -> None:
        """Drop the windows that are over, also those of lengths nobody asks for any more."""
        over = [length for length, window in self._windows.items() if window.end_ms <= now_ms]
        for length in over:
            del self._windows[length]

    def _window(self, length_ms: int, now_ms: int) -> _Window:
        window = self._windows.get(length_ms)
        if window is None or window.end_ms <= now_ms:
            end_ms = now_ms - now_ms % length_ms + length_ms
            window = self._windows[length_ms] = _Window(end_ms, {})
        return window


def _add(calls: dict[str, int], bucket: str) -> None:
    count = calls.get(bucket, 0)
    if not count and len(calls) >= RATE_BUCKETS_MAX:
        del calls[next(iter(calls))]
    calls[bucket] = count + 1


def _state(ask: RateAsk, window: _Window) -> RateState:
    left = ask.limit - window.calls.get(ask.bucket, 0)
    return RateState(ask.limit, max(0, left), window.end_ms)
