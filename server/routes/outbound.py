"""Proactive messages of the platform API."""

from typing import get_args

import msgspec

from engine.message import Action, QuickReply
from engine.runtime_types import ClientContext, Draft, Offered, Opening, Refused
from engine.stores.base import SessionRef
from rules.template import slug
from server.call import Call
from server.errors import ApiError
from server.wire.decoding import Reader, check_id, check_numbers, check_web_url
from server.wire.envelope import Answer
from server.wire.outbound import (
    TRIGGER_DATA_BYTES_MAX,
    MessageBody,
    QuickReplyBody,
    TriggerBody,
    advice_on,
    offered_data,
)

MESSAGE_CHARS_MAX = 2_000
DELIVERY_WAIT_S = 0.3
"""How long the answer waits for a socket to take the message."""

_ACTIONS: frozenset[str] = frozenset(get_args(Action))
_reader = Reader(MessageBody)


async def send_message(call: Call) -> Answer:
    """Send a proactive message under the policy, hold it, or refuse it."""
    body, warnings = call.read(_reader)
    draft = _draft(call, body)
    ref = await _session(call, body)
    offered = await call.services.runtime.offer(ref, draft)
    if isinstance(offered, Refused):
        raise _refusal(offered)
    data = offered_data(offered)
    data["session_id"] = ref.session
    data["status"] = await _status(call, ref, offered)
    held = offered.deliver_after_ms is not None
    return call.success(data, [*warnings, *advice_on(body, held=held)])


def _draft(call: Call, body: MessageBody) -> Draft:
    """Check what types cannot say, and put the request into the engine's words."""
    text = body.message.strip()
    if not 1 <= len(text) <= MESSAGE_CHARS_MAX:
        reason = "too_long" if text else "too_short"
        raise ApiError(reason, "message has 1 to 2,000 characters", field="message")
    if body.session_id is None and body.visitor_id is None:
        raise ApiError("required", "Give session_id or visitor_id", field="session_id")
    options = body.options
    if options is not None and options.override_policy:
        assert call.principal is not None
        if not call.principal.may("messages:override"):
            raise ApiError("missing_scope", details={"scope": "messages:override"})
    check_numbers(body.personalization, "personalization")
    assistant = call.assistant(body.assistant_id)
    draft = Draft(
        text=text,
        quick_replies=_quick_replies(body.quick_replies or []),
        trigger=_trigger(body.trigger),
        assistant=assistant.id,
        personalization=body.personalization or {},
    )
    if options is None:
        return draft
    return msgspec.structs.replace(
        draft,
        deliver=options.deliver,
        expires_in_ms=options.expires_in * 1000,
        override=options.override_policy,
        display=options.display,
        sound=options.sound,
        campaign=options.campaign_id or "",
    )


def _trigger(body: TriggerBody | None) -> dict[str, str | int | float]:
    if body is None:
        return {}
    if body.page_url is not None:
        check_web_url(body.page_url, "trigger.page_url")
    if body.data is not None and len(msgspec.json.encode(body.data)) > TRIGGER_DATA_BYTES_MAX:
        raise ApiError("too_long", "trigger.data is larger than 4 KB", field="trigger.data")
    known = (
        ("type", body.type),
        ("page_url", body.page_url),
        ("time_on_page", body.time_on_page),
        ("scroll_depth", body.scroll_depth),
    )
    return {name: value for name, value in known if value is not None}


def _quick_replies(bodies: list[QuickReplyBody]) -> tuple[QuickReply, ...]:
    if bodies and not 2 <= len(bodies) <= 3:
        raise ApiError("quick_reply_count", field="quick_replies")
    replies: list[QuickReply] = []
    for index, body in enumerate(bodies):
        place = f"quick_replies[{index}]"
        reply = _quick_reply(body, place)
        if any(reply.value == other.value for other in replies):
            raise ApiError("duplicate_value", field=f"{place}.value")
        replies.append(reply)
    return tuple(replies)


def _quick_reply(body: QuickReplyBody, place: str) -> QuickReply:
    if body.action not in _ACTIONS:
        raise ApiError("unknown_action", field=f"{place}.action")
    payload = body.payload or ""
    if body.action == "open":
        if not payload:
            raise ApiError("payload_required", field=f"{place}.payload")
        if not payload.startswith("/") or payload.startswith("//"):
            check_web_url(payload, f"{place}.payload")
    return QuickReply(
        text=body.text,
        value=body.value or slug(body.text),
        action=msgspec.convert(body.action, Action),
        payload=payload,
    )


async def _session(call: Call, body: MessageBody) -> SessionRef:
    """Find the session that is meant; a visitor without one gets one on the primary site."""
    runtime, workspace = call.services.runtime, call.workspace
    if body.session_id is not None:
        check_id(body.session_id, "session_id")
        ref = await runtime.find(workspace.id, body.session_id)
        view = None if ref is None else await runtime.view(ref)
        if ref is None or view is None:
            raise ApiError("session_not_found", field="session_id")
        if body.visitor_id is not None and body.visitor_id != ref.visitor:
            raise ApiError("visitor_mismatch", field="visitor_id")
        if view.status == "closed":
            raise ApiError("session_closed", field="session_id")
        return ref
    assert body.visitor_id is not None
    check_id(body.visitor_id, "visitor_id")
    known = await runtime.latest_session(workspace.id, body.visitor_id)
    if known is not None:
        return known
    assistant = call.assistant(body.assistant_id)
    opening = Opening(
        workspace=workspace.id,
        source=workspace.sites[0].source_id,
        visitor=body.visitor_id,
        client=ClientContext(),
        assistant=assistant.id,
    )
    return (await runtime.open(opening)).ref


async def _status(call: Call, ref: SessionRef, offered: Offered) -> str:
    """Wait a moment for a socket to take the message; "sent" when none did."""
    message = offered.message
    if offered.deliver_after_ms is not None or message.outcome is not None:
        return message.status
    sockets = call.services.sockets
    if sockets.has(ref) and await sockets.was_handed(message.id, DELIVERY_WAIT_S):
        return "delivered"
    return message.status


def _refusal(refused: Refused) -> ApiError:
    """Put a refusal of the policy's table into an answer."""
    details: dict[str, object] = {}
    if refused.scope:
        details["scope"] = refused.scope
    if refused.scope == "session":
        details["limit"] = 1
    if refused.current_page:
        details["current_page"] = refused.current_page
    if refused.reason in ("too_early", "quiet_hours"):
        details["retry_after"] = refused.retry_after_s
    return ApiError(
        refused.reason,
        field=refused.field or None,
        details=details,
        retry_after_s=refused.retry_after_s,
    )
