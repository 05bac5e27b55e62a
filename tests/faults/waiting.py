"""Waiting for something that nobody tells of: looked at again and again, up to a bound."""

import asyncio
from collections.abc import Callable
from time import monotonic


async def until(true: Callable[[], bool], within_s: float) -> float:
    """Wait until something is so; answers the seconds that it took.

    Raises:
        TimeoutError: it did not become so in time.
    """
    began = monotonic()
    async with asyncio.timeout(within_s):
        while not true():  # noqa: ASYNC110  # nobody sets an event
            await asyncio.sleep(0.005)
    return monotonic() - began
