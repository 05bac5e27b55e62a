"""How a message and an appointment are shown, alike to callers of the API and to dashboards (API.md 3.1, 3.3)."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from engine.causes import Appointment
from engine.conversations.appointments import hours, local_date
from engine.message import Action, Author, Message, Outcome, Status

DATA_KEY = "data"
"""Under it the trigger of a message keeps the caller's own object, as JSON."""


class ReplyShown(msgspec.Struct, frozen=True):
    """A button; `url` is there for the action `open` alone."""

    text: str
    value: str
    action: Action
    url: str | UnsetType = UNSET


class TriggerShown(msgspec.Struct, frozen=True, omit_defaults=True):
    """What made a proactive message: the caller's words, or those of a rule."""

    type: str | None = None
    page_url: str | None = None
    time_on_page: float | int | None = None
    scroll_depth: float | int | None = None
    data: dict[str, object] | None = None
    rule: str | None = None


class Clicked(msgspec.Struct, frozen=True):
    """The quick reply that a visitor clicked."""

    value: str
    action: Action


class MessageShown(msgspec.Struct, frozen=True, rename={"author": "from"}):
    """A message of a session as it is now."""

    message_id: str
    session_id: str
    conversation_id: str | None
    author: Author
    kind: Literal["chat", "proactive"]
    text: str
    quick_replies: tuple[ReplyShown, ...]
    status: Status
    outcome: Outcome | None
    offset: int
    timestamp: str
    delivered_at: str | None
    displayed_at: str | None
    read_at: str | None
    engagement_epoch: int
    rule: str | None
    trigger: TriggerShown | None
    decision_id: str | None
    quick_reply_clicked: Clicked | None
    agent_name: str | UnsetType = UNSET
    client_id: str | UnsetType = UNSET


class CustomerShown(msgspec.Struct, frozen=True):
    """Who comes, or is visited; None is not known."""

    name: str
    email: str | None
    phone: str | None
    address: str | None


class AppointmentShown(msgspec.Struct, frozen=True):
    """An appointment; `date` and `time` are on the calendar's clock, `start` and `end` UTC."""

    appointment_id: str
    calendar_id: str
    status: Literal["scheduled", "cancelled"]
    date: str
    time: str
    start: str
    end: str
    session_id: str | None
    visitor_id: str | None
    customer: CustomerShown
    service_type: str | None
    created_at: str
    appointment_slot: str
    timezone: str
    notes: str | None
    reason: str | None


def rfc3339(at_ms: int) -> str:
    """Write an instant as `2024-01-20T10:30:00Z`, whole seconds."""
    return _second(at_ms // 1000)


@lru_cache(maxsize=1_024)
def _second(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def time_or_none(at_ms: int | None) -> str | None:
    """Write an instant; None and negative ones, which mean not yet, are None."""
    return None if at_ms is None or at_ms < 0 else rfc3339(at_ms)


def shown_message(
    message: Message, session: str, conversation: str, clicked: Clicked | None = None
) -> MessageShown:
    """Show a message.

    Args:
        conversation: its id, "" before there is one.
        clicked: the reply that it was answered by, or that a visitor's message comes from.
    """
    return MessageShown(
        message_id=message.id,
        session_id=session,
        conversation_id=conversation or None,
        author=message.author,
        kind=message.kind,
        text=message.text,
        quick_replies=shown_replies(message),
        status=message.status,
        outcome=message.outcome,
        offset=message.offset,
        timestamp=rfc3339(message.sent_ms),
        delivered_at=time_or_none(message.delivered_ms),
        displayed_at=time_or_none(message.displayed_ms),
        read_at=time_or_none(message.read_ms),
        engagement_epoch=message.epoch,
        rule=message.rule or None,
        trigger=shown_trigger(message),
        decision_id=message.decision or None,
        quick_reply_clicked=clicked,
        agent_name=message.by or UNSET,
        client_id=message.client_id or UNSET,
    )


def shown_replies(message: Message) -> tuple[ReplyShown, ...]:
    """Show a message's buttons; the payload stays here, but for the address of an `open`."""
    return tuple(
        ReplyShown(
            reply.text,
            reply.value,
            reply.action,
            reply.payload if reply.action == "open" else UNSET,
        )
        for reply in message.replies
    )


def shown_trigger(message: Message) -> TriggerShown | None:
    """Show what made a proactive message, None for any other."""
    if message.kind != "proactive" or not (message.trigger or message.rule):
        return None
    known = {name: value for name, value in message.trigger.items() if name != DATA_KEY}
    own = message.trigger.get(DATA_KEY)
    more: dict[str, object] = {"data": msgspec.json.decode(own)} if isinstance(own, str) else {}
    if message.rule:
        more["rule"] = message.rule
    return msgspec.convert({**known, **more}, TriggerShown)


def shown_appointment(appointment: Appointment) -> AppointmentShown:
    """Show an appointment."""
    customer = appointment.customer
    return AppointmentShown(
        appointment_id=appointment.id,
        calendar_id=appointment.calendar,
        status=appointment.status,
        date=local_date(appointment),
        time=hours(appointment),
        start=rfc3339(appointment.start_ms),
        end=rfc3339(appointment.end_ms),
        session_id=appointment.session or None,
        visitor_id=appointment.visitor or None,
        customer=CustomerShown(
            name=customer.get("name", ""),
            email=customer.get("email") or None,
            phone=customer.get("phone") or None,
            address=customer.get("address") or None,
        ),
        service_type=appointment.service_type or None,
        created_at=rfc3339(appointment.created_ms),
        appointment_slot=appointment.slot,
        timezone=appointment.timezone,
        notes=appointment.notes or None,
        reason=appointment.reason or None,
    )
