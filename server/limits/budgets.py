"""What is left for a caller in each window of a rate limit, and the headers that tell of it (API.md 5)."""

from dataclasses import dataclass

from engine.stores.base import RateState
from server.errors import ApiError
from server.wire.envelope import Header


@dataclass(frozen=True, slots=True)
class Window:
    """One named window after a request: `length_s` is its length, `at_ms` when it was looked at."""

    name: str
    state: RateState
    length_s: int
    at_ms: int

    @property
    def wait_s(self) -> int:
        """Return the seconds until it ends, at least 1."""
        return max(1, -(-(self.state.reset_ms - self.at_ms) // 1000))


@dataclass(frozen=True, slots=True)
class Budget:
    """What is left for a caller; the three older headers describe the window `shown`."""

    windows: tuple[Window, ...]
    shown: int = 0

    @property
    def headers(self) -> tuple[Header, ...]:
        """Write all headers of a response."""
        policy = (f'"{w.name}";q={w.state.limit};w={w.length_s}' for w in self.windows)
        left = (f'"{w.name}";r={w.state.remaining};t={w.wait_s}' for w in self.windows)
        return (
            *self.plain_headers,
            (b"ratelimit-policy", ", ".join(policy).encode()),
            (b"ratelimit", ", ".join(left).encode()),
        )

    @property
    def plain_headers(self) -> tuple[Header, ...]:
        """Write the three older headers alone."""
        state = self.windows[self.shown].state
        return (
            (b"x-ratelimit-limit", b"%d" % state.limit),
            (b"x-ratelimit-remaining", b"%d" % state.remaining),
            (b"x-ratelimit-reset", b"%d" % (state.reset_ms // 1000)),
        )


class Refused(ApiError):
    """A request over a limit; `budget` is what its headers tell."""

    def __init__(self, reason: str, message: str, budget: Budget, refused: int) -> None:
        """Tell the window `refused` of the budget, and when it ends."""
        shown = Budget(budget.windows, refused)
        super().__init__(reason, message, retry_after_s=budget.windows[refused].wait_s)
        self.budget = shown
