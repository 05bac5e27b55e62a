"""What dashboards are told of a cause: each row of API.md 13 that ends at a dashboard. Pure."""

import msgspec

from engine.causes import (
    AppointmentScheduled,
    Cause,
    ConversationStarted,
    ConversationUpdated,
    Converted,
    MessageMoved,
    Qualified,
    RulesPublished,
    Said,
    SessionClosed,
    SessionQueued,
    VisitorErased,
    VisitorIdentified,
    WebhookFails,
)
from engine.conversations.conversation import ConversationCard
from engine.message import Action
from engine.outbox.contents import (
    ContactContent,
    ConversationChanged,
    ConversationNew,
    ConversationQualified,
    DecisionNew,
    KeptContent,
    RulesPublishedContent,
    SessionQueuedContent,
    WebhookFailing,
)
from engine.shown import Clicked, rfc3339, shown_appointment, shown_message


class DashboardEvent(msgspec.Struct, frozen=True):
    """One event for the dashboards of a workspace; `key` names what it is about."""

    type: str
    key: str
    content: KeptContent


def dashboard_events(cause: Cause) -> tuple[DashboardEvent, ...]:
    """Return what dashboards are told of a cause, in order; nothing of what is shown as it is now."""
    match cause.body:
        case ConversationStarted(card):
            return (_event("conversation:new", card.id, _new(card)),)
        case ConversationUpdated(card, changed):
            return (_event("conversation:updated", card.id, _changed(card, changed)),)
        case SessionClosed(card):
            return (_event("conversation:updated", card.id, _changed(card, ("status",))),)
        case Qualified(card, reason):
            content = ConversationQualified(
                card.id, reason, card.score, _contact(card), card.session
            )
            return (_event("conversation:qualified", card.id, content),)
        case Said(card, message, _, clicked):
            return (
                _event(
                    "message:new",
                    message.id,
                    shown_message(message, card.session, card.id, _clicked(clicked)),
                ),
            )
        case MessageMoved():
            return _of_message(cause, cause.body)
        case SessionQueued(card, wait_s):
            queued = SessionQueuedContent(
                card.session, card.id, card.visitor, card.assistant or None, wait_s
            )
            return (_event("session:queued", card.session, queued),)
        case AppointmentScheduled(appointment):
            return (_event("appointment:new", appointment.id, shown_appointment(appointment)),)
        case RulesPublished(rule_set, version, etag, origin, author, note):
            published = RulesPublishedContent(rule_set, version, etag, origin, author, note)
            return (_event("rules:published", rule_set, published),)
        case WebhookFails():
            return (_event("webhook:failing", cause.body.webhook, _failing(cause.body)),)
        case _:
            return ()


def campaign_of(cause: Cause) -> str | None:
    """Return the campaign whose counts a cause changed: a caller's `campaign_id`, or a rule's name."""
    match cause.body:
        case MessageMoved(message):
            return message.campaign or message.rule or None
        case Converted(rule=rule, campaign=campaign):
            return campaign or rule or None
        case _:
            return None


def visitor_of(cause: Cause) -> str | None:
    """Return the visitor whom a cause shows in a new light."""
    return cause.visitor if isinstance(cause.body, VisitorIdentified | VisitorErased) else None


# ---- parts


def _event(kind: str, key: str, content: KeptContent) -> DashboardEvent:
    return DashboardEvent(kind, key, content)


def _of_message(cause: Cause, moved: MessageMoved) -> tuple[DashboardEvent, ...]:
    message = moved.message
    if moved.state == "displayed":
        content = shown_message(message, cause.session, moved.conversation)
        return (_event("message:new", message.id, content),)
    if moved.state not in ("sent", "held", "held_out"):
        return ()
    if moved.state == "sent" and message.held_until_ms >= 0:
        # It was decided, and told, when it was held.
        return ()
    decided = DecisionNew(
        decision_id=message.decision,
        at_ms=cause.at_ms,
        session_id=cause.session,
        visitor_id=cause.visitor,
        rule=message.rule,
        variant=message.variant,
        kind="rule" if message.rule else "api",
        outcome=moved.state,
        rule_version=moved.program,
        reason=moved.reason,
        score=moved.score,
        message_id=message.id,
    )
    return (_event("decision:new", message.decision, decided),)


def _failing(fails: WebhookFails) -> WebhookFailing:
    return WebhookFailing(
        webhook_id=fails.webhook,
        url=fails.url,
        failing_since=rfc3339(fails.failing_since_ms),
        last_status=fails.last_status or None,
        disabled=fails.disabled,
    )


def _new(card: ConversationCard) -> ConversationNew:
    return ConversationNew(
        id=card.id,
        channel=card.channel,
        contact_data=_contact(card),
        session_id=card.session,
        assistant_id=card.assistant or None,
        origin=card.origin,
        created_at=rfc3339(card.started_ms),
    )


def _changed(card: ConversationCard, changed: tuple[str, ...]) -> ConversationChanged:
    return ConversationChanged(
        id=card.id,
        channel=card.channel,
        contact_data=_contact(card),
        session_id=card.session,
        status=card.status,
        engagement_score=card.score,
        agent_name=card.agent_name or None,
        changed=changed,
    )


def _contact(card: ConversationCard) -> ContactContent:
    contact = card.contact
    return ContactContent(
        name=contact.get("name") or contact.get("first_name"),
        email=contact.get("email"),
        phone=contact.get("phone"),
        visitor_id=card.visitor,
        custom_fields=dict(card.custom_fields),
    )


def _clicked(reply: tuple[str, Action] | None) -> Clicked | None:
    return None if reply is None else Clicked(*reply)
