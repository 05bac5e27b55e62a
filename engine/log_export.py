"""The event log of a workspace as the store's journal gives it: all events, in the order of receipt."""

from collections.abc import AsyncIterator

from engine.custody_lines import EventLine, event_lines
from engine.stores.base import Store

WINDOW_MS = 3_600_000
"""Events of so long are in memory at once: the journal is read by session, the log is in order of receipt."""


async def log_lines(
    store: Store, workspace: str, since_ms: int, until_ms: int
) -> AsyncIterator[EventLine]:
    """Yield the events received in [since_ms, until_ms), a window of them at a time."""
    begin_ms = await _first_ms(store, workspace, since_ms, until_ms)
    while begin_ms < until_ms:
        end_ms = min(begin_ms + WINDOW_MS, until_ms)
        found: list[EventLine] = []
        async for ref, entries in store.scan(workspace, begin_ms, end_ms):
            for entry in entries:
                found.extend(event_lines(ref, entry.body))
        found.sort(key=lambda line: line.received_ms)
        for line in found:
            yield line
        begin_ms = end_ms


async def _first_ms(store: Store, workspace: str, since_ms: int, until_ms: int) -> int:
    """Find the oldest entry, so that no empty years are walked through."""
    oldest_ms = until_ms
    async for _, entries in store.scan(workspace, since_ms, until_ms):
        oldest_ms = min(oldest_ms, entries[0].at_ms)
    return oldest_ms
