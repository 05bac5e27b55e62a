"""The async shell of answering: each message of a visitor is answered once, and told while it is written.

A reply has an id that its question gives, so it is stored once however often it is asked for: by the
request that brought the words, by a second one, and after a restart by the cause that asked for it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from engine.causes import Cause, FollowUp
from engine.conversations.assistants import (
    MODEL_UNAVAILABLE,
    AnswersAssistant,
    Assistant,
    AssistantTerms,
    NoAnswer,
    Otherwise,
    Piece,
    Question,
    Reply,
    assistant_of,
    stored_model,
)
from engine.conversations.naming import reply_id
from engine.conversations.orders import Post
from engine.conversations.writing import Delta, Typing, Writing
from engine.hot import Turns
from engine.limits import EARLIER_MESSAGES_MAX
from engine.message import Message
from engine.runtime import Runtime
from engine.session import Session
from engine.stores.base import SessionRef
from rules.compiler.program import Program

WRITING_MAX = 64
"""Assistants that write at once; further ones begin when one ends, within their own time."""

WAITING_MAX = 1_024
"""Questions at assistants that need time, waiting ones too; beyond, the fallback answers at once."""

REPLY_CHARS_MAX = 4_000
"""A longer reply is cut, and pieces beyond are not told."""

REPLY_BUTTONS_MAX = 3
"""Quick replies of an answer (LANGUAGE.md 7.8); further ones are left out."""

_log = logging.getLogger("opportune.answers")


class Seated(msgspec.Struct, frozen=True):
    """An assistant and the terms under which it answers."""

    terms: AssistantTerms
    assistant: Assistant


class _Writing(msgspec.Struct):
    """An answer under way: to whom, under which id, and the reply that stands if it comes no further."""

    seated: Seated
    question: Question
    reply_id: str
    otherwise: Reply | None = None


class Answering:
    """Lets the assistants of all workspaces answer. One event loop uses it."""

    def __init__(
        self,
        runtime: Runtime,
        assistants: Mapping[str, Sequence[AssistantTerms]],
        secret: bytes,
        make: Callable[[AssistantTerms], Assistant] = assistant_of,
        *,
        release: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Answer by the assistants of each workspace, of which the first is the primary one.

        Args:
            runtime: stores the replies.
            assistants: by workspace; one without any never answers.
            secret: the runtime's, which signs ids.
            make: makes an assistant as it is configured.
            release: called at the end, when no assistant is asked any more.
        """
        self._runtime = runtime
        self._secret = secret
        self._seated = {
            workspace: tuple(Seated(terms, make(terms)) for terms in configured)
            for workspace, configured in assistants.items()
        }
        self._release = release
        self._turns = Turns()
        self._room = asyncio.Semaphore(WRITING_MAX)
        self._waiting = 0
        self._under_way: dict[tuple[SessionRef, str], asyncio.Task[Message | None]] = {}
        self.writing = Writing(runtime)

    async def answer(self, ref: SessionRef, message_id: str) -> Message | None:
        """Return the reply to a visitor's message, letting the assistant write it when there is none.

        None when nobody answers: a person has taken over, the session waits for its assistant or is
        over, no assistant is configured, there is no such message, or a quick reply's action spoke for
        itself. Who goes away while it is written does not stop it.

        Raises:
            StoreUnavailable: the reply is perhaps not stored; asking again is safe.
        """
        place = (ref, message_id)
        task = self._under_way.get(place)
        if task is None:
            task = asyncio.create_task(self._answer(ref, message_id))
            self._under_way[place] = task
            task.add_done_callback(lambda ended: self._end(place, ended))
        return await asyncio.shield(task)

    async def follow_up(self, cause: Cause) -> None:
        """Give the answer that a commit asked for; safe to do twice."""
        assert isinstance(cause.body, FollowUp)
        ref = SessionRef(cause.workspace, cause.visitor, cause.session)
        await self.answer(ref, cause.body.message)

    async def stop(self) -> None:
        """Give up the answers under way; what asked for them is still in the store."""
        tasks = tuple(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.writing.stop()
        if self._release is not None:
            await self._release()

    # ---- inside

    def _end(self, place: tuple[SessionRef, str], task: asyncio.Task[Message | None]) -> None:
        self._under_way.pop(place, None)
        # Whoever waits gets the failure; read here, so that a task nobody waits for makes no noise.
        if not task.cancelled():
            task.exception()

    async def _answer(self, ref: SessionRef, message_id: str) -> Message | None:
        answer_id = reply_id(self._secret, ref.workspace, ref.session, message_id)
        async with self._turns.take(ref):
            stored = await self._stored(ref, answer_id)
            if stored is not None:
                return stored
            asked = await self._question(ref, message_id)
            if asked is None:
                return None
            seated, question = asked
            reply = await self._reply(_Writing(seated, question, answer_id))
            # A person may have taken over while it was written.
            if await self._is_silent(ref):
                return None
            post = _post_of(reply, answer_id, message_id, seated.terms.id)
            posted = await self._runtime.post(ref, post)
            return posted or await self._stored(ref, answer_id)

    async def _stored(self, ref: SessionRef, message_id: str) -> Message | None:
        found = await self._runtime.message(ref.workspace, message_id)
        return found[1] if found is not None and found[0] == ref else None

    async def _is_silent(self, ref: SessionRef) -> bool:
        """Tell whether the assistant has nothing to say in a session now."""
        view = await self._runtime.view(ref)
        return view is None or view.status != "active" or view.paused

    async def _question(self, ref: SessionRef, message_id: str) -> tuple[Seated, Question] | None:
        """Put together what the assistant is asked; None when nobody is to answer."""
        message = await self._stored(ref, message_id)
        if message is None or message.author != "visitor" or await self._is_silent(ref):
            return None
        read = await self._runtime.read(ref)
        if read is None:
            return None
        session, profile, program = read
        seated = self._assistant(ref.workspace, session.assistant)
        if seated is None or _spoke_for_itself(session, message):
            return None
        earlier = await self._earlier(ref, message, seated.assistant.earlier_max)
        asked = _asked(ref, message, session, program)
        named = msgspec.structs.replace(
            asked,
            assistant=seated.terms.id,
            earlier=earlier,
            contact=dict(profile.contact),
            source=session.source,
        )
        return seated, named

    async def _earlier(self, ref: SessionRef, message: Message, count: int) -> tuple[Message, ...]:
        if count == 0:
            return ()
        count = min(count, EARLIER_MESSAGES_MAX)
        # Notices have offsets too: twice as far back there are enough words among them, as a rule.
        first = max(0, message.offset - 1 - 2 * count)
        known = await self._runtime.messages(ref, first, 2 * count)
        return tuple(earlier for earlier in known if earlier.offset < message.offset)[-count:]

    def _assistant(self, workspace: str, wanted: str) -> Seated | None:
        """Return the assistant of a session, the primary one where it has none of its own."""
        seated = self._seated.get(workspace, ())
        own = next((one for one in seated if one.terms.id == wanted), None)
        return own or (seated[0] if seated else None)

    async def _reply(self, writing: _Writing) -> Reply:
        """Let the assistant write; whatever goes wrong becomes the reply that stands, never a visitor's error."""
        terms, is_instant = writing.seated.terms, writing.seated.assistant.is_instant
        if self._waiting >= WAITING_MAX and not is_instant:
            return _built_in(writing)
        self._waiting += 1
        try:
            async with asyncio.timeout(terms.timeout_ms / 1_000 or None):
                if is_instant:
                    return await self._written(writing)
                async with self._room:
                    return await self._watched(writing)
        except Exception as error:  # noqa: BLE001  # an assistant may fail in any way
            # The kind alone: the error's own words may hold the visitor's.
            kind = str(error) if isinstance(error, NoAnswer) else type(error).__name__
            message = writing.question.message
            _log.warning("assistant %s did not answer %s: %s", terms.id, message.id, kind)
            return writing.otherwise or _built_in(writing)
        finally:
            self._waiting -= 1

    async def _watched(self, writing: _Writing) -> Reply:
        ref = writing.question.ref
        self.writing.tell(ref, Typing(True))
        try:
            return await self._written(writing)
        finally:
            self.writing.tell(ref, Typing(False))

    async def _written(self, writing: _Writing) -> Reply:
        reply, room = None, REPLY_CHARS_MAX
        async for part in writing.seated.assistant.answer(writing.question):
            match part:
                case Reply():
                    reply = part
                case Otherwise():
                    writing.otherwise = part.reply
                case Piece() if room > 0:
                    self._tell_piece(writing, part, room)
                    room -= len(part.text)
                case _:
                    pass
        if reply is None or not reply.text:
            raise NoAnswer("it ended without a reply")
        return reply

    def _tell_piece(self, writing: _Writing, piece: Piece, room: int) -> None:
        if piece.text:
            self.writing.tell(writing.question.ref, Delta(writing.reply_id, piece.text[:room]))


def _built_in(writing: _Writing) -> Reply:
    """Answer without the assistant that should have: by a block if one fits, else by the fallback."""
    terms = writing.seated.terms
    use_answers = terms.use_answers and terms.kind != "answers"
    assistant = AnswersAssistant(terms.fallback, use_answers=use_answers, error=MODEL_UNAVAILABLE)
    return assistant.reply(writing.question)


def _asked(ref: SessionRef, message: Message, session: Session, program: Program) -> Question:
    """Put together what an assistant is asked, as the session is now."""
    attributes = dict(session.state.attrs)
    url = attributes.get("page.url")
    return Question(
        ref=ref,
        message=message,
        program=program,
        attributes=attributes,
        page_key=session.state.page_key,
        page_url=url if isinstance(url, str) else "",
    )


def _spoke_for_itself(session: Session, message: Message) -> bool:
    """Tell whether a message is a click whose action is the answer: all but `say` without words."""
    if not message.clicked:
        return False
    for shown in reversed(session.messages):
        if shown.clicked != message.clicked:
            continue
        reply = next((one for one in shown.replies if one.value == message.clicked), None)
        if reply is not None and reply.text == message.text:
            return reply.action != "say" or bool(reply.payload)
    return False


def _post_of(reply: Reply, reply_id: str, message_id: str, assistant: str) -> Post:
    return Post(
        id=reply_id,
        author="assistant",
        text=reply.text[:REPLY_CHARS_MAX],
        replies=reply.replies[:REPLY_BUTTONS_MAX],
        answer_to=message_id,
        model=stored_model(reply),
        tokens=reply.tokens,
        answer=reply.answer,
        assistant=assistant if reply.tokens else "",
        team=reply.team,
    )
