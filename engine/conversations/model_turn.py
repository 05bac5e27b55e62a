"""One answer of a language model: rounds of words and calls until there are words alone, and its cost."""

from collections.abc import AsyncIterator
from typing import Protocol

from msgspec.structs import replace

from engine.conversations.assistants import (
    MODEL_UNAVAILABLE,
    Otherwise,
    Part,
    Piece,
    Reply,
)
from engine.conversations.breaker import Breaker
from engine.conversations.chat_completions import (
    ChatMessage,
    Usage,
    estimated_tokens,
    prompt_texts,
)
from engine.conversations.completion_reader import Completed, CompletionReader, Unusable
from engine.conversations.completions_server import CompletionsServer, ServerFailed
from engine.conversations.tool_calls import ToolCalls, booking_words

ROUNDS_MAX = 4
"""Times that a model may call tools in one answer; then it has to speak. test_after_so_many_rounds_it_has_to_speak"""

TOKENS_MAX = 10_000_000
"""Tokens that one round may cost; who tells of more is not believed. test_a_cost_that_cannot_be_is_estimated"""

HANDED_OVER = "I'm connecting you with a person. They will answer you here."
"""What is said where the model asked for a person and came no further."""

_APART = "\n\n"
_CUT = "…"


class Asked(Protocol):
    """What a turn needs of the assistant whose turn it is."""

    server: CompletionsServer
    breaker: Breaker
    asks_cost: bool
    """Whether the server is asked for the cost of an answer: some refuse to be."""

    @property
    def model(self) -> str:
        """Return the name under which the model answers."""
        ...

    def body(self, prompt: tuple[ChatMessage, ...], *, may_call: bool, asks_cost: bool) -> bytes:
        """Write a request."""
        ...

    def note_estimated(self) -> None:
        """Note that the server does not tell what an answer costs."""
        ...


class ModelTurn:
    """One answer. `tokens` are its cost so far, estimated where the server has not told it."""

    def __init__(
        self, assistant: Asked, calls: ToolCalls, prompt: tuple[ChatMessage, ...], built_in: Reply
    ) -> None:
        """Begin with a prompt; `built_in` stands while nothing was done."""
        self._assistant = assistant
        self._calls = calls
        self._prompt = prompt
        self._built_in = built_in
        self._said: list[str] = []
        self._has_told = False
        self._may_retry = True
        self.tokens = 0

    async def run(self) -> AsyncIterator[Part]:
        """Yield pieces, what stands otherwise, and at last the reply."""
        for number in range(ROUNDS_MAX + 1):
            may_call = number < ROUNDS_MAX
            done: Completed | None = None
            async for part in self._round(may_call=may_call):
                if isinstance(part, Completed):
                    done = part
                else:
                    yield part
            assert done is not None, "a round ends with what was said, or raises"
            is_last = not done.calls or not may_call
            self._note_said(done, is_last=is_last)
            if is_last:
                break
            await self._carry_out(done)
            yield Otherwise(self._otherwise())
        yield self._reply()

    # ---- one round

    async def _round(self, *, may_call: bool) -> AsyncIterator[Part | Completed]:
        """Ask, and once more where nothing came; yields pieces, and at last what was said in whole."""
        breaker = self._assistant.breaker
        try:
            async for part in self._ask(may_call=may_call):
                yield part
        except Unusable:
            breaker.succeeded()
            raise
        except ServerFailed as failure:
            breaker.failed(failure.retry_after_ms)
            raise
        except BaseException:
            # It sent what cannot be read, or it took too long and is given up.
            breaker.failed()
            raise
        breaker.succeeded()

    async def _ask(self, *, may_call: bool) -> AsyncIterator[Part | Completed]:
        assistant = self._assistant
        asks_cost = assistant.asks_cost
        try:
            body = self._body(may_call=may_call, asks_cost=asks_cost)
            async for part in self._exchange(body):
                yield part
        except ServerFailed as failure:
            is_other = failure.is_misunderstood and asks_cost
            if self._has_told or not self._may_retry or not (failure.may_pass or is_other):
                raise
            self._may_retry = False
            asks_cost = asks_cost and not is_other
        else:
            return
        body = self._body(may_call=may_call, asks_cost=asks_cost)
        async for part in self._exchange(body):
            yield part
        # It answered: so it was the question for the cost that it did not understand.
        assistant.asks_cost = asks_cost

    def _body(self, *, may_call: bool, asks_cost: bool) -> bytes:
        return self._assistant.body(self._prompt, may_call=may_call, asks_cost=asks_cost)

    async def _exchange(self, body: bytes) -> AsyncIterator[Part | Completed]:
        """Send a request and read its answer."""
        reader, gap = CompletionReader(), _APART if any(self._said) else ""
        cost = estimated_tokens(*prompt_texts(self._prompt))
        async with self._assistant.server.complete(body) as answer:
            self.tokens += cost
            # Whoever is given up from here on has cost what was read.
            yield Otherwise(self._otherwise())
            try:
                async for given in answer:
                    for text in reader.feed(given):
                        self._has_told = True
                        yield Piece(gap + text)
                        gap = ""
                    if reader.is_done:
                        break
            except ServerFailed:
                if not reader.has_finished:
                    raise
        done = reader.end()
        self.tokens += self._cost(done, cost) - cost
        yield done

    def _cost(self, done: Completed, prompt_tokens: int) -> int:
        told = _told_tokens(done.usage)
        if told is not None:
            return told
        self._assistant.note_estimated()
        arguments = (call.function.arguments for call in done.calls)
        return prompt_tokens + estimated_tokens(done.text, *arguments)

    async def _carry_out(self, done: Completed) -> None:
        """Carry out the calls of a round one after the other, and show the model what came of them."""
        shown = [ChatMessage("assistant", done.text or None, tool_calls=done.calls)]
        for call in done.calls:
            told = await self._calls.take(call)
            shown.append(ChatMessage("tool", told, tool_call_id=call.id))
        self._prompt = (*self._prompt, *shown)

    # ---- what is said

    def _note_said(self, done: Completed, *, is_last: bool) -> None:
        text = done.text.strip()
        self._said.append(text + _CUT if text and done.is_cut and is_last else text)

    def _reply(self) -> Reply:
        """Return the model's reply, once it has come to its end.

        Raises:
            Unusable: it never said anything.
        """
        text = _APART.join(filter(None, self._said)) or self._done_words()
        if not text:
            raise Unusable("the model called tools and said nothing")
        return Reply(text, model=self._assistant.model, tokens=self.tokens, team=self._calls.team)

    def _otherwise(self) -> Reply:
        """Return what stands if the model comes no further: what was done, else what is built in."""
        words = self._done_words()
        if not words:
            return replace(self._built_in, tokens=self.tokens)
        team = self._calls.team
        return Reply(words, tokens=self.tokens, error=MODEL_UNAVAILABLE, team=team)

    def _done_words(self) -> str:
        """Say what was done, "" for nothing."""
        words = [booking_words(appointment) for appointment in self._calls.booked]
        if self._calls.team is not None:
            words.append(HANDED_OVER)
        return " ".join(words)


def _told_tokens(usage: Usage | None) -> int | None:
    """Return what a server says that a round cost; None when it says nothing that could be."""
    if usage is None:
        return None
    parts = (usage.prompt_tokens or 0) + (usage.completion_tokens or 0)
    total = usage.total_tokens or parts
    return total if 0 < total <= TOKENS_MAX else None
