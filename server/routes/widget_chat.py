"""A visitor's words over HTTP, and what the assistant answers (API.md 4.1)."""

import msgspec
from msgspec import UNSET

from engine.conversations.assistants import NOBODY, answered_by
from engine.conversations.desk import NO_WAIT
from engine.conversations.places import Seat
from engine.ids import derived_id
from engine.limits import MESSAGES_MAX
from engine.message import Message, QuickReply
from engine.runtime_types import SessionView
from engine.shown import shown_replies
from engine.stores.base import SessionRef
from server.access.auth import WidgetAccess
from server.access.widget_access import admit
from server.call import Call
from server.errors import ApiError
from server.ingest.client import client_of
from server.ingest.native import MESSAGE_CHARS_MAX
from server.services import Services
from server.widget_visits import (
    Visit,
    arrive,
    bad_visitor_token,
    check_consent,
    live_session,
    visitor_claim,
)
from server.wire.decoding import Reader, check_id
from server.wire.envelope import Answer
from server.wire.widget_chat import ChatBody, ChatMetadata, ChatReply, ClickBody
from server.workspace_settings import Assistant, Workspace

_MISSING = "Missing sessionId or message"
_NEEDED = ("sessionId", "message")
_GONE = ("expired", "withdrawn", "held_out")

_reader = Reader(ChatBody)


async def send_chat(call: Call) -> Answer:
    """Take a visitor's words, or a click on a quick reply, and answer with what the assistant says."""
    access, body = _read(call)
    text = _checked_text(body)
    services = call.services
    claim = visitor_claim(call, access.workspace.id, body.visitor_token)
    view = await live_session(services, access, body.session_id)
    if claim is not None and view is not None and claim.v != view.ref.visitor:
        raise bad_visitor_token()
    bucket = _bucket(call, access, body, view)
    budget = await services.rate_limits.chat_budget(access.workspace, bucket, call.address)
    assistant = _assistant(access.workspace, body.assistant_id, view)
    visit = Visit(
        access=access,
        alias=body.session_id,
        view=view,
        visitor=body.visitor_id if claim is None else claim.v,
        client=client_of(services.config.privacy, call.headers, body.context),
        page=body.page,
        user_id=body.user_id,
        assistant=assistant.id if body.assistant_id is not None else "",
    )
    await check_consent(services, visit)
    spoken = Spoken(body, text, await _conversation(call, access, body, view), assistant)
    ref = await arrive(services, visit)
    if view is None:
        await services.rate_limits.chat_began(access.workspace, ref.session)
    words = Words(services, ref, spoken)
    return call.whole(await words.take()).with_headers(budget)


def _read(call: Call) -> tuple[WidgetAccess, ChatBody]:
    """Check who asks and read the body; the two fields of the document share its words."""
    try:
        return admit(call, _reader)
    except ApiError as error:
        is_missing = error.reason == "required" and error.field in _NEEDED
        if is_missing or (error.reason == "too_short" and error.field == "sessionId"):
            raise ApiError("required", _MISSING, field=error.field) from None
        raise


def _checked_text(body: ChatBody) -> str:
    """Return the trimmed words, once all ids fit.

    Raises ApiError: the reason of the first field that does not fit.
    """
    text = body.message.strip()
    if not text:
        raise ApiError("required", _MISSING, field="message")
    if len(text) > MESSAGE_CHARS_MAX:
        raise ApiError("too_long", "message has 1 to 4,000 characters", field="message")
    ids = {
        "sessionId": body.session_id,
        "conversationId": body.conversation_id,
        "visitorId": body.visitor_id,
        "userId": body.user_id,
        "messageId": body.message_id,
    }
    for field, value in ids.items():
        if value is not None:
            check_id(value, field)
    return text


def _bucket(call: Call, access: WidgetAccess, body: ChatBody, view: SessionView | None) -> str:
    """Name whose messages are counted together; a client's own id is not written down."""
    if view is not None:
        return view.ref.session
    return derived_id("chat", call.services.secret, access.workspace.id, body.session_id)


def _assistant(workspace: Workspace, wanted: str | None, view: SessionView | None) -> Assistant:
    """Return who answers: whom the request names, else the session's own, else the primary one.

    Raises ApiError: assistant_not_found, no_assistant.
    """
    if not workspace.assistants:
        raise ApiError("no_assistant")
    if wanted is not None:
        named = workspace.assistant(wanted)
        if named is None:
            raise ApiError("assistant_not_found", field="assistantId")
        return named
    own = workspace.assistant(view.assistant) if view is not None else None
    found = own or workspace.primary_assistant
    assert found is not None, "one of several assistants is the primary one"
    return found


async def _conversation(
    call: Call, access: WidgetAccess, body: ChatBody, view: SessionView | None
) -> str:
    """Return the id for a conversation that begins now, "" for one of our own.

    A conversation of the visitor's that has ended is left behind: the client learns the new one's id.

    Raises ApiError: conversation_not_found, for one of another session.
    """
    wanted = body.conversation_id
    if wanted is None or (view is not None and view.conversation == wanted):
        return ""
    runtime = call.services.runtime
    ref = await call.services.store.find(access.workspace.id, wanted)
    if ref is None:
        return wanted
    if view is not None and ref == view.ref:
        return ""
    earlier = await runtime.view(ref)
    alias = await call.services.store.find_alias(access.workspace.id, body.session_id)
    visitor = alias.visitor if alias is not None else body.visitor_id
    if earlier is not None and earlier.status == "closed" and ref.visitor == visitor:
        return ""
    raise ApiError("conversation_not_found", field="conversationId")


class Spoken(msgspec.Struct, frozen=True):
    """Checked words: `conversation` is the id for one that begins now, `assistant` who answers."""

    body: ChatBody
    text: str
    conversation: str
    assistant: Assistant


class Words:
    """A visitor's words on their way into a session, and their answer."""

    def __init__(self, services: Services, ref: SessionRef, spoken: Spoken) -> None:
        """Take what was spoken into the session `ref`."""
        self._services = services
        self._runtime = services.runtime
        self._ref = ref
        self._body = spoken.body
        self._text = spoken.text
        self._conversation = spoken.conversation
        self._assistant = spoken.assistant

    async def take(self) -> ChatReply:
        """Store the words, once for each `messageId`, and wait for the answer.

        Raises ApiError: unknown_quick_reply, too_many.
        """
        read = await self._runtime.read(self._ref)
        if read is not None and read[0].offset >= MESSAGES_MAX:
            words = f"This session has had its {MESSAGES_MAX:,} messages; begin another session"
            raise ApiError("too_many", words, field="sessionId")
        click = self._body.quick_reply
        stored = await self._say() if click is None else await self._click(click)
        if stored is None:
            return await self._silence("")
        answer = await self._services.answering.answer(self._ref, stored.id)
        return await self._silence(None) if answer is None else await self._reply(answer)

    async def _queue(self, seat: Seat) -> None:
        """Let the conversation wait that began with these words, when its assistant has no place."""
        if seat.queued:
            await self._runtime.seat(self._ref, queued=True, estimated_wait_s=seat.estimated_wait_s)

    async def _say(self) -> Message | None:
        client_id = self._body.message_id or ""
        seat = await self._services.desk.enter(self._ref, self._assistant.id)
        stored = await self._runtime.say(
            self._ref,
            self._text,
            client_id,
            conversation=self._conversation,
        )
        if stored is not None:
            await self._queue(seat)
            return stored
        pulled = await self._runtime.pull(self._ref, None, 0)
        first = next((m for m in pulled.messages if m.client_id == client_id), None)
        if first is not None:
            return first
        # The id was used in a session that has ended: these are new words.
        return await self._runtime.say(self._ref, self._text, conversation=self._conversation)

    async def _click(self, click: ClickBody) -> Message | None:
        """Take a click; a second one on the same message finds the first one's words.

        Raises ApiError: unknown_quick_reply.
        """
        shown, reply = await self._offered(click)
        seat = NO_WAIT
        if reply.action != "dismiss":
            seat = await self._services.desk.enter(self._ref, self._assistant.id)
        stored = await self._runtime.click(
            self._ref, click.message_id, click.value, conversation=self._conversation
        )
        if stored is not None:
            await self._queue(seat)
            return stored
        if (shown.clicked or reply.value) != reply.value:
            return None
        pulled = await self._runtime.pull(self._ref, None, shown.offset)
        return next((m for m in pulled.messages if m.clicked == reply.value), None)

    async def _offered(self, click: ClickBody) -> tuple[Message, QuickReply]:
        """Find the message and its reply that were clicked.

        Raises ApiError: unknown_quick_reply.
        """
        found = await self._runtime.message(self._ref.workspace, click.message_id)
        if found is not None and found[0] == self._ref and found[1].outcome not in _GONE:
            for reply in found[1].replies:
                if reply.value == click.value:
                    return found[1], reply
        raise ApiError("unknown_quick_reply", field="quickReply")

    async def _reply(self, answer: Message) -> ChatReply:
        self._services.handed_out.note((answer.id,))
        by = answered_by(answer)
        return ChatReply(
            conversation_id=await self._current_conversation(),
            message=answer.text,
            metadata=ChatMetadata(by.model, by.tokens, by.error or UNSET),
            message_id=answer.id,
            quick_replies=shown_replies(answer),
        )

    async def _silence(self, text: str | None) -> ChatReply:
        """Answer where nobody speaks: with the away message while a person is awaited, else with `text`."""
        view = await self._runtime.view(self._ref)
        is_away = text is None and view is not None and (view.paused or view.status != "active")
        return ChatReply(
            conversation_id=await self._current_conversation(),
            message=self._assistant.away_message if is_away else "",
            metadata=ChatMetadata(NOBODY.model, NOBODY.tokens),
            message_id=None,
            quick_replies=(),
        )

    async def _current_conversation(self) -> str | None:
        view = await self._runtime.view(self._ref)
        return (view.conversation or None) if view is not None else None
