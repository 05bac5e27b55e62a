"""Times of clients' clocks in ours: corrected by when a request was sent, never in another order (API.md 8.4)."""

from bisect import bisect_left
from collections import OrderedDict
from itertools import islice

CLOCKS_LEN_MAX = 50_000
"""Devices whose latest times are remembered; the one heard of longest ago is forgotten.
test_the_device_heard_of_longest_ago_is_forgotten"""

POINTS_MAX = 32
"""Times remembered of one device, where its requests differ; the earliest is forgotten.
test_the_earliest_times_of_a_device_are_forgotten"""

CLOCK_STEP_MS = 60_000
"""A device whose clock seems to have moved by more than this against ours was set, or is another one.
test_a_clock_that_was_set_begins_anew"""


class Timeline:
    """What one device's times became: points (its time, our time), both rising.

    Between two points on which the device's clock is as far from ours, it is as far: nothing else need be
    remembered of a whole request. `_is_run`: the last two are such points.
    """

    __slots__ = ("_clients", "_is_run", "_offset_ms", "_ours")

    def __init__(self) -> None:
        """Begin without a point."""
        self._clients: list[int] = []
        self._ours: list[int] = []
        self._offset_ms = 0
        self._is_run = False

    def ends_at(self, client_ms: int) -> bool:
        """Tell whether this is the latest time of the device."""
        return bool(self._clients) and self._clients[-1] == client_ms

    def place(self, client_ms: int, estimate_ms: int) -> int:
        """Return the time nearest to an estimate that keeps the device's own order, and remember it."""
        clients, ours = self._clients, self._ours
        offset_ms = estimate_ms - client_ms
        if not -CLOCK_STEP_MS <= offset_ms - self._offset_ms <= CLOCK_STEP_MS:
            clients.clear()
            ours.clear()
        self._offset_ms = offset_ms
        if not clients:
            self._append(client_ms, estimate_ms)
            return estimate_ms
        if client_ms <= clients[-1]:
            return self._between(client_ms, estimate_ms)
        latest_ms = ours[-1]
        if self._is_run and offset_ms == latest_ms - clients[-1]:
            clients[-1] = client_ms
            ours[-1] = estimate_ms
            return estimate_ms
        at_ms = max(estimate_ms, latest_ms)
        self._append(client_ms, at_ms)
        return at_ms

    def _append(self, client_ms: int, at_ms: int) -> None:
        """Add the latest point; one between two of the same time says nothing and goes."""
        clients, ours = self._clients, self._ours
        if len(clients) > 1 and ours[-2] == at_ms:
            clients[-1] = client_ms
            return
        self._is_run = bool(clients) and at_ms - client_ms == ours[-1] - clients[-1]
        clients.append(client_ms)
        ours.append(at_ms)
        if len(clients) > POINTS_MAX:
            del clients[0], ours[0]

    def _between(self, client_ms: int, estimate_ms: int) -> int:
        """Place a time that is not the latest: at, before, or between points."""
        clients, ours = self._clients, self._ours
        after = bisect_left(clients, client_ms)
        latest_ms = ours[after]
        if clients[after] == client_ms:
            return latest_ms
        at_ms = min(estimate_ms, latest_ms)
        if after:
            if latest_ms - ours[after - 1] == clients[after] - clients[after - 1]:
                return latest_ms - (clients[after] - client_ms)
            at_ms = max(ours[after - 1], at_ms)
        if len(clients) < POINTS_MAX:
            clients.insert(after, client_ms)
            ours.insert(after, at_ms)
            self._is_run = clients[-1] - clients[-2] == ours[-1] - ours[-2]
        return at_ms


class ClientClocks:
    """The clocks of clients as this process has heard them; bounded, and without I/O."""

    __slots__ = ("_latest", "_limit", "_timelines")

    def __init__(self, limit: int = CLOCKS_LEN_MAX) -> None:
        """Remember at most `limit` devices."""
        self._timelines: OrderedDict[tuple[str, str], Timeline] = OrderedDict()
        self._latest: tuple[str, str] | None = None
        self._limit = limit

    def __len__(self) -> int:
        """Return how many devices are remembered."""
        return len(self._timelines)

    def corrected(
        self,
        workspace: str,
        device: str,
        client_ms: int | None,
        sent_ms: int | None,
        now_ms: int,
    ) -> int:
        """Return when an event was, in our time: `now_ms` or before.

        Args:
            workspace: of the device.
            device: whose clock it is: a visitor's browser and a server that speaks of the same visitor
                are two.
            client_ms: the event by the client's clock; None = now.
            sent_ms: when the client sent the request, by its clock; None = its clock is taken as right.
            now_ms: when the request came.
        """
        if client_ms is None or (sent_ms is not None and client_ms > sent_ms):
            # No event is later than its sending: such a time is not of this clock.
            return now_ms
        estimate_ms = client_ms if sent_ms is None else client_ms + now_ms - sent_ms
        if estimate_ms > now_ms:  # noqa: PLR1730  # a call of min costs three times as much here
            estimate_ms = now_ms
        key = (workspace, device)
        if key != self._latest:
            self._hear(key)
        at_ms = self._timelines[key].place(client_ms, estimate_ms)
        if at_ms > now_ms:
            return now_ms
        return at_ms

    def corrected_in_turn(
        self, workspace: str, device: str, times: list[int], sent_ms: int | None, now_ms: int
    ) -> list[int]:
        """Return what `corrected` says of each time of one device, asked one after the other.

        Times that rise from the device's latest on are moved by the same: then the first and the last
        say it all.
        """
        first_ms, last_ms = times[0], times[-1]
        first = self.corrected(workspace, device, first_ms, sent_ms, now_ms)
        if len(times) == 1:
            return [first]
        behind_ms = 0 if sent_ms is None else now_ms - sent_ms
        if (
            first - first_ms == behind_ms
            and last_ms + behind_ms <= now_ms
            and self._ends_at(workspace, device, first_ms)
            and times == sorted(times)
        ):
            self.corrected(workspace, device, last_ms, sent_ms, now_ms)
            return [client_ms + behind_ms for client_ms in times]
        rest = islice(times, 1, None)
        return [
            first,
            *(self.corrected(workspace, device, one, sent_ms, now_ms) for one in rest),
        ]

    def _ends_at(self, workspace: str, device: str, client_ms: int) -> bool:
        timeline = self._timelines.get((workspace, device))
        return timeline is not None and timeline.ends_at(client_ms)

    def _hear(self, key: tuple[str, str]) -> None:
        """Make a device the one heard of last: mostly it is, for its events come together."""
        if key in self._timelines:
            self._timelines.move_to_end(key)
        else:
            self._timelines[key] = Timeline()
            if len(self._timelines) > self._limit:
                self._timelines.popitem(last=False)
        self._latest = key
