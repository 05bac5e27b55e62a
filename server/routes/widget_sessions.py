"""Sessions that a widget begins, and known users who prove who they are (API.md 2.3, 4.1)."""

import msgspec

from engine.identity import known_visitor, proven_user
from engine.runtime_types import SessionView
from engine.shown import rfc3339
from engine.stores.base import SessionRef
from server.access.auth import WidgetAccess
from server.access.visitor_tokens import VISITOR_TOKEN_MS, VisitorClaim
from server.access.widget_access import admit
from server.call import Call
from server.errors import ApiError
from server.ingest.client import client_of
from server.known_users import join_known, tell_known
from server.routes.widgets import shown_config
from server.services import Services
from server.widget_visits import (
    Visit,
    arrive,
    bad_visitor_token,
    check_consent,
    live_session,
    visitor_claim,
    visitor_profile,
)
from server.wire.decoding import Reader, check_id
from server.wire.envelope import Answer
from server.wire.widget_chat import SessionStartBody, SessionStarted
from server.wire.widgets import ContextBody

_reader = Reader(SessionStartBody)


async def start_session(call: Call) -> Answer:
    """Begin a session or go on with one, as a known user when one proves to be that."""
    access, body = admit(call, _reader)
    _check(body)
    services, workspace = call.services, access.workspace
    claim = visitor_claim(call, workspace.id, body.visitor_token)
    user = None
    if body.identity is not None:
        user = services.credentials.verify_identity(workspace, body.identity, call.now_ms)
    alias = body.session_id or call.make_id("ses")
    view = await live_session(services, access, alias)
    visit = Visit(
        access=access,
        alias=alias,
        view=view,
        visitor=body.visitor_id if claim is None else claim.v,
        client=client_of(services.config.privacy, call.headers, body.context, body.consent),
        page=body.page,
    )
    if user is None:
        _check_proof(view, claim)
        await check_consent(services, visit)
        ref = await arrive(services, visit)
    else:
        ref = await _arrive_known(services, visit, user)
    return call.whole(_started(call, access, ref, body))


def _check(body: SessionStartBody) -> None:
    for field, value in (("sessionId", body.session_id), ("visitorId", body.visitor_id)):
        if value is not None:
            check_id(value, field)


def _check_proof(view: SessionView | None, claim: VisitorClaim | None) -> None:
    """Refuse to open a known user's session to somebody who only knows its id.

    Raises ApiError: invalid_credentials, missing_credentials.
    """
    if view is None or not (view.verified or claim is not None):
        return
    if claim is None:
        text = "This session is a known user's: send identity, or the visitor token"
        raise ApiError("missing_credentials", text, field="identity")
    if claim.v != view.ref.visitor:
        raise bad_visitor_token()


def _started(
    call: Call, access: WidgetAccess, ref: SessionRef, body: SessionStartBody
) -> SessionStarted:
    services = call.services
    context = body.context or ContextBody()
    locales = (body.locale, context.locale)
    return SessionStarted(
        session_id=body.session_id or ref.session,
        chat_session_id=ref.session,
        visitor_id=ref.visitor,
        visitor_token=services.credentials.visitor_token(ref, call.now_ms),
        expires_at=rfc3339(call.now_ms + VISITOR_TOKEN_MS),
        ws_url=f"{services.config.server.ws_url}/v1/sessions/{ref.session}",
        config=shown_config(call, access.workspace, access.site, *locales),
    )


# ---- known users


async def _arrive_known(services: Services, visit: Visit, user: str) -> SessionRef:
    """Join the visitor with the known one, and let the session know; a running one goes on.

    Raises ApiError: invalid_identity, for a session of another user.
    """
    workspace = visit.access.workspace.id
    known = known_visitor(services.secret, workspace, user)
    here = visit.visitor if visit.view is None else visit.view.ref.visitor
    if visit.view is not None and not await _may_be(services, visit.view.ref, known):
        text = "This session is another user's: begin one under another sessionId"
        raise ApiError("invalid_identity", text, field="sessionId")
    for_known = _made_for(visit, known)
    await check_consent(services, visit)
    await check_consent(services, for_known)
    await join_known(services, workspace, user, here or "")
    ref = await arrive(services, visit if visit.view else for_known)
    if visit.view is None or not visit.view.verified:
        await tell_known(services, visit.access, ref, user, known)
    return ref


async def _may_be(services: Services, ref: SessionRef, known: str) -> bool:
    """Tell whether a session's visitor is the known one already, or nobody yet."""
    if ref.visitor == known:
        return True
    profile = await visitor_profile(services, ref.workspace, ref.visitor)
    if profile.merged_into == known:
        return True
    return not await proven_user(services.store, ref.workspace, profile)


def _made_for(visit: Visit, known: str) -> Visit:
    return msgspec.structs.replace(visit, view=None, visitor=known)
