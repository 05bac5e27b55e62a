"""One step of a session: what came in, what was decided, what is to be committed. Pure but for its arguments.

Live serving, replay, in-file tests and the analyses all come through here with the same inputs, so they
decide the same. An input carries its instant; nothing here asks the time.
"""

import msgspec

from engine.decide import decide, next_wake_ms
from engine.effect import Effect, Ground, withdraw
from engine.effects import EFFECTIVE_EVENTS, MESSAGE_EVENTS, admit, take_effect
from engine.events import Event, Scalar
from engine.late import take_event
from engine.limits import MESSAGES_MAX
from engine.offers import Offer, release_held, take_offer
from engine.pages import fits_page
from engine.profile import Profile
from engine.sending import record_suppressed, send
from engine.session import NO_TIME_MS, Session
from engine.tabs import next_silence
from rules.compiler.program import Program
from rules.facts import NEVER_MS


class Arrived(msgspec.Struct, frozen=True, tag="events", gc=False):
    """Events of one session, received together at `now_ms`; each `at_ms` <= `now_ms`."""

    now_ms: int
    events: tuple[Event, ...]
    agents_online: int = 0


class Woke(msgspec.Struct, frozen=True, tag="wake", gc=False):
    """The session's wake-up, due at `due_ms`, taken at `now_ms` >= `due_ms`."""

    now_ms: int
    due_ms: int
    agents_online: int = 0


class Handed(msgspec.Struct, frozen=True, tag="handed", gc=False):
    """Messages were written to a socket of the visitor, or handed out by a poll."""

    now_ms: int
    messages: tuple[str, ...]


class Fetched(msgspec.Struct, frozen=True, tag="fetched", gc=False):
    """A socket or poll asks for these messages: those whose page no longer fits expire now."""

    now_ms: int
    messages: tuple[str, ...]


class TabClosed(msgspec.Struct, frozen=True, tag="tab_closed", gc=False):
    """A tab's socket ended: it counts as hidden from `hidden_ms` on, unless it is heard of before."""

    now_ms: int
    tab: str
    hidden_ms: int


SESSION_ONLY_ATTRIBUTES = frozenset({"visitor.id", "visitor.visits", "visitor.returning"})
"""Attributes of the namespace `visitor.` that the engine computes for each session."""

_OF_SENDER = frozenset({"consent", "identify"})
_WITH_AGENTS = (Arrived, Woke)
_AFTER_ALL = 1 << 53
"""Puts the engine's own event behind all that its tab did at the same instant."""

Input = Arrived | Woke | Handed | Fetched | TabClosed | Offer


def step(
    program: Program, session: Session, profile: Profile, given: Input, secret: bytes
) -> Effect:
    """Take one input: fold it, let overdue messages expire, decide, and set the session's wake-up.

    `session` and `profile` are changed in place; after a failed commit the caller drops them.

    Args:
        secret: signs message and decision ids, so that a decision taken again has the same ids.
    """
    ground = Ground(program, session, profile, secret, Effect())
    if isinstance(given, _WITH_AGENTS) and _agents_changed(session, given.agents_online):
        online: dict[str, Scalar] = {"agents_online": given.agents_online}
        _take_own(ground, Event("", "context", given.now_ms, attributes=online))
    match given:
        case Arrived():
            _take_events(ground, given)
        case Woke():
            _hide_silent_tabs(ground, given.now_ms)
        case Handed():
            _mark_delivered(session, given)
        case Fetched():
            _expire_off_page(ground, given)
        case TabClosed():
            hidden: dict[str, object] = {"hidden_ms": given.hidden_ms}
            _take_own(ground, Event("", "tab_closed", given.now_ms, given.tab, properties=hidden))
        case Offer():
            _look(ground, given.now_ms)
            _expire(ground, given.now_ms)
            take_offer(ground, given)
    _look(ground, given.now_ms)
    _settle(ground, given.now_ms)
    return ground.effect


def _look(ground: Ground, now_ms: int) -> None:
    """Bring the session's held conditions, and its clock, to an instant."""
    state = ground.session.state
    if now_ms > state.clock_ms:
        ground.program.advance(state, now_ms)


def _take_events(ground: Ground, given: Arrived) -> None:
    session = ground.session
    for event in given.events:
        _hide_silent_tabs(ground, event.at_ms)
        if session.messages:
            _expire(ground, event.at_ms - 1)
        admitted = admit(session, event) if event.name in MESSAGE_EVENTS else event
        if admitted is None:
            ground.effect.dropped += 1
            continue
        take_event(ground.program, session, admitted, given.now_ms)
        if admitted.name in EFFECTIVE_EVENTS:
            take_effect(ground, admitted)
        if admitted.at_ms > session.active_ms and admitted.from_browser:
            session.active_ms = admitted.at_ms
        if admitted.origin == "engine" or admitted.attributes or admitted.name in _OF_SENDER:
            _note_sender(ground, admitted)


def _note_sender(ground: Ground, event: Event) -> None:
    """Keep what an event says of its sender: consent, the browser's zone, known attributes."""
    session, profile = ground.session, ground.profile
    ground.effect.profile_changed = True
    if event.name == "consent":
        profile.consent = str(event.properties.get("state", ""))
    if event.origin == "engine":
        timezone = event.properties.get("timezone")
        if isinstance(timezone, str):
            session.timezone = timezone
        if "gpc" in event.properties:
            session.has_opted_out = event.properties["gpc"] is True
    if event.attributes or event.name == "identify":
        profile.attrs = {
            name: value
            for name, value in session.state.attrs.items()
            if name.startswith("visitor.") and name not in SESSION_ONLY_ATTRIBUTES
        }


def _hide_silent_tabs(ground: Ground, now_ms: int) -> None:
    """Hide each tab whose silence began by now, at the instant it began."""
    state = ground.session.state
    while (silence := next_silence(state)) is not None and silence[0] <= now_ms:
        _take_own(ground, Event("", "hide", silence[0], silence[1]))
        state = ground.session.state


def _agents_changed(session: Session, agents: int) -> bool:
    """Tell whether the number of agents online is news: then it is an event, part of the fold."""
    return session.state.attrs.get("agents_online", 0) != agents


def _take_own(ground: Ground, event: Event) -> None:
    """Fold an event of the engine itself, at its instant or at the latest one that was looked at."""
    own = msgspec.structs.replace(event, origin="engine", sequence=_AFTER_ALL)
    now_ms = max(event.at_ms, ground.session.state.clock_ms)
    take_event(ground.program, ground.session, own, now_ms)


def _settle(ground: Ground, now_ms: int) -> None:
    """Expire, decide, carry the decision out, and arm the one wake-up."""
    program, session, profile = ground.program, ground.session, ground.profile
    if session.messages:
        _expire(ground, now_ms)
        release_held(ground, now_ms)
    verdict = decide(program, session, profile, now_ms)
    if verdict.blocked:
        record_suppressed(ground, verdict)
    if verdict.winner is not None and session.offset < MESSAGES_MAX:
        profile.arms.update(verdict.arms)
        send(ground, verdict)
        # What was just sent closes gates: look again, so that the wake-up is the one after it.
        verdict = decide(program, session, profile, now_ms)
        if verdict.winner is not None:
            session.wake_ms = now_ms + 1
            return
    wake_ms = next_wake_ms(session, verdict.wake_ms, now_ms)
    session.wake_ms = NO_TIME_MS if wake_ms == NEVER_MS else wake_ms


def _expire(ground: Ground, now_ms: int) -> None:
    """Withdraw each undisplayed message whose time ran out by now, or whose rule is gone."""
    for message in ground.session.messages:
        if message.outcome is not None or message.displayed_ms >= 0 or message.kind != "proactive":
            continue
        if 0 <= message.expires_ms <= now_ms:
            withdraw(ground, message, "expired")
        elif message.rule and message.rule not in ground.program.rule_names:
            withdraw(ground, message, "withdrawn")


def _expire_off_page(ground: Ground, given: Fetched) -> None:
    for message_id in given.messages:
        message = ground.session.message(message_id)
        if message is None or message.kind != "proactive" or message.outcome is not None:
            continue
        if message.displayed_ms < 0 and not fits_page(ground.program, ground.session, message):
            withdraw(ground, message, "expired")


def _mark_delivered(session: Session, given: Handed) -> None:
    for message_id in given.messages:
        message = session.message(message_id)
        if message is not None and message.delivered_ms < 0:
            message.delivered_ms = given.now_ms
            if message.status == "sent":
                message.status = "delivered"
