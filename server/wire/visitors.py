"""Visitors as the platform API lists and shows them (API.md 3.8)."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from engine.allowances import Allowance
from engine.events import Scalar
from engine.profile import Profile
from engine.runtime_types import SessionStatus, SessionView, VisitorStatus
from engine.shown import rfc3339, time_or_none
from server.wire.chat_sessions import attributes_shown
from server.wire.paging import PageQuery


class VisitorsQuery(PageQuery, frozen=True, kw_only=True):
    """Which visitors to list."""

    status: VisitorStatus | None = None


class VisitorRow(Struct, frozen=True):
    """A visitor at their newest session."""

    visitor_id: str
    status: VisitorStatus
    engagement_score: int
    page_url: str | None
    session_id: str | None
    last_seen_at: str | None


class Identities(Struct, frozen=True):
    """Who a visitor proved to be, and the anonymous visitors that they were before."""

    user_id: str | None
    merged: tuple[str, ...]


class SessionRow(Struct, frozen=True):
    """A session of a visitor."""

    session_id: str
    source_id: str
    status: SessionStatus
    engagement_score: int
    created_at: str
    last_activity_at: str
    closed_at: str | None


class CapShown(Struct, frozen=True):
    """How much of a cap is used; `window_s` is its rolling window."""

    scope: Literal["session", "visitor"]
    used: int
    limit: int
    window_s: int | None
    opens_at: Annotated[str | None, Meta(description="When a full cap has room again.")]


class VisitorShown(VisitorRow, frozen=True):
    """A visitor with all that is known; sessions newest first, as far as they are kept."""

    attributes: dict[str, Scalar]
    identities: Identities
    visits: int
    consent: str | None
    sessions: tuple[SessionRow, ...]
    caps: tuple[CapShown, ...]


def visitor_row(visitor: str, view: SessionView) -> VisitorRow:
    """Show a visitor at their newest session."""
    return VisitorRow(
        visitor_id=visitor,
        status=view.visitor_status,
        engagement_score=view.score,
        page_url=view.page_url,
        session_id=view.ref.session,
        last_seen_at=rfc3339(view.active_ms),
    )


def session_row(view: SessionView) -> SessionRow:
    """Show a session in the list of its visitor."""
    return SessionRow(
        session_id=view.ref.session,
        source_id=view.source,
        status=view.status,
        engagement_score=view.score,
        created_at=rfc3339(view.started_ms),
        last_activity_at=rfc3339(view.active_ms),
        closed_at=time_or_none(view.closed_ms),
    )


def shown_visitor(
    profile: Profile, views: list[SessionView], caps: tuple[Allowance, ...]
) -> VisitorShown:
    """Show a visitor; `views` are their sessions, newest first, `caps` as they stand now."""
    newest = views[0] if views else None
    return VisitorShown(
        visitor_id=profile.visitor,
        status=newest.visitor_status if newest else "offline",
        engagement_score=newest.score if newest else 0,
        page_url=newest.page_url if newest else None,
        session_id=newest.ref.session if newest else None,
        last_seen_at=rfc3339(newest.active_ms) if newest else None,
        attributes=attributes_shown(profile),
        identities=Identities(profile.user or None, tuple(profile.identities)),
        visits=profile.visits,
        consent=profile.consent or None,
        sessions=tuple(session_row(view) for view in views),
        caps=tuple(_cap(cap) for cap in caps),
    )


def _cap(cap: Allowance) -> CapShown:
    return CapShown(
        scope=cap.scope,
        used=cap.used,
        limit=cap.limit,
        window_s=None if cap.window_ms is None else cap.window_ms // 1_000,
        opens_at=time_or_none(cap.opens_ms),
    )
