"""Messages for pages without sockets: read them back, and say what became of them (API.md 4.1)."""

from engine.events import Event
from engine.message import Message
from engine.runtime_types import ClientContext
from engine.stores.base import SessionRef
from server.access.auth import WidgetAccess, bearer
from server.access.widget_access import access_by_token, admit
from server.call import Call
from server.errors import ApiError
from server.routes.track import next_check_ms, note_delivered
from server.widget_visits import TOKEN_HEADER, bad_visitor_token, visitor_claim
from server.wire.conversation_frames import frame_of
from server.wire.decoding import Reader, check_id
from server.wire.envelope import Answer
from server.wire.widget_chat import AckBody, MessagesQuery, MessagesReply, Success

_EVENTS = {
    "displayed": "message_displayed",
    "read": "message_read",
    "dismissed": "message_dismissed",
}

_reader = Reader(AckBody)


async def read_messages(call: Call) -> Answer:
    """Show what follows an offset in the visitor's own session."""
    workspace_id = call.params["widget_id"]
    if workspace_id not in call.services.workspaces:
        raise ApiError("widget_not_found")
    access = access_by_token(call, workspace_id, bearer(call.headers))
    _require_token(call, None)
    query = call.query(MessagesQuery)
    ref = await _own_session(call, access, query.session_id, None)
    runtime = call.services.runtime
    pulled = await runtime.pull(ref, None, query.after)
    await note_delivered(call.services, ref, pulled.messages)
    found = await runtime.read(ref)
    wake_ms = found[0].wake_ms if found is not None and found[0].wake_ms >= 0 else None
    return call.whole(
        MessagesReply(
            epoch=pulled.epoch,
            messages=[frame_of(item, pulled.epoch) for item in pulled.items],
            next_check_ms=next_check_ms(wake_ms, call.now_ms),
        )
    )


async def acknowledge(call: Call) -> Answer:
    """Note that a message was displayed, read or dismissed; what was noted before is noted once."""
    access, body = admit(call, _reader)
    _require_token(call, body.visitor_token)
    ref = await _own_session(call, access, body.session_id, body.visitor_token)
    runtime = call.services.runtime
    found = await runtime.message(ref.workspace, body.message_id)
    if found is None or found[0] != ref or not _is_shown(found[1]):
        raise ApiError("message_not_found", field="messageId")
    read = await runtime.read(ref)
    assert read is not None, "a session with a message exists"
    session = read[0]
    properties: dict[str, object] = {"message_id": body.message_id}
    name = _EVENTS[body.state]
    event = Event("", name, call.now_ms, tab=session.state.tab, properties=properties)
    client = ClientContext(timezone=session.timezone, gpc=session.has_opted_out)
    await runtime.track(ref, session.source, [event], client)
    return call.whole(Success())


def _is_shown(message: Message) -> bool:
    return message.author != "visitor" and message.offset > 0


def _require_token(call: Call, in_body: str | None) -> None:
    if not (call.headers.get(b"x-visitor-token") or in_body):
        text = "A visitor token is needed; POST .../session gives one"
        raise ApiError("missing_credentials", text, field=TOKEN_HEADER)


async def _own_session(
    call: Call, access: WidgetAccess, session_id: str, in_body: str | None
) -> SessionRef:
    """Return the session of the visitor token, when it is the one that is named.

    Raises ApiError: invalid_credentials.
    """
    check_id(session_id, "sessionId")
    claim = visitor_claim(call, access.workspace.id, in_body)
    assert claim is not None, "without a token nobody comes here"
    ref = claim.ref
    named = session_id == ref.session
    if not named:
        named = ref == await call.services.store.find_alias(ref.workspace, session_id)
    view = await call.services.runtime.view(ref) if named else None
    if view is None or view.source != access.site.source_id:
        raise bad_visitor_token()
    return ref
