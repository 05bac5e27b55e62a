"""Recorded visitors through the same step: what was decided, or what other rules would have decided.

Two ways. `replay_journal` repeats the inputs of a store's journal at their recorded instants, so that
the same rules give the same decisions, hash for hash. `Replay.arrive` takes events of any log and runs
the wake-ups on a virtual clock. What nobody can know is how visitors would have answered other messages.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import msgspec

from engine.closest import closest_miss
from engine.decision import DecisionRow
from engine.events import Event
from engine.intake import admit_events
from engine.limits import SESSION_IDLE_MS, SESSION_MS_MAX
from engine.openings import begin_session, is_ended, start_event
from engine.profile import Profile
from engine.runtime_types import ClientContext
from engine.session import Session, new_session
from engine.step import Arrived, Input, Woke, events_of, step
from engine.stores.base import SessionRef
from engine.stores.codec import JournalEntry
from rules.addresses import address
from rules.compiler.program import Program

_SECRET = b"replay"
WORKSPACE = "replay"


class Approach(msgspec.Struct, frozen=True):
    """One decision of a replay: whom, when, by which rule, on which page, with what outcome.

    `visible_ms` is the visitor's visible time on the page then.
    """

    at_ms: int
    visitor: str
    session: str
    rule: str
    outcome: str
    reason: str
    variant: str
    score: int
    page: str
    why: str


@dataclass(slots=True)
class ReplayReport:
    """What a replay saw. `approaches` are in the order of time; `digest` names them all.

    `nearest` counts the sessions without a message by the rule that came nearest at their last event, ""
    where no rule was meant for the page.
    """

    sessions: int = 0
    visitors: int = 0
    events: int = 0
    messages: int = 0
    first_ms: int | None = None
    last_ms: int | None = None
    by_rule: dict[str, int] = field(default_factory=dict)
    nearest: dict[str, int] = field(default_factory=dict)
    approaches: list[Approach] = field(default_factory=list)

    @property
    def digest(self) -> str:
        """Return the SHA-256 of all decisions, 16 hex digits."""
        rows = sorted(
            (a.at_ms, a.visitor, a.rule, a.outcome, a.reason, a.variant, a.score)
            for a in self.approaches
        )
        return sha256(msgspec.json.encode(rows)).hexdigest()[:16]

    def note(self, session: Session, row: DecisionRow) -> None:
        """Count one decision."""
        self.approaches.append(
            Approach(
                at_ms=row.at_ms,
                visitor=session.visitor,
                session=session.id,
                rule=row.rule,
                outcome=row.outcome,
                reason=row.reason,
                variant=row.variant,
                score=row.score,
                page=address(str(session.state.attrs.get("page.url", ""))).path,
                why=row.why,
            )
        )
        if row.outcome == "sent":
            self.messages += 1
            self.by_rule[row.rule] = self.by_rule.get(row.rule, 0) + 1


@dataclass(slots=True)
class Visit:
    """A visitor in a replay: the profile, and the session under way with the id the log gives it."""

    profile: Profile
    session: Session | None = None
    sessions: int = 0
    named: str = ""


class Replay:
    """Feeds recorded events, in the order of their receipt, to a program on a virtual clock."""

    def __init__(
        self,
        program: Program,
        *,
        shows_messages: bool = True,
        workspace: str = WORKSPACE,
        secret: bytes = _SECRET,
    ) -> None:
        """Start with nobody. `shows_messages`: each message is displayed at once.

        With the workspace and the secret that a journal was written under, a message that is decided
        again has its old id, and what the visitor did with it counts.
        """
        self._program = program
        self._shows = shows_messages
        self._workspace = workspace
        self._secret = secret
        self._visits: dict[str, Visit] = {}
        self.report = ReplayReport()

    def arrive(
        self, visitor: str, events: Sequence[Event], now_ms: int, session_id: str = ""
    ) -> None:
        """Let events of one visitor arrive together; overdue wake-ups run before them."""
        visit = self._visit(visitor)
        session = visit.session
        if session is not None and (
            is_ended(session, now_ms) or (session_id and visit.named != session_id)
        ):
            self._end(visit)
            session = None
        if session is None:
            session = self._begin(visit, visitor, events, session_id)
        # A server that was up took them when they were due, whenever the events say they happened.
        self._run_wakes(visit, now_ms - 1)
        admission = admit_events(session, events, now_ms)
        self._note_time(now_ms, len(events))
        if admission.events:
            self._take(visit, Arrived(now_ms, admission.events))

    def end(self, visitor: str) -> None:
        """End a visitor's session under way: its wake-ups run until the visit is over."""
        visit = self._visits.get(visitor)
        if visit is not None and visit.session is not None:
            self._end(visit)

    def finish(self) -> ReplayReport:
        """End all sessions under way: their wake-ups run until the visit is over."""
        for visit in self._visits.values():
            if visit.session is not None:
                self._end(visit)
        self.report.visitors = len(self._visits)
        self.report.approaches.sort(key=lambda approach: (approach.at_ms, approach.visitor))
        return self.report

    def _visit(self, visitor: str) -> Visit:
        visit = self._visits.get(visitor)
        if visit is None:
            visit = self._visits[visitor] = Visit(Profile(visitor))
        return visit

    def _begin(
        self, visit: Visit, visitor: str, events: Sequence[Event], session_id: str
    ) -> Session:
        visit.sessions += 1
        visit.named = session_id
        if not session_id or session_id in visit.profile.sessions:
            # A session id that comes again after its session ended begins another session.
            session_id = f"{session_id or visitor}#{visit.sessions}"
        ref = SessionRef(self._workspace, visitor, session_id)
        start_ms = min(event.at_ms for event in events)
        session = begin_session(self._program, ref, "log", visit.profile, start_ms)
        visit.session = session
        self.report.sessions += 1
        self._take(
            visit, Arrived(start_ms, (start_event(session, visit.profile, ClientContext()),))
        )
        return session

    def _end(self, visit: Visit) -> None:
        session = visit.session
        assert session is not None
        latest_ms = max(session.state.event_ms, session.start_ms)
        end_ms = min(latest_ms + SESSION_IDLE_MS, session.start_ms + SESSION_MS_MAX)
        self._run_wakes(visit, end_ms - 1)
        if not session.messages:
            state = session.state
            self._program.advance(state, max(latest_ms, state.clock_ms))
            closest = closest_miss(self._program, session, latest_ms)
            rule = closest.partition(" ")[0]
            self.report.nearest[rule] = self.report.nearest.get(rule, 0) + 1
        visit.session = None

    def _run_wakes(self, visit: Visit, until_ms: int) -> None:
        session = visit.session
        assert session is not None
        while 0 <= session.wake_ms <= until_ms:
            self._take(visit, Woke(session.wake_ms, session.wake_ms))

    def _take(self, visit: Visit, given: Input) -> None:
        session = visit.session
        assert session is not None
        effect = step(self._program, session, visit.profile, given, self._secret)
        for row in effect.rows:
            self.report.note(session, row)
        if not self._shows:
            return
        for message in effect.messages:
            if message.kind == "proactive":
                shown: dict[str, object] = {"message_id": message.id}
                event = Event("", "message_displayed", given.now_ms, properties=shown)
                self._take(visit, Arrived(given.now_ms, (event,)))

    def _note_time(self, now_ms: int, events: int) -> None:
        report = self.report
        report.events += events
        report.first_ms = now_ms if report.first_ms is None else min(report.first_ms, now_ms)
        report.last_ms = now_ms if report.last_ms is None else max(report.last_ms, now_ms)


def replay_events(
    program: Program, entries: Iterable[tuple[SessionRef, JournalEntry]]
) -> ReplayReport:
    """Replay the events of a journal under any rules: wake-ups run on a virtual clock.

    Args:
        entries: in the order of their receipt.
    """
    replay = Replay(program)
    for ref, entry in entries:
        events = [event for event in events_of(entry.given) if event.origin != "engine"]
        if events:
            replay.arrive(ref.visitor, events, entry.given.now_ms, ref.session)
    return replay.finish()


def replay_journal(
    program: Program, entries: Iterable[tuple[SessionRef, JournalEntry]], secret: bytes
) -> Iterator[tuple[JournalEntry, tuple[DecisionRow, ...]]]:
    """Repeat a journal's own inputs at their own instants; yields each entry with the rows decided anew.

    With the rules that were live then, and their secret, the rows are equal to the entry's.

    Args:
        entries: in the order of their commits; entries of one visitor's sessions may interleave.
    """
    sessions: dict[SessionRef, Session] = {}
    profiles: dict[str, Profile] = {}
    for ref, entry in entries:
        profile = profiles.setdefault(ref.visitor, Profile(ref.visitor))
        session = sessions.get(ref)
        if session is None:
            session = sessions[ref] = begin_recorded(program, ref, entry, profile)
        # The filter of repeats remembers what it saw, as it did live.
        admit_events(session, events_of(entry.given), entry.given.now_ms)
        yield entry, tuple(step(program, session, profile, entry.given, secret).rows)


def begin_recorded(
    program: Program, ref: SessionRef, entry: JournalEntry, profile: Profile
) -> Session:
    """Make the session that a journal's first entry began, and count the visit in its profile."""
    events = events_of(entry.given)
    start_ms = events[0].at_ms if events else entry.given.now_ms
    session = new_session(ref.workspace, ref.visitor, ref.session, entry.source, start_ms)
    session.state.regs = program.new_registers()
    session.program = program.version
    profile.visits += 1
    return session
