"""The tenant sockets of this process: at most fifty a workspace, and who of its people is there."""

from collections.abc import Iterable
from typing import Protocol

from server.access.jwt_tokens import DashboardPrincipal

SOCKETS_PER_WORKSPACE_MAX = 50
"""One more closes the oldest with 4409."""


class TenantClosable(Protocol):
    """A dashboard's socket that can be told to go."""

    @property
    def principal(self) -> DashboardPrincipal:
        """Return who has it open."""
        ...

    def close_soon(self, code: int) -> None:
        """Promise to close with this code, soon and once."""
        ...


class TenantSockets:
    """Dashboards' sockets by workspace, in order of arrival."""

    def __init__(self) -> None:
        """Start with no sockets."""
        self._by_workspace: dict[str, list[TenantClosable]] = {}

    def add(self, socket: TenantClosable) -> None:
        """Note an authenticated socket; the oldest of its workspace goes when there are too many."""
        sockets = self._by_workspace.setdefault(socket.principal.workspace.id, [])
        sockets.append(socket)
        if len(sockets) > SOCKETS_PER_WORKSPACE_MAX:
            sockets.pop(0).close_soon(4409)

    def remove(self, socket: TenantClosable) -> None:
        """Forget a socket that ended."""
        workspace = socket.principal.workspace.id
        sockets = self._by_workspace.get(workspace, [])
        if socket in sockets:
            sockets.remove(socket)
        if not sockets:
            self._by_workspace.pop(workspace, None)

    def agents_online(self, workspace: str) -> int:
        """Count the people who may act for a workspace and have a dashboard open."""
        if workspace not in self._by_workspace:
            # Asked with every event, and most workspaces have nobody looking.
            return 0
        return len({one.sub for one in self._people(workspace) if one.role != "viewer"})

    def agents_by_workspace(self) -> dict[str, int]:
        """Count the people of every workspace that has any here."""
        counts = {workspace: self.agents_online(workspace) for workspace in self._by_workspace}
        return {workspace: count for workspace, count in counts.items() if count}

    def close_all(self, code: int) -> None:
        """Tell every socket to go."""
        for sockets in tuple(self._by_workspace.values()):
            for socket in tuple(sockets):
                socket.close_soon(code)

    def _people(self, workspace: str) -> Iterable[DashboardPrincipal]:
        return (socket.principal for socket in self._by_workspace.get(workspace, ()))
