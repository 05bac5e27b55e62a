"""Assistants of tests: one that counts, one that waits for a gate, one that fails, one that writes in pieces."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from engine.conversations.assistants import AssistantTerms, Piece, Question, Reply

TERMS = AssistantTerms("asst", "I do not know.", timeout_ms=5_000)


class Writer:
    """Answers with given parts once its gate is open; it keeps what it was asked."""

    is_instant = False

    def __init__(self, *parts: Piece | Reply, earlier_max: int = 0) -> None:
        self.parts: Sequence[Piece | Reply] = parts
        self.earlier_max = earlier_max
        self.asked: list[Question] = []
        self.running = 0
        self.most_running = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def answer(self, question: Question) -> AsyncIterator[Piece | Reply]:
        self.asked.append(question)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await self.gate.wait()
            for part in self.parts:
                yield part
        finally:
            self.running -= 1


class Broken:
    """Fails after its first piece."""

    is_instant = False
    earlier_max = 0

    async def answer(self, question: Question) -> AsyncIterator[Piece | Reply]:
        yield Piece("I th")
        raise ConnectionError("the model's server hung up")
