"""When a model that fails is left in peace, so that no visitor waits for what will not come. Pure."""

from engine.clock import Clock

FAILURES_MAX = 5
"""Failures in a row after which nobody is sent to the model. test_after_so_many_failures_it_is_left_in_peace"""

PEACE_MS = 15_000
"""How long, then one question is tried. test_one_question_tries_whether_it_is_back"""

PEACE_MS_MAX = 120_000
"""The longest that a server may ask to be left alone for. test_a_server_that_asks_for_peace_gets_some"""


class Breaker:
    """Counts the failures of one model in this process."""

    def __init__(self, clock: Clock) -> None:
        """Let questions through until there are failures."""
        self._clock = clock
        self._failures = 0
        self._until_ms = 0

    def lets_through(self) -> bool:
        """Tell whether a question may be sent; after a pause one is, and those behind it wait for its end."""
        now_ms = self._clock.now_ms()
        if now_ms < self._until_ms:
            return False
        if self._failures >= FAILURES_MAX:
            self._until_ms = now_ms + PEACE_MS
        return True

    def succeeded(self) -> None:
        """Note an answer."""
        self._failures = 0
        self._until_ms = 0

    def failed(self, retry_after_ms: int = 0) -> None:
        """Note a failure; `retry_after_ms` is how long the server asks to be left alone."""
        self._failures += 1
        pause_ms = min(retry_after_ms, PEACE_MS_MAX)
        if self._failures >= FAILURES_MAX:
            pause_ms = max(pause_ms, PEACE_MS)
        if pause_ms:
            self._until_ms = max(self._until_ms, self._clock.now_ms() + pause_ms)
