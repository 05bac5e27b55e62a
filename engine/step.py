"""One step of a session: what came in, what was decided, what is to be committed. Pure but for its arguments.

Live serving, replay, in-file tests and the analyses all come through here with the same inputs, so they
decide the same. An input carries its instant; nothing here asks the time.
"""

import msgspec

from engine.carrying import carry_out
from engine.causes import FollowUp
from engine.conversations.lifecycle import close, leave_loads, look_at_conversation, updated
from engine.conversations.orders import Order
from engine.decide import decide, next_wake_ms
from engine.effect import Effect, Ground, Terms
from engine.effects import EFFECTIVE_EVENTS, admit, take_effect
from engine.events import Event, Scalar
from engine.goals import note_goals
from engine.late import take_event
from engine.limits import (
    CONTACT_CHARS_MAX,
    END_WAKE_SLACK_MS,
    MESSAGES_MAX,
    TAB_SILENCE_MS,
)
from engine.offers import Offer, release_held, take_offer
from engine.openings import ends_ms
from engine.pages import fits_page
from engine.profile import CONTACT_NAMES, Profile
from engine.runs import OF_SENDER, may_expire, take_run
from engine.sending import record_suppressed, send
from engine.session import Session, State
from engine.tabs import next_silence
from engine.telling import moved, tell, withdraw
from rules.compiler.program import Program
from rules.facts import NEVER_MS


class Arrived(msgspec.Struct, frozen=True, tag="events", gc=False):
    """Events of one session, received together at `now_ms`; each `at_ms` <= `now_ms`."""

    now_ms: int
    events: tuple[Event, ...]
    agents_online: int = 0


class Ordered(msgspec.Struct, frozen=True, tag="orders", gc=False):
    """What the server side does in a session at `now_ms`, then the events that come with it."""

    now_ms: int
    orders: tuple[Order, ...]
    events: tuple[Event, ...] = ()
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

USER_ID = "visitor.user_id"
"""The attribute that names the user; only a server of ours or of the site proves it, by an `identify`."""

_CONTACT_ATTRIBUTES = frozenset(f"visitor.{name}" for name in CONTACT_NAMES)
_WITH_AGENTS = (Arrived, Ordered, Woke)
_WITH_EVENTS = (Arrived, Ordered)
_AFTER_ALL = 1 << 53
"""Puts the engine's own event behind all that its tab did at the same instant."""

Input = Arrived | Ordered | Woke | Handed | Fetched | TabClosed | Offer


def events_of(given: Input) -> tuple[Event, ...]:
    """Return the events that an input carries."""
    return given.events if isinstance(given, _WITH_EVENTS) else ()


def step(  # the terms are by name
    program: Program,
    session: Session,
    profile: Profile,
    given: Input,
    secret: bytes,
    *,
    terms: Terms = Terms(),  # noqa: B008 - frozen
) -> Effect:
    """Take one input: fold it, let overdue messages expire, decide, and set the session's wake-up.

    `session` and `profile` are changed in place; after a failed commit the caller drops them.

    Args:
        secret: signs message and decision ids, so that a decision taken again has the same ids.
    """
    ground = Ground(program, session, profile, secret, Effect(), terms)
    fold_input(ground, given)
    if not isinstance(given, Handed):
        # What was written to a socket changes nothing that a decision reads: the wake-up stands as it is.
        _look(ground, given.now_ms)
        _settle(ground, given.now_ms)
    if profile.merged_into and ground.effect.profile_changed:
        # What this session spends counts for the known visitor, whose profile no commit of it can write.
        mark = (given.now_ms, session.state.events, session.offset)
        tell(ground, given.now_ms, FollowUp("spend"), "spend", *mark)
    return ground.effect


def fold_input(ground: Ground, given: Input) -> None:
    """Take an input up to the decision: what happened is in the session, nothing is decided yet."""
    session = ground.session
    if isinstance(given, _WITH_AGENTS) and _agents_changed(session, given.agents_online):
        online: dict[str, Scalar] = {"agents_online": given.agents_online}
        _take_own(ground, Event("", "context", given.now_ms, attributes=online))
    match given:
        case Arrived():
            _take_events(ground, given.events, given.now_ms)
        case Ordered():
            for event in given.events:
                if event.name == "consent":
                    # What comes with an opening holds for the conversation that it opens.
                    _note_sender(ground, event)
            for order in given.orders:
                carry_out(ground, order, given.now_ms)
            _take_events(ground, given.events, given.now_ms)
        case Woke():
            _hide_silent_tabs(ground, given.now_ms)
        case Handed():
            _mark_delivered(ground, given)
        case Fetched():
            _expire_off_page(ground, given)
        case TabClosed():
            hidden: dict[str, object] = {"hidden_ms": given.hidden_ms}
            _take_own(ground, Event("", "tab_closed", given.now_ms, given.tab, properties=hidden))
        case Offer():
            _look(ground, given.now_ms)
            _expire(ground, given.now_ms)
            take_offer(ground, given)


def _look(ground: Ground, now_ms: int) -> None:
    """Bring the session's held conditions, and its clock, to an instant.

    A tab that fell silent by then is hidden first: once the clock is past it, its end would seem late.
    """
    _hide_silent_tabs(ground, now_ms)
    state = ground.session.state
    if now_ms > state.clock_ms:
        ground.program.advance(state, now_ms)


def _take_events(ground: Ground, events: tuple[Event, ...], now_ms: int) -> None:
    """Take events one after the other: in runs those that are only folded, by itself any other."""
    program, session = ground.program, ground.session
    quiet_ms = _quiet_until(session.state)
    place = 0
    while place < len(events):
        # What a tab tells now can let it fall silent so much later at the earliest.
        quiet_ms = min(quiet_ms, events[place].at_ms + TAB_SILENCE_MS)
        place = take_run(program, session, events, place, now_ms=now_ms, until_ms=quiet_ms)
        if place < len(events):
            event = events[place]
            if event.at_ms >= quiet_ms:
                _hide_silent_tabs(ground, event.at_ms)
                quiet_ms = _quiet_until(session.state)
            quiet_ms = min(quiet_ms, event.at_ms + TAB_SILENCE_MS)
            _take_by_itself(ground, event, now_ms)
            place += 1
    if session.closed and events:
        leave_loads(ground, now_ms)


def _take_by_itself(ground: Ground, event: Event, now_ms: int) -> None:
    """Take an event that may do more than the fold."""
    session = ground.session
    if session.messages:
        _expire(ground, event.at_ms - 1)
    admitted = admit(session, event)
    if admitted is None:
        ground.effect.dropped += 1
        return
    take_event(ground.program, session, admitted, now_ms)
    if admitted.name in EFFECTIVE_EVENTS:
        take_effect(ground, admitted)
    if ground.program.goal_events and admitted.origin != "engine":
        note_goals(ground, admitted)
    if admitted.at_ms > session.active_ms and admitted.from_browser:
        session.active_ms = admitted.at_ms
    if admitted.attributes or admitted.origin == "engine" or admitted.name in OF_SENDER:
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
        assistant = event.properties.get("assistant")
        if isinstance(assistant, str):
            session.assistant = assistant
    if event.name == "identify" and event.origin == "api":
        user = event.attributes.get(USER_ID)
        session.user = user if isinstance(user, str) else session.user
    if event.attributes or event.name == "identify":
        _note_contact(ground, event)
        profile.attrs = {
            name: value
            for name, value in session.state.attrs.items()
            if name.startswith("visitor.") and name not in SESSION_ONLY_ATTRIBUTES
        }


def _note_contact(ground: Ground, event: Event) -> None:
    """Keep how a visitor can be reached, whether rules declare it or not."""
    if event.name != "identify" and _CONTACT_ATTRIBUTES.isdisjoint(event.attributes):
        return
    given = event.properties if event.name == "identify" else {}
    contact = dict(ground.profile.contact)
    for name in CONTACT_NAMES:
        value = event.attributes.get(f"visitor.{name}", given.get(name))
        if isinstance(value, str) and value:
            contact[name] = value[:CONTACT_CHARS_MAX]
    if contact != ground.profile.contact:
        ground.profile.contact = contact
        updated(ground, event.at_ms, "contact_data")


def _hide_silent_tabs(ground: Ground, now_ms: int) -> None:
    """Hide each tab whose silence began by now, at the instant it began."""
    state = ground.session.state
    while (silence := next_silence(state)) is not None and silence[0] <= now_ms:
        _take_own(ground, Event("", "hide", silence[0], silence[1]))
        state = ground.session.state


def _quiet_until(state: State) -> int:
    """Return the instant before which no tab of those that are open falls silent."""
    silence = next_silence(state)
    return NEVER_MS if silence is None else silence[0]


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
    session = ground.session
    if session.closed:
        return
    end_ms = ends_ms(session)
    if end_ms <= now_ms:
        close(ground, "idle", now_ms)
        return
    if session.messages:
        _expire(ground, now_ms)
        release_held(ground, now_ms)
    _decide(ground, now_ms, end_ms)
    if session.talk is not None:
        look_at_conversation(ground, now_ms)


def _decide(ground: Ground, now_ms: int, end_ms: int) -> None:
    """Decide, carry it out, and arm the wake-up: the next possible change, the session's end at last."""
    program, session, profile = ground.program, ground.session, ground.profile
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
    if wake_ms >= end_ms:
        # Only the end is waited for. It moves with each event; a wake-up that is moved as often leaves a
        # trace in the wheel each time, so the one before serves until it is near.
        far_ms = now_ms + END_WAKE_SLACK_MS
        wake_ms = session.wake_ms if far_ms <= session.wake_ms <= end_ms else end_ms
    session.wake_ms = wake_ms


def _expire(ground: Ground, now_ms: int) -> None:
    """Withdraw each undisplayed message whose time ran out by now, or whose rule is gone."""
    for message in ground.session.messages:
        if not may_expire(message):
            continue
        if 0 <= message.expires_ms <= now_ms:
            withdraw(ground, message, "expired", now_ms)
        elif message.rule and message.rule not in ground.program.rule_names:
            withdraw(ground, message, "withdrawn", now_ms)


def _expire_off_page(ground: Ground, given: Fetched) -> None:
    for message_id in given.messages:
        message = ground.session.message(message_id)
        if message is None or message.kind != "proactive" or message.outcome is not None:
            continue
        if message.displayed_ms < 0 and not fits_page(ground.program, ground.session, message):
            withdraw(ground, message, "expired", given.now_ms)


def _mark_delivered(ground: Ground, given: Handed) -> None:
    for message_id in given.messages:
        message = ground.session.message(message_id)
        if message is not None and message.delivered_ms < 0:
            message.delivered_ms = given.now_ms
            if message.status == "sent":
                message.status = "delivered"
            moved(ground, message, "delivered", given.now_ms)
