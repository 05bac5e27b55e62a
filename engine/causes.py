"""What others are told of once it is durable: dashboards, webhooks, and the work that follows a commit.

A cause is written in the commit that it tells of and leaves when everybody has been told (API.md 13).
"""

from typing import Literal

import msgspec

from engine.conversations.conversation import CloseReason, ConversationCard, Qualifying
from engine.message import Action, Message

Money = float | int


class ConversationStarted(msgspec.Struct, frozen=True, tag="conversation_started"):
    """A session was opened over the API, an agent session began, or a visitor engaged first."""

    card: ConversationCard


class ConversationUpdated(msgspec.Struct, frozen=True, tag="conversation_updated"):
    """Status, assignee, score band, contact or appointment changed."""

    card: ConversationCard
    changed: tuple[str, ...]


class Qualified(msgspec.Struct, frozen=True, tag="qualified"):
    """A conversation qualified, once."""

    card: ConversationCard
    reason: Qualifying


class Said(msgspec.Struct, frozen=True, tag="said"):
    """Somebody wrote in a conversation.

    `after_proactive`: the visitor's session had a proactive message. `clicked` is the (value, action) of
    the quick reply that the words come from.
    """

    card: ConversationCard
    message: Message
    after_proactive: bool = False
    clicked: tuple[str, Action] | None = None


MessageState = Literal[
    "sent", "held", "held_out", "delivered", "displayed", "read", "replied", "dismissed", "expired", "withdrawn"
]  # fmt: skip


class MessageMoved(msgspec.Struct, frozen=True, tag="message_moved"):
    """A proactive message came to another state; `score` is the visitor's then.

    `reason` is the decision's: "fired", "holdout", or the gate that holds it. `program` is the version of
    the rules, `conversation` the session's, "" before there is one.
    """

    message: Message
    state: MessageState
    score: int
    reason: str = ""
    program: str = ""
    conversation: str = ""


class Converted(msgspec.Struct, frozen=True, tag="converted"):
    """A goal was reached. `message` and `rule` name the exposure it counts for, None without one."""

    goal: str
    value: Money | None
    currency: str | None
    message: str | None = None
    rule: str | None = None
    variant: str = ""
    campaign: str = ""
    held_out: bool = False
    seconds_since_message: int | None = None
    card: ConversationCard | None = None


class SessionClosed(msgspec.Struct, frozen=True, tag="session_closed"):
    """A session with a conversation ended."""

    card: ConversationCard
    reason: CloseReason
    note: str = ""


class SessionQueued(msgspec.Struct, frozen=True, tag="session_queued"):
    """A session waits for its assistant."""

    card: ConversationCard
    estimated_wait_s: int


class HandoffRequested(msgspec.Struct, frozen=True, tag="handoff_requested"):
    """A visitor asked for a person; `team` "" is anybody."""

    card: ConversationCard
    team: str


class VoiceStarted(msgspec.Struct, frozen=True, tag="voice_started"):
    """A number was lent to a session, or a voice session of an agent began (`number` "")."""

    card: ConversationCard
    number: str


class Appointment(msgspec.Struct, frozen=True, omit_defaults=True):
    """A booking. `start_ms` and `end_ms` bound its slot; `slot` is the start as offered, RFC 3339 local."""

    id: str
    calendar: str
    slot: str
    start_ms: int
    end_ms: int
    timezone: str
    status: Literal["scheduled", "cancelled"]
    created_ms: int
    customer: dict[str, str] = {}
    service_type: str = ""
    notes: str = ""
    session: str = ""
    visitor: str = ""
    reason: str = ""


class AppointmentScheduled(msgspec.Struct, frozen=True, tag="appointment_scheduled"):
    """An appointment was booked."""

    appointment: Appointment
    card: ConversationCard | None = None


class AppointmentCancelled(msgspec.Struct, frozen=True, tag="appointment_cancelled"):
    """An appointment was cancelled."""

    appointment: Appointment


class VisitorIdentified(msgspec.Struct, frozen=True, tag="visitor_identified"):
    """A visitor proved who they are."""

    user: str


class VisitorErased(msgspec.Struct, frozen=True, tag="visitor_erased"):
    """A visitor's data are gone; the cause names the id only."""


class RulesPublished(msgspec.Struct, frozen=True, tag="rules_published"):
    """A rule set has a new live version."""

    rule_set: str
    version: int
    etag: str
    origin: Literal["folder", "api", "rollback"]
    author: str
    note: str = ""


class WebhookFails(msgspec.Struct, frozen=True, tag="webhook_fails"):
    """Deliveries to an endpoint fail since then; `last_status` 0 = no answer came."""

    webhook: str
    url: str
    failing_since_ms: int
    last_status: int
    disabled: bool


class IntegrationEvent(msgspec.Struct, frozen=True, tag="integration"):
    """Another system posted an event (API.md 3.4)."""

    event: str
    data: dict[str, object] = {}


class FollowUp(msgspec.Struct, frozen=True, tag="follow_up"):
    """Work that a commit asks for and that no commit can do itself, because it looks outside the session.

    "answer": the assistant answers message `message`. "schedule": the visitor is shown free slots.
    "call": a number is lent. "spend": caps spent in an anonymous session go to the known visitor.
    "leave": the session gives its place at the assistant back. Each is safe to do twice.
    """

    work: Literal["answer", "schedule", "call", "spend", "leave"]
    message: str = ""


Consent = Literal["", "granted", "refused"]
"""What a visitor said of consent: nothing, yes, or no. A privacy signal and a pending answer are a no."""

Body = (
    ConversationStarted
    | ConversationUpdated
    | Qualified
    | Said
    | MessageMoved
    | Converted
    | SessionClosed
    | SessionQueued
    | HandoffRequested
    | VoiceStarted
    | AppointmentScheduled
    | AppointmentCancelled
    | VisitorIdentified
    | VisitorErased
    | RulesPublished
    | WebhookFails
    | IntegrationEvent
    | FollowUp
)


class Cause(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing to tell. `id` is derived from what it tells, the same each time it is told.

    `sequence` is the number of the first event that webhooks are told of it, among all of its session,
    from 1; 0 = none, or no step of the session made it. `user` is the user id that the visitor proved, "" for
    an anonymous one. `consent` is what they had said of it then, "" also where no step of a session made it.
    """

    id: str
    at_ms: int
    workspace: str
    body: Body
    visitor: str = ""
    session: str = ""
    source: str = ""
    sequence: int = 0
    user: str = ""
    consent: Consent = ""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Cause).decode


def encode_cause(cause: Cause) -> bytes:
    """Write a cause as bytes."""
    return _encode(cause)


def decode_cause(body: bytes) -> Cause:
    """Read what `encode_cause` wrote."""
    return _decode(body)
