"""The hot route, `POST /api/widgets/:widgetId/track`: dispatched before the framework."""

from collections.abc import Sequence

import msgspec
from starlette.types import Receive, Scope, Send

from engine.events import Event
from engine.message import Message
from engine.runtime_types import ClientContext, Tracked
from engine.stores.base import SessionRef
from server.auth import WidgetAccess, bearer
from server.errors import ApiError, answer_for
from server.ingest.consent import with_consent
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
from server.services import Services
from server.wire.decoding import Reader, check_id
from server.wire.envelope import Answer, Header, failure
from server.wire.widgets import (
    BATCH_LEN_MAX,
    HEARTBEAT_MS,
    RejectedItem,
    TrackBody,
    message_frame,
)

PATH_START = "/api/widgets/"
PATH_END = "/track"
BODY_BYTES_MAX = 65_536
DECODED_BYTES_MAX = 524_288
EVENTS_IN_FLIGHT_MAX = 10_000
"""Events whose commit is waited for; more are refused with 503 and nothing half done."""

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
        check_head(scope, headers)
        check_transport(services.config, scope)
        raw = await read_body(headers, receive, services.body_deadlines, BODY_BYTES_MAX)
        workspace_id = scope["path"][len(PATH_START) : -len(PATH_END)]
        request = understand(services, workspace_id, headers, raw, now_ms)
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
    """A request that was understood. `is_brief`: its answer is `{"success": true}` alone."""

    source: str
    body: TrackBody
    events: list[Event]
    rejected: list[RejectedItem]
    client: ClientContext
    is_brief: bool


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
    client = client_context(services, headers, body)
    if client.consent or client.gpc or access.site.consent == "required":
        events = with_consent(access.site, client, events, now_ms)
    return TrackRequest(
        access.site.source_id,
        body,
        events,
        rejected,
        client,
        body.batch is None and not body.deliver,
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
            named = {**events[0].attributes, "visitor.user_id": body.user_id}
            events[0] = msgspec.structs.replace(events[0], attributes=named)
    return events, rejected


def client_context(
    services: Services, headers: dict[bytes, bytes], body: TrackBody
) -> ClientContext:
    """Gather what a request says of its sender; a privacy signal counts where it is honoured."""
    privacy = services.config.privacy
    is_private = (privacy.honour_gpc and headers.get(b"sec-gpc") == b"1") or (
        privacy.honour_dnt and headers.get(b"dnt") == b"1"
    )
    return ClientContext(
        user_agent=headers.get(b"user-agent", b"")[:512].decode("latin-1"),
        timezone=(body.context.timezone or "") if body.context else "",
        locale=(body.context.locale or "") if body.context else "",
        consent=body.consent or "",
        gpc=is_private,
    )


# ---- the commit and its answer


async def _carry_out(services: Services, workspace_id: str, request: TrackRequest) -> Answer:
    """Commit the events to the client's session and tell what became of them."""
    if not request.events:
        return _SUCCESS if request.is_brief else _report(request, _NOTHING)
    runtime, body, count = services.runtime, request.body, len(request.events)
    if services.events_in_flight + count > EVENTS_IN_FLIGHT_MAX:
        raise ApiError("queue_full", retry_after_s=1)
    services.events_in_flight += count
    try:
        ref = await runtime.resolve(workspace_id, request.source, body.session_id, body.visitor_id)
        tracked = await runtime.track(ref, request.source, request.events, request.client)
    finally:
        services.events_in_flight -= count
    services.metrics.count_events(tracked.accepted, tracked.duplicates)
    if request.is_brief:
        return _SUCCESS
    if not body.deliver:
        return _report(request, tracked)
    messages = await _hand_out(services, ref) if runtime.may_have_messages(ref) else []
    next_check_ms = _next_check_ms(tracked.wake_ms, services.clock.now_ms())
    return _report(request, tracked, messages, next_check_ms)


def _report(
    request: TrackRequest,
    tracked: Tracked,
    messages: Sequence[dict[str, object]] = (),
    next_check_ms: int = HEARTBEAT_MS,
) -> Answer:
    fields: dict[str, object] = {"success": True}
    if request.body.batch is not None:
        fields["accepted"] = tracked.accepted
        fields["duplicates"] = tracked.duplicates
        fields["rejected"] = request.rejected
    if request.body.deliver:
        fields["messages"] = messages
        fields["nextCheckMs"] = next_check_ms
    return Answer(200, msgspec.json.encode(fields))


async def _hand_out(services: Services, ref: SessionRef) -> list[dict[str, object]]:
    """Take the messages that no socket and no poll has had yet, and note that they are delivered."""
    pulled = await services.runtime.pull(ref, None, 0)
    waiting = [message for message in pulled.messages if _is_waiting(message)]
    if waiting:
        await services.runtime.delivered(ref, [message.id for message in waiting])
        services.metrics.count_delivered(len(waiting))
    return [message_frame(message, pulled.epoch) for message in waiting]


def _is_waiting(message: Message) -> bool:
    return message.author != "visitor" and message.status == "sent" and message.outcome is None


def _next_check_ms(wake_ms: int | None, now_ms: int) -> int:
    """Say when to ask again: soon after the session's wake-up, after one heartbeat at the latest."""
    if wake_ms is None:
        return HEARTBEAT_MS
    return max(_NEXT_CHECK_MS_MIN, min(wake_ms - now_ms + _NEXT_CHECK_MS_MIN, HEARTBEAT_MS))
