"""P10: the whole alternative over HTTP: visitors' events in, 100 rules, the message to show out.

Equal work: the same requests with the same JSON, one event each; a visitor's facts are kept between
requests; the first rule of the page whose five conditions hold answers, once a visitor. Before the load
is measured, the answers to the first visitors are compared. Ours also orders, deduplicates, keeps the
journal and the policy's limits, and arms wake-ups.
"""

import asyncio
import http.client
import json
import random
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import uvloop

from benchmarks.load import Plan, drive, post
from benchmarks.outcome import Figure, Metric, Outcome, Target, digest
from benchmarks.servers import AUTHORIZATION, TOKEN, TRACK, Serving

SIZES = {"tiny": (10, 4, 0.1, 0.2), "100": (100, 32, 0.7, 2.0)}
"""Rules, connections, seconds to warm, seconds to measure."""
REFERENCE = "memory"
METRICS = (
    Metric("rate", "requests/s"),
    Metric("cpu_us", "us of the server's CPU a request", "less"),
    Metric("system_us", "us of it in the kernel", "less"),
    Metric("p50_ms", "ms", "less"),
    Metric("p99_ms", "ms", "less"),
)
TARGETS = (
    Target(
        "ours on memory, times Node with json-rules-engine",
        Figure("memory", "100"),
        "least",
        8,
        Figure("node", "100"),
    ),
)
COMPARED = 40
PAUSE_S = 0.003
"""Between two compared requests, so that the page has been looked at for its millisecond."""
HOST = "https://www.example.com"


@dataclass(frozen=True, slots=True)
class PlainRule:
    """One rule: page, scroll depth, points, a flag, and a millisecond on the page."""

    number: int
    area: str
    scroll: int
    points: int
    needs_flag: bool


@dataclass(frozen=True, slots=True)
class Workload:
    """Rules and how to load a server."""

    rules: tuple[PlainRule, ...]
    connections: int
    warm_s: float
    measured_s: float
    seed: int

    def visitor(self, name: str, random_source: random.Random) -> Iterator[dict[str, object]]:
        """Make the five requests of one visitor."""
        url = f"{HOST}/{random_source.choice(self.rules).area}/page{random_source.randrange(9)}"
        depth, points = random_source.randrange(101), random_source.randrange(101)
        said: tuple[dict[str, object], ...] = (
            {"event": "page_view"},
            {"event": "scroll", "metadata": {"depth": depth}},
            {"event": "set", "attributes": {"points": points}},
            {"event": "set", "attributes": {"flag": random_source.random() < 0.5}},
            {"event": "click", "metadata": {"target": "menu"}},
        )
        load = f"{random_source.getrandbits(32):08x}"
        for step, one in enumerate(said, 1):
            yield {
                "sessionId": f"s{name}",
                "visitorId": f"v{name}",
                "messageId": f"{load}-{step}",
                "page": {"url": url},
                "deliver": True,
            } | one

    def requests(self, connection: int) -> Iterator[bytes]:
        """Make the requests of one connection, visitor by visitor."""
        random_source = random.Random(self.seed * 1_000 + connection)
        number = 0
        while True:
            number += 1
            for body in self.visitor(f"{connection}-{number}", random_source):
                yield post(TRACK, json.dumps(body, separators=(",", ":")).encode(), AUTHORIZATION)


def make(size: str, seed: int) -> Workload:
    """Draw rules from a seed."""
    count, connections, warm_s, measured_s = SIZES[size]
    random_source = random.Random(seed)
    rules = tuple(
        PlainRule(
            number=number,
            area=f"area{number * 2 // 7}",
            scroll=random_source.choice((10, 25, 50, 75)),
            points=random_source.randrange(10, 80, 5),
            needs_flag=random_source.random() < 0.5,
        )
        for number in range(count)
    )
    return Workload(rules, connections, warm_s, measured_s, seed)


def loaded(workload: Workload, server: AbstractContextManager[Serving]) -> Outcome:
    """Start a server, compare its answers, load it, end it."""
    with server as serving:
        texts = list(_answers(workload, serving.port))
        plan = Plan(
            serving.port,
            serving.pid,
            workload.connections,
            workload.warm_s,
            workload.measured_s,
        )
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            load = runner.run(drive(plan, workload.requests))
    assert any(texts), "no rule ever answered: nothing is compared"
    return Outcome(load.answers, load.seconds, {"messages": digest(texts)}, load.values())


def _answers(workload: Workload, port: int) -> Iterator[tuple[str, ...]]:
    """Ask for some visitors, and take the texts that each request was answered with."""
    random_source = random.Random(workload.seed)
    for number in range(COMPARED):
        for body in workload.visitor(f"first-{number}", random_source):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
            connection.request("POST", TRACK, json.dumps(body), headers)
            found = json.loads(connection.getresponse().read())
            connection.close()
            yield tuple(message["text"] for message in found["messages"])
            time.sleep(PAUSE_S)
