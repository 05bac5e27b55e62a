"""P2: the whole step for each event of a log: fold, windows, score, guardrails, decide, next wake-up.

Equal work: the events of all visitors in the order of their time, the wake-ups between them at their own
times, every message displayed at once, and the same decisions at the end. Nothing is read or written
outside the process, and events are decoded already.
"""

import random
from dataclasses import dataclass

from benchmarks.outcome import Figure, Metric, Target
from benchmarks.session.rule_sets import RuleText, example_packs, generated_rules
from benchmarks.session.visits import Logged, log_of

SIZES = {
    "tiny": ("generated", 30, 6, 12),
    "packs": ("packs", 0, 0, 2_400),
    "100": ("generated", 100, 20, 2_400),
    "1000": ("generated", 1_000, 200, 2_400),
    "1000_dense": ("generated", 1_000, 20, 2_400),
}
"""How the rules come, how many, on how many page groups, and the sessions of the log."""
REFERENCE = "live"
METRICS = (
    Metric("rate", "events/s"),
    Metric("wakes_an_event", "wake-ups", "less"),
    Metric("messages_a_session", "messages", "less"),
)
TARGETS = (
    Target("live state, events/s, the three packs", Figure("live", "packs"), "least", 120_000),
    Target("live state, events/s, 100 rules", Figure("live", "100"), "least", 120_000),
    Target("blob each time, events/s, packs", Figure("blob", "packs"), "least", 90_000),
    Target("blob each time, events/s, 100 rules", Figure("blob", "100"), "least", 90_000),
    Target(
        "hand-written, times live, packs",
        Figure("handwritten", "packs"),
        "most",
        2,
        Figure("live", "packs"),
    ),
    Target(
        "what 1,000 rules on 200 page groups cost, times 100 on 20",
        Figure("live", "100"),
        "most",
        2,
        Figure("live", "1000"),
    ),
    Target(
        "what 1,000 rules on 20 page groups cost, times 100 on 20",
        Figure("live", "100"),
        "most",
        2,
        Figure("live", "1000_dense"),
    ),
)


@dataclass(frozen=True, slots=True)
class Workload:
    """Rule sets by site and the log, in the order of time."""

    rules: dict[str, RuleText]
    log: tuple[Logged, ...]
    sessions: int


def make(size: str, seed: int) -> Workload:
    """Draw the log from a seed."""
    kind, rules, groups, sessions = SIZES[size]
    random_source = random.Random(seed)
    sites = example_packs() if kind == "packs" else generated_rules(rules, groups, random_source)
    log: list[Logged] = []
    for one in sites:
        log.extend(log_of(one.site, sessions // len(sites), random_source))
    log.sort(key=lambda logged: (logged.event.at_ms, logged.event.id))
    return Workload({one.site.name: one for one in sites}, tuple(log), sessions)
