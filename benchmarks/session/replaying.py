"""Our engine over the log: sessions by visitor, wake-ups at their times, the decisions it comes to."""

from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.outcome import Outcome, digest
from benchmarks.session.workload import Workload
from engine.effect import Effect
from engine.events import Event
from engine.intake import admit_events
from engine.limits import SESSION_IDLE_MS
from engine.openings import begin_session, is_ended, start_event
from engine.profile import Profile
from engine.runtime_types import ClientContext
from engine.session import Session
from engine.signals import SCHEMA
from engine.step import Arrived, Woke, step
from engine.stores.base import SessionRef
from rules import check_texts
from rules.compiler import compile_program
from rules.compiler.program import Program

_SECRET = b"benchmark"
_LAST = 1 << 30
"""The number of a display among the events of its tab: behind those of the log."""
Row = tuple[int, str, str, str, str, int]
"""When, whom, by which rule, with what outcome, in which variant, at which score."""


@dataclass(slots=True)
class Visit:
    """A visitor on the way: `pack` and `unpack` keep the pair as the contender wants it."""

    program: Program
    visitor: str
    kept: object = None
    sessions: int = 0


@dataclass(frozen=True, slots=True)
class Keeping:
    """How a session and its profile rest between two inputs."""

    pack: Callable[[Session, Profile], object]
    unpack: Callable[[Program, object], tuple[Session, Profile]]


@dataclass(slots=True)
class Player:
    """Plays a log; one session a visitor at a time."""

    programs: dict[str, Program]
    keeping: Keeping
    visits: dict[str, Visit] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    wakes: int = 0
    steps: int = 0

    def play(self, site: str, visitor: str, event: Event) -> None:
        """Let one event arrive at its own time, after the wake-ups that were due before it."""
        visit = self.visits.get(visitor)
        if visit is None:
            visit = self.visits[visitor] = Visit(self.programs[site], visitor)
            session, profile = self._begin(visit, Profile(visitor), event.at_ms)
        else:
            session, profile = self.keeping.unpack(visit.program, visit.kept)
            if is_ended(session, event.at_ms):
                self._wake(visit, session, profile, session.state.event_ms + SESSION_IDLE_MS)
                session, profile = self._begin(visit, profile, event.at_ms)
            elif 0 <= session.wake_ms < event.at_ms:
                self._wake(visit, session, profile, event.at_ms)
        admission = admit_events(session, (event,), event.at_ms)
        self._take(visit, session, profile, Arrived(event.at_ms, admission.events))
        visit.kept = self.keeping.pack(session, profile)

    def finish(self) -> None:
        """Let all sessions come to their end."""
        for visit in self.visits.values():
            session, profile = self.keeping.unpack(visit.program, visit.kept)
            self._wake(visit, session, profile, session.state.event_ms + SESSION_IDLE_MS)

    def _begin(self, visit: Visit, profile: Profile, at_ms: int) -> tuple[Session, Profile]:
        visit.sessions += 1
        ref = SessionRef("bench", visit.visitor, f"{visit.visitor}#{visit.sessions}")
        session = begin_session(visit.program, ref, "bench", profile, at_ms)
        start = start_event(session, profile, ClientContext())
        self._take(visit, session, profile, Arrived(at_ms, (start,)))
        return session, profile

    def _wake(self, visit: Visit, session: Session, profile: Profile, until_ms: int) -> None:
        while 0 <= session.wake_ms < until_ms:
            self.wakes += 1
            self._take(visit, session, profile, Woke(session.wake_ms, session.wake_ms))

    def _take(
        self, visit: Visit, session: Session, profile: Profile, given: Arrived | Woke
    ) -> None:
        self.steps += 1
        effect = step(visit.program, session, profile, given, _SECRET)
        if effect.rows:
            self._note(visit, effect)
        for message in effect.messages:
            shown = Event(
                id="",
                name="message_displayed",
                at_ms=given.now_ms,
                tab=session.state.tab,
                sequence=_LAST,
                properties={"message_id": message.id},
            )
            self._take(visit, session, profile, Arrived(given.now_ms, (shown,)))

    def _note(self, visit: Visit, effect: Effect) -> None:
        for row in effect.rows:
            if row.outcome in ("sent", "held_out"):
                said = (row.rule, row.outcome, row.variant, row.score)
                self.rows.append((row.at_ms, visit.visitor, *said))


def compiled(workload: Workload) -> dict[str, Program]:
    """Check and compile the rules of every site, and write all their functions."""
    programs = {}
    for name, rules in workload.rules.items():
        report = check_texts(rules.texts, SCHEMA)
        assert report.checked is not None, report.diagnostics[:3]
        programs[name] = compile_program(report.checked)
        for _ in programs[name].warm():
            pass
    return programs


def outcome_of(workload: Workload, rows: list[Row], seconds: float, wakes: int) -> Outcome:
    """Compare by the decisions; count per event of the log and per session."""
    return Outcome(
        operations=len(workload.log),
        seconds=seconds,
        digests={"decisions": digest(sorted(rows))},
        values={
            "wakes_an_event": wakes / len(workload.log),
            "messages_a_session": sum(row[3] == "sent" for row in rows) / workload.sessions,
        },
    )


def played(workload: Workload, programs: dict[str, Program], keeping: Keeping) -> Player:
    """Play the whole log."""
    player = Player(programs, keeping)
    play = player.play
    for logged in workload.log:
        play(logged.site, logged.visitor, logged.event)
    player.finish()
    return player
