"""Proactive messages of the platform API: sent, looked at, withdrawn."""

import asyncio
from typing import get_args

import msgspec

from engine.errors import StoreUnavailable
from engine.message import Action, Message, QuickReply, Status
from engine.runtime_types import ClientContext, Draft, Offered, Opening, Refused, SessionView
from engine.shown import DATA_KEY
from engine.stores.base import SessionRef
from rules.template import slug
from server.call import Call
from server.errors import ApiError
from server.limits.repeats import session_to_make
from server.wire.decoding import Reader, check_id, check_numbers, check_web_url
from server.wire.envelope import Answer
from server.wire.outbound import (
    TRIGGER_DATA_BYTES_MAX,
    MessageBody,
    QuickReplyBody,
    TriggerBody,
    advice_on,
    message_progress,
    sent_message,
)

MESSAGE_CHARS_MAX = 2_000
DELIVERY_WAIT_S = 0.3
"""How long the answer waits for a socket to take the message."""

LOOK_S = 0.05
"""How often it is looked whether a socket at another worker has taken it."""

_ACTIONS: frozenset[str] = frozenset(get_args(Action))
_reader = Reader(MessageBody)


async def send_message(call: Call) -> Answer:
    """Send a proactive message under the policy, hold it, or refuse it."""
    body, warnings = call.read(_reader)
    draft = _draft(call, body)
    # Before anything is looked up: a repeat that finds more than the first time makes the same ids.
    call_id = call.make_id("evt") if call.repeat_key else ""
    view = await _session(call, body)
    site = call.workspace.site(view.source)
    if site is not None and site.consent == "required":
        draft = msgspec.structs.replace(draft, needs_consent=True)
    offered = await call.services.runtime.offer(view.ref, draft, call_id)
    if isinstance(offered, Refused):
        raise _refusal(offered)
    status = await _status(call, view.ref, offered)
    held = offered.deliver_after_ms is not None
    shown = sent_message(offered, view.ref, status)
    return call.success(shown, [*warnings, *advice_on(body, held=held)])


async def get_message(call: Call) -> Answer:
    """Show a message as it is now."""
    message, view = await _find_message(call)
    return call.success(message_progress(message, view, call.now_ms))


async def withdraw_message(call: Call) -> Answer:
    """Take an undisplayed message back; one that was taken back stays so."""
    message, view = await _find_message(call)
    withdrawn = await call.services.runtime.withdraw(view.ref, message.id)
    if isinstance(withdrawn, Refused):
        raise ApiError(withdrawn.reason, field="message_id")
    if withdrawn is None:
        raise ApiError("message_not_found", field="message_id")
    return call.success(message_progress(withdrawn, view, call.now_ms))


async def _find_message(call: Call) -> tuple[Message, SessionView]:
    """Return the message that the path names; a visitor's own words are none of these.

    Raises ApiError: message_not_found, also for another workspace's.
    """
    runtime = call.services.runtime
    found = await runtime.message(call.workspace.id, call.params["message_id"])
    view = None if found is None else await runtime.view(found[0])
    if found is None or view is None or found[1].author == "visitor":
        raise ApiError("message_not_found", field="message_id")
    return found[1], view


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
        call.require("messages:override")
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
    known = (
        ("type", body.type),
        ("page_url", body.page_url),
        ("time_on_page", body.time_on_page),
        ("scroll_depth", body.scroll_depth),
        (DATA_KEY, _own_words(body)),
    )
    return {name: value for name, value in known if value is not None}


def _own_words(body: TriggerBody) -> str | None:
    """Return what the caller keeps in the trigger, as JSON.

    Raises ApiError: too_long, out_of_range.
    """
    if body.data is None:
        return None
    check_numbers(body.data, "trigger.data")
    text = msgspec.json.encode(body.data)
    if len(text) > TRIGGER_DATA_BYTES_MAX:
        words = f"trigger.data has {len(text)} bytes as JSON; {TRIGGER_DATA_BYTES_MAX} are allowed"
        raise ApiError("too_long", words, field="trigger.data")
    return text.decode()


def _quick_replies(bodies: list[QuickReplyBody]) -> tuple[QuickReply, ...]:
    if bodies and not 2 <= len(bodies) <= 3:
        raise ApiError("quick_reply_count", field="quick_replies")
    replies: list[QuickReply] = []
    for index, body in enumerate(bodies):
        place = f"quick_replies[{index}]"
        reply = _quick_reply(body, place, index)
        if any(reply.value == other.value for other in replies):
            raise ApiError("duplicate_value", field=f"{place}.value")
        replies.append(reply)
    return tuple(replies)


def _quick_reply(body: QuickReplyBody, place: str, index: int) -> QuickReply:
    if not body.text.strip():
        raise ApiError("too_short", f"{place}.text is empty", field=f"{place}.text")
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
        # A text without any ASCII letter or digit has no slug of its own.
        value=body.value or slug(body.text) or f"reply_{index + 1}",
        action=msgspec.convert(body.action, Action),
        payload=payload,
    )


async def _session(call: Call, body: MessageBody) -> SessionView:
    """Find the session that is meant; a visitor without one gets one on the primary site."""
    runtime, workspace = call.services.runtime, call.workspace
    if body.session_id is not None:
        return await _named_session(call, body.session_id, body.visitor_id)
    assert body.visitor_id is not None
    check_id(body.visitor_id, "visitor_id")
    known = await runtime.latest_session(workspace.id, body.visitor_id)
    view = None if known is None else await runtime.view(known)
    if view is not None:
        return view
    wanted = await session_to_make(call, body.visitor_id)
    opening = Opening(
        workspace=workspace.id,
        source=workspace.sites[0].source_id,
        visitor=wanted.visitor,
        client=ClientContext(),
        assistant=call.assistant(body.assistant_id).id,
        origin="proactive",
        session_id=wanted.session,
    )
    return await runtime.open(opening)


async def _named_session(call: Call, session_id: str, visitor_id: str | None) -> SessionView:
    runtime = call.services.runtime
    check_id(session_id, "session_id")
    ref = await runtime.find(call.workspace.id, session_id)
    view = None if ref is None else await runtime.view(ref)
    if view is None:
        raise ApiError("session_not_found", field="session_id")
    if visitor_id is not None and visitor_id != view.ref.visitor:
        raise ApiError("visitor_mismatch", field="visitor_id")
    if view.status == "closed":
        raise ApiError("session_closed", field="session_id")
    return view


async def _status(call: Call, ref: SessionRef, offered: Offered) -> Status:
    """Wait a moment for a socket to take the message; "sent" when none did."""
    message = offered.message
    if offered.deliver_after_ms is not None or message.outcome is not None:
        return message.status
    sockets = call.services.sockets
    if sockets.has(ref):
        is_taken = await sockets.was_handed(message.id, DELIVERY_WAIT_S)
    else:
        is_taken = await _was_taken_elsewhere(call, ref, message.id)
    return "delivered" if is_taken else message.status


async def _was_taken_elsewhere(call: Call, ref: SessionRef, message_id: str) -> bool:
    """Wait a moment for a socket at another worker: what it was handed stands in the session."""
    runtime = call.services.runtime
    try:
        async with asyncio.timeout(DELIVERY_WAIT_S):
            if not await runtime.sockets_elsewhere(ref):
                return False
            while not await _is_delivered(call, message_id):  # noqa: ASYNC110  # nothing tells of it
                await asyncio.sleep(LOOK_S)
    except (TimeoutError, StoreUnavailable):
        # It is kept; only what became of it is not known.
        return False
    return True


async def _is_delivered(call: Call, message_id: str) -> bool:
    found = await call.services.runtime.message(call.workspace.id, message_id)
    return found is not None and found[1].delivered_ms >= 0


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
