"""Why a rule spoke or stayed silent at any instant of a session, read from the visitor's journal.

The journal's inputs go once more through the step that took them; what is then explained is the state
that decided, by the gates that decided. Nothing here is a second account of the rules.
"""

from collections.abc import Callable

import msgspec

from engine.decide import GATE_ORDER, decide, may_approach
from engine.decision import DecisionRow
from engine.effect import Effect, Ground, Terms
from engine.events import Event
from engine.explain import GateRecord, Record, explain, sentence
from engine.guardrails import rule_gates, session_gates
from engine.intake import admit_events
from engine.migrate import move_session
from engine.profile import Profile
from engine.replay import begin_recorded
from engine.session import Session
from engine.step import Woke, events_of, fold_input, step
from engine.stores.base import SessionRef
from engine.stores.codec import JournalEntry
from rules.checked import RulePlan
from rules.compiler.program import Program

Programs = Callable[[str, str], Program]
"""Returns the program of (site, version); the site's live one when that version is not kept."""


class Recorded(msgspec.Struct, frozen=True):
    """One journal entry of a visitor: whose, its number in its session, and what came in."""

    ref: SessionRef
    number: int
    entry: JournalEntry


class Scene(msgspec.Struct):
    """A session at one instant, before anything was decided there; `rows` are what was decided then."""

    program: Program
    session: Session
    profile: Profile
    now_ms: int
    rows: tuple[DecisionRow, ...] = ()


class Retelling:
    """Takes a visitor's recorded inputs again, in their order, and stops where it is told to."""

    def __init__(self, profile: Profile, programs: Programs, secret: bytes) -> None:
        """Begin with what was known of the visitor before the first entry (`profile_before`)."""
        self._profile = profile
        self._programs = programs
        self._secret = secret
        self._sessions: dict[SessionRef, Session] = {}
        self._past: dict[SessionRef, list[tuple[int, Event]]] = {}
        self._latest: dict[SessionRef, Scene] = {}
        self._instant: dict[SessionRef, tuple[int, tuple[DecisionRow, ...]]] = {}

    def take(self, recorded: Recorded) -> tuple[DecisionRow, ...]:
        """Take one entry; returns what is decided, which is what was decided then."""
        entry, ref = recorded.entry, recorded.ref
        program = self._programs(entry.source, entry.program)
        session = self._sessions.get(ref)
        if session is None:
            session = self._sessions[ref] = begin_recorded(program, ref, entry, self._profile)
        past = self._past.setdefault(ref, [])
        if session.program != program.version:
            before = self._programs(entry.source, session.program)
            move_session(program, session, [one.key for one in before.registers], past)
        events = events_of(entry.given)
        # The filter of repeats remembers what it saw, as it did live.
        admit_events(session, events, entry.given.now_ms)
        effect = step(program, session, self._profile, entry.given, self._secret)
        past.extend((entry.given.now_ms, event) for event in events)
        now_ms, rows = entry.given.now_ms, tuple(effect.rows)
        self._latest[ref] = Scene(program, session, self._profile, now_ms, rows)
        known_ms, known = self._instant.get(ref, (now_ms, ()))
        self._instant[ref] = (now_ms, (*known, *rows) if known_ms == now_ms else rows)
        return rows

    def scene(self, ref: SessionRef, now_ms: int) -> Scene | None:
        """Return a session as it stands at an instant >= its latest entry; None before its first.

        At the very instant of an entry, nothing that was decided at it has been carried out.
        """
        latest = self._latest.get(ref)
        if latest is None:
            return None
        if now_ms <= latest.now_ms:
            return _undecided(latest, self._instant[ref][1])
        return _later(latest, now_ms)

    def session(self, ref: SessionRef) -> Session:
        """Return a session after its latest entry; KeyError before its first."""
        return self._sessions[ref]

    def decided(self, ref: SessionRef) -> Scene | None:
        """Return a session as the decision of its latest entry met it; None before its first."""
        latest = self._latest.get(ref)
        return None if latest is None else _undecided(latest, latest.rows)


def profile_before(profile: Profile, retold: frozenset[str], first_ms: int) -> Profile:
    """Return what was known of a visitor before the sessions that are retold, as far as it is kept.

    Their own messages come back with them. Arms stay: an assignment never changes.

    Args:
        profile: as it is now.
        retold: ids of the sessions that are retold; the earliest began at `first_ms`.
    """
    return Profile(
        profile.visitor,
        attrs=dict(profile.attrs),
        visits=max(0, profile.visits - len(retold)),
        grants=[g for g in profile.grants if g.session not in retold and g.at_ms < first_ms],
        spent=[g for g in profile.spent if g.session not in retold and g.at_ms < first_ms],
        dismissed_ms=profile.dismissed_ms if profile.dismissed_ms < first_ms else -1,
        chat_ms=profile.chat_ms if profile.chat_ms < first_ms else -1,
        arms=dict(profile.arms),
    )


def why(scene: Scene, rule: RulePlan) -> Record:
    """Explain one rule at the instant of a scene."""
    program, session, profile, now_ms = (
        scene.program,
        scene.session,
        scene.profile,
        scene.now_ms,
    )
    closed = session_gates(program, session, profile, now_ms)
    closed += rule_gates(program, rule, session, profile, now_ms)
    closed.sort(key=lambda gate: GATE_ORDER.index(gate.name))
    record = explain(program, rule, session, now_ms, tuple(closed))
    if record.reason == "fired":
        record = _as_winner(scene, rule, record)
    return msgspec.structs.replace(record, gates=_all_gates(record))


def nearest_first(scene: Scene) -> tuple[Record, ...]:
    """Explain each rule of the current page: those that could speak, then by conditions still open."""
    program = scene.program
    mask = program.page_rules(scene.session.state.page_key)
    rules = [rule for rule in program.rules if mask >> rule.number & 1]
    records = [(why(scene, rule), rule) for rule in rules]
    records.sort(key=lambda pair: (_distance(pair[0]), -pair[1].priority, pair[1].number))
    return tuple(record for record, _ in records)


def bare_record(row: DecisionRow) -> Record:
    """Explain a decision by its row alone, where the journal that led to it is no longer kept."""
    return Record(
        rule=row.rule,
        at_ms=row.at_ms,
        outcome=row.outcome,
        reason=row.reason,
        summary=row.why,
        clauses=(),
        gates=tuple(GateRecord(name, open=False, reopens_ms=None) for name in row.gates),
        earliest_ms=None,
        estimated=row.estimated or msgspec.UNSET,
    )


def record_of(scene: Scene, row: DecisionRow) -> Record:
    """Explain the decision of a row at the instant at which it was taken."""
    rule = next((rule for rule in scene.program.rules if rule.name == row.rule), None)
    if rule is None or row.kind == "api":
        return bare_record(row)
    record = why(scene, rule)
    return msgspec.structs.replace(
        record,
        outcome=row.outcome,
        reason=row.reason,
        summary=row.why or record.summary,
        estimated=row.estimated or msgspec.UNSET,
    )


def _as_winner(scene: Scene, rule: RulePlan, record: Record) -> Record:
    """Say what became of a rule whose conditions hold with every gate open."""
    program, session, profile, now_ms = (
        scene.program,
        scene.session,
        scene.profile,
        scene.now_ms,
    )
    silent: dict[str, str] = {"outcome": "suppressed"}
    if not may_approach(session, profile):
        words = f"{rule.name} was held back: the visitor has not agreed to be approached"
        return msgspec.structs.replace(record, **silent, reason="no_consent", summary=words)
    verdict = decide(program, session, profile, now_ms)
    if verdict.winner is not None and verdict.winner.name != rule.name:
        words = f"{rule.name} was held back: {verdict.winner.name} comes first"
        return msgspec.structs.replace(record, **silent, reason="priority", summary=words)
    if verdict.held_out:
        words = f"{rule.name} was held back: the visitor is held out"
        return msgspec.structs.replace(record, outcome="held_out", reason="holdout", summary=words)
    if any(row.rule == rule.name and row.outcome == "sent" for row in scene.rows):
        spoke = sentence(program, rule, session, now_ms, ())
        return msgspec.structs.replace(record, summary=spoke)
    return record


def _all_gates(record: Record) -> tuple[GateRecord, ...]:
    """List every gate in its order; `explain` names the closed ones."""
    closed = {gate.name: gate for gate in record.gates}
    if record.reason == "holdout":
        closed["holdout"] = GateRecord("holdout", open=False, reopens_ms=None)
    return tuple(
        closed.get(name, GateRecord(name, open=True, reopens_ms=None)) for name in GATE_ORDER
    )


def _distance(record: Record) -> tuple[int, int]:
    """Return how far a rule is from speaking: open conditions first, then closed gates."""
    open_ones = sum(
        clause.value != ("false" if clause.text.startswith(("unless ", "except ")) else "true")
        for clause in record.clauses
    )
    return open_ones, sum(not gate.open for gate in record.gates)


def _undecided(latest: Scene, rows: tuple[DecisionRow, ...]) -> Scene:
    """Take the messages back that these rows decided; all else stays as it was."""
    session, profile = _copies(latest)
    made = {row.message for row in rows if row.message and row.kind == "rule"}
    session.messages = [message for message in session.messages if message.id not in made]
    profile.grants = [grant for grant in profile.grants if grant.message not in made]
    profile.spent = [grant for grant in profile.spent if grant.message not in made]
    return Scene(latest.program, session, profile, latest.now_ms, rows)


def _later(latest: Scene, now_ms: int) -> Scene:
    """Let time pass up to an instant at which nothing came in."""
    session, profile = _copies(latest)
    online = session.state.attrs.get("agents_online", 0)
    agents = online if isinstance(online, int) else 0
    ground = Ground(latest.program, session, profile, b"", Effect(), Terms())
    fold_input(ground, Woke(now_ms, now_ms, agents))
    latest.program.advance(session.state, now_ms)
    return Scene(latest.program, session, profile, now_ms)


def _copies(scene: Scene) -> tuple[Session, Profile]:
    encode = msgspec.msgpack.encode
    return (
        msgspec.msgpack.decode(encode(scene.session), type=Session),
        msgspec.msgpack.decode(encode(scene.profile), type=Profile),
    )
