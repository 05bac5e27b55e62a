"""Bodies of the widget API (API.md 4.1), camelCase as in the seed."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from engine.message import Message
from server.wire.envelope import rfc3339
from server.workspace_settings import Site, Workspace

BATCH_LEN_MAX = 100
METADATA_BYTES_MAX = 16_384
PROTOCOL = 1
HEARTBEAT_MS = 15_000

ConsentName = Literal["granted", "pending", "denied"]
EventName = Annotated[str, Meta(min_length=1, max_length=128)]
Timestamp = Annotated[datetime, Meta(tz=True)]
AttributeValue = Annotated[str, Meta(max_length=500)] | int | float | bool | None
Attributes = Annotated[dict[str, AttributeValue], Meta(max_length=50)]
ClientId = Annotated[str, Meta(max_length=256)]


class PageBody(Struct, frozen=True):
    """The page a client is on; what is too long is cut, not refused."""

    url: str | None = None
    title: str | None = None
    referrer: str | None = None


class ContextBody(Struct, frozen=True):
    """The browser's zone (IANA) and language tag."""

    timezone: Annotated[str, Meta(max_length=64)] | None = None
    locale: Annotated[str, Meta(max_length=64)] | None = None


class TrackItem(Struct, frozen=True, rename="camel"):
    """One event."""

    event: EventName
    timestamp: Timestamp | None = None
    metadata: dict[str, object] | None = None
    message_id: ClientId | None = None
    page: PageBody | None = None
    attributes: Attributes | None = None


class TrackBody(Struct, frozen=True, rename="camel"):
    """One event, or a batch; items of a batch are decoded one by one, so that a bad one harms no other."""

    session_id: str
    event: EventName | None = None
    timestamp: Timestamp | None = None
    metadata: dict[str, object] | None = None
    message_id: ClientId | None = None
    page: PageBody | None = None
    attributes: Attributes | None = None
    visitor_id: str | None = None
    user_id: str | None = None
    consent: ConsentName | None = None
    context: ContextBody | None = None
    batch: list[msgspec.Raw] | None = None
    sent_at: Timestamp | None = None
    deliver: bool = False
    token: str | None = None


class RejectedItem(Struct, frozen=True):
    """One bad item of a batch; `index` counts from 0."""

    index: int
    field: str | None
    reason: str


def quick_replies_frame(message: Message) -> list[dict[str, str]]:
    """Show a message's buttons; the payload stays here, but for the URL of `open`."""
    rows = []
    for reply in message.replies:
        row = {"text": reply.text, "value": reply.value, "action": reply.action}
        if reply.action == "open":
            row["url"] = reply.payload
        rows.append(row)
    return rows


def message_frame(message: Message, epoch: str) -> dict[str, object]:
    """Show a message as its socket frame (API.md 9.1), also used by polling."""
    frame: dict[str, object] = {
        "type": "message",
        "text": message.text,
        "timestamp": rfc3339(message.sent_ms),
        "id": message.id,
        "from": message.author,
        "kind": message.kind,
        "offset": message.offset,
        "epoch": epoch,
    }
    if message.kind == "proactive":
        frame |= {
            "engagement_epoch": message.epoch,
            "expires_at": rfc3339(message.expires_ms) if message.expires_ms >= 0 else None,
            "display": message.display,
            "sound": message.sound,
        }
    if message.kind == "proactive" or message.replies:
        frame["quick_replies"] = quick_replies_frame(message)
    return frame


def config_body(workspace: Workspace, site: Site, ws_url: str, now_ms: int) -> dict[str, object]:
    """Show what a site's widget has to know before it says anything."""
    widget, assistant = workspace.widget, workspace.primary_assistant
    greeting = (assistant.greeting if assistant else "") or widget.greeting
    return {
        "success": True,
        "config": {
            "name": widget.name,
            "assistantId": assistant.id if assistant else None,
            "widget": {
                "primaryColor": widget.theme_color,
                "position": widget.position,
                "greeting": greeting,
                "locale": widget.locale,
                "businessHours": site.business_hours.is_open(workspace.timezone, now_ms),
            },
            "branding": {"logo": widget.logo or None},
            "protocol": PROTOCOL,
            "wsUrl": ws_url,
            "heartbeatMs": HEARTBEAT_MS,
            "consent": site.consent,
            "voice": bool(workspace.voice.numbers),
        },
    }
