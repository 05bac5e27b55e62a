"""A workspace as its own keys see it (API.md 3.8): what is configured, without any secret."""

from typing import Literal

from msgspec import Struct

from server.settings import Limits
from server.workspace_settings import Workspace


class SiteShown(Struct, frozen=True):
    """A site; `business_hours`: it is open now."""

    source_id: str
    name: str
    origins: tuple[str, ...]
    consent: Literal["implicit", "required"]
    business_hours: bool


class AssistantShown(Struct, frozen=True):
    """An assistant; `agent_id` is its number in the agent family."""

    assistant_id: str
    agent_id: int | None
    name: str
    kind: Literal["answers", "openai"]
    primary: bool


class CalendarShown(Struct, frozen=True):
    """A calendar."""

    calendar_id: str
    name: str
    timezone: str


class WorkspaceShown(Struct, frozen=True):
    """A workspace; its first site is the primary one."""

    workspace_id: str
    name: str
    timezone: str
    sites: tuple[SiteShown, ...]
    assistants: tuple[AssistantShown, ...]
    calendars: tuple[CalendarShown, ...]
    limits: Limits


def shown_workspace(workspace: Workspace, usual: Limits, now_ms: int) -> WorkspaceShown:
    """Show a workspace; `usual` are the limits of one that sets none of its own."""
    primary = workspace.primary_assistant
    return WorkspaceShown(
        workspace_id=workspace.id,
        name=workspace.name,
        timezone=workspace.timezone,
        sites=tuple(
            SiteShown(
                source_id=site.source_id,
                name=site.name or site.source_id,
                origins=site.origins,
                consent=site.consent,
                business_hours=site.business_hours.is_open(workspace.timezone, now_ms),
            )
            for site in workspace.sites
        ),
        assistants=tuple(
            AssistantShown(one.id, one.agent_id, one.name, one.kind, one is primary)
            for one in workspace.assistants
        ),
        calendars=tuple(
            CalendarShown(one.id, one.name or one.id, one.timezone or workspace.timezone)
            for one in workspace.calendars
        ),
        limits=workspace.limits.over(usual) if workspace.limits else usual,
    )
