"""How a session begins, when it has ended, and how the API sees it."""

import re
from collections.abc import Iterable

from engine.conversations.orders import Open
from engine.events import Event, Scalar
from engine.ids import Ids
from engine.limits import LATE_MS_MAX, PROFILE_SESSIONS_MAX, SESSION_IDLE_MS, SESSION_MS_MAX
from engine.profile import Profile
from engine.runtime_types import (
    ClientContext,
    Opening,
    SessionStatus,
    SessionView,
    VisitorStatus,
)
from engine.session import Session, new_session
from engine.stores.base import SessionRef
from rules.compiler.program import Program

PRESENT_MS = 60_000
"""How long an event, or activity, makes a visitor present, or active (API.md 3.2)."""

START_EVENT = "session_start"
"""The name of the event that carries what a session starts with."""

_MOBILE = re.compile("iphone|ipod|mobile|windows phone")
_TABLET = re.compile("ipad|tablet|kindle|silk")


def begin_session(
    program: Program, ref: SessionRef, source: str, profile: Profile, start_ms: int
) -> Session:
    """Make a visitor's new session and count the visit in the profile."""
    session = new_session(ref.workspace, ref.visitor, ref.session, source, start_ms)
    session.state.regs = program.new_registers()
    session.program = program.version
    profile.visits += 1
    profile.sessions = [*profile.sessions, ref.session][-PROFILE_SESSIONS_MAX:]
    return session


def start_event(session: Session, profile: Profile, client: ClientContext) -> Event:
    """Make the event that carries what a session starts with, so that its journal tells all by itself."""
    attributes: dict[str, Scalar] = dict(profile.attrs)
    attributes["visitor.id"] = session.visitor
    # What the defaults of these built-in attributes say need not be kept.
    if profile.visits > 1:
        attributes["visitor.visits"] = profile.visits
        attributes["visitor.returning"] = True
    if (device := device_of(client.user_agent)) != "desktop":
        attributes["device"] = device
    if client.locale:
        attributes["language"] = client.locale.replace("_", "-").partition("-")[0].lower()
    properties: dict[str, object] = {"timezone": client.timezone} if client.timezone else {}
    return Event(
        id="",
        name=START_EVENT,
        at_ms=session.start_ms,
        properties=properties,
        attributes=attributes,
        origin="engine",
    )


def opening_order(opening: Opening) -> Open:
    """Turn a session call into the order that begins its conversation."""
    return Open(
        origin=opening.origin,
        channel=opening.channel,
        contact=opening.contact,
        custom_fields=opening.custom_fields,
        agent_session=opening.agent_session,
        agent_type=opening.agent_type,
        agent_metadata=opening.agent_metadata,
    )


def opening_events(opening: Opening, ids: Ids, now_ms: int) -> tuple[Event, ...]:
    """Turn a session call into events: its attributes, its page, and the visitor's first words."""
    events: list[Event] = []
    if opening.attributes:
        events.append(
            Event(ids.make("evt"), "set", now_ms, attributes=opening.attributes, origin="api")
        )
    if opening.client.consent:
        state: dict[str, object] = {"state": opening.client.consent}
        events.append(Event(ids.make("evt"), "consent", now_ms, properties=state, origin="api"))
    if opening.page_url:
        events.append(
            Event(
                ids.make("evt"),
                "view",
                now_ms,
                url=opening.page_url,
                title=opening.page_title,
                referrer=opening.referrer,
            )
        )
    if opening.initial_message:
        words: dict[str, object] = {"text": opening.initial_message}
        events.append(Event(ids.make("evt"), "visitor_message", now_ms, properties=words))
    return tuple(events)


def context_events(
    session: Session, client: ClientContext, now_ms: int, *, knows_gpc: bool
) -> tuple[Event, ...]:
    """Make the event that tells the browser's zone and privacy signal, when they are news.

    A sender who does not know of the signal (`knows_gpc`) says nothing of it: it stays as it is.
    """
    properties: dict[str, object] = {}
    if client.timezone and client.timezone != session.timezone:
        properties["timezone"] = client.timezone
    if knows_gpc and client.gpc != session.has_opted_out:
        properties["gpc"] = client.gpc
    if not properties:
        return ()
    return (Event("", "context", now_ms, properties=properties, origin="engine"),)


def first_instant(events: Iterable[Event], now_ms: int) -> int:
    """Return a new session's start: its earliest event that is not too late for its place, else now.

    A browser whose clock is ahead begins now, as its events do.
    """
    first_ms = now_ms
    for event in events:
        if now_ms - LATE_MS_MAX <= event.at_ms < first_ms:
            first_ms = event.at_ms
    return first_ms


def ends_ms(session: Session) -> int:
    """Return when a session ends by itself: 30 min after its latest event, 24 h after its start."""
    latest_ms = max(session.state.event_ms, session.start_ms)
    return min(latest_ms + SESSION_IDLE_MS, session.start_ms + SESSION_MS_MAX)


def is_ended(session: Session, now_ms: int) -> bool:
    """Tell whether a session is over: closed, 30 min without events, or 24 h old."""
    return session.closed or now_ms >= ends_ms(session)


def visitor_status(session: Session, sockets: int, now_ms: int) -> VisitorStatus:
    """Tell whether the visitor is online, idle or offline (API.md 3.2)."""
    present = sockets > 0 or now_ms - session.state.event_ms <= PRESENT_MS
    if not present:
        return "offline"
    active = session.active_ms >= 0 and now_ms - session.active_ms <= PRESENT_MS
    visible = session.state.site_since_ms >= 0
    return "online" if active and visible else "idle"


def view_of(
    program: Program,
    ref: SessionRef,
    session: Session,
    sockets: int,
    now_ms: int,
    *,
    created: bool = False,
) -> SessionView:
    """Show a session as the API does."""
    url = session.state.attrs.get("page.url")
    talk = session.talk
    return SessionView(
        ref=ref,
        source=session.source,
        status=status_of(session, now_ms),
        assistant=session.assistant,
        conversation=session.conversation,
        created=created,
        score=program.score(session.state, max(now_ms, session.state.clock_ms)),
        page_url=url if isinstance(url, str) else None,
        visitor_status=visitor_status(session, sockets, now_ms),
        engaged=session.engaged_ms >= 0,
        epoch=session.epoch,
        widget_made=session.made_by_widget,
        started_ms=session.start_ms,
        active_ms=max(session.state.event_ms, session.start_ms),
        paused=talk is not None and talk.paused,
        agent_name="" if talk is None else talk.agent_name,
        channel="chat" if talk is None else talk.channel,
        qualified=None if talk is None else talk.qualified,
        closed_ms=closed_ms(session, now_ms),
        custom_fields={} if talk is None else talk.custom_fields,
        verified=session.verified,
    )


def status_of(session: Session, now_ms: int) -> SessionStatus:
    """Tell whether a session goes on, waits for its assistant, or is over."""
    if is_ended(session, now_ms):
        return "closed"
    return "queued" if session.talk is not None and session.talk.queued else "active"


def closed_ms(session: Session, now_ms: int) -> int | None:
    """Return when a session ended, None while it goes on."""
    if session.talk is not None and session.talk.closed_ms >= 0:
        return session.talk.closed_ms
    return min(ends_ms(session), now_ms) if is_ended(session, now_ms) else None


def device_of(user_agent: str) -> str:
    """Read the kind of device from a user agent: desktop unless it says otherwise."""
    text = user_agent.lower()
    if _TABLET.search(text) or ("android" in text and "mobile" not in text):
        return "tablet"
    if _MOBILE.search(text):
        return "mobile"
    return "desktop"
