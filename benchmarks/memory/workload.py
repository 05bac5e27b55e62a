"""P6: what a live session of eight events weighs in each store, and how long collections pause.

Equal work: N sessions of as many visitors, folded from visits of eight events; each is committed once
with its eight events, and stays live. The plain structs are the same sessions and profiles, decoded. What
Redis takes is that server's own count, not this process's.
"""

import random
from dataclasses import dataclass
from pathlib import Path

from benchmarks.outcome import Figure, Metric, Target
from benchmarks.session.replaying import Keeping, Player, compiled
from benchmarks.session.rule_sets import generated_rules
from benchmarks.session.visits import log_of
from benchmarks.session.workload import Workload as Log
from engine.events import Event
from engine.profile import Profile
from engine.session import Session
from engine.stores.codec import decode_session, encode_session
from rules.compiler.program import Program

SIZES = {"tiny": 200, "100000": 100_000, "1000000": 1_000_000}
FRESH = True
REFERENCE = "structs"
METRICS = (
    Metric("kb_a_session", "KB a session", "less"),
    Metric("pause_ms", "ms a full collection pauses", "less"),
    Metric("rate", "sessions/s"),
    Metric("session_bytes", "bytes of it a session's hash", "less"),
    Metric("profile_bytes", "bytes of it a profile", "less"),
    Metric("journal_bytes", "bytes of it a journal of one entry with eight events", "less"),
    Metric("other_bytes", "bytes of it all else", "less"),
)
TARGETS = (
    Target("sqlite, KB a session", Figure("sqlite", "1000000", "kb_a_session"), "most", 0.6),
    Target("memory, KB a session", Figure("memory", "1000000", "kb_a_session"), "most", 1.2),
    Target("sqlite, longest pause, ms", Figure("sqlite", "1000000", "pause_ms"), "most", 50),
    Target("memory, longest pause, ms", Figure("memory", "1000000", "pause_ms"), "most", 50),
)
REPETITIONS = {"1000000": 1}
"""A million sessions take minutes and weigh the same each time."""
EVENTS = 8
TEMPLATES = 200
RULES = 100


@dataclass(frozen=True, slots=True)
class Template:
    """One visit as it ended: session and profile encoded, and its events."""

    session: bytes
    profile: Profile
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Workload:
    """Visits to make sessions from, and how many sessions."""

    templates: tuple[Template, ...]
    sessions: int

    def names(self, number: int) -> tuple[str, str]:
        """Return the visitor and session ids of one session, as long as real ones."""
        return f"vis_{number:022x}", f"chat_{number:022x}"

    def session(self, number: int) -> Session:
        """Make one session under its own names."""
        session = decode_session(self.templates[number % len(self.templates)].session)
        session.visitor, session.id = self.names(number)
        return session

    def events(self, number: int) -> tuple[Event, ...]:
        """Return the events of one session."""
        return self.templates[number % len(self.templates)].events


def make(size: str, seed: int) -> Workload:
    """Play visits of eight events each."""
    random_source = random.Random(seed)
    rules = generated_rules(RULES, 20, random_source)
    wanted = min(TEMPLATES, SIZES[size])
    log = log_of(rules[0].site, 4 * wanted, random_source)
    visits: dict[str, list[Event]] = {}
    for logged in log:
        visits.setdefault(logged.visitor, []).append(logged.event)
    long_enough = [events[:EVENTS] for events in visits.values() if len(events) >= EVENTS]
    programs = compiled(Log({rule.site.name: rule for rule in rules}, (), 0))
    templates = []
    for number, events in enumerate(long_enough[:wanted]):
        player = Player(programs, Keeping(_keep, _take_up))
        for event in events:
            player.play(rules[0].site.name, f"v{number}", event)
        kept = player.visits[f"v{number}"].kept
        assert isinstance(kept, tuple)
        templates.append(Template(encode_session(kept[0]), kept[1], tuple(events)))
    return Workload(tuple(templates), SIZES[size])


def _keep(session: Session, profile: Profile) -> object:
    return session, profile


def _take_up(_: Program, kept: object) -> tuple[Session, Profile]:
    return kept  # type: ignore[return-value]  # what _keep returned


def resident_bytes() -> int:
    """Return the memory of this process that is resident now."""
    fields = Path("/proc/self/statm").read_text(encoding="ascii").split()
    return int(fields[1]) * 4_096
