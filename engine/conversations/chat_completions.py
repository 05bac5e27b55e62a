"""The wire of `/chat/completions`: what a model is asked, and what it answers, whole or in pieces. Values only.

After OpenAI's API reference, as far as servers of others speak it too.
"""

from typing import Literal

import msgspec

CHARS_A_TOKEN = 4
"""Characters of one token, where the server does not tell how many there were: a rule of thumb."""

Role = Literal["system", "user", "assistant", "tool"]


# ---- what is asked


class CalledFunction(msgspec.Struct, frozen=True):
    """A function that the model calls; `arguments` is JSON as the model wrote it."""

    name: str
    arguments: str


class ToolCall(msgspec.Struct, frozen=True):
    """One call, as the model made it and as it is shown to it again."""

    id: str
    function: CalledFunction
    type: Literal["function"] = "function"


class ChatMessage(msgspec.Struct, frozen=True, omit_defaults=True):
    """One message of the prompt; `tool_call_id` names the call whose result a `tool` message is."""

    role: Role
    content: str | None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""


class StreamOptions(msgspec.Struct, frozen=True):
    """Asks for the number of tokens at the end of a stream."""

    include_usage: bool = True


class ChatRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """`POST …/chat/completions`. `tools` are functions as JSON Schema describes them."""

    model: str
    messages: tuple[ChatMessage, ...]
    temperature: float
    max_tokens: int
    stream: Literal[True]
    stream_options: StreamOptions | None = None
    tools: tuple[msgspec.Raw, ...] = ()
    tool_choice: Literal["auto", "none"] = "auto"


# ---- what is answered


class Usage(msgspec.Struct, frozen=True):
    """What a request cost, as its server counts."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None


class FunctionPiece(msgspec.Struct, frozen=True):
    """Of a call: its name in its first piece, its arguments in pieces."""

    name: str | None = None
    arguments: str | None = None


class ToolCallPiece(msgspec.Struct, frozen=True):
    """The next piece of the call number `index`; a server that leaves the number out sends whole calls."""

    index: int | None = None
    id: str | None = None
    function: FunctionPiece | None = None


class Said(msgspec.Struct, frozen=True):
    """What the model says, or the next piece of it."""

    content: str | None = None
    tool_calls: tuple[ToolCallPiece, ...] | None = None


class Choice(msgspec.Struct, frozen=True):
    """One answer: `delta` is its next piece in a stream, `message` the whole of it without one."""

    delta: Said | None = None
    message: Said | None = None
    finish_reason: str | None = None
    index: int = 0


class Completion(msgspec.Struct, frozen=True):
    """One event of a stream, or the whole answer. Whoever sends an `error` sends no answer."""

    choices: tuple[Choice, ...] | None = None
    usage: Usage | None = None
    error: msgspec.Raw = msgspec.Raw()


encode_request = msgspec.json.Encoder().encode
decode_completion = msgspec.json.Decoder(Completion).decode


def estimated_tokens(*texts: str) -> int:
    """Estimate the tokens of texts by their characters, rounded up."""
    return -(-sum(map(len, texts)) // CHARS_A_TOKEN)


def prompt_texts(messages: tuple[ChatMessage, ...]) -> tuple[str, ...]:
    """List the texts of a prompt that cost tokens."""
    calls = (call.function.arguments for message in messages for call in message.tool_calls)
    return (*(message.content or "" for message in messages), *calls)
