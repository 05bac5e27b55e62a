"""How long to wait before a server is tried again: 10 ms, doubled to a second, spread by chance."""

import asyncio
from contextlib import suppress

from engine.ids import system_random_bytes

_FIRST_S = 0.01
_LONGEST_S = 1.0


class Pauses:
    """The pauses of one connection; `longest_s` bounds them."""

    def __init__(self, longest_s: float = _LONGEST_S) -> None:
        """Begin with the shortest."""
        self._longest_s = longest_s
        self._next_s = _FIRST_S
        self._hurry = asyncio.Event()

    def take(self) -> float:
        """Return the next pause in seconds, from half to the whole of its length; that doubles."""
        part = 0.5 + int.from_bytes(system_random_bytes(2)) / 131_072
        pause_s = self._next_s * part
        self._next_s = min(2 * self._next_s, self._longest_s)
        return pause_s

    async def wait(self) -> None:
        """Wait for the next pause."""
        self._hurry.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(self.take()):
                await self._hurry.wait()

    def lived(self, seconds: float) -> None:
        """Begin anew when the connection was good for as long as the longest pause."""
        if seconds >= self._longest_s:
            self._next_s = _FIRST_S

    def hurry(self) -> None:
        """End the pause that runs: the server was heard elsewhere."""
        self._hurry.set()
