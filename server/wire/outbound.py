"""Bodies of proactive messages over the API (API.md 3.2), and how an accepted one is shown."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from engine.message import Message, Outcome, Status
from engine.runtime_types import Offered, SessionView, VisitorStatus
from engine.shown import rfc3339, time_or_none
from engine.stores.base import SessionRef
from server.wire.envelope import Advice

LONG_REPLY_CHARS = 20
TRIGGER_DATA_BYTES_MAX = 4_096

GateToSkip = Literal[
    "first_message_delay",
    "frequency_cap",
    "cooldown",
    "quiet_hours",
    "page_relevance",
    "excluded_page",
    "holdout",
]
Value = Annotated[str, Meta(max_length=500)] | int | float | bool


class TriggerBody(Struct, frozen=True):
    """What made the caller send: a claim of an authenticated caller."""

    type: Annotated[str, Meta(pattern=r"^[a-z0-9_.:-]{1,64}$")] | None = None
    page_url: Annotated[str, Meta(max_length=2_048)] | None = None
    time_on_page: Annotated[float, Meta(ge=0, le=86_400)] | None = None
    scroll_depth: Annotated[float, Meta(ge=0, le=100)] | None = None
    data: dict[str, object] | None = None


class OptionsBody(Struct, frozen=True):
    """How the message is delivered and shown; `expires_in` is seconds."""

    deliver: Literal["when_allowed", "now_or_fail"] = "when_allowed"
    expires_in: Annotated[int, Meta(ge=10, le=86_400)] = 120
    override_policy: tuple[GateToSkip, ...] = ()
    display: Literal["card", "bubble", "open"] = "card"
    sound: bool = False
    campaign_id: Annotated[str, Meta(max_length=64)] | None = None


class QuickReplyBody(Struct, frozen=True):
    """One button; an unknown action is refused by name, so it is read as any text."""

    text: Annotated[str, Meta(min_length=1, max_length=40)]
    value: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")] | None = None
    action: str = "say"
    payload: Annotated[str, Meta(max_length=2_000)] | None = None


class MessageBody(Struct, frozen=True):
    """`POST /v1/outbound/live-chat/message`."""

    message: str
    session_id: str | None = None
    visitor_id: str | None = None
    trigger: TriggerBody | None = None
    assistant_id: str | None = None
    personalization: (
        Annotated[dict[Annotated[str, Meta(max_length=64)], Value], Meta(max_length=50)] | None
    ) = None
    options: OptionsBody | None = None
    quick_replies: list[QuickReplyBody] | None = None


class MessageSent(Struct, frozen=True):
    """An accepted message: the seed's fields, then ours."""

    message_id: str
    session_id: str
    status: Status
    visitor_status: VisitorStatus
    engagement_score: int
    deliver_after: Annotated[str | None, Meta(description="Set while it waits for its moment.")]
    expires_at: str | None
    outcome: Outcome | None
    decision_id: str | None


class MessageProgress(MessageSent, frozen=True):
    """A message some time later, with its times."""

    sent_at: str
    delivered_at: str | None
    displayed_at: str | None
    read_at: str | None


def sent_message(offered: Offered, ref: SessionRef, status: Status) -> MessageSent:
    """Show a message that was just accepted."""
    message = offered.message
    return MessageSent(
        message_id=message.id,
        session_id=ref.session,
        status=status,
        visitor_status=offered.visitor_status,
        engagement_score=offered.score,
        deliver_after=time_or_none(offered.deliver_after_ms),
        expires_at=time_or_none(message.expires_ms),
        outcome=message.outcome,
        decision_id=message.decision or None,
    )


def message_progress(message: Message, view: SessionView, now_ms: int) -> MessageProgress:
    """Show a message as it is now, and how its visitor is now."""
    waits = message.held_until_ms > now_ms and not message.offset and message.outcome is None
    return MessageProgress(
        message_id=message.id,
        session_id=view.ref.session,
        status=message.status,
        visitor_status=view.visitor_status,
        engagement_score=view.score,
        deliver_after=rfc3339(message.held_until_ms) if waits else None,
        expires_at=time_or_none(message.expires_ms),
        outcome=message.outcome,
        decision_id=message.decision or None,
        sent_at=rfc3339(message.sent_ms),
        delivered_at=time_or_none(message.delivered_ms),
        displayed_at=time_or_none(message.displayed_ms),
        read_at=time_or_none(message.read_ms),
    )


def advice_on(body: MessageBody, *, held: bool) -> list[Advice]:
    """Compare a request with the seed's best practices 1 to 5."""
    advice = []
    if held:
        advice.append(
            Advice("early", "It is too early; the message is held until the policy allows it")
        )
    if body.trigger is None or body.trigger.page_url is None:
        advice.append(Advice("no_page", "Say which page the message is about", "trigger.page_url"))
    if body.personalization is None:
        advice.append(
            Advice("no_personalization", "Use what is known of the visitor", "personalization")
        )
    if not body.quick_replies:
        advice.append(Advice("no_quick_replies", "Offer two or three answers", "quick_replies"))
    for index, reply in enumerate(body.quick_replies or ()):
        if len(reply.text) > LONG_REPLY_CHARS:
            place = f"quick_replies[{index}].text"
            advice.append(Advice("long_quick_reply", "Keep it to 20 characters", place))
    return advice
