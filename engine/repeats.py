"""An input that was accepted before and lost, made ready to be taken once more: at its instant, once."""

from hashlib import sha256

import msgspec

from engine.commits import Prepared
from engine.events import Event
from engine.intake import admit_events, id_hash
from engine.offers import Offer
from engine.openings import START_EVENT
from engine.runtime_types import ClientContext
from engine.session import Session
from engine.step import Arrived, Input, Ordered, events_of
from engine.stepper import Moment, Opens, Prepare
from engine.stores.accepted_log import Accepted
from engine.stores.codec import JournalEntry

_opens_decoder = msgspec.msgpack.Decoder(Opens)


def opens_again(kept: Accepted, entry: JournalEntry) -> Opens:
    """Say how the session begins if all of it was lost: as it did, as far as that is known."""
    if kept.opens:
        return _opens_decoder.decode(kept.opens)
    given = entry.given
    start_ms = min((event.at_ms for event in events_of(given)), default=given.now_ms)
    return Opens(entry.source, start_ms, ClientContext())


def prepare_again(kept: Accepted, given: Input) -> Prepare:
    """Take `given` at the instant at which it was taken, or at the session's latest; never twice.

    What has no id of its own is known by the entry that it made: the store remembers that it was sent again.
    """
    mark = _mark(kept)

    def prepare(at: Moment) -> Prepared:
        if mark in at.repeated:
            return Prepared(None)
        now_ms = min(at.now_ms, max(given.now_ms, at.session.state.clock_ms))
        match given:
            case Arrived():
                return _arrived(given, at, now_ms, mark)
            case Ordered():
                return _ordered(given, kept, at, now_ms)
            case Offer():
                return Prepared(msgspec.structs.replace(given, now_ms=now_ms), seen=(mark,))
            case _:
                return Prepared(None)

    return prepare


def _arrived(given: Arrived, at: Moment, now_ms: int, mark: int) -> Prepared:
    admission = admit_events(at.session, _wanted(given, at.session), now_ms, at.repeated, at.past)
    if all(event.origin == "engine" for event in admission.events):
        return Prepared(None)
    again = msgspec.structs.replace(given, now_ms=now_ms, events=admission.events)
    return Prepared(again, (*admission.seen, mark), admission.duplicates)


def _ordered(given: Ordered, kept: Accepted, at: Moment, now_ms: int) -> Prepared:
    if not at.repeated.isdisjoint(kept.seen):
        return Prepared(None)
    events = tuple(
        msgspec.structs.replace(event, at_ms=min(event.at_ms, now_ms))
        for event in _wanted(given, at.session)
    )
    again = msgspec.structs.replace(given, now_ms=now_ms, events=events)
    return Prepared(again, seen=(*kept.seen, _mark(kept)))


def _wanted(given: Arrived | Ordered, session: Session) -> tuple[Event, ...]:
    """Leave out the event that a session starts with where it gets a new one."""
    if session.state.events:
        return given.events
    return tuple(event for event in given.events if event.name != START_EVENT)


def _mark(kept: Accepted) -> int:
    """Return what the store remembers of an entry that was taken again."""
    ref, digest = kept.ref, sha256(kept.entry).hexdigest()
    return id_hash(ref.workspace, ref.visitor, f"again:{ref.session}:{kept.number}:{digest}")
