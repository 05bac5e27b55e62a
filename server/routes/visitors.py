"""Visitors of a workspace over the platform API: the list of them, and all that is known of one."""

from engine.allowances import Allowance, allowances
from engine.listings import (
    is_newest,
    known_profile,
    list_newest,
    sessions_of_visitor,
    sessions_of_workspace,
)
from engine.profile import Profile
from engine.runtime_types import SessionView
from engine.session import Session
from engine.stores.base import SessionRef
from server.call import Call
from server.errors import ApiError
from server.wire.envelope import Answer
from server.wire.visitors import VisitorRow, VisitorsQuery, shown_visitor, visitor_row

SESSIONS_SHOWN_MAX = 50
"""Sessions shown of one visitor, as many as a profile lists."""


async def list_visitors(call: Call) -> Answer:
    """List visitors, each once, at their newest session; the newest comes first."""
    query = call.query(VisitorsQuery)
    services, workspace = call.services, call.workspace.id

    async def show(ref: SessionRef) -> VisitorRow | None:
        view = await services.runtime.view(ref)
        if view is None or query.status not in (None, view.visitor_status):
            return None
        profile = await known_profile(services.store, workspace, ref.visitor)
        if profile is None:
            return None
        return visitor_row(profile.visitor, view) if is_newest(profile, ref.session) else None

    source = sessions_of_workspace(services.store, workspace)
    listed = await list_newest(source, show, call.cursor(query.cursor), query.limit)
    return call.page(listed.rows, listed.before)


async def get_visitor(call: Call) -> Answer:
    """Show one visitor with attributes, identities, sessions and caps."""
    services, workspace = call.services, call.workspace.id
    visitor = call.params["visitor_id"]
    profile = await known_profile(services.store, workspace, visitor)
    if profile is None:
        raise ApiError("visitor_not_found", field="visitor_id")
    source = sessions_of_visitor(services.store, workspace, profile.visitor)
    listed = await list_newest(source, services.runtime.view, None, SESSIONS_SHOWN_MAX)
    caps = await _caps(call, profile, listed.rows)
    return call.success(shown_visitor(profile, list(listed.rows), caps))


async def _caps(
    call: Call, profile: Profile, views: tuple[SessionView, ...]
) -> tuple[Allowance, ...]:
    """Look at the caps of the site that the visitor was on last, the primary one where none is known."""
    runtime, workspace = call.services.runtime, call.workspace
    source = workspace.sites[0].source_id
    session: Session | None = None
    if views:
        source = views[0].source
        read = await runtime.read(views[0].ref) if views[0].status != "closed" else None
        session = None if read is None else read[0]
    program = runtime.workspaces.program(workspace.id, source)
    return allowances(program, profile, session, call.now_ms)
