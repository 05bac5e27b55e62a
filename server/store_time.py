"""The clock of a process whose store others use too: set by the store's time, once a second."""

import asyncio

from engine.clock import StoreClock
from engine.errors import StoreUnavailable
from engine.stores.base import Store
from server.log_format import LOGGER

FOLLOW_EVERY_S = 1.0
JUMP_MS = 5_000
"""A difference beyond is logged: the store's machine was set, or another one serves now."""


async def follow_store_time(store: Store, clock: StoreClock) -> None:
    """Keep `clock` at the store's time until cancelled; while the store is away it runs on by itself."""
    while True:
        await asyncio.sleep(FOLLOW_EVERY_S)
        await look_at_store_time(store, clock)


async def look_at_store_time(store: Store, clock: StoreClock) -> None:
    """Set `clock` by one look at the store's time."""
    try:
        moved_ms = clock.follow(await store.now())
    except StoreUnavailable:
        return
    if abs(moved_ms) > JUMP_MS:
        LOGGER.warning("the store's time moved by %.1f s", moved_ms / 1_000)
