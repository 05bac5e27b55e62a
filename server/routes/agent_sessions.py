"""Sessions of agents: begin one, look at it, talk in it, end it (API.md 4.2)."""

import asyncio

import msgspec

from engine.conversations.agent_sessions import CHANNELS, AgentSession
from engine.conversations.assistants import NOBODY, Answered, answered_by
from engine.conversations.naming import words_id
from engine.message import Message
from engine.runtime_types import Opening, SessionView
from engine.shown import rfc3339
from engine.stores.base import SessionRef
from server.assistants import agent_of
from server.call import Call
from server.errors import ApiError
from server.wire.agent_sessions import (
    METADATA_BYTES_MAX,
    SESSION_TYPES,
    AgentEndBody,
    AgentMessageBody,
    AgentMessageSent,
    AgentResponse,
    AgentSessionBody,
    AgentSessionDetail,
    AgentSessionFound,
    AgentSessionShown,
    AgentSessionStarted,
    Metadata,
    ReplyMetadata,
)
from server.wire.decoding import Reader, check_id, check_numbers
from server.wire.envelope import Answer
from server.workspace_settings import Assistant, Workspace

ANSWER_WAIT_S = 30.0
"""A caller waits no longer for an answer, which still comes into the session when it is written."""

_NUMBER_CHARS_MAX = 18

_begin_reader = Reader(AgentSessionBody)
_message_reader = Reader(AgentMessageBody)
_end_reader = Reader(AgentEndBody)
_read_metadata = msgspec.json.Decoder(dict[str, object]).decode


async def create_agent_session(call: Call) -> Answer:
    """Begin a session with an agent, for a visitor of the caller's or for a new one."""
    body, _ = call.read(_begin_reader)
    kind = SESSION_TYPES.get(body.session_type)
    if kind is None:
        raise ApiError("unknown_session_type", field="session_type")
    metadata = check_metadata(body.metadata)
    visitor = _visitor_of(body.metadata)
    workspace = call.workspace
    assistant = agent_of(workspace, body.agent_id)
    if assistant is None:
        raise ApiError("agent_not_found", field="agent_id")
    wanted = AgentSession(
        number=0,
        session=call.make_id("chat"),
        visitor=visitor or call.make_id("vis"),
        agent=body.agent_id,
        assistant=assistant.id,
        type=kind,
        started_ms=call.now_ms,
        metadata=metadata,
    )
    kept = await call.services.agent_sessions.begin(workspace.id, wanted)
    await call.services.runtime.open(_opening(workspace, kept))
    return call.whole(AgentSessionStarted(session=_shown(kept, assistant, is_active=True)))


async def get_agent_session(call: Call) -> Answer:
    """Show a session with its chat session and its end."""
    kept = await _find(call)
    view = await call.services.runtime.view(kept.ref(call.workspace.id))
    return call.whole(AgentSessionFound(session=_detail(call.workspace, kept, view)))


async def send_agent_message(call: Call) -> Answer:
    """Say something in a session and return what its assistant answers."""
    body, _ = call.read(_message_reader)
    text = body.message.strip()
    if not text:
        raise ApiError("too_short", "message is empty", field="message")
    check_metadata(body.metadata)
    kept = await _find(call)
    ref = kept.ref(call.workspace.id)
    view = await call.services.runtime.view(ref)
    if view is None or view.status == "closed":
        raise ApiError("session_closed", field="session_id")
    reply = await _say(call, ref, text)
    response = _response(call, kept, reply)
    return call.whole(AgentMessageSent(session_id=kept.number, response=response))


async def end_agent_session(call: Call) -> Answer:
    """End a session; one that has ended stays as it is."""
    call.read(_end_reader, may_be_empty=True)
    kept = await _find(call)
    services, workspace = call.services, call.workspace
    view = await services.runtime.close_session(kept.ref(workspace.id), "agent")
    at_ms = call.now_ms if view is None or view.closed_ms is None else view.closed_ms
    if view is not None:
        kept = await services.agent_sessions.end(workspace.id, kept.number, at_ms) or kept
    detail = _detail(workspace, kept, view)
    return call.whole(AgentSessionFound(session=detail, message="Session ended successfully"))


# ---- what was sent


def check_metadata(metadata: Metadata | None) -> str:
    """Return a caller's metadata as JSON.

    Raises ApiError: too_long, out_of_range.
    """
    check_numbers(metadata, "metadata")
    text = msgspec.json.encode(metadata or {})
    if len(text) > METADATA_BYTES_MAX:
        words = f"metadata has more than {METADATA_BYTES_MAX} bytes as JSON"
        raise ApiError("too_long", words, field="metadata")
    return text.decode()


def _visitor_of(metadata: Metadata | None) -> str:
    visitor = (metadata or {}).get("visitor_id")
    return check_id(visitor, "metadata.visitor_id") if isinstance(visitor, str) else ""


def _opening(workspace: Workspace, kept: AgentSession) -> Opening:
    return Opening(
        workspace=workspace.id,
        source=workspace.sites[0].source_id,
        visitor=kept.visitor,
        assistant=kept.assistant,
        origin="agent",
        channel=CHANNELS[kept.type],
        agent_session=kept.number,
        agent_type=kept.type,
        session_id=kept.session,
    )


async def _find(call: Call) -> AgentSession:
    """Return the session that the path names.

    Raises ApiError: session_not_found, also for what is no number and for another workspace's.
    """
    text = call.params["session_id"]
    found = None
    if text.isascii() and text.isdigit() and len(text) <= _NUMBER_CHARS_MAX:
        found = await call.services.agent_sessions.find(call.workspace.id, int(text))
    if found is None:
        raise ApiError("session_not_found")
    return found


# ---- what is answered


async def _say(call: Call, ref: SessionRef, text: str) -> Message | None:
    """Store a visitor's words, once for each Idempotency-Key; return the assistant's answer, if one comes."""
    event_id = call.make_id("evt")
    await call.services.runtime.say(ref, text, event_id=event_id)
    secret = call.services.secret
    message_id = words_id(secret, ref.workspace, ref.session, event_id)
    try:
        async with asyncio.timeout(ANSWER_WAIT_S):
            return await call.services.answering.answer(ref, message_id)
    except TimeoutError:
        return None


def _response(call: Call, kept: AgentSession, reply: Message | None) -> AgentResponse:
    if reply is None:
        assistant = call.workspace.assistant(kept.assistant)
        text = "" if assistant is None else assistant.away_message
        return AgentResponse(None, text, rfc3339(call.now_ms), _metadata(NOBODY))
    said = _metadata(answered_by(reply))
    return AgentResponse(reply.id, reply.text, rfc3339(reply.sent_ms), said)


def _metadata(answered: Answered) -> ReplyMetadata:
    return ReplyMetadata(answered.model, answered.tokens, answered.error)


def _shown(
    kept: AgentSession, assistant: Assistant | None, *, is_active: bool
) -> AgentSessionShown:
    return AgentSessionShown(
        session_id=kept.number,
        agent_id=kept.agent,
        agent_name="" if assistant is None else assistant.name,
        session_type=kept.type,
        status="active" if is_active else "ended",
        started_at=rfc3339(kept.started_ms),
        metadata=_read_metadata(kept.metadata),
        avatar_id=None if assistant is None else assistant.avatar_id,
        avatar_name=None if assistant is None else assistant.avatar_name,
        avatar_url=None if assistant is None else assistant.avatar_url,
        voice_id=None if assistant is None else assistant.voice_id,
    )


def _detail(
    workspace: Workspace, kept: AgentSession, view: SessionView | None
) -> AgentSessionDetail:
    """Show a session as its chat session is now; one that is kept no more has ended."""
    ended_ms = kept.ended_ms if kept.ended_ms >= 0 else None
    if ended_ms is None and view is not None:
        ended_ms = view.closed_ms
    shown = _shown(
        kept,
        workspace.assistant(kept.assistant),
        is_active=view is not None and view.status != "closed",
    )
    return AgentSessionDetail(
        **msgspec.structs.asdict(shown),
        chat_session_id=kept.session,
        ended_at=None if ended_ms is None else rfc3339(ended_ms),
    )
