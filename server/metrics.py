"""Counters and timings, kept as plain numbers and written for Prometheus when it asks."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """One worker's counters. `worker` is its number among several under one supervisor, "" = it is alone."""

    def __init__(self, runtime_stats: Callable[[], Mapping[str, float]]) -> None:
        """Start every counter at 0; `runtime_stats` is asked for the engine's at each scrape."""
        self._runtime_stats = runtime_stats
        self.worker = ""
        self._requests: dict[tuple[str, int], int] = {}
        self._events = {"accepted": 0, "duplicate": 0, "rejected": 0}
        self._reloads = {"swapped": 0, "refused": 0}
        self._closes: dict[int, int] = {}
        self._delivered = 0
        self.sockets = 0
        self.loop_lag_ms = 0.0

    def count_request(self, operation: str, status: int) -> None:
        """Count an answered request."""
        key = (operation, status)
        self._requests[key] = self._requests.get(key, 0) + 1

    @property
    def events_accepted(self) -> int:
        """Return how many events were committed."""
        return self._events["accepted"]

    def count_events(self, accepted: int, duplicates: int) -> None:
        """Count events that were committed, and repeats."""
        self._events["accepted"] += accepted
        self._events["duplicate"] += duplicates

    def count_rejected(self, events: int) -> None:
        """Count events of a batch that could not be taken, each for a reason of its own."""
        self._events["rejected"] += events

    def count_delivered(self, messages: int) -> None:
        """Count messages handed to a socket or a poll."""
        self._delivered += messages

    def count_close(self, code: int) -> None:
        """Count a socket that the server closed."""
        self._closes[code] = self._closes.get(code, 0) + 1

    def count_reload(self, *, swapped: bool) -> None:
        """Count a rule set that was swapped in, or refused."""
        self._reloads["swapped" if swapped else "refused"] += 1

    def exposition(
        self,
        gauges: Mapping[str, Mapping[str, float]] = MappingProxyType({}),
        refused: Mapping[str, float] = MappingProxyType({}),
    ) -> bytes:
        """Write everything in Prometheus' text format.

        Args:
            gauges: present numbers by part and name, shown as `opportune_<part>_<name>`.
            refused: what was refused because too much was waiting, by rank.
        """
        registry = CollectorRegistry(auto_describe=False)
        families = (
            *self._families(refused),
            *_gauges({"runtime": self._runtime_stats(), **gauges}),
        )
        registry.register(_Snapshot(families, self.worker))
        return generate_latest(registry)

    def _families(self, refused: Mapping[str, float]) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "opportune_http_requests", "Answered requests", labels=("operation", "status")
        )
        for (operation, status), count in self._requests.items():
            requests.add_metric((operation, str(status)), count)
        yield requests
        yield from _labelled("opportune_events", "Events that came in", "result", self._events)
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
        yield from _labelled("opportune_refused", "Refused while much waited", "rank", refused)


class _Snapshot(Collector):
    """A collector over what there is now: prometheus-client keeps no numbers of ours."""

    def __init__(self, families: Sequence[Metric], worker: str) -> None:
        self._families = families
        self._label = {"worker": worker} if worker else {}

    def collect(self) -> Iterator[Metric]:
        for family in self._families:
            family.samples = [
                sample._replace(labels={**sample.labels, **self._label})
                for sample in family.samples
            ]
            yield family


def _gauges(parts: Mapping[str, Mapping[str, float]]) -> Iterator[GaugeMetricFamily]:
    for part, numbers in parts.items():
        for name, value in numbers.items():
            words = f"{part.capitalize()}: {name.replace('_', ' ')}"
            yield GaugeMetricFamily(f"opportune_{part}_{name}", words, value=value)


def _labelled(
    name: str, words: str, label: str, counts: Mapping[str, float]
) -> Iterator[CounterMetricFamily]:
    family = CounterMetricFamily(name, words, labels=(label,))
    for value, count in counts.items():
        family.add_metric((value,), count)
    yield family
