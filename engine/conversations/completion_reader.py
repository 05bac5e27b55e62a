"""Bytes of a model's server -> pieces of words, calls and their cost: a stream of events, or one JSON. Pure.

What comes is bounded and believed in nothing: whatever does not fit is one NoAnswer, which quotes none of it.
"""

import msgspec

from engine.conversations.assistants import NoAnswer
from engine.conversations.chat_completions import (
    CalledFunction,
    Choice,
    Completion,
    Said,
    ToolCall,
    ToolCallPiece,
    Usage,
    decode_completion,
)
from engine.conversations.thinking import Thinking

ANSWER_BYTES_MAX = 1_048_576
"""Bytes of one answer; with more there is none. test_an_answer_over_its_limit_is_none"""

LINE_BYTES_MAX = 65_536
"""Bytes of one line of a stream, and of one event. test_an_answer_over_its_limit_is_none"""

ROUND_CALLS_MAX = 16
"""Calls in one answer; with more there is none. test_an_answer_over_its_limit_is_none"""

_DONE = b"[DONE]"
_BLANK = b" \t\r\n\xef\xbb\xbf"
_STOPPED = ("content_filter",)
_UNREADABLE = (msgspec.DecodeError, UnicodeError, RecursionError)


class Unusable(NoAnswer):
    """The server answered as it should, and nothing that could be said."""


class Completed(msgspec.Struct, frozen=True):
    """A whole answer. `usage` None: the server did not tell. `is_cut`: it reached its length."""

    text: str
    calls: tuple[ToolCall, ...] = ()
    usage: Usage | None = None
    is_cut: bool = False


class _Call(msgspec.Struct):
    """A call that is being put together."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


class CompletionReader:
    """Reads one answer. Whether it is a stream is seen by its first byte: some servers know no stream."""

    def __init__(self) -> None:
        """Begin before the first byte."""
        self._size_bytes = 0
        self._rest = bytearray()
        self._event = bytearray()
        self._is_json: bool | None = None
        self._thinking = Thinking()
        self._text: list[str] = []
        self._calls: list[_Call] = []
        self._usage: Usage | None = None
        self._finish_reason = ""
        self.is_done = False
        """What comes after the end of a stream is not read."""

    @property
    def has_finished(self) -> bool:
        """Tell whether the answer is whole, though its end may not have been told."""
        return self.is_done or bool(self._finish_reason)

    def feed(self, given: bytes) -> list[str]:
        """Take the next bytes; returns the words that they complete.

        Raises:
            NoAnswer: it is too long, malformed, or an error.
        """
        self._size_bytes += len(given)
        if self._size_bytes > ANSWER_BYTES_MAX:
            raise NoAnswer("the model's server sent too much")
        if self.is_done:
            return []
        self._rest += given
        if self._is_json is None and (start := bytes(self._rest).lstrip(_BLANK)):
            self._is_json = start.startswith((b"{", b"["))
        before = len(self._text)
        if self._is_json is False:
            self._take_lines()
        if not self._is_json and len(self._rest) > LINE_BYTES_MAX:
            raise NoAnswer("the model's server sent a line without an end")
        return self._text[before:]

    def end(self) -> Completed:
        """Return the whole answer, once no more bytes come.

        Raises:
            NoAnswer: it was broken off, stopped, or says nothing.
        """
        if self._is_json:
            self._take(bytes(self._rest).strip(_BLANK))
        elif self._rest or self._event:
            # The last line may lack its end; the event that it belongs to counts all the same.
            self._take_line(bytes(self._rest))
            self._take_event()
        if not self.has_finished:
            raise NoAnswer("the model's server broke off")
        if self._finish_reason in _STOPPED:
            raise Unusable("the model's server filtered the answer")
        completed = Completed(
            text="".join(self._text) + self._thinking.rest(),
            calls=tuple(map(_whole_call, range(len(self._calls)), self._calls)),
            usage=self._usage,
            is_cut=self._finish_reason == "length",
        )
        if not completed.text.strip() and not completed.calls:
            raise Unusable("the model said nothing")
        return completed

    # ---- events of a stream

    def _take_lines(self) -> None:
        """Take the whole lines there are; a line ends with CR, LF or both."""
        while not self.is_done:
            ends = [at for at in (self._rest.find(b"\n"), self._rest.find(b"\r")) if at >= 0]
            if not ends:
                break
            end = min(ends)
            line = bytes(self._rest[:end])
            if self._rest[end : end + 1] == b"\r" and end + 1 == len(self._rest):
                break
            after = end + 2 if self._rest[end : end + 2] == b"\r\n" else end + 1
            del self._rest[:after]
            self._take_line(line)

    def _take_line(self, line: bytes) -> None:
        if not line:
            self._take_event()
            return
        name, _, value = line.removeprefix(b"\xef\xbb\xbf").partition(b":")
        if name != b"data":
            # Comments keep the connection open; the other fields say nothing here.
            return
        if self._event:
            self._event += b"\n"
        self._event += value.removeprefix(b" ")
        if len(self._event) > LINE_BYTES_MAX:
            raise NoAnswer("the model's server sent too long an event")

    def _take_event(self) -> None:
        event = bytes(self._event).strip()
        self._event.clear()
        if event == _DONE:
            self.is_done = True
        elif event:
            self._take(event)

    # ---- what they say

    def _take(self, event: bytes) -> None:
        try:
            completion = decode_completion(event)
        except _UNREADABLE:
            raise NoAnswer("the model's server sent what is no completion") from None
        if _is_error(completion):
            raise NoAnswer("the model's server sent an error")
        self._usage = completion.usage or self._usage
        for choice in completion.choices or ():
            if choice.index == 0:
                self._take_choice(choice)

    def _take_choice(self, choice: Choice) -> None:
        said = choice.delta or choice.message or Said()
        if said.content and (text := self._thinking.without(said.content)):
            self._text.append(text)
        for piece in said.tool_calls or ():
            self._take_call(piece)
        self._finish_reason = choice.finish_reason or self._finish_reason

    def _take_call(self, piece: ToolCallPiece) -> None:
        call = self._call_of(piece)
        function = piece.function
        if piece.id and not call.id:
            call.id = piece.id
        if function is not None:
            call.name = call.name or function.name or ""
            call.arguments += function.arguments or ""

    def _call_of(self, piece: ToolCallPiece) -> _Call:
        """Find the call that a piece belongs to: by its number, else by its id, else the latest."""
        found = None
        if piece.index is not None:
            found = next((call for call in self._calls if call.index == piece.index), None)
        elif self._calls and (not piece.id or piece.id == self._calls[-1].id):
            found = self._calls[-1]
        if found is not None:
            return found
        if len(self._calls) >= ROUND_CALLS_MAX:
            raise Unusable("the model made too many calls at once")
        call = _Call(len(self._calls) if piece.index is None else piece.index)
        self._calls.append(call)
        return call


def _is_error(completion: Completion) -> bool:
    return bytes(completion.error) not in (b"", b"null")


def _whole_call(number: int, call: _Call) -> ToolCall:
    """Finish a call; one without an id gets one, which its result names."""
    return ToolCall(call.id or f"call_{number}", CalledFunction(call.name, call.arguments))
