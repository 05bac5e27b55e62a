"""What is scarce in a workspace, from its settings: slots, telephone numbers, places at an assistant."""

from collections.abc import Mapping

from engine.conversations.slots import MINUTE_MS, Calendar
from engine.conversations.voice import Pool
from server.config import Config
from server.workspace_settings import Workspace, week_minutes


def calendars_of(config: Config) -> Mapping[str, tuple[Calendar, ...]]:
    """List the calendars of each workspace, its default one first."""
    return {workspace.id: _calendars(workspace) for workspace in config.workspaces}


def pools_of(config: Config) -> Mapping[str, Pool]:
    """Map each workspace that has telephone numbers to them."""
    return {
        workspace.id: Pool(workspace.voice.numbers, workspace.voice.hold)
        for workspace in config.workspaces
        if workspace.voice.numbers
    }


def places_of(config: Config) -> Mapping[tuple[str, str], int]:
    """Map (workspace, assistant) to how many sessions it serves at once; one without a limit is left out."""
    return {
        (workspace.id, assistant.id): assistant.max_active_sessions
        for workspace in config.workspaces
        for assistant in workspace.assistants
        if assistant.max_active_sessions
    }


def _calendars(workspace: Workspace) -> tuple[Calendar, ...]:
    calendars = []
    for row in workspace.calendars:
        mon, tue, wed, thu, fri, sat, sun = week_minutes(row.hours)
        calendars.append(
            Calendar(
                id=row.id,
                timezone=row.timezone or workspace.timezone,
                hours=(mon, tue, wed, thu, fri, sat, sun),
                name=row.name,
                slot_minutes=row.slot_minutes,
                capacity=row.capacity,
                lead_ms=row.lead_time_minutes * MINUTE_MS,
                horizon_days=row.horizon_days,
                closed=frozenset(row.closed),
            )
        )
    return tuple(calendars)
