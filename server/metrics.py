"""Counters and timings, kept as plain numbers and written for Prometheus when it asks."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """One server's counters. `runtime_stats` is asked for the engine's at each scrape."""

    def __init__(self, runtime_stats: Callable[[], Mapping[str, float]]) -> None:
        """Start every counter at 0."""
        self._runtime_stats = runtime_stats
        self._requests: dict[tuple[str, int], int] = {}
        self._events = {"accepted": 0, "duplicate": 0}
        self._reloads = {"swapped": 0, "refused": 0}
        self._closes: dict[int, int] = {}
        self._delivered = 0
        self.sockets = 0
        self.loop_lag_ms = 0.0

    def count_request(self, operation: str, status: int) -> None:
        """Count an answered request."""
        key = (operation, status)
        self._requests[key] = self._requests.get(key, 0) + 1

    def count_events(self, accepted: int, duplicates: int) -> None:
        """Count events that were committed, and repeats."""
        self._events["accepted"] += accepted
        self._events["duplicate"] += duplicates

    def count_delivered(self, messages: int) -> None:
        """Count messages handed to a socket or a poll."""
        self._delivered += messages

    def count_close(self, code: int) -> None:
        """Count a socket that the server closed."""
        self._closes[code] = self._closes.get(code, 0) + 1

    def count_reload(self, *, swapped: bool) -> None:
        """Count a rule set that was swapped in, or refused."""
        self._reloads["swapped" if swapped else "refused"] += 1

    def exposition(self) -> bytes:
        """Write everything in Prometheus' text format."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Snapshot(self._families))
        return generate_latest(registry)

    def _families(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "opportune_http_requests", "Answered requests", labels=("operation", "status")
        )
        for (operation, status), count in self._requests.items():
            requests.add_metric((operation, str(status)), count)
        yield requests
        yield from _labelled("opportune_events", "Events taken in", "result", self._events)
        yield from _labelled("opportune_reloads", "Rule sets reloaded", "result", self._reloads)
        closes = {str(code): count for code, count in self._closes.items()}
        yield from _labelled("opportune_socket_closes", "Sockets closed", "code", closes)
        yield CounterMetricFamily(
            "opportune_messages_delivered", "Messages handed to visitors", value=self._delivered
        )
        yield GaugeMetricFamily(
            "opportune_sockets", "Open sockets, of visitors and dashboards", value=self.sockets
        )
        yield GaugeMetricFamily(
            "opportune_loop_lag_milliseconds", "Lateness of the event loop", value=self.loop_lag_ms
        )
        for name, value in self._runtime_stats().items():
            yield GaugeMetricFamily(f"opportune_runtime_{name}", f"Engine: {name}", value=value)


class _Snapshot(Collector):
    """A collector over a function: prometheus-client keeps no numbers of ours."""

    def __init__(self, families: Callable[[], Iterator[Metric]]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        return self._families()


def _labelled(
    name: str, words: str, label: str, counts: Mapping[str, float]
) -> Iterator[CounterMetricFamily]:
    family = CounterMetricFamily(name, words, labels=(label,))
    for value, count in counts.items():
        family.add_metric((value,), count)
    yield family
