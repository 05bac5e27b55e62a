"""Who answers a visitor: the Assistant protocol, its built-in kind, and the words when there is no answer."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Literal, Protocol

import msgspec

from engine.conversations.answers import best_answer
from engine.message import Message, QuickReply
from engine.message_text import fill_message
from engine.stores.base import SessionRef
from rules.checked import Value
from rules.compiler.program import Program

AssistantKind = Literal["answers", "openai"]

BUILT_IN = "answers"
"""The model that answers of the built-in assistant name."""

MODEL_UNAVAILABLE = "model_unavailable"
"""The error of a reply that was written without the model that should have written it."""

FALLBACK = "I don't know that yet. Shall I connect you with a person?"
"""What an assistant without a fallback of its own says where it has no answer."""

PERSON = QuickReply("Talk to a person", "talk_to_person", "handoff")
"""What a fallback offers. Nothing to dismiss beside it: that would begin the pause after a dismissal."""


class AssistantTerms(msgspec.Struct, frozen=True):
    """One assistant of a workspace as it is configured; `timeout_ms` bounds each answer, 0 = no bound."""

    id: str
    fallback: str
    name: str = ""
    kind: AssistantKind = "answers"
    use_answers: bool = True
    timeout_ms: int = 20_000
    workspace: str = ""


class Question(msgspec.Struct, frozen=True):
    """A visitor's words and what an assistant may know when it answers them.

    `earlier` are the newest messages before it, oldest first, at most as many as the assistant wants.
    `attributes` are the session's, by their names in rules and in rules' units; `page_key` and
    `page_url` are "" when the page is not known. `contact` holds name, first_name, email and phone as
    far as the visitor's are known. `source` is the site.
    """

    ref: SessionRef
    message: Message
    program: Program
    attributes: Mapping[str, Value]
    assistant: str = ""
    page_key: str = ""
    page_url: str = ""
    earlier: tuple[Message, ...] = ()
    contact: Mapping[str, str] = {}
    source: str = ""


class Piece(msgspec.Struct, frozen=True):
    """The next piece of a reply that is being written."""

    text: str


class Reply(msgspec.Struct, frozen=True):
    """A whole reply, which replaces its pieces.

    `answer` is the block it comes from. `error` tells why the assistant did not answer as it should.
    `tokens` are what it cost, also when it failed. `team`: a person takes over with it, of that team, ""
    = of any; None = nobody does.
    """

    text: str
    replies: tuple[QuickReply, ...] = ()
    model: str = BUILT_IN
    tokens: int = 0
    answer: str = ""
    error: str = ""
    team: str | None = None


class Otherwise(msgspec.Struct, frozen=True):
    """The reply that stands if the assistant comes no further; a later one takes its place.

    What was done meanwhile (an appointment, a person who was asked for) so stays true in what is said.
    """

    reply: Reply


Part = Piece | Otherwise | Reply
"""What an assistant yields while it answers."""


class NoAnswer(Exception):
    """An assistant gives up; the words say why, in terms that may stand in a log: nothing that anybody wrote."""


class Assistant(Protocol):
    """Answers questions of visitors; it holds nothing of a conversation between two of them.

    `is_instant`: it answers without waiting for anything, so nobody has to be told that it writes.
    `earlier_max` is how many earlier messages it wants to read.
    """

    @property
    def is_instant(self) -> bool:
        """Tell whether it answers without waiting."""
        ...

    @property
    def earlier_max(self) -> int:
        """Return how many earlier messages a question should hold."""
        ...

    def answer(self, question: Question) -> AsyncIterator[Part]:
        """Answer: pieces and what stands otherwise, if any, then exactly one reply, after which nothing is asked for.

        Whatever it raises becomes the latest `Otherwise`, without one the built-in answer.
        """
        ...


class AnswersAssistant:
    """The built-in assistant: the best `answer` block of the site's rules, else the fallback.

    Matching is that of LANGUAGE.md 7.8, so that what a rule file's tests expect holds live.
    """

    is_instant = True
    earlier_max = 0

    def __init__(self, fallback: str, *, use_answers: bool = True, error: str = "") -> None:
        """Answer with `fallback` where no block applies; `error` is told with every reply."""
        self._fallback = fallback
        self._use_answers = use_answers
        self._error = error

    async def answer(self, question: Question) -> AsyncIterator[Part]:
        """Answer with one reply, without pieces."""
        yield self.reply(question)

    def reply(self, question: Question) -> Reply:
        """Return what `answer` says."""
        found = block_reply(question) if self._use_answers else None
        if found is None:
            return fallback_reply(self._fallback, self._error)
        return msgspec.structs.replace(found, error=self._error)


def block_reply(question: Question, *, asked_only: bool = False) -> Reply | None:
    """Make the reply of the best `answer` block; None when none applies.

    Args:
        question: what was asked, and where.
        asked_only: without `asked anything`, which fits whatever is asked.
    """
    program, answers = question.program, question.program.checked.answers
    if asked_only:
        answers = tuple(replace(answer, anything=False) for answer in answers)
    plan = best_answer(answers, question.message.text, question.page_key)
    if plan is None:
        return None
    text, replies = fill_message(program, plan.message, question.attributes)
    return Reply(text, replies, answer=plan.name)


def assistant_of(terms: AssistantTerms) -> Assistant:
    """Make the assistant that a configuration asks for.

    A model that no client reaches leaves the answers to the blocks and the fallback, and says so.
    """
    error = "" if terms.kind == "answers" else MODEL_UNAVAILABLE
    return AnswersAssistant(terms.fallback, use_answers=terms.use_answers, error=error)


def fallback_reply(text: str, error: str = "") -> Reply:
    """Make the reply where nothing else applies: the configured words, or ours, and the way to a person."""
    return Reply(text or FALLBACK, (PERSON,), error=error)


# ---- what a stored message tells of who answered


class Answered(msgspec.Struct, frozen=True):
    """What answered: the model's name, what it cost, and why it is not the one asked for, "" if it is."""

    model: str
    tokens: int
    error: str = ""


NOBODY = Answered("none", 0)
"""Nobody answered: a person has taken over, or the assistant has no place yet."""


def stored_model(reply: Reply) -> str:
    """Return what a message keeps as its model: the error stands in its place."""
    return reply.error or reply.model


def answered_by(message: Message) -> Answered:
    """Read from a stored reply what answered."""
    if message.model == MODEL_UNAVAILABLE:
        return Answered(BUILT_IN, message.tokens, MODEL_UNAVAILABLE)
    return Answered(message.model or BUILT_IN, message.tokens)
