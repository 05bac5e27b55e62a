"""Which session and visitor a widget's request is about, whether words may be kept, and how it begins."""

import msgspec

from engine.events import Event, Scalar
from engine.profile import Profile
from engine.runtime_types import ClientContext, SessionView
from engine.stores.base import SessionRef
from engine.stores.codec import decode_profile
from server.access.auth import WidgetAccess
from server.access.visitor_tokens import VisitorClaim
from server.call import Call
from server.errors import ApiError
from server.ingest.consent import consent_statement, may_talk
from server.ingest.native import TITLE_CHARS_MAX, URL_CHARS_MAX
from server.services import Services
from server.wire.widgets import PageBody

USER_ID = "visitor.user_id"
"""The attribute of a user's id, whether somebody vouches for it or not."""

TOKEN_HEADER = "X-Visitor-Token"  # noqa: S105  # a header's name

_SERVER_PREFIX = "chat_"
_CHALLENGE = ((b"www-authenticate", b"Bearer"),)


class Visit(msgspec.Struct, frozen=True):
    """A widget's request on its way into a session.

    `alias` is the client's id of the session, `view` the live one that it stands for. `visitor` is whom a
    new session is made for, None: one that follows from the alias. `assistant` is who is asked to answer,
    "" for the session's own.
    """

    access: WidgetAccess
    alias: str
    view: SessionView | None
    visitor: str | None
    client: ClientContext
    page: PageBody | None = None
    user_id: str | None = None
    assistant: str = ""


def visitor_claim(call: Call, workspace: str, in_body: str | None = None) -> VisitorClaim | None:
    """Return what the request's visitor token says, of the header or the body; None without one.

    Raises ApiError: invalid_credentials, also for a token of another workspace.
    """
    text = call.headers.get(b"x-visitor-token", b"").decode("latin-1") or in_body
    if not text:
        return None
    claim = call.services.credentials.read_visitor_token(text, call.now_ms)
    if claim is None or claim.w != workspace:
        raise bad_visitor_token()
    return claim


def bad_visitor_token() -> ApiError:
    """Make the error for a visitor token that does not open what is asked for."""
    text = (
        "The visitor token is not of this session, or has expired; POST .../session gives another"
    )
    return ApiError("invalid_credentials", text, field=TOKEN_HEADER, headers=_CHALLENGE)


async def live_session(services: Services, access: WidgetAccess, alias: str) -> SessionView | None:
    """Return the session that a client's id stands for, while it goes on; None when there is none.

    Raises ApiError: session_not_found, for a session of another site.
    """
    workspace = access.workspace.id
    ref = await services.runtime.find(workspace, alias)
    view = None if ref is None else await services.runtime.view(ref)
    if alias.startswith(_SERVER_PREFIX) and (view is None or view.status == "closed"):
        # A client may go on under the id of a session that has ended.
        ref = await services.store.find_alias(workspace, alias)
        view = None if ref is None else await services.runtime.view(ref)
    if view is None or view.status == "closed":
        return None
    if view.source != access.site.source_id:
        raise ApiError("session_not_found", field="sessionId")
    return view


async def check_consent(services: Services, visit: Visit) -> None:
    """Refuse to keep anything of a visitor who denied it, or was not asked where that is required.

    Raises ApiError: no_consent.
    """
    visitor = visit.visitor if visit.view is None else visit.view.ref.visitor
    stored = ""
    if visitor is not None:
        stored = (await visitor_profile(services, visit.access.workspace.id, visitor)).consent
    if not may_talk(visit.access.site, visit.client, stored):
        raise ApiError("no_consent")


async def profile_of(services: Services, ref: SessionRef) -> Profile:
    """Return the profile of a session's visitor, of one that is about to begin too."""
    found = await services.runtime.read(ref)
    return (
        await visitor_profile(services, ref.workspace, ref.visitor) if found is None else found[1]
    )


async def visitor_profile(services: Services, workspace: str, visitor: str) -> Profile:
    """Return a visitor's profile, an empty one for a visitor who was never seen."""
    record = await services.store.visitor(workspace, visitor)
    return Profile(visitor) if record is None else decode_profile(record.profile)


async def arrive(services: Services, visit: Visit) -> SessionRef:
    """Return the visit's session, made when there is none, with the page and what is said of the visitor."""
    runtime, source = services.runtime, visit.access.site.source_id
    ref = visit.view.ref if visit.view else None
    if ref is None:
        workspace = visit.access.workspace.id
        ref = await runtime.resolve(workspace, source, visit.alias, visit.visitor)
    events = await _arrival(services, ref, visit)
    if events:
        await runtime.track(ref, source, events, visit.client)
    return ref


async def _arrival(services: Services, ref: SessionRef, visit: Visit) -> list[Event]:
    """List what a session is told when a request comes in: nothing that it knows already."""
    found = await services.runtime.read(ref)
    profile = await profile_of(services, ref)
    now_ms = services.clock.now_ms()
    attributes = _claimed(profile, visit.user_id)
    known_page = found[0].state.attrs.get("page.url") if found else None
    events: list[Event] = []
    if visit.page is not None and visit.page.url and visit.page.url[:URL_CHARS_MAX] != known_page:
        tab = found[0].state.tab if found else ""
        events.append(_page_view(visit.page, tab, now_ms, attributes))
    elif attributes or found is None:
        events.append(Event("", "set", now_ms, attributes=attributes, origin="api"))
    if visit.assistant and (found is None or found[0].assistant != visit.assistant):
        asked: dict[str, object] = {"assistant": visit.assistant}
        events.append(Event("", "context", now_ms, properties=asked, origin="engine"))
    if visit.client.consent == profile.consent:
        return events
    return consent_statement(visit.client.consent, now_ms) + events


def _claimed(profile: Profile, user_id: str | None) -> dict[str, Scalar]:
    """Return the attribute of a user id that nobody vouches for; one who proved another keeps that."""
    if user_id is None or profile.is_known or profile.attrs.get(USER_ID) == user_id:
        return {}
    return {USER_ID: user_id}


def _page_view(page: PageBody, tab: str, now_ms: int, attributes: dict[str, Scalar]) -> Event:
    return Event(
        id="",
        name="view",
        at_ms=now_ms,
        tab=tab,
        url=page.url[:URL_CHARS_MAX] if page.url else None,
        title=page.title[:TITLE_CHARS_MAX] if page.title else None,
        referrer=page.referrer[:URL_CHARS_MAX] if page.referrer else None,
        attributes=attributes,
    )
