"""Configured assistants -> the terms under which each answers, and the one that a caller means."""

from collections.abc import Mapping

from engine.conversations.assistants import AssistantTerms
from server.config import Config
from server.workspace_settings import Assistant, Workspace


def terms_by_workspace(config: Config) -> Mapping[str, tuple[AssistantTerms, ...]]:
    """List the assistants of each workspace, its primary one first."""
    return {workspace.id: _terms(workspace) for workspace in config.workspaces}


def agent_of(workspace: Workspace, agent_id: int) -> Assistant | None:
    """Return the assistant that the agent family knows by a number."""
    return next((one for one in workspace.assistants if one.agent_id == agent_id), None)


def _terms(workspace: Workspace) -> tuple[AssistantTerms, ...]:
    primary = workspace.primary_assistant
    ordered = sorted(workspace.assistants, key=lambda one: one is not primary)
    return tuple(
        AssistantTerms(
            id=one.id,
            name=one.name,
            kind=one.kind,
            fallback=one.fallback,
            use_answers=one.use_answers,
            timeout_ms=one.timeout,
            workspace=workspace.id,
        )
        for one in ordered
    )
