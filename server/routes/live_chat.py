"""Live chat sessions of the platform API: made, listed, looked at, closed, given back to the assistant."""

import ipaddress

import msgspec

from engine.conversations.places import position_of, wait_s
from engine.listings import Read, list_newest, sessions_of_visitor, sessions_of_workspace
from engine.profile import Profile
from engine.runtime_types import ClientContext, Opening, SessionView
from engine.stores.base import SessionRef
from engine.stores.codec import decode_profile
from server.call import Call
from server.errors import ApiError
from server.limits.repeats import session_to_make
from server.wire.chat_sessions import (
    CloseBody,
    Place,
    SessionBody,
    SessionShown,
    SessionsQuery,
    VisitorBody,
    attributes_of,
    contact_of,
    created_session,
    shown_session,
)
from server.wire.decoding import Reader, check_id, check_numbers, check_web_url
from server.wire.envelope import Answer
from server.workspace_settings import Assistant, Site

_reader = Reader(SessionBody)
_close_reader = Reader(CloseBody)


async def create_session(call: Call) -> Answer:
    """Make a live chat session, or return the visitor's active one on that site."""
    body, warnings = call.read(_reader)
    _check(body)
    site = call.workspace.site(body.source_id)
    if site is None:
        raise ApiError("source_not_found", field="source_id")
    assistant = call.assistant(body.assistant_id)
    view, is_new = await _open(call, _as_agreed(body, site), assistant)
    shown = created_session(
        view,
        await place_of(call, view),
        visitor_token=call.services.credentials.visitor_token(view.ref, call.now_ms),
        created=is_new,
        now_ms=call.now_ms,
    )
    return call.success(shown, warnings)


async def list_sessions(call: Call) -> Answer:
    """List sessions, newest first, ended ones as long as they are kept."""
    query = call.query(SessionsQuery)
    if query.visitor_id is not None:
        check_id(query.visitor_id, "visitor_id")

    async def show(ref: SessionRef) -> SessionShown | None:
        view = await call.services.runtime.view(ref)
        if view is None or not _is_wanted(view, query):
            return None
        return await _shown(call, view)

    before = call.cursor(query.cursor)
    listed = await list_newest(_source(call, query), show, before, query.limit)
    return call.page(listed.rows, listed.before)


async def get_session(call: Call) -> Answer:
    """Show a session as it is now."""
    return call.success(await _shown(call, await find_session(call)))


async def close_session(call: Call) -> Answer:
    """End a session; one that has ended stays as it is."""
    body, warnings = call.read(_close_reader, may_be_empty=True)
    view = await find_session(call)
    if view.status != "closed":
        view = await call.services.runtime.close_session(view.ref, "api", body.reason or "") or view
    return call.success(await _shown(call, view), warnings)


async def release_session(call: Call) -> Answer:
    """Let the assistant speak again where a person had taken over."""
    view = await find_session(call)
    if view.status != "closed":
        view = await call.services.runtime.release(view.ref) or view
    return call.success(await _shown(call, view))


# ---- shared with the messages of a session


async def find_session(call: Call) -> SessionView:
    """Return the session that the path names, by our id or a client's own.

    Raises ApiError: session_not_found, also for another workspace's.
    """
    runtime = call.services.runtime
    ref = await runtime.find(call.workspace.id, call.params["session_id"])
    view = None if ref is None else await runtime.view(ref)
    if view is None:
        raise ApiError("session_not_found", field="session_id")
    return view


async def place_of(call: Call, view: SessionView) -> Place:
    """Say where a session is shown, and how long it still waits for its assistant."""
    workspace = call.workspace
    address = f"{call.services.config.server.ws_url}/v1/sessions/{view.ref.session}"
    site = workspace.site(view.source) or workspace.sites[0]
    return Place(workspace, site, address, await _wait_s(call, view))


async def _wait_s(call: Call, view: SessionView) -> int:
    assistant = call.workspace.assistant(view.assistant)
    if view.status != "queued" or assistant is None:
        return 0
    places = await call.services.desk.places(call.workspace.id, assistant.id)
    position = position_of(places, view.ref.session)
    position = len(places.waiting) if position is None else position
    return wait_s(places, position, assistant.max_active_sessions)


# ---- inside


async def _shown(call: Call, view: SessionView) -> SessionShown:
    # Not the profile in hand: another session of the visitor may have changed it since.
    ref = view.ref
    record = await call.services.store.visitor(ref.workspace, ref.visitor)
    profile = Profile(ref.visitor) if record is None else decode_profile(record.profile)
    return shown_session(view, profile, await place_of(call, view), call.now_ms)


def _source(call: Call, query: SessionsQuery) -> Read:
    store, workspace = call.services.store, call.workspace.id
    if query.visitor_id is not None:
        return sessions_of_visitor(store, workspace, query.visitor_id)
    return sessions_of_workspace(store, workspace)


def _is_wanted(view: SessionView, query: SessionsQuery) -> bool:
    return query.status in (None, view.status) and query.source_id in (None, view.source)


async def _open(call: Call, body: SessionBody, assistant: Assistant) -> tuple[SessionView, bool]:
    """Open the session and find it a place; the first words wait for the place where there are few.

    Returns:
        The session, and whether this request, or the first of its repeats, made it.
    """
    runtime, visitor = call.services.runtime, body.visitor.id
    wanted = await session_to_make(call, visitor)
    words = (body.initial_message or "").strip()
    # Words that come along are one step with the opening; a repeat could not tell them from new ones.
    is_one_step = assistant.max_active_sessions == 0 and not call.repeat_key
    opening = _opening(body, assistant, wanted, words if is_one_step else "")
    view = await runtime.open(opening)
    seat = await call.services.desk.enter(view.ref, view.assistant or assistant.id)
    if words and not is_one_step:
        await runtime.say(view.ref, words, event_id=call.make_id("evt"))
    is_new = view.created or view.ref.session == wanted.session
    if seat.queued or words:
        view = await runtime.view(view.ref) or view
    return view, is_new


def _opening(body: SessionBody, assistant: Assistant, wanted: SessionRef, words: str) -> Opening:
    visitor = body.visitor
    return Opening(
        workspace=wanted.workspace,
        source=body.source_id,
        visitor=wanted.visitor,
        attributes=attributes_of(body),
        page_url=visitor.page_url,
        page_title=visitor.page_title,
        referrer=visitor.referrer,
        client=_client(visitor),
        initial_message=words or None,
        assistant=assistant.id,
        contact=contact_of(visitor),
        custom_fields=body.custom_fields or {},
        session_id=wanted.session,
    )


def _client(visitor: VisitorBody) -> ClientContext:
    return ClientContext(
        user_agent=visitor.user_agent or "",
        timezone=visitor.timezone or "",
        locale=visitor.locale or "",
        consent=visitor.consent,
    )


def _as_agreed(body: SessionBody, site: Site) -> SessionBody:
    """Leave out what a site that requires consent keeps of nobody who has not given it."""
    if site.consent == "implicit" or body.visitor.consent == "granted":
        return body
    visitor = VisitorBody(id=body.visitor.id, consent=body.visitor.consent)
    return msgspec.structs.replace(body, visitor=visitor, custom_fields=None)


def _check(body: SessionBody) -> None:
    visitor = body.visitor
    if visitor.id is not None:
        check_id(visitor.id, "visitor.id")
    if visitor.page_url is not None:
        check_web_url(visitor.page_url, "visitor.page_url")
    if visitor.ip_address is not None and not _is_address(visitor.ip_address):
        raise ApiError(
            "invalid_value",
            "visitor.ip_address is no IPv4 or IPv6 address",
            field="visitor.ip_address",
        )
    if body.initial_message is not None and not body.initial_message.strip():
        raise ApiError("too_short", "initial_message is empty", field="initial_message")
    check_numbers(body.custom_fields, "custom_fields")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
