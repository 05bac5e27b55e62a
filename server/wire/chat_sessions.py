"""Bodies of live chat sessions (API.md 3.1): what is read, and how a session is shown."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from engine.events import Scalar
from engine.runtime_types import SessionView
from server.workspace_settings import Site, Workspace

Short = Annotated[str, Meta(max_length=200)]
FieldName = Annotated[str, Meta(max_length=64)]
FieldValue = Annotated[str, Meta(max_length=500)] | int | float | bool


class VisitorBody(Struct, frozen=True):
    """Who opens the session; all of it is optional."""

    id: str | None = None
    ip_address: str | None = None
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

    source_id: Annotated[str, Meta(min_length=1, max_length=64)]
    visitor: VisitorBody
    initial_message: Annotated[str, Meta(max_length=4_000)] | None = None
    custom_fields: Annotated[dict[FieldName, FieldValue], Meta(max_length=50)] | None = None
    assistant_id: Annotated[str, Meta(min_length=1, max_length=64)] | None = None


def attributes_of(body: SessionBody) -> dict[str, Scalar]:
    """Name what is known of a visitor as rules do: `visitor.first_name`, `visitor.lead_source`."""
    known: dict[str, Scalar] = {
        f"visitor.{name}": value for name, value in (body.custom_fields or {}).items()
    }
    for name in ("name", "first_name", "email", "phone"):
        value = getattr(body.visitor, name)
        if value is not None:
            known[f"visitor.{name}"] = value
    return known


def created_data(
    view: SessionView, workspace: Workspace, site: Site, now_ms: int
) -> dict[str, object]:
    """Show a session that was just made, in the seed's fields; the route adds address and token."""
    assistant = workspace.assistant(view.assistant) or workspace.primary_assistant
    greeting = (assistant.greeting if assistant else "") or workspace.widget.greeting
    return {
        "session_id": view.ref.session,
        "assistant_id": view.assistant or (assistant.id if assistant else None),
        "status": view.status,
        "websocket_url": "",
        "widget_config": {
            "theme_color": workspace.widget.theme_color,
            "greeting_message": greeting,
            "business_hours": site.business_hours.is_open(workspace.timezone, now_ms),
        },
        "estimated_wait": 0,
        "visitor_id": view.ref.visitor,
        "conversation_id": view.conversation or None,
        "visitor_token": "",
        "created": view.created,
    }
