"""What dashboards are told, as it stands in the `data` of each event (API.md 9.2)."""

from typing import Literal

import msgspec

from engine.conversations.conversation import Channel, ConversationOrigin
from engine.shown import AppointmentShown, MessageShown

Scalar = str | int | float | bool


class ContactContent(msgspec.Struct, frozen=True):
    """Who the visitor is, as far as they said."""

    name: str | None
    email: str | None
    phone: str | None
    visitor_id: str
    custom_fields: dict[str, Scalar]


class ConversationNew(msgspec.Struct, frozen=True):
    """A conversation was created."""

    id: str
    channel: Channel
    contact_data: ContactContent
    session_id: str
    assistant_id: str | None
    origin: ConversationOrigin
    created_at: str


class ConversationChanged(msgspec.Struct, frozen=True):
    """A conversation changed; `changed` names what: status, assignee, engagement_score, appointment and others."""

    id: str
    channel: Channel
    contact_data: ContactContent
    session_id: str
    status: Literal["active", "queued", "closed"]
    engagement_score: int
    agent_name: str | None
    changed: tuple[str, ...]


class ConversationQualified(msgspec.Struct, frozen=True):
    """A conversation qualified."""

    id: str
    reason: Literal["score", "contact", "goal", "appointment"]
    engagement_score: int
    contact_data: ContactContent
    session_id: str


class DecisionNew(msgspec.Struct, frozen=True):
    """A proactive message was sent, held, or held out; more is read by its id (3.7).

    `reason` is "fired", "holdout", or the gate that holds it.
    """

    decision_id: str
    at_ms: int
    session_id: str
    visitor_id: str
    rule: str
    variant: str
    kind: Literal["rule", "api"]
    outcome: Literal["sent", "held", "held_out"]
    reason: str
    score: int
    message_id: str
    rule_version: str


class SessionQueuedContent(msgspec.Struct, frozen=True):
    """A session waits for its assistant; `estimated_wait` is in seconds."""

    session_id: str
    conversation_id: str
    visitor_id: str
    assistant_id: str | None
    estimated_wait: int


class RulesPublishedContent(msgspec.Struct, frozen=True):
    """A rule set has a new live version."""

    rule_set: str
    version: int
    etag: str
    origin: Literal["folder", "api", "rollback"]
    author: str
    note: str


class WebhookFailing(msgspec.Struct, frozen=True):
    """Deliveries to a webhook endpoint fail."""

    webhook_id: str
    url: str
    failing_since: str
    last_status: int | None
    disabled: bool


class VisitorUpdated(msgspec.Struct, frozen=True):
    """A visitor as of now; `status` "erased": their data are gone, and the rest is empty."""

    visitor_id: str
    status: Literal["online", "idle", "offline", "erased"]
    engagement_score: int | None = None
    page_url: str | None = None
    session_id: str | None = None
    last_seen_at: str | None = None


class CampaignProgress(msgspec.Struct, frozen=True):
    """Counts of a campaign over its last ninety days."""

    campaign_id: str
    sent: int = 0
    delivered: int = 0
    displayed: int = 0
    read: int = 0
    replied: int = 0
    dismissed: int = 0
    converted: int = 0


class StatsTick(msgspec.Struct, frozen=True):
    """A workspace's figures of this moment.

    `visitors_online` had an event within the last minute; `visitors_connected` have a socket open;
    `steps_per_second` are events and other steps of sessions since the tick before. The rest counts
    proactive messages of the UTC day.
    """

    visitors_online: int
    visitors_connected: int
    agents_online: int
    steps_per_second: float
    sent_today: int
    displayed_today: int
    replied_today: int
    converted_today: int


class TypingContent(msgspec.Struct, frozen=True):
    """A visitor types in the chat, or stopped."""

    session_id: str
    visitor_id: str
    state: bool


KeptContent = (
    ConversationNew
    | ConversationChanged
    | ConversationQualified
    | MessageShown
    | DecisionNew
    | SessionQueuedContent
    | AppointmentShown
    | RulesPublishedContent
    | WebhookFailing
)
"""What a feed keeps, numbered."""

PassingContent = VisitorUpdated | CampaignProgress | StatsTick | TypingContent
"""What shows the present only: the newest of each takes the place of the ones before."""

KEPT: dict[str, type[KeptContent]] = {
    "conversation:new": ConversationNew,
    "conversation:updated": ConversationChanged,
    "conversation:qualified": ConversationQualified,
    "message:new": MessageShown,
    "decision:new": DecisionNew,
    "session:queued": SessionQueuedContent,
    "appointment:new": AppointmentShown,
    "rules:published": RulesPublishedContent,
    "webhook:failing": WebhookFailing,
}
PASSING: dict[str, type[PassingContent]] = {
    "visitor:updated": VisitorUpdated,
    "campaign:progress": CampaignProgress,
    "stats:tick": StatsTick,
    "visitor:typing": TypingContent,
}
OF_THE_WORKSPACE = frozenset(
    {"rules:published", "webhook:failing", "campaign:progress", "stats:tick"}
)
"""Events that belong to no session or site: filters let them pass."""
