"""The hot route, `POST /api/widgets/:widgetId/track`: dispatched before the framework."""

from collections.abc import Sequence

import msgspec
from msgspec import UNSET
from starlette.types import Receive, Scope, Send

from engine.events import Event
from engine.message import Message
from engine.runtime_types import ClientContext, Tracked
from engine.stores.base import SessionRef
from server.access.auth import WidgetAccess, bearer
from server.admission import Rank, rank_of
from server.errors import ApiError, answer_for
from server.handed_out import HandedOut
from server.ingest.client import client_of
from server.ingest.consent import is_guarded, kept_of, says_granted, with_consent
from server.ingest.native import events_of, moment_of
from server.log_format import log_failure
from server.middleware import (
    check_head,
    check_transport,
    gunzip,
    read_body,
    request_id_of,
    send_answer,
)
from server.services import Services, check_serving
from server.widget_visits import USER_ID, profile_of
from server.wire.conversation_frames import MessageFrame, message_frame
from server.wire.decoding import Reader, check_id
from server.wire.envelope import Answer, Header, failure
from server.wire.widgets import (
    BATCH_LEN_MAX,
    HEARTBEAT_MS,
    RejectedItem,
    TrackBody,
    TrackReply,
)

PATH_START = "/api/widgets/"
PATH_END = "/track"
BODY_BYTES_MAX = 65_536
DECODED_BYTES_MAX = 524_288
_NEXT_CHECK_MS_MIN = 250
_CHALLENGE: tuple[Header, ...] = ((b"www-authenticate", b"Bearer"),)
_NOTHING = Tracked(0, 0, None)
_SUCCESS = Answer(200, b'{"success":true}')
_reader = Reader(TrackBody)


def is_track(scope: Scope) -> bool:
    """Tell whether a request is for this route; asked before any other routing."""
    path = scope["path"]
    return (
        scope["method"] == "POST"
        and path.startswith(PATH_START)
        and path.endswith(PATH_END)
        and "/" not in path[len(PATH_START) : -len(PATH_END)]
    )


async def serve_track(services: Services, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one track request; whatever fails is answered in the widget's envelope."""
    headers = dict(scope["headers"])
    now_ms = services.clock.now_ms()
    request_id = request_id_of(headers, services.request_ids, now_ms)
    cors = services.cors.get(headers.get(b"origin", b""), ())
    try:
        check_serving(services)
        check_head(scope, headers)
        check_transport(services.config, scope)
        raw = await read_body(headers, receive, services.body_deadlines, BODY_BYTES_MAX)
        workspace_id = scope["path"][len(PATH_START) : -len(PATH_END)]
        request = understand(services, workspace_id, headers, raw, now_ms)
        services.metrics.count_rejected(len(request.rejected))
        answer = await _carry_out(services, workspace_id, request)
    except Exception as error:  # noqa: BLE001  # the table answers every exception
        api_error = answer_for(error)
        log_failure(api_error, error, request_id)
        if api_error.reason == "origin_not_allowed":
            cors = ()
        answer = failure("widget", api_error, request_id, now_ms)
    services.metrics.count_request("track", answer.status)
    await send_answer(send, answer, request_id, cors + services.plain_headers)


# ---- from bytes to events, without I/O


class TrackRequest(msgspec.Struct, frozen=True, gc=False):
    """A request that was understood. `is_brief`: its answer is `{"success": true}` alone.

    `awaits_consent`: nothing of it may be kept unless the visitor granted consent before. `size_bytes`
    is its body's, decompressed.
    """

    source: str
    body: TrackBody
    events: list[Event]
    rejected: list[RejectedItem]
    client: ClientContext
    is_brief: bool
    awaits_consent: bool = False
    size_bytes: int = 0


def understand(
    services: Services, workspace_id: str, headers: dict[bytes, bytes], raw: bytes, now_ms: int
) -> TrackRequest:
    """Check who asks and turn the body into events; pure but for the settings it reads.

    Raises ApiError: widget_not_found, then of the token, then of the Origin, then of the body.
    """
    authorization = headers.get(b"authorization")
    access = services.credentials.widget_by_header(authorization) if authorization else None
    body = None
    if access is None or access.workspace.id != workspace_id:
        if workspace_id not in services.workspaces:
            raise ApiError("widget_not_found")
        token = bearer(headers)
        if not token:
            body, size = _decode(headers, raw)
            token = body.token or ""
        access = _access(services, workspace_id, token)
    origin = headers.get(b"origin")
    text = None if origin is None else origin.decode("latin-1")
    if not services.credentials.origin_allowed(access.site, text):
        raise ApiError("origin_not_allowed")
    if body is None:
        body, size = _decode(headers, raw)
    events, rejected = _events(body, size, now_ms)
    client = client_of(services.config.privacy, headers, body.context, body.consent)
    awaits_consent = is_guarded(access.site, client) and not says_granted(client, events)
    if client.consent:
        events = with_consent(client, events, now_ms)
    return TrackRequest(
        access.site.source_id,
        body,
        events,
        rejected,
        client,
        body.batch is None and not body.deliver,
        awaits_consent,
        size,
    )


def _access(services: Services, workspace_id: str, token: str) -> WidgetAccess:
    if not token:
        raise ApiError("missing_credentials", headers=_CHALLENGE)
    access = services.credentials.widget(token)
    if access is None or access.workspace.id != workspace_id:
        raise ApiError("invalid_credentials", headers=_CHALLENGE)
    return access


def _decode(headers: dict[bytes, bytes], raw: bytes) -> tuple[TrackBody, int]:
    encoding = headers.get(b"content-encoding")
    if encoding is not None:
        if encoding.lower() == b"gzip":
            raw = gunzip(raw, DECODED_BYTES_MAX)
        elif encoding.lower() != b"identity":
            raise ApiError("unsupported_encoding")
    return _reader.read(raw), len(raw)


def _events(body: TrackBody, size: int, now_ms: int) -> tuple[list[Event], list[RejectedItem]]:
    check_id(body.session_id, "sessionId")
    if body.visitor_id is not None:
        check_id(body.visitor_id, "visitorId")
    if body.batch is not None and not 1 <= len(body.batch) <= BATCH_LEN_MAX:
        reason = "batch_too_long" if body.batch else "too_short"
        raise ApiError(reason, f"batch has 1 to {BATCH_LEN_MAX} events", field="batch")
    events, rejected = events_of(body, size, moment_of(body, now_ms))
    if body.user_id is not None:
        check_id(body.user_id, "userId")
        if events:
            named = {**events[0].attributes, USER_ID: body.user_id}
            events[0] = msgspec.structs.replace(events[0], attributes=named)
    return events, rejected


# ---- the commit and its answer


async def _carry_out(services: Services, workspace_id: str, request: TrackRequest) -> Answer:
    """Commit the events to the client's session and tell what became of them."""
    if request.awaits_consent:
        request = await _as_kept(services, workspace_id, request)
    if not request.events:
        return _SUCCESS if request.is_brief else _report(request, _NOTHING)
    runtime, body, admission = services.runtime, request.body, services.admission
    rank, name = rank_of(request.events), body.session_id
    place = admission.enter(rank, len(request.events), request.size_bytes, name)
    try:
        ref = await runtime.resolve(workspace_id, request.source, body.session_id, body.visitor_id)
        if rank is Rank.EVENT and not services.sockets.has(ref):
            admission.check(Rank.UNHEARD, name)
        if body.user_id is not None:
            await _drop_claim(services, ref, request)
        tracked = await runtime.track(ref, request.source, request.events, request.client)
    finally:
        admission.leave(place)
    services.metrics.count_events(tracked.accepted, tracked.duplicates)
    if request.is_brief:
        return _SUCCESS
    if not body.deliver:
        return _report(request, tracked)
    messages = await _hand_out(services, ref) if runtime.may_have_messages(ref) else []
    wait_ms = next_check_ms(tracked.wake_ms, services.clock.now_ms())
    return _report(request, tracked, messages, wait_ms)


async def _as_kept(services: Services, workspace_id: str, request: TrackRequest) -> TrackRequest:
    """Leave of a guarded request what may be kept, by what its visitor said of consent before."""
    ref = await services.runtime.find(workspace_id, request.body.session_id)
    found = None if ref is None else await services.runtime.read(ref)
    stored = None if found is None else found[1].consent
    return msgspec.structs.replace(request, events=kept_of(request.events, stored))


async def _drop_claim(services: Services, ref: SessionRef, request: TrackRequest) -> None:
    """Take the user id that nobody vouches for off the events of a visitor who proved another."""
    profile = await profile_of(services, ref)
    if not profile.is_known:
        return
    for number, event in enumerate(request.events):
        if USER_ID in event.attributes:
            rest = {name: value for name, value in event.attributes.items() if name != USER_ID}
            request.events[number] = msgspec.structs.replace(event, attributes=rest)


def _report(
    request: TrackRequest,
    tracked: Tracked,
    messages: Sequence[MessageFrame] = (),
    wait_ms: int = HEARTBEAT_MS,
) -> Answer:
    is_batch, delivers = request.body.batch is not None, request.body.deliver
    reply = TrackReply(
        accepted=tracked.accepted if is_batch else UNSET,
        duplicates=tracked.duplicates if is_batch else UNSET,
        rejected=request.rejected if is_batch else UNSET,
        messages=list(messages) if delivers else UNSET,
        next_check_ms=wait_ms if delivers else UNSET,
    )
    return Answer(200, msgspec.json.encode(reply))


async def _hand_out(services: Services, ref: SessionRef) -> list[MessageFrame]:
    """Take the messages that no socket and no poll has had yet, and note that they are delivered."""
    pulled = await services.runtime.pull(ref, None, 0)
    waiting = [message for message in pulled.messages if _is_waiting(services.handed_out, message)]
    await note_delivered(services, ref, waiting)
    return [message_frame(message, pulled.epoch) for message in waiting]


async def note_delivered(services: Services, ref: SessionRef, messages: Sequence[Message]) -> None:
    """Note that messages were handed out by a poll."""
    fresh = [m.id for m in messages if m.author != "visitor" and m.status == "sent"]
    if fresh:
        services.handed_out.note(fresh)
        await services.runtime.delivered(ref, fresh)
        services.metrics.count_delivered(len(fresh))


def _is_waiting(handed_out: HandedOut, message: Message) -> bool:
    return (
        message.author != "visitor"
        and message.status == "sent"
        and message.outcome is None
        and message.id not in handed_out
    )


def next_check_ms(wake_ms: int | None, now_ms: int) -> int:
    """Say when to ask again: soon after the session's wake-up, after one heartbeat at the latest."""
    if wake_ms is None:
        return HEARTBEAT_MS
    return max(_NEXT_CHECK_MS_MIN, min(wake_ms - now_ms + _NEXT_CHECK_MS_MIN, HEARTBEAT_MS))
