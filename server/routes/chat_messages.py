"""Messages of a live chat session over the platform API: the list of them, and words that are posted."""

import asyncio
from typing import Literal

from engine.conversations.naming import words_id
from engine.conversations.orders import Post
from engine.ids import derived_id
from engine.limits import MESSAGES_MAX
from engine.message import Message
from engine.runtime_types import SessionView
from engine.shown import MessageShown, shown_message
from engine.stores.base import SessionRef
from server.call import Call
from server.errors import ApiError
from server.routes.live_chat import find_session
from server.wire.chat_messages import PostBody, clicked_reply, posted_message
from server.wire.decoding import Reader, check_id
from server.wire.envelope import Answer
from server.wire.paging import PageQuery

REPLY_WAIT_S = 20.0
"""How long the answer to a posted visitor message is waited for; it comes to the sockets in any case."""

_reader = Reader(PostBody)


async def list_messages(call: Call) -> Answer:
    """List what was said in a session, oldest first."""
    query = call.query(PageQuery)
    position = call.cursor(query.cursor)
    view = await find_session(call)
    runtime = call.services.runtime
    after = int(position) if position is not None else 0
    messages = await runtime.messages(view.ref, after, query.limit)
    offered = await _offered(call, view.ref)
    session, conversation = view.ref.session, view.conversation
    rows = [
        shown_message(one, session, conversation, clicked_reply(one, offered)) for one in messages
    ]
    if len(messages) < query.limit or not await runtime.messages(view.ref, messages[-1].offset, 1):
        return call.page(rows, None)
    return call.page(rows, str(messages[-1].offset))


async def post_message(call: Call) -> Answer:
    """Say something in a session: as a person, as the assistant, or in the visitor's name."""
    body, warnings = call.read(_reader)
    text = body.text.strip()
    if not text:
        raise ApiError("too_short", "text is empty", field="text")
    if body.client_id is not None:
        check_id(body.client_id, "client_id")
    view = await find_session(call)
    await _check_room(call, view)
    if body.author != "visitor":
        posted = await _post(call, view.ref, body, body.author)
        return call.success(await _shown(call, view.ref, posted), warnings)
    said = await _say(call, view.ref, text, body.client_id or "")
    reply = await _reply(call, view.ref, said.id)
    shown = await _shown(call, view.ref, said)
    answer = None if reply is None else await _shown(call, view.ref, reply)
    return call.success(posted_message(shown, answer), warnings)


async def _check_room(call: Call, view: SessionView) -> None:
    """Refuse words for a session that is over, or that holds as many as one may."""
    if view.status == "closed":
        raise ApiError("session_closed", field="session_id")
    read = await call.services.runtime.read(view.ref)
    if read is not None and read[0].offset >= MESSAGES_MAX:
        words = f"The session has {MESSAGES_MAX} messages, as many as one may have; open another"
        raise ApiError("too_many", words, field="session_id")


async def _post(
    call: Call, ref: SessionRef, body: PostBody, author: Literal["agent", "assistant"]
) -> Message:
    client_id = body.client_id or ""
    message_id = call.make_id("msg")
    if client_id:
        parts = (ref.workspace, ref.session, "post", author, client_id)
        message_id = derived_id("msg", call.services.secret, *parts)
    by = (body.agent_name or "").strip() if author == "agent" else ""
    post = Post(message_id, author, body.text.strip(), by, client_id)
    posted = await call.services.runtime.post(ref, post)
    return posted or await _said_before(call, ref, message_id)


async def _say(call: Call, ref: SessionRef, text: str, client_id: str) -> Message:
    event_id = f"say:{client_id}" if client_id else call.make_id("evt")
    said = await call.services.runtime.say(ref, text, client_id, event_id=event_id)
    message_id = words_id(call.services.secret, ref.workspace, ref.session, event_id)
    return said or await _said_before(call, ref, message_id)


async def _said_before(call: Call, ref: SessionRef, message_id: str) -> Message:
    """Return what the same request said before; without it the session ended in this moment."""
    found = await call.services.runtime.message(ref.workspace, message_id)
    if found is None or found[0] != ref:
        raise ApiError("session_closed", field="session_id")
    return found[1]


async def _reply(call: Call, ref: SessionRef, message_id: str) -> Message | None:
    """Wait for the assistant's answer, for a bounded time; None when nobody answers by then."""
    try:
        async with asyncio.timeout(REPLY_WAIT_S):
            return await call.services.answering.answer(ref, message_id)
    except TimeoutError:
        return None


async def _shown(call: Call, ref: SessionRef, message: Message) -> MessageShown:
    view = await call.services.runtime.view(ref)
    conversation = "" if view is None else view.conversation
    clicked = clicked_reply(message, await _offered(call, ref))
    return shown_message(message, ref.session, conversation, clicked)


async def _offered(call: Call, ref: SessionRef) -> tuple[Message, ...]:
    read = await call.services.runtime.read(ref)
    return () if read is None else tuple(read[0].messages)
