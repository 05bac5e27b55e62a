"""What webhooks are told of a cause: each row of API.md 7.1, as the body that is sent. Pure."""

import re
from collections.abc import Mapping
from typing import Literal

import msgspec

from engine.causes import (
    AppointmentCancelled,
    AppointmentScheduled,
    Cause,
    ConversationStarted,
    Converted,
    HandoffRequested,
    IntegrationEvent,
    MessageMoved,
    Money,
    Qualified,
    RulesPublished,
    Said,
    SessionClosed,
    VisitorErased,
    VisitorIdentified,
    VoiceStarted,
)
from engine.conversations.conversation import ConversationCard, ConversationOrigin
from engine.message import Outcome, Status
from engine.shown import AppointmentShown, Clicked, rfc3339, shown_appointment

BODY_BYTES_MAX = 20_480
"""A longer body has its texts cut, and says so: test_a_long_text_is_cut_and_the_body_says_so"""

_CUT_CHARS = 2_000


class VisitorTold(msgspec.Struct, frozen=True):
    """The visitor of a conversation; `status` is `engaged` once they wrote, clicked or called."""

    id: str
    status: Literal["engaged", "new"]
    engagement_score: int


class ChatStarted(msgspec.Struct, frozen=True):
    """A live chat session was initiated."""

    session_id: str
    conversation_id: str
    assistant_id: str | None
    source_id: str
    origin: ConversationOrigin
    visitor: VisitorTold


class VisitorResponded(msgspec.Struct, frozen=True):
    """A visitor answered in a session that had a proactive message; the fields are the seed's."""

    message_id: str
    message: str
    quick_reply_clicked: Clicked | None
    visitor: VisitorTold
    truncated: bool | msgspec.UnsetType = msgspec.UNSET


class MessageReceived(msgspec.Struct, frozen=True):
    """A visitor wrote."""

    message_id: str
    message: str
    visitor: VisitorTold
    truncated: bool | msgspec.UnsetType = msgspec.UNSET


class MessageLife(msgspec.Struct, frozen=True):
    """A proactive message came to another state."""

    message_id: str
    visitor_id: str
    rule: str | None
    variant: str | None
    campaign_id: str | None
    status: Status
    outcome: Outcome | None
    engagement_score: int


class AboutConversation(msgspec.Struct, frozen=True, omit_defaults=True):
    """Ids of a conversation, and why it ended or qualified, or what is asked for."""

    session_id: str
    conversation_id: str
    visitor_id: str
    reason: str | None = None
    note: str | None = None
    team: str | None = None
    phone_number: str | None = None


class AboutVisitor(msgspec.Struct, frozen=True, omit_defaults=True):
    """The id of a visitor, and the user they proved to be."""

    visitor_id: str
    user_id: str | None = None


class ConversionRecorded(msgspec.Struct, frozen=True):
    """A goal was reached."""

    goal: str
    visitor_id: str
    value: Money | None
    currency: str | None
    message_id: str | None
    rule: str | None
    held_out: bool
    seconds_since_message: int | None


class WebhookTested(msgspec.Struct, frozen=True):
    """Somebody asked for a test of an endpoint."""

    webhook_id: str


class RulesTold(msgspec.Struct, frozen=True):
    """A rule set has a new live version."""

    set: str
    version: int
    etag: str
    origin: Literal["folder", "api", "rollback"]
    author: str
    note: str


Told = (
    ChatStarted
    | VisitorResponded
    | MessageReceived
    | MessageLife
    | AboutConversation
    | AboutVisitor
    | ConversionRecorded
    | RulesTold
    | WebhookTested
    | AppointmentShown
    | dict[str, object]
)


TOLD: Mapping[str, tuple[type[msgspec.Struct], str]] = {
    "chat.started": (ChatStarted, "A live chat session was initiated."),
    "chat.ended": (AboutConversation, "A session with a conversation ended."),
    "live_chat.visitor_responded": (
        VisitorResponded,
        "A visitor answered in a session that had a proactive message.",
    ),
    "message.received": (MessageReceived, "A visitor wrote."),
    "message.sent": (MessageLife, "A proactive message was sent."),
    "message.delivered": (MessageLife, "It reached a socket or a poll of the visitor."),
    "message.displayed": (MessageLife, "It came on screen."),
    "message.read": (MessageLife, "It was on screen for a second."),
    "message.dismissed": (MessageLife, "The visitor closed it."),
    "message.expired": (MessageLife, "Its time ran out before it came on screen."),
    "conversation.qualified": (AboutConversation, "A conversation qualified, once."),
    "handoff.requested": (AboutConversation, "A visitor asked for a person."),
    "voice.started": (AboutConversation, "A number was lent, or a voice session began."),
    "appointment.scheduled": (AppointmentShown, "An appointment was booked."),
    "appointment.cancelled": (AppointmentShown, "An appointment was cancelled."),
    "conversion.recorded": (ConversionRecorded, "A goal was reached."),
    "visitor.identified": (AboutVisitor, "A visitor proved who they are."),
    "visitor.erased": (AboutVisitor, "A visitor's data are gone."),
    "rules.published": (RulesTold, "A rule set has a new live version."),
    "webhook.test": (WebhookTested, "Somebody asked for a test of the endpoint."),
}
"""Our own events: what stands in `data`, and when it is told. Those of integrations hold what was posted."""

FOREIGN_EVENTS = frozenset(
    {"call.completed", "sms.received", "speed_to_lead.completed", "coach.score_available"}
)
"""Events of other products, passed on when their systems post them (API.md 7.1)."""

CUSTOM_NAME = r"^custom\.[A-Za-z0-9_.-]{1,121}$"
EVERY_EVENT = "*"
_custom = re.compile(CUSTOM_NAME)


class WebhookBody(msgspec.Struct, frozen=True):
    """What is posted: exactly these four; `session_id` is null where there is none."""

    event: str
    session_id: str | None
    timestamp: str
    data: Told


_MESSAGE_EVENTS = frozenset({"sent", "delivered", "displayed", "read", "dismissed", "expired"})
_encode = msgspec.json.Encoder().encode


def is_foreign_event(name: str) -> bool:
    """Tell whether other systems may post events of this name."""
    return name in FOREIGN_EVENTS or _custom.fullmatch(name) is not None


def is_subscribable(name: str) -> bool:
    """Tell whether an endpoint may name this event, or "*" for all of them."""
    return name in TOLD or name == EVERY_EVENT or is_foreign_event(name)


def event_names(cause: Cause) -> tuple[str, ...]:
    """Return the events that webhooks are told of a cause, in the order of `webhook_bodies`."""
    return tuple(event for event, _ in _events(cause))


def webhook_bodies(cause: Cause) -> tuple[WebhookBody, ...]:
    """Return what webhooks are told of a cause, in order; nothing of what only dashboards see."""
    return tuple(
        WebhookBody(event, cause.session or None, rfc3339(cause.at_ms), told)
        for event, told in _events(cause)
    )


def body_bytes(body: WebhookBody) -> bytes:
    """Write a body as it is signed and sent; texts of one that is too long are cut."""
    raw = _encode(body)
    if len(raw) <= BODY_BYTES_MAX or not isinstance(body.data, VisitorResponded | MessageReceived):
        return raw
    cut = msgspec.structs.replace(body.data, message=body.data.message[:_CUT_CHARS], truncated=True)
    return _encode(msgspec.structs.replace(body, data=cut))


def _events(cause: Cause) -> tuple[tuple[str, Told], ...]:
    match cause.body:
        case ConversationStarted(card):
            return (("chat.started", _started(card)),) if card.channel == "chat" else ()
        case Said():
            return _said(cause.body)
        case MessageMoved(state=state):
            life = _life(cause, cause.body)
            return ((f"message.{state}", life),) if state in _MESSAGE_EVENTS else ()
        case SessionClosed(card, reason, note):
            return (("chat.ended", _about(card, reason=reason, note=note or None)),)
        case Qualified(card, reason):
            return (("conversation.qualified", _about(card, reason=reason)),)
        case HandoffRequested(card, team):
            return (("handoff.requested", _about(card, team=team or None)),)
        case VoiceStarted(card, number):
            return (("voice.started", _about(card, phone_number=number or None)),)
        case AppointmentScheduled(appointment):
            return (("appointment.scheduled", shown_appointment(appointment)),)
        case AppointmentCancelled(appointment):
            return (("appointment.cancelled", shown_appointment(appointment)),)
        case _:
            return _outside(cause)


def _outside(cause: Cause) -> tuple[tuple[str, Told], ...]:
    """Tell of what belongs to no conversation."""
    match cause.body:
        case Converted():
            return (("conversion.recorded", _converted(cause, cause.body)),)
        case VisitorIdentified(user):
            return (("visitor.identified", AboutVisitor(cause.visitor, user)),)
        case VisitorErased():
            return (("visitor.erased", AboutVisitor(cause.visitor)),)
        case RulesPublished(rule_set, version, etag, origin, author, note):
            return (("rules.published", RulesTold(rule_set, version, etag, origin, author, note)),)
        case IntegrationEvent(event, posted):
            return ((event, posted),)
        case _:
            return ()


def _said(said: Said) -> tuple[tuple[str, Told], ...]:
    """Tell of a visitor's words, and that they answer a proactive message; nobody else's are told."""
    message, visitor = said.message, _visitor(said.card)
    if message.author != "visitor":
        return ()
    received = ("message.received", MessageReceived(message.id, message.text, visitor))
    if not said.after_proactive:
        return (received,)
    clicked = None if said.clicked is None else Clicked(*said.clicked)
    responded = VisitorResponded(message.id, message.text, clicked, visitor)
    return (received, ("live_chat.visitor_responded", responded))


def _started(card: ConversationCard) -> ChatStarted:
    return ChatStarted(
        session_id=card.session,
        conversation_id=card.id,
        assistant_id=card.assistant or None,
        source_id=card.source,
        origin=card.origin,
        visitor=_visitor(card),
    )


def _visitor(card: ConversationCard) -> VisitorTold:
    return VisitorTold(card.visitor, "engaged" if card.engaged else "new", card.score)


def _life(cause: Cause, moved: MessageMoved) -> MessageLife:
    message = moved.message
    return MessageLife(
        message_id=message.id,
        visitor_id=cause.visitor,
        rule=message.rule or None,
        variant=message.variant or None,
        campaign_id=message.campaign or None,
        status=message.status,
        outcome=message.outcome,
        engagement_score=moved.score,
    )


def _about(
    card: ConversationCard,
    *,
    reason: str | None = None,
    note: str | None = None,
    team: str | None = None,
    phone_number: str | None = None,
) -> AboutConversation:
    return AboutConversation(card.session, card.id, card.visitor, reason, note, team, phone_number)


def _converted(cause: Cause, converted: Converted) -> ConversionRecorded:
    return ConversionRecorded(
        goal=converted.goal,
        visitor_id=cause.visitor,
        value=converted.value,
        currency=converted.currency,
        message_id=converted.message,
        rule=converted.rule,
        held_out=converted.held_out,
        seconds_since_message=converted.seconds_since_message,
    )
