"""The journal told again: the same inputs through the same step lead to the same state and decisions."""

from collections.abc import Mapping

import msgspec

from engine.effect import Effect
from engine.events import Event
from engine.intake import admit_events
from engine.late import revive
from engine.migrate import move_session
from engine.offers import Offer
from engine.openings import begin_session
from engine.profile import Profile
from engine.session import Session
from engine.step import Ordered, Woke, events_of, step
from engine.stores.base import Entry, SessionRef
from engine.stores.codec import (
    JournalEntry,
    decode_entry,
    decode_profile,
    decode_session,
    encode_profile,
    encode_session,
    row_digest,
)
from engine.stores.memory.tables import Record
from rules.compiler.program import Program
from tests.engine.world import SECRET
from tests.simulation.breaches import hold
from tests.simulation.copies import Copy
from tests.simulation.programs import session_cap

GIVEN_BACK = ("expired", "withdrawn")


class Told:
    """One session as its journal tells it."""

    def __init__(self) -> None:
        self.session: Session | None = None
        self.version = 0
        self.past: list[tuple[int, Event]] = []
        self.calls: set[str] = set()
        self.posts: set[str] = set()
        self.granted = 0


class Retelling:
    """Follows the journals of a copy; each entry is told once, all of them again after a fail-over."""

    def __init__(self, programs: Mapping[str, Program], profiles: Mapping[str, bytes]) -> None:
        self._programs = programs
        self._profiles = profiles
        self.told: dict[SessionRef, Told] = {}
        self.entries = 0

    def reset(self) -> None:
        """Begin anew: what was told may have been lost."""
        self.told = {}

    def follow(self, copy: Copy) -> None:
        """Tell what is new, and compare each session with what is stored of it."""
        records = copy.state.tables.sessions.get("w", {})
        live = {SessionRef("w", record.visitor, name): record for name, record in records.items()}
        self.told = {ref: told for ref, told in self.told.items() if ref in live}
        for ref, record in live.items():
            told = self.told.setdefault(ref, Told())
            if record.head.version != told.version:
                self._follow(copy, ref, record, told)

    def _follow(self, copy: Copy, ref: SessionRef, record: Record, told: Told) -> None:
        fresh: list[Entry] = []
        for entry in copy.state.tables.journal.chain(record.newest):
            if entry.number <= told.version:
                break
            fresh.append(entry)
        for entry in reversed(fresh):
            self._tell(copy, ref, entry, told)
        assert told.session is not None
        head, session = record.head, told.session
        hold("fold", that=told.version == head.version, else_say=f"{ref.session} lacks entries")
        same = record.state is not None and self._same(session, record.state)
        hold(
            "fold",
            that=same,
            else_say=f"{ref.session} at {told.version} is not the fold of its journal",
        )
        due_ms = session.wake_ms if session.wake_ms >= 0 else -1
        hold(
            "wake-up",
            that=head.due_ms == due_ms,
            else_say=f"{ref.session} is due {head.due_ms}, not {due_ms}",
        )
        hold(
            "offsets",
            that=head.offset == session.offset,
            else_say=f"{ref.session} reuses offset {head.offset}",
        )
        kept = [m for m in session.messages if m.kind == "proactive" and m.epoch == session.epoch]
        held = sum(m.outcome not in GIVEN_BACK for m in kept)
        hold(
            "R1",
            that=head.granted == held,
            else_say=f"{ref.session} counts {head.granted} grants, not {held}",
        )

    def _same(self, session: Session, state: bytes) -> bool:
        """Compare a session with what is stored; its checkpoints for late events are no part of it."""
        kept = decode_session(state)
        program = self._programs[kept.program]
        revive(program, kept)
        program.advance(kept.state, max(session.state.clock_ms, kept.state.clock_ms))
        return _plain(session) == _plain(kept)

    def _tell(self, copy: Copy, ref: SessionRef, stored: Entry, told: Told) -> None:
        entry = decode_entry(stored.body)
        given, program = entry.given, self._programs[entry.program]
        taken = copy.steps[ref.session, stored.number]
        before = (
            taken.before if taken.after is not None else self._profiles.get(taken.op, taken.before)
        )
        profile = Profile(ref.visitor) if before is None else decode_profile(before)
        if told.session is None:
            start_ms = events_of(given)[0].at_ms
            told.session = begin_session(program, ref, entry.source, profile, start_ms)
        session = told.session
        if session.program != program.version:
            old = self._programs[session.program]
            move_session(program, session, [one.key for one in old.registers], told.past)
        self._check_wake(ref, entry, session)
        events = events_of(given)
        admit_events(session, events, given.now_ms)
        effect = step(program, session, profile, given, SECRET)
        told.past.extend((given.now_ms, event) for event in events)
        told.version = stored.number
        self.entries += 1
        rows = tuple(row_digest(row) for row in effect.rows)
        messages = tuple(message.id for message in effect.messages)
        same = rows == entry.digests and messages == entry.messages
        hold("replay", that=same, else_say=f"{ref.session} at {stored.number} decides otherwise")
        after = None if taken.after is None else encode_profile(profile)
        hold(
            "replay",
            that=after == taken.after,
            else_say=f"{ref.session} at {stored.number}: profile",
        )
        self._check_spend(ref, program, session, effect)
        self._check_once(ref, entry, effect, told)

    def _check_wake(self, ref: SessionRef, entry: JournalEntry, session: Session) -> None:
        """A wake-up has one effect: the session waits for it, and it is not before its instant (R8)."""
        given = entry.given
        if not isinstance(given, Woke):
            return
        wanted = given.due_ms == session.wake_ms
        hold(
            "R8",
            that=wanted,
            else_say=f"{ref.session} woke for {given.due_ms}, not {session.wake_ms}",
        )
        hold("R8", that=given.now_ms >= given.due_ms, else_say=f"{ref.session} woke early")

    def _check_spend(
        self, ref: SessionRef, program: Program, session: Session, effect: Effect
    ) -> None:
        """No epoch holds more messages than the cap of the rules that granted the newest (R1)."""
        if not effect.spend:
            return
        held = [m for m in session.messages if m.kind == "proactive" and m.epoch == session.epoch]
        count = sum(m.outcome not in GIVEN_BACK for m in held)
        hold(
            "R1",
            that=count <= session_cap(program),
            else_say=f"{ref.session} has {count} messages in an epoch",
        )

    def _check_once(self, ref: SessionRef, entry: JournalEntry, effect: Effect, told: Told) -> None:
        """What has a name of its own happens once (R11)."""
        given = entry.given
        if isinstance(given, Offer):
            hold(
                "R11",
                that=given.id not in told.calls,
                else_say=f"{ref.session} carried out {given.id} twice",
            )
            if effect.offered is not None:
                told.calls.add(given.id)
        for order in given.orders if isinstance(given, Ordered) else ():
            name = getattr(order, "id", "")
            hold(
                "R11",
                that=not name or name not in told.posts,
                else_say=f"{ref.session} did {name} twice",
            )
            told.posts.add(name)


def _plain(session: Session) -> bytes:
    """Encode a session without its checkpoints."""
    bare = msgspec.structs.replace(session, base=b"", base_ms=-1, middle=b"", middle_ms=-1, tail=[])
    return encode_session(bare)
