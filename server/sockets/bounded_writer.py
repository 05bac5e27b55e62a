"""Frames on their way to one client: in order, bounded in number, bytes and time; who is too slow has to go."""

import asyncio
from collections.abc import Callable

from starlette.types import Scope, Send

QUEUED_FRAMES_MAX = 64
QUEUED_BYTES_MAX = 256 * 1024
"""Frames that wait for a client, in number and bytes; with more it is too slow: 4413."""

ABORT, CALL, IS_FREE = "opportune.abort", "call", "is_free"
"""ASGI extension of our own protocol class: drops the connection with whatever waits for it; tells whether a
frame is taken at once."""


class TooSlow(Exception):
    """The client takes less than it is sent."""


class BoundedWriter:
    """Sends a client's frames one after the other; callers wait until theirs is on its way."""

    def __init__(self, scope: Scope, send: Send) -> None:
        """Write to the connection of `scope` through its `send`."""
        self._send = send
        self._frames = 0
        self._bytes = 0
        extension = (scope.get("extensions") or {}).get(ABORT, {})
        self._abort: Callable[[], None] | None = extension.get(CALL)
        self._is_free: Callable[[], bool] = extension.get(IS_FREE, _is_never)

    async def write(self, frame: bytes, wait_s: float) -> None:
        """Send one text frame, after those that wait already.

        Raises:
            TooSlow: too much waits, or the client did not take it within `wait_s` seconds.
        """
        self._frames += 1
        self._bytes += len(frame)
        try:
            # One frame alone may be as large as it is: others have to wait for it, it for nobody.
            if self._frames > QUEUED_FRAMES_MAX or (
                self._bytes > QUEUED_BYTES_MAX and self._frames > 1
            ):
                raise TooSlow
            sending = self._send({"type": "websocket.send", "text": frame.decode()})
            if self._is_free():
                # Mostly nothing waits, and a timer costs as much as the frame.
                await sending
                return
            async with asyncio.timeout(wait_s):
                await sending
        except TimeoutError:
            raise TooSlow from None
        finally:
            self._frames -= 1
            self._bytes -= len(frame)

    async def close(self, code: int, wait_s: float) -> None:
        """Close with a code; a client that does not take even that within `wait_s` is dropped without."""
        try:
            async with asyncio.timeout(wait_s):
                await self._send({"type": "websocket.close", "code": code})
        except TimeoutError:
            # Closing in order would wait for the client to read, and it does not.
            if self._abort is not None:
                self._abort()
        except OSError:
            # The client was quicker.
            pass


def _is_never() -> bool:
    """Suppose of a connection that says nothing of itself that a frame may have to wait."""
    return False
