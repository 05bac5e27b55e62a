"""The assistant that is a language model: asked over `/chat/completions`, with tools, within its budget.

`answer` blocks come first where they are wanted, and take its place when it is slow, wrong or gone.
"""

import logging
from collections.abc import AsyncIterator

import msgspec

from engine.conversations.assistant_tools import Offered, tools_of
from engine.conversations.assistants import (
    MODEL_UNAVAILABLE,
    AnswersAssistant,
    AssistantTerms,
    Part,
    Question,
    block_reply,
)
from engine.conversations.breaker import Breaker
from engine.conversations.chat_completions import (
    ChatMessage,
    ChatRequest,
    StreamOptions,
    encode_request,
    estimated_tokens,
    prompt_texts,
)
from engine.conversations.completions_server import CompletionsServer
from engine.conversations.model_turn import ModelTurn
from engine.conversations.prompting import Setting, prompt_of
from engine.conversations.token_budget import TokenBudget
from engine.conversations.tool_calls import Counter, ToolCalls

_log = logging.getLogger("opportune.answers")


class ModelTerms(msgspec.Struct, frozen=True):
    """How a model is asked; `earlier` counts the messages before the question that it reads."""

    model: str
    setting: Setting
    temperature: float = 0.2
    max_tokens: int = 300
    earlier: int = 20
    offered: Offered = Offered()


class ModelAssistant:
    """Answers with a language model's words."""

    is_instant = False

    def __init__(
        self,
        terms: AssistantTerms,
        model: ModelTerms,
        *,
        server: CompletionsServer,
        counter: Counter,
        budget: TokenBudget,
    ) -> None:
        """Ask `server` under `model`; carry calls out at `counter`; stay within `budget`."""
        self._terms = terms
        self._model = model
        self._counter = counter
        self._budget = budget
        self._tools = tools_of(model.offered)
        self._built_in = AnswersAssistant(
            terms.fallback, use_answers=terms.use_answers, error=MODEL_UNAVAILABLE
        )
        self._has_said_estimated = False
        self._is_spent = False
        self.server = server
        self.asks_cost = True
        self.breaker = Breaker(counter.clock)

    @property
    def model(self) -> str:
        """Return the name under which the model answers."""
        return self._model.model

    @property
    def earlier_max(self) -> int:
        """Return how many earlier messages the model reads."""
        return self._model.earlier

    async def answer(self, question: Question) -> AsyncIterator[Part]:
        """Answer with a block that was asked for, else with the model's words, else with what is built in."""
        block = block_reply(question, asked_only=True) if self._terms.use_answers else None
        if block is not None:
            yield block
            return
        built_in = self._built_in.reply(question)
        if not self.breaker.lets_through():
            yield built_in
            return
        prompt = prompt_of(self._model.setting, question, self._counter.clock.now_ms())
        reserved = estimated_tokens(*prompt_texts(prompt)) + self._model.max_tokens
        has_room = await self._budget.take(reserved)
        self._note_spent(is_spent=not has_room)
        if not has_room:
            yield built_in
            return
        turn = ModelTurn(self, self._calls(question), prompt, built_in)
        try:
            async for part in turn.run():
                yield part
        finally:
            self._budget.settle(reserved, turn.tokens)

    def body(self, prompt: tuple[ChatMessage, ...], *, may_call: bool, asks_cost: bool) -> bytes:
        """Write a request."""
        return encode_request(
            ChatRequest(
                model=self._model.model,
                messages=prompt,
                temperature=self._model.temperature,
                max_tokens=self._model.max_tokens,
                stream=True,
                stream_options=StreamOptions() if asks_cost else None,
                tools=self._tools,
                tool_choice="none" if self._tools and not may_call else "auto",
            )
        )

    def note_estimated(self) -> None:
        """Say once that the server does not tell what an answer costs."""
        if not self._has_said_estimated:
            self._has_said_estimated = True
            words = "the model of assistant %s does not tell its tokens: they are estimated"
            _log.warning(words, self._terms.id)

    def _note_spent(self, *, is_spent: bool) -> None:
        """Say when the day's tokens come to their end, once."""
        if is_spent and not self._is_spent:
            _log.warning("assistant %s has used its tokens of today", self._terms.id)
        self._is_spent = is_spent

    def _calls(self, question: Question) -> ToolCalls:
        return ToolCalls(self._counter, question, self._model.offered)
