"""Long computations beside the loop: one at a time, so that serving keeps the processor it needs."""

import asyncio
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from server.errors import ApiError

WAITING_MAX = 16
"""Computations that wait for their turn; over it `queue_full`."""

RETRY_AFTER_S = 5

T = TypeVar("T")


class SideWork:
    """Runs checks, tests and replays in a thread, in the order in which they were asked for."""

    def __init__(self) -> None:
        """Start with nothing to do."""
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def run(self, work: Callable[[], T]) -> T:
        """Compute in a thread when it is this caller's turn.

        Raises ApiError: queue_full.
        """
        if self._waiting >= WAITING_MAX:
            raise ApiError("queue_full", retry_after_s=RETRY_AFTER_S)
        self._waiting += 1
        try:
            async with self._turn:
                return await asyncio.to_thread(work)
        finally:
            self._waiting -= 1

    async def build(self, work: Callable[[], T]) -> T:
        """Compute what stays for long, in its turn, without a full collection of garbage in between.

        Raises ApiError: queue_full.
        """

        def keep() -> T:
            with kept():
                return work()

        return await self.run(keep)


@contextmanager
def kept() -> Iterator[None]:
    """Keep what is made meanwhile out of every collection of garbage.

    One collection over a large set that is half built stops the loop for a fifth of a second. What is
    new stays for long, so it is frozen before collections go on.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
