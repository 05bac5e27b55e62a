"""Answers of a model's server as bytes, and one that plays them: whole, in pieces, or broken off."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec

from engine.conversations.completions_server import ServerFailed


def chunk(**given: object) -> dict:
    """Make a chunk of a stream with one choice."""
    finish = given.pop("finish_reason", None)
    return {
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": given, "finish_reason": finish}],
    }


def usage(prompt: int, completion: int) -> dict:
    """Make the chunk that tells the cost."""
    told = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
    return {"choices": [], "usage": told}


def call(name: str, arguments: object, *, index: int = 0, call_id: str = "call_a") -> list[dict]:
    """Make the chunks of a call, its arguments split in the middle."""
    text = arguments if isinstance(arguments, str) else msgspec.json.encode(arguments).decode()
    half = len(text) // 2
    function: dict = {"name": name, "arguments": ""}
    first = {"index": index, "id": call_id, "type": "function", "function": function}
    pieces = [{"index": index, "function": {"arguments": t}} for t in (text[:half], text[half:])]
    return [chunk(tool_calls=[one]) for one in (first, *pieces)]


def sse(*events: dict | str, done: bool = True) -> bytes:
    """Write events as a stream."""
    lines = [e if isinstance(e, str) else msgspec.json.encode(e).decode() for e in events]
    if done:
        lines.append("[DONE]")
    return "".join(f"data: {line}\n\n" for line in lines).encode()


def spoken(*texts: str, cost: tuple[int, int] | None = (90, 10), finish: str = "stop") -> bytes:
    """Write an answer in words as a stream."""
    events = [chunk(role="assistant"), *(chunk(content=text) for text in texts)]
    events.append(chunk(finish_reason=finish))
    return sse(*events, *((usage(*cost),) if cost else ()))


def called(*calls: Sequence[dict], before: str = "") -> bytes:
    """Write an answer that calls tools as a stream."""
    first = [chunk(content=before)] if before else []
    events = [one for chunks in calls for one in chunks]
    return sse(*first, *events, chunk(finish_reason="tool_calls"), usage(50, 5))


# ---- who plays them


SILENCE = "nothing more comes"
Step = bytes | ServerFailed | str


class Played:
    """Plays an answer a request, the last one again; an error ends an answer, or stands in its place."""

    def __init__(self, *answers: bytes | ServerFailed | Sequence[Step]) -> None:
        self.answers = list(answers)
        self.asked: list[dict] = []

    @asynccontextmanager
    async def complete(self, body: bytes) -> AsyncIterator[AsyncIterator[bytes]]:
        self.asked.append(msgspec.json.decode(body))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, ServerFailed):
            raise answer
        yield _pieces([answer] if isinstance(answer, bytes) else answer)


async def _pieces(answer: Sequence[Step]) -> AsyncIterator[bytes]:
    for piece in answer:
        if isinstance(piece, str):
            await asyncio.Event().wait()
            continue
        if isinstance(piece, ServerFailed):
            raise piece
        yield piece
