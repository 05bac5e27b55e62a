"""Who may open a chat socket: its token, the session it names, and the close code of a refusal."""

from dataclasses import dataclass

from engine.runtime_types import SessionView
from server.access.visitor_tokens import VisitorClaim
from server.services import Services
from server.sockets.connection import (
    FORBIDDEN,
    NO_SUCH_SESSION,
    SESSION_CLOSED,
    UNAUTHENTICATED,
    Rejected,
)
from server.workspace_settings import Site, Workspace


@dataclass(frozen=True, slots=True)
class Admission:
    """An authenticated client: its session and the visitor token it holds from now on."""

    view: SessionView
    visitor_token: str


async def admit(
    services: Services, session_id: str, tokens: tuple[str, str | None], origin: str | None
) -> Admission:
    """Check a client's tokens: (widget or visitor token, visitor token or None).

    A widget token alone opens sessions made over the platform API, whose ids cannot be guessed.

    Raises:
        Rejected: 4401, 4403, 4404 or 4410.
    """
    token, extra = tokens
    now_ms = services.clock.now_ms()
    visitor_text = token if token.startswith("vt1.") else extra
    claim = None
    if visitor_text:
        claim = services.credentials.read_visitor_token(visitor_text, now_ms)
        if claim is None:
            raise Rejected(UNAUTHENTICATED)
    workspace, site = _selected(services, token, claim, origin)
    view = await _view(services, workspace, session_id)
    if claim is not None and claim.ref != view.ref:
        raise Rejected(UNAUTHENTICATED)
    if claim is None and (view.widget_made or view.verified):
        raise Rejected(UNAUTHENTICATED)
    if site is not None and site.source_id != view.source:
        raise Rejected(FORBIDDEN)
    if site is None and not _origin_fits(services, workspace, view, origin):
        raise Rejected(FORBIDDEN)
    if view.status == "closed":
        raise Rejected(SESSION_CLOSED)
    if claim is None or visitor_text is None or services.credentials.renewed(claim, now_ms):
        visitor_text = services.credentials.visitor_token(view.ref, now_ms)
    return Admission(view, visitor_text)


def _selected(
    services: Services, token: str, claim: VisitorClaim | None, origin: str | None
) -> tuple[Workspace, Site | None]:
    """Return the workspace that the first token selects, and its site when it is a widget token."""
    if token.startswith("vt1."):
        workspace = services.config.workspace(claim.w) if claim else None
        if workspace is None:
            raise Rejected(UNAUTHENTICATED)
        return workspace, None
    access = services.credentials.widget(token)
    if access is None:
        raise Rejected(UNAUTHENTICATED)
    if not services.credentials.origin_allowed(access.site, origin):
        raise Rejected(FORBIDDEN)
    return access.workspace, access.site


def _origin_fits(
    services: Services, workspace: Workspace, view: SessionView, origin: str | None
) -> bool:
    site = workspace.site(view.source)
    return site is not None and services.credentials.origin_allowed(site, origin)


async def _view(services: Services, workspace: Workspace, session_id: str) -> SessionView:
    ref = await services.runtime.find(workspace.id, session_id)
    view = None if ref is None else await services.runtime.view(ref)
    if view is None:
        raise Rejected(NO_SUCH_SESSION)
    return view
