"""Bodies of the widget API (API.md 4.1), camelCase as in the seed."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from server.widget_strings import Language, language_of
from server.wire.conversation_frames import MessageFrame
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
LocaleTag = Annotated[str, Meta(max_length=64)]


class PageBody(Struct, frozen=True):
    """The page a client is on; what is too long is cut, not refused."""

    url: str | None = None
    title: str | None = None
    referrer: str | None = None


class ContextBody(Struct, frozen=True):
    """The browser's zone (IANA) and language tag."""

    timezone: Annotated[str, Meta(max_length=64)] | None = None
    locale: LocaleTag | None = None


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


class TrackReply(Struct, frozen=True, kw_only=True, rename="camel"):
    """What became of events: counts for a batch, frames and the next look for `deliver`."""

    success: Literal[True] = True
    accepted: int | UnsetType = UNSET
    duplicates: int | UnsetType = UNSET
    rejected: list[RejectedItem] | UnsetType = UNSET
    messages: list[MessageFrame] | UnsetType = UNSET
    next_check_ms: Annotated[
        int | UnsetType, Meta(description="Milliseconds until it is worth asking again.")
    ] = UNSET


class WidgetLook(Struct, frozen=True, rename="camel"):
    """How the widget looks and greets; `businessHours`: people are there now."""

    primary_color: str
    position: Literal["bottom-right", "bottom-left"]
    greeting: str
    locale: str
    business_hours: bool


class Branding(Struct, frozen=True):
    """Whose widget it is."""

    logo: str | None


class WidgetConfig(Struct, frozen=True, rename="camel"):
    """What a widget has to know before it says anything."""

    name: str
    assistant_id: str | None
    widget: WidgetLook
    branding: Branding
    protocol: int
    ws_url: str
    heartbeat_ms: int
    language: Language
    consent: Literal["implicit", "required"]
    voice: bool


class ConfigQuery(Struct, frozen=True, kw_only=True):
    """The language that is asked for, as a tag such as `de-AT`."""

    locale: LocaleTag | None = None


class ConfigReply(Struct, frozen=True, kw_only=True):
    """A site's public widget configuration."""

    success: Literal[True] = True
    config: WidgetConfig


def widget_config_of(
    workspace: Workspace, site: Site, ws_url: str, now_ms: int, *locales: str | None
) -> WidgetConfig:
    """Show a site's widget configuration at an instant, in the first locale that the widget speaks."""
    widget, assistant = workspace.widget, workspace.primary_assistant
    look = WidgetLook(
        primary_color=widget.theme_color,
        position=widget.position,
        greeting=(assistant.greeting if assistant else "") or widget.greeting,
        locale=widget.locale,
        business_hours=site.business_hours.is_open(workspace.timezone, now_ms),
    )
    return WidgetConfig(
        name=widget.name,
        assistant_id=assistant.id if assistant else None,
        widget=look,
        branding=Branding(widget.logo or None),
        protocol=PROTOCOL,
        ws_url=ws_url,
        heartbeat_ms=HEARTBEAT_MS,
        language=language_of(*locales, widget.locale),
        consent=site.consent,
        voice=bool(workspace.voice.numbers),
    )
