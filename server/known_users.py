"""A user who proved who they are: their visitor joined with an anonymous one, told to the session and to others."""

from engine.causes import Cause, VisitorIdentified
from engine.events import Event, Scalar
from engine.identity import known_visitor, link_user
from engine.ids import derived_id
from engine.stores.base import SessionRef
from server.access.auth import WidgetAccess
from server.services import Services
from server.widget_visits import USER_ID, visitor_profile


async def join_known(services: Services, workspace: str, user: str, visitor: str) -> str:
    """Merge a visitor, "" for none, into the known one of a user; returns the known one's id."""
    known = known_visitor(services.secret, workspace, user)
    anonymous = visitor if visitor != known else ""
    await link_user(services.store, workspace, user, known, anonymous)
    return known


async def tell_known(
    services: Services, access: WidgetAccess, ref: SessionRef, user: str, known: str
) -> None:
    """Let the session's rules see the known visitor, and tell others, once for each session and user."""
    now_ms, workspace = services.clock.now_ms(), access.workspace.id
    attributes: dict[str, Scalar] = dict((await visitor_profile(services, workspace, known)).attrs)
    told = Event("", "context", now_ms, attributes=attributes, origin="engine")
    identified = Event(
        f"verified:{ref.session}:{known}",
        "identify",
        now_ms,
        attributes={USER_ID: user},
        origin="api",
    )
    await services.runtime.note(ref, (told, identified) if attributes else (identified,))
    cause_id = derived_id("evt", services.secret, workspace, ref.session, "identified", known)
    body, source = VisitorIdentified(user), access.site.source_id
    cause = Cause(cause_id, now_ms, workspace, body, known, ref.session, source)
    await services.runtime.tell((cause,))
    # Last, so that a session that is marked has been told of.
    await services.runtime.mark_verified(ref)
