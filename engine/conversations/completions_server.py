"""A model's server as the engine knows it: what is sent to it, what comes back, and how it fails."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from engine.conversations.assistants import NoAnswer

_PASSING = (0, 500, 502, 503, 504)
_MISUNDERSTOOD = (400, 422)


class ServerFailed(NoAnswer):
    """A model's server did not answer as it should, in words that may stand in a log."""

    def __init__(self, words: str, *, status: int = 0, retry_after_ms: int = 0) -> None:
        """Note what went wrong.

        Args:
            words: what it did, and nothing that it sent.
            status: of HTTP; 0 = there was none, or its answer broke off.
            retry_after_ms: how long it asks to be left alone.
        """
        super().__init__(words)
        self.status = status
        self.retry_after_ms = retry_after_ms

    @property
    def may_pass(self) -> bool:
        """Tell whether the same question, asked again at once, may be answered."""
        return self.status in _PASSING and not self.retry_after_ms

    @property
    def is_misunderstood(self) -> bool:
        """Tell whether the server may know less than it was asked for."""
        return self.status in _MISUNDERSTOOD


class CompletionsServer(Protocol):
    """Takes requests as JSON; answers with bytes as they come."""

    def complete(self, body: bytes) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Send a request; inside the context the answer's body is read, leaving early closes the connection.

        Raises:
            ServerFailed: it cannot be reached, refuses, or breaks off.
        """
        ...
