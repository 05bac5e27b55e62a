"""A conversation from its beginning to its end: what changes in the session, and who is told."""

from engine.causes import (
    ConversationStarted,
    ConversationUpdated,
    FollowUp,
    HandoffRequested,
    Qualified,
    SessionClosed,
    SessionQueued,
    VoiceStarted,
)
from engine.closest import closest_miss
from engine.conversations.conversation import (
    NO_BAND,
    Channel,
    CloseReason,
    Conversation,
    ConversationCard,
    ConversationOrigin,
)
from engine.conversations.orders import Open, Seat
from engine.decision import DecisionRow
from engine.effect import Ground
from engine.ids import derived_id
from engine.page_loads import with_session
from engine.session import NO_TIME_MS
from engine.telling import follow_up, notice, tell, withdraw

_BAND = 10


def card_of(ground: Ground, now_ms: int) -> ConversationCard:
    """Show the session's conversation as others are told of it at an instant."""
    session = ground.session
    talk = session.talk
    assert talk is not None, "only a conversation has a card"
    return ConversationCard(
        id=talk.id,
        channel=talk.channel,
        origin=talk.origin,
        session=session.id,
        visitor=session.visitor,
        source=session.source,
        assistant=session.assistant,
        started_ms=talk.started_ms,
        status="closed" if session.closed else "queued" if talk.queued else "active",
        score=ground.program.score(session.state, max(now_ms, session.state.clock_ms)),
        contact=dict(ground.profile.contact),
        custom_fields=talk.custom_fields,
        agent_name=talk.agent_name,
        engaged=session.engaged_ms >= 0,
    )


def converse(
    ground: Ground,
    at_ms: int,
    origin: ConversationOrigin,
    channel: Channel = "chat",
    conversation: str = "",
) -> Conversation:
    """Return the session's conversation; begin it, and tell so, when there is none."""
    talk = ground.session.talk
    if talk is None:
        talk = _begin(ground, at_ms, origin, channel, conversation)
        tell(ground, at_ms, ConversationStarted(card_of(ground, at_ms)))
    return talk


def open_conversation(ground: Ground, order: Open, at_ms: int) -> None:
    """Begin a conversation that a server asks for, with what it says of the visitor."""
    session, profile = ground.session, ground.profile
    if order.contact:
        profile.contact = {**profile.contact, **order.contact}
        ground.effect.profile_changed = True
    is_new = session.talk is None
    talk = session.talk or _begin(ground, at_ms, order.origin, order.channel, order.conversation)
    if order.custom_fields:
        talk.custom_fields = {**talk.custom_fields, **order.custom_fields}
    if order.agent_session:
        talk.agent_session = order.agent_session
        talk.agent_type, talk.agent_metadata = order.agent_type, order.agent_metadata
    if is_new:
        tell(ground, at_ms, ConversationStarted(card_of(ground, at_ms)))
        if order.channel != "chat":
            tell(ground, at_ms, VoiceStarted(card_of(ground, at_ms), ""))


def updated(ground: Ground, at_ms: int, *changed: str) -> None:
    """Tell that the conversation changed; nothing without one."""
    if ground.session.talk is not None:
        body = ConversationUpdated(card_of(ground, at_ms), changed)
        tell(ground, at_ms, body, *changed, at_ms, len(ground.effect.causes))


def hand_over(ground: Ground, at_ms: int, team: str, agent_name: str = "") -> None:
    """Let a person take over: the assistant pauses, the visitor's sockets are told.

    Without `agent_name` a person is only asked for, and others are told that too.
    """
    talk = converse(ground, at_ms, "widget")
    was_by = talk.agent_name if talk.paused else None
    talk.paused = True
    talk.agent_name = agent_name or talk.agent_name
    talk.team = team or talk.team
    if was_by == talk.agent_name and agent_name:
        return
    content: dict[str, object] = {"team": talk.team}
    if talk.agent_name:
        content["agent_name"] = talk.agent_name
    notice(ground, at_ms, "handoff", content, ground.session.offset)
    if not agent_name:
        tell(ground, at_ms, HandoffRequested(card_of(ground, at_ms), team), ground.session.offset)
    updated(ground, at_ms, "assignee")


def release(ground: Ground, at_ms: int) -> None:
    """Let the assistant speak again."""
    talk = ground.session.talk
    if talk is None or not talk.paused:
        return
    talk.paused = False
    talk.agent_name = talk.team = ""
    updated(ground, at_ms, "assignee")


def seat(ground: Ground, order: Seat, at_ms: int) -> None:
    """Queue a conversation, or let its assistant turn to it, the visitor's latest words first."""
    talk = ground.session.talk
    if talk is None or ground.session.closed or talk.queued == order.queued:
        return
    talk.queued = order.queued
    status: dict[str, object] = {
        "status": "queued" if order.queued else "active",
        "estimated_wait": order.estimated_wait_s,
    }
    notice(ground, at_ms, "session_status", status, ground.session.offset)
    if order.queued:
        body = SessionQueued(card_of(ground, at_ms), order.estimated_wait_s)
        tell(ground, at_ms, body, ground.session.offset)
    else:
        updated(ground, at_ms, "status")
        if talk.unanswered and not talk.paused:
            follow_up(ground, at_ms, FollowUp("answer", talk.unanswered))


def close(ground: Ground, reason: CloseReason, at_ms: int, note: str = "") -> None:
    """End the session: what waits is taken back, and a session in which nothing was decided says so."""
    session = ground.session
    if session.closed:
        return
    for message in session.messages:
        is_waiting = message.outcome is None and message.displayed_ms < 0
        if message.kind == "proactive" and is_waiting:
            withdraw(ground, message, "expired", at_ms)
    if not session.grants_total and not session.suppressed:
        ground.effect.rows.append(_silent_row(ground, at_ms))
    session.closed = True
    session.wake_ms = NO_TIME_MS
    leave_loads(ground, at_ms)
    if session.talk is None:
        return
    session.talk.closed_ms = at_ms
    status: dict[str, object] = {"status": "closed", "estimated_wait": 0}
    notice(ground, at_ms, "session_status", status, "closed")
    tell(ground, at_ms, SessionClosed(card_of(ground, at_ms), reason, note))
    follow_up(ground, at_ms, FollowUp("leave"))


def leave_loads(ground: Ground, now_ms: int) -> None:
    """Let the visitor's next sessions know which events of our own widget an ended one had."""
    session, profile = ground.session, ground.profile
    if session.loads:
        profile.loads = with_session(profile.loads, session.loads, now_ms)
        ground.effect.profile_changed = True


def look_at_conversation(ground: Ground, now_ms: int) -> None:
    """Tell of a score that came to another ten, and of a conversation that qualified, once."""
    session = ground.session
    talk = session.talk
    if talk is None or session.closed:
        return
    score = ground.program.score(session.state, max(now_ms, session.state.clock_ms))
    band = score // _BAND
    if band != talk.band:
        if talk.band != NO_BAND:
            updated(ground, now_ms, "engagement_score")
        talk.band = band
    if talk.qualified:
        return
    contact = ground.profile.contact
    if talk.appointment:
        talk.qualified = "appointment"
    elif session.goals:
        talk.qualified = "goal"
    elif contact.get("email") or contact.get("phone"):
        talk.qualified = "contact"
    elif session.engaged_ms >= 0 and score >= ground.terms.qualify_score:
        talk.qualified = "score"
    else:
        return
    tell(ground, now_ms, Qualified(card_of(ground, now_ms), talk.qualified))


def _begin(
    ground: Ground, at_ms: int, origin: ConversationOrigin, channel: Channel, conversation: str
) -> Conversation:
    session = ground.session
    name = conversation or derived_id("conv", ground.secret, session.workspace, session.id)
    session.talk = Conversation(name, origin, at_ms, channel)
    ground.effect.began = name
    return session.talk


def _silent_row(ground: Ground, at_ms: int) -> DecisionRow:
    """Make the row of a session that ends without any: the rule that came nearest, and what it lacked."""
    program, session = ground.program, ground.session
    nearest = closest_miss(program, session, max(at_ms, session.state.clock_ms))
    return DecisionRow(
        id=derived_id("dec", ground.secret, session.workspace, session.id, "none"),
        at_ms=at_ms,
        rule=nearest.partition(" by ")[0],
        outcome="none",
        reason=nearest.partition(" by ")[2].partition(" ")[0] or "page",
        score=program.score(session.state, max(at_ms, session.state.clock_ms)),
        program=program.version,
        closest=nearest,
    )
