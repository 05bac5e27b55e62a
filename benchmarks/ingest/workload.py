"""P3: events over HTTP, one a request and batches of 100, of our widget and in Segment's words.

Every answer comes after its commit. Equal work: the same requests over the same number of connections. What
the servers do with them differs on purpose: the bare ones read the body and answer, ours understand it,
decide and commit.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import count

from benchmarks.ingest.segment_bodies import PAGES, PATH, Batches
from benchmarks.load import Load, Plan, post
from benchmarks.outcome import Figure, Metric, Outcome, Target
from benchmarks.servers import AUTHORIZATION, TRACK
from benchmarks.session.rule_sets import generated_rules

SIZES = {
    "tiny": (1, 4, 0.1, 0.2),
    "single": (1, 32, 1.0, 2.0),
    "single_128": (1, 128, 1.0, 2.0),
    "batch": (100, 32, 0.7, 2.0),
    "segment": (100, 32, 0.7, 2.0),
    "segment_20": (100, 32, 0.7, 2.0),
}
"""Events a request, connections, seconds to warm, seconds to measure."""
VISITORS = {"segment": 1, "segment_20": 20}
"""Visitors whose events a batch in Segment's words holds: one, as a browser's, or several, as a server's."""
REFERENCE = "bare"
METRICS = (
    Metric("rate", "requests/s"),
    Metric("events", "events/s"),
    Metric("cpu_us", "us of the server's CPU a request", "less"),
    Metric("system_us", "us of it in the kernel", "less"),
    Metric("p50_ms", "ms", "less"),
    Metric("p99_ms", "ms", "less"),
)
TARGETS = (
    Target(
        "memory, of bare ASGI, 32 connections",
        Figure("memory", "single"),
        "least",
        0.55,
        Figure("bare", "single"),
    ),
    Target(
        "sqlite D2, of bare ASGI, 32 connections",
        Figure("sqlite", "single"),
        "least",
        0.38,
        Figure("bare", "single"),
    ),
    Target(
        "sqlite D2, batches of 100, events/s", Figure("sqlite", "batch", "events"), "least", 80_000
    ),
    Target(
        "sqlite D2, Segment's batches of 100, events/s",
        Figure("sqlite", "segment", "events"),
        "least",
        60_000,
    ),
)
SESSIONS = 3_840
"""Shared out among the connections: each has an event every half second or so, more than people do."""
RULES = 100
_PROPERTIES: tuple[tuple[str, dict[str, object]], ...] = (
    ("page_view", {}),
    ("scroll", {"percent": 40}),
    ("scroll", {"percent": 75}),
    ("click", {"target": "menu", "text": "Menu"}),
    ("visibility", {"visible": True}),
    ("add_to_cart", {"price": 40.0, "id": "boots"}),
    ("plan_toggle", {}),
    ("exit_intent", {}),
)


@dataclass(frozen=True, slots=True)
class Workload:
    """The rules of our server, and how to load a server. `visitors` 0: our own widget's requests."""

    texts: dict[str, str]
    visitors: int
    events: int
    connections: int
    warm_s: float
    measured_s: float
    seed: int

    def requests(self, connection: int) -> Iterator[bytes]:
        """Make the requests of one connection: some sessions of its own, one after the other."""
        random_source = random.Random(self.seed * 1_000 + connection)
        if self.visitors:
            return self._batches(connection, random_source)
        return self._tracks(connection, random_source)

    def _batches(self, connection: int, random_source: random.Random) -> Iterator[bytes]:
        people = [f"anon-{connection}-{n}" for n in range(SESSIONS // self.connections)]
        batches = Batches(connection)
        for turn in count():
            first = turn * self.visitors % len(people)
            who = [people[(first + n) % len(people)] for n in range(self.visitors)]
            body = batches.write(who, self.events, random_source.randrange(PAGES))
            yield post(PATH, body, AUTHORIZATION)

    def _tracks(self, connection: int, random_source: random.Random) -> Iterator[bytes]:
        sessions = SESSIONS // self.connections
        loads = [f"{random_source.getrandbits(32):08x}" for _ in range(sessions)]
        for turn in count():
            place = turn % sessions
            number = turn // sessions * self.events
            name = f"{connection}-{place}"
            items = [
                _item(loads[place], number + step, random_source.randrange(PAGES))
                for step in range(self.events)
            ]
            who = f'{{"sessionId":"s-{name}","visitorId":"vis-{name}",'
            rest = items[0][1:] if self.events == 1 else f'"batch":[{",".join(items)}]}}'
            yield post(TRACK, f"{who}{rest}".encode(), AUTHORIZATION)

    def plan(self, port: int, pid: int) -> Plan:
        """Return how to load the server on a port."""
        return Plan(port, pid, self.connections, self.warm_s, self.measured_s)

    def outcome(self, load: Load) -> Outcome:
        """Report what a server did."""
        values = load.values() | {"events": load.answers * self.events / load.seconds}
        return Outcome(load.answers, load.seconds, {}, values)


def _item(load: str, number: int, page: int) -> str:
    kind = number % len(_PROPERTIES) if number else 0
    return f'{{"messageId":"{load}-{number + 1}",{_rest(kind, page)}'


@cache
def _rest(kind: int, page: int) -> str:
    """Write what stands behind an event's id; it repeats, and the client has other things to do."""
    event, properties = _PROPERTIES[kind]
    url = f"https://shop.example/g{page % 20}/p{page // 20}"
    item = {"event": event, "page": {"url": url, "title": "A page"}, "metadata": properties}
    return json.dumps(item, separators=(",", ":"))[1:]


def make(size: str, seed: int) -> Workload:
    """Write the rules; the requests are made while the servers are loaded."""
    events, connections, warm_s, measured_s = SIZES[size]
    texts = generated_rules(RULES, 20, random.Random(seed))[0].texts
    return Workload(texts, VISITORS.get(size, 0), events, connections, warm_s, measured_s, seed)
