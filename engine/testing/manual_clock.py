"""A clock that stands still until a test moves it."""


class ManualClock:
    """A Clock whose time is set by hand; it refuses to go back."""

    __slots__ = ("_now_ms",)

    def __init__(self, now_ms: int = 1_750_000_000_000) -> None:
        """Start at `now_ms`, Unix milliseconds UTC."""
        self._now_ms = now_ms

    def now_ms(self) -> int:
        """Return the instant it was last set to."""
        return self._now_ms

    def advance(self, by_ms: int) -> int:
        """Move on by `by_ms` >= 0 milliseconds and return the new instant."""
        return self.set(self._now_ms + by_ms)

    def set(self, now_ms: int) -> int:
        """Move to an instant that is not before the present one and return it.

        Raises:
            ValueError: `now_ms` is before the present instant.
        """
        if now_ms < self._now_ms:
            message = f"a clock cannot go back from {self._now_ms} to {now_ms}"
            raise ValueError(message)
        self._now_ms = now_ms
        return now_ms
