"""The three packs by hand: one class a site, the same clocks, gates, arms and wake-ups, no rule text."""

import time

from benchmarks.outcome import Outcome
from benchmarks.session.by_hand_sites import Cart, Hvac, Saas
from benchmarks.session.by_hand_visit import IDLE_MS, HandWritten, Person
from benchmarks.session.replaying import Row, outcome_of
from benchmarks.session.workload import Workload
from engine.events import Event

LABEL = "Python by hand"
SIZES = ("packs",)
_SITES: dict[str, type[HandWritten]] = {"hvac": Hvac, "saas": Saas, "cart": Cart}


class Player:
    """Plays a log; one visit a visitor at a time."""

    def __init__(self) -> None:
        """Start with nobody."""
        self.visits: dict[str, HandWritten] = {}
        self.rows: list[Row] = []
        self.wakes = 0

    def play(self, site: str, visitor: str, event: Event) -> None:
        """Let one event arrive at its own time, after the wake-ups that were due before it."""
        visit = self.visits.get(visitor)
        if visit is None:
            visit = self.visits[visitor] = _SITES[site](Person(visitor), event.at_ms)
        elif event.at_ms - visit.event_ms >= IDLE_MS:
            self.wake(visit, visit.event_ms + IDLE_MS)
            visit = self.visits[visitor] = _SITES[site](visit.person, event.at_ms)
        elif visit.wake_ms < event.at_ms:
            self.wake(visit, event.at_ms)
        visit.take(event)
        row = visit.decide(event.at_ms)
        if row is not None:
            self.rows.append(row)

    def wake(self, visit: HandWritten, until_ms: int) -> None:
        """Run a visit's wake-ups up to an instant, that one not included."""
        while visit.wake_ms < until_ms:
            now_ms = visit.wake_ms
            self.wakes += 1
            visit.advance(now_ms)
            visit.observe(now_ms)
            row = visit.decide(now_ms)
            if row is not None:
                self.rows.append(row)

    def finish(self) -> None:
        """Let all visits come to their end."""
        for visit in self.visits.values():
            self.wake(visit, visit.event_ms + IDLE_MS)


def prepare(workload: Workload) -> Workload:
    """Nothing to prepare."""
    return workload


def run(prepared: Workload) -> Outcome:
    """Play the log."""
    began = time.perf_counter()
    player = Player()
    play = player.play
    for logged in prepared.log:
        play(logged.site, logged.visitor, logged.event)
    player.finish()
    return outcome_of(prepared, player.rows, time.perf_counter() - began, player.wakes)
