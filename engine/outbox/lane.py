"""The way to one endpoint: how many requests are under way, how fast they end, and when it is left in peace. Pure."""

IN_FLIGHT_MAX = 4
"""Requests to one endpoint at once; the others wait. test_four_requests_to_an_endpoint_are_under_way_at_once"""

WAITING_MAX = 28
"""Claimed deliveries that wait for those, to a fast endpoint; to a slow one none. Same test."""

WAITING_MS = 5_000
"""As many wait as are sent in this time; that keeps a claim far from the end of its lease."""

FAILURES_MAX = 10
"""Failures in a row after which an endpoint is only tried. test_a_dead_endpoint_is_probed_every_five_seconds"""

PROBE_MS = 5_000
PUT_BACK_MS_MAX = 300_000
"""The longest time until what waits for a dead endpoint is looked at again."""

_GUESS_MS = 100.0
"""How long a request takes to an endpoint that never answered; as few wait for it then as are under way."""

_SMOOTHING = 0.2


class Lane:
    """Lets deliveries through to one endpoint, or says when to come again.

    Several workers have a lane each; the limits are a worker's.
    """

    __slots__ = ("_down_ms", "_is_known", "_mean_ms", "_probe_ms", "_tail_ms", "failures", "open")

    def __init__(self) -> None:
        """Begin with nothing under way."""
        self.open = 0
        self.failures = 0
        self._is_known = False
        self._mean_ms = _GUESS_MS
        self._tail_ms = 0.0
        self._down_ms = 0
        self._probe_ms = 0

    @property
    def is_dead(self) -> bool:
        """Tell whether the endpoint only failed lately: then one delivery at a time tries it."""
        return self.failures >= FAILURES_MAX

    def enter(self, now_ms: int) -> int | None:
        """Let one delivery in; else return the instant at which it is its turn, about."""
        if self.is_dead:
            if now_ms < self._probe_ms or self.open:
                return self.after_death_ms(now_ms)
            self._probe_ms = now_ms + PROBE_MS
        elif self.open >= IN_FLIGHT_MAX + self._room():
            # What is put back comes again one after the other, as fast as the endpoint takes it.
            self._tail_ms = (
                max(self._tail_ms, now_ms + self._mean_ms) + self._mean_ms / IN_FLIGHT_MAX
            )
            return int(self._tail_ms) + 1
        self.open += 1
        return None

    def enter_anyway(self) -> None:
        """Let one in that somebody waits for."""
        self.open += 1

    def leave(self, now_ms: int, duration_ms: int, *, is_taken: bool) -> None:
        """Note that an attempt ended."""
        self.open -= 1
        self._is_known = True
        self._mean_ms += _SMOOTHING * (max(1, duration_ms) - self._mean_ms)
        if is_taken:
            self.failures = 0
            return
        self.failures += 1
        if self.failures == FAILURES_MAX:
            self._down_ms = now_ms
        if self.is_dead:
            self._probe_ms = now_ms + PROBE_MS

    def give_up(self) -> None:
        """Note that a delivery that was let in is not tried."""
        self.open -= 1

    def after_death_ms(self, now_ms: int) -> int:
        """Return when to come again: after as long as it is dead already, so that what waits is seldom written."""
        return now_ms + min(max(PROBE_MS, now_ms - self._down_ms), PUT_BACK_MS_MAX)

    def _room(self) -> int:
        if not self._is_known:
            return IN_FLIGHT_MAX
        sent = int(IN_FLIGHT_MAX * WAITING_MS / self._mean_ms)
        return max(0, min(WAITING_MAX, sent - IN_FLIGHT_MAX))
