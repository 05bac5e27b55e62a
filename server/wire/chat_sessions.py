"""Bodies of live chat sessions (API.md 3.1): what is read, and how a session is shown."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from engine.events import Scalar
from engine.profile import Profile
from engine.runtime_types import SessionStatus, SessionView, VisitorStatus
from engine.shown import rfc3339, time_or_none
from server.wire.paging import PageQuery
from server.workspace_settings import Assistant, Site, Workspace

Short = Annotated[str, Meta(max_length=200)]
FieldName = Annotated[str, Meta(max_length=64)]
FieldValue = Annotated[str, Meta(max_length=500)] | int | float | bool
Words = Annotated[str, Meta(max_length=4_000)]
ConfiguredName = Annotated[str, Meta(min_length=1, max_length=64)]


class VisitorBody(Struct, frozen=True):
    """Who opens the session; all of it is optional."""

    id: Annotated[str, Meta(description="Absent: a new visitor.")] | None = None
    ip_address: Annotated[str, Meta(description="Looked at once, never stored.")] | None = None
    user_agent: Annotated[str, Meta(max_length=512)] | None = None
    referrer: Annotated[str, Meta(max_length=2_048)] | None = None
    page_url: Annotated[str, Meta(max_length=2_048)] | None = None
    page_title: Annotated[str, Meta(max_length=300)] | None = None
    name: Short | None = None
    first_name: Short | None = None
    email: Short | None = None
    phone: Short | None = None
    locale: Short | None = None
    timezone: Short | None = None
    consent: Literal["granted", "pending", "denied"] = "granted"


class SessionBody(Struct, frozen=True):
    """`POST /v1/live-chat/sessions`."""

    source_id: ConfiguredName
    visitor: VisitorBody
    initial_message: Words | None = None
    custom_fields: Annotated[dict[FieldName, FieldValue], Meta(max_length=50)] | None = None
    assistant_id: ConfiguredName | None = None


class CloseBody(Struct, frozen=True):
    """`POST /v1/live-chat/sessions/{session_id}/close`."""

    reason: Short | None = None


class SessionsQuery(PageQuery, frozen=True, kw_only=True):
    """Which sessions to list."""

    status: SessionStatus | None = None
    visitor_id: str | None = None
    source_id: str | None = None


# ---- what is answered


class WidgetLook(Struct, frozen=True):
    """How a chat widget looks and greets; `business_hours`: the site is open now."""

    theme_color: str
    greeting_message: str
    business_hours: bool


class SessionCreated(Struct, frozen=True):
    """A session that was made, in the seed's fields and then ours; `estimated_wait` is seconds."""

    session_id: str
    assistant_id: str | None
    status: SessionStatus
    websocket_url: str
    widget_config: WidgetLook
    estimated_wait: int
    visitor_id: str
    conversation_id: str | None
    visitor_token: str
    created: Annotated[bool, Meta(description="False: the visitor's active session.")]


class VisitorInSession(Struct, frozen=True):
    """The visitor of a session now; `attributes` are by their names in rules."""

    id: str
    status: VisitorStatus
    engagement_score: int
    page_url: str | None
    attributes: dict[str, Scalar]


class SessionShown(Struct, frozen=True):
    """A session as it is now."""

    session_id: str
    assistant_id: str | None
    status: SessionStatus
    websocket_url: str
    widget_config: WidgetLook
    estimated_wait: int
    visitor_id: str
    conversation_id: str | None
    source_id: str
    visitor: VisitorInSession
    engaged: bool
    engagement_epoch: int
    created_at: str
    last_activity_at: str
    closed_at: str | None
    custom_fields: dict[str, str | int | float | bool]
    qualified: bool
    paused: Annotated[bool, Meta(description="A person has taken over.")]
    agent_name: str | None


class Place(Struct, frozen=True):
    """Where a session is shown: its workspace and site, the socket's address, and the wait in seconds."""

    workspace: Workspace
    site: Site
    websocket_url: str
    estimated_wait_s: int


def attributes_of(body: SessionBody) -> dict[str, Scalar]:
    """Name what is known of a visitor as rules do: `visitor.first_name`, `visitor.lead_source`."""
    known: dict[str, Scalar] = {
        f"visitor.{name}": value for name, value in (body.custom_fields or {}).items()
    }
    for name in ("name", "first_name", "email", "phone", "locale", "timezone"):
        value = getattr(body.visitor, name)
        if value is not None:
            known[f"visitor.{name}"] = value
    return known


def contact_of(visitor: VisitorBody) -> dict[str, str]:
    """Return how a visitor is called and reached, as far as the caller says."""
    given = {
        "name": visitor.name,
        "first_name": visitor.first_name,
        "email": visitor.email,
        "phone": visitor.phone,
    }
    return {name: value for name, value in given.items() if value}


def created_session(
    view: SessionView, place: Place, *, visitor_token: str, created: bool, now_ms: int
) -> SessionCreated:
    """Show a session that a caller asked for."""
    assistant = _assistant(view, place.workspace)
    return SessionCreated(
        session_id=view.ref.session,
        assistant_id=view.assistant or (assistant.id if assistant else None),
        status=view.status,
        websocket_url=place.websocket_url,
        widget_config=_look(place, assistant, now_ms),
        estimated_wait=place.estimated_wait_s,
        visitor_id=view.ref.visitor,
        conversation_id=view.conversation or None,
        visitor_token=visitor_token,
        created=created,
    )


def shown_session(view: SessionView, profile: Profile, place: Place, now_ms: int) -> SessionShown:
    """Show a session as it is now; what opens its socket is told to nobody who only reads."""
    assistant = _assistant(view, place.workspace)
    return SessionShown(
        session_id=view.ref.session,
        assistant_id=view.assistant or (assistant.id if assistant else None),
        status=view.status,
        websocket_url=place.websocket_url,
        widget_config=_look(place, assistant, now_ms),
        estimated_wait=place.estimated_wait_s,
        visitor_id=view.ref.visitor,
        conversation_id=view.conversation or None,
        source_id=view.source,
        visitor=VisitorInSession(
            id=view.ref.visitor,
            status=view.visitor_status,
            engagement_score=view.score,
            page_url=view.page_url,
            attributes=attributes_shown(profile),
        ),
        engaged=view.engaged,
        engagement_epoch=view.epoch,
        created_at=rfc3339(view.started_ms),
        last_activity_at=rfc3339(view.active_ms),
        closed_at=time_or_none(view.closed_ms),
        custom_fields=view.custom_fields,
        qualified=bool(view.qualified),
        paused=view.paused,
        agent_name=view.agent_name or None,
    )


def attributes_shown(profile: Profile) -> dict[str, Scalar]:
    """List a visitor's attributes by their names in rules, contact included, declared or not."""
    contact: dict[str, Scalar] = {f"visitor.{name}": text for name, text in profile.contact.items()}
    return {**contact, **profile.attrs}


def _assistant(view: SessionView, workspace: Workspace) -> Assistant | None:
    return workspace.assistant(view.assistant) or workspace.primary_assistant


def _look(place: Place, assistant: Assistant | None, now_ms: int) -> WidgetLook:
    widget = place.workspace.widget
    return WidgetLook(
        theme_color=widget.theme_color,
        greeting_message=(assistant.greeting if assistant else "") or widget.greeting,
        business_hours=place.site.business_hours.is_open(place.workspace.timezone, now_ms),
    )
