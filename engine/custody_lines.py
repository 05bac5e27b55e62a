"""What is kept of a visitor as lines that a person can read: every field by its name. Pure."""

from base64 import b64encode
from collections.abc import Iterator

import msgspec

from engine.causes import Appointment, decode_cause
from engine.conversations.agent_sessions import AgentSession
from engine.event_log import LogPage
from engine.events import Event, Scalar
from engine.session import Session
from engine.step import events_of
from engine.stores.base import Kept, SessionRef
from engine.stores.codec import (
    JournalEntry,
    decode_entry,
    decode_item,
    decode_profile,
    decode_row,
    decode_session,
    decode_state,
)


class EventLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """An event as the event log writes it (API.md 8.5): `opportune replay` reads it back."""

    kind: str
    name: str
    visitor_id: str
    at_ms: int
    received_ms: int
    event_id: str
    session_id: str
    source_id: str
    page: LogPage | None = None
    properties: dict[str, object] = {}
    attributes: dict[str, Scalar] = {}
    origin: str = "widget"


class KeptLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """Anything else that is kept, whole; `id` tells it apart among its kind."""

    kind: str
    visitor_id: str
    id: str
    value: object
    session_id: str = ""
    at_ms: int = 0


class EndLine(msgspec.Struct, frozen=True):
    """The last line: without it the export is not whole."""

    end: bool
    count: int


Line = EventLine | KeptLine

_encode = msgspec.json.Encoder().encode


def lines_of(kept: Kept, visitor: str) -> Iterator[Line]:
    """Write one stored thing as lines: one, or for a journal entry one an event and one for the rest.

    Raises:
        NewerLayout: a newer version of Opportune wrote it.
    """
    if kept.kind == "entry":
        yield from _entry_lines(kept, visitor)
        return
    yield KeptLine(kept.kind, visitor, kept.name, _value_of(kept), kept.session, kept.at_ms)


def appointment_line(appointment: Appointment) -> KeptLine:
    """Write an appointment as a line."""
    return KeptLine(
        kind="appointment",
        visitor_id=appointment.visitor,
        id=appointment.id,
        value=named(appointment),
        session_id=appointment.session,
        at_ms=appointment.created_ms,
    )


def agent_session_line(session: AgentSession) -> KeptLine:
    """Write an agent session as a line, with its caller's own metadata."""
    return KeptLine(
        kind="agent_session",
        visitor_id=session.visitor,
        id=str(session.number),
        value=named(session),
        session_id=session.session,
        at_ms=session.started_ms,
    )


def named(value: object) -> object:
    """Turn structs into objects with named fields, at any depth; bytes become base64."""
    match value:
        case msgspec.Struct():
            return {name: named(getattr(value, name)) for name in value.__struct_fields__}
        case dict():
            return {str(key): named(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [named(item) for item in value]
        case bytes():
            return b64encode(value).decode()
        case _:
            return value


def _value_of(kept: Kept) -> object:
    match kept.kind:
        case "profile":
            return named(decode_profile(kept.body))
        case "session":
            # Of one that ended long ago only the journal is left.
            return _session(decode_session(kept.body)) if kept.body else None
        case "message":
            return named(decode_item(kept.body))
        case "decision":
            return named(decode_row(kept.body))
        case "cause":
            return named(decode_cause(kept.body))
        case "delivery":
            # What is sent to an endpoint: JSON that this server wrote.
            return msgspec.json.decode(kept.body)
        case _:
            return kept.body.decode("utf-8", "replace")


def _session(session: Session) -> object:
    """Show a session with the two states that its late events are folded from."""
    shown = named(session)
    assert isinstance(shown, dict)
    for name in ("base", "middle"):
        body: bytes = getattr(session, name)
        shown[name] = named(decode_state(body)) if body else None
    return shown


def event_lines(ref: SessionRef, body: bytes) -> Iterator[EventLine]:
    """Write the events of a journal entry as lines of the event log.

    Raises:
        NewerLayout: a newer version of Opportune wrote it.
    """
    entry = decode_entry(body)
    for event in events_of(entry.given):
        yield _event_line(event, entry, ref.session, ref.visitor)


def event_texts(ref: SessionRef, body: bytes) -> list[bytes]:
    """Write the events of a journal entry as encoded lines of the event log.

    Raises:
        NewerLayout: a newer version of Opportune wrote it.
    """
    return [_encode(line) for line in event_lines(ref, body)]


def _entry_lines(kept: Kept, visitor: str) -> Iterator[Line]:
    entry = decode_entry(kept.body)
    for event in events_of(entry.given):
        yield _event_line(event, entry, kept.session, visitor)
    rest = named(entry)
    assert isinstance(rest, dict)
    given = rest["given"]
    assert isinstance(given, dict)
    rest["given"] = {
        "input": entry.given.__struct_config__.tag,
        **{name: value for name, value in given.items() if name != "events"},
    }
    yield KeptLine("step", visitor, kept.name, rest, kept.session, kept.at_ms)


def _event_line(event: Event, entry: JournalEntry, session: str, visitor: str) -> EventLine:
    has_page = event.url is not None or event.title is not None or event.referrer is not None
    return EventLine(
        kind="event",
        name=event.name,
        visitor_id=visitor,
        at_ms=event.at_ms,
        received_ms=entry.given.now_ms,
        event_id=event.id,
        session_id=session,
        source_id=entry.source,
        page=LogPage(event.url, event.title, event.referrer) if has_page else None,
        properties=event.properties,
        attributes=event.attributes,
        origin=event.origin,
    )
