"""The event log of a workspace as the store's journal gives it: all events, in the order of receipt."""

from collections.abc import AsyncIterator

import msgspec

from engine.custody_lines import event_lines
from engine.stores.base import Store
from engine.stores.sorted_runs import SortedRuns

_encode = msgspec.json.Encoder().encode


async def log_lines(
    store: Store, workspace: str, since_ms: int, until_ms: int
) -> AsyncIterator[msgspec.Raw]:
    """Yield the events received in [since_ms, until_ms) as encoded `EventLine`s; the journal is read once.

    The journal is read by session and the log is in the order of receipt: it is sorted in between, in
    files when it is long.

    Raises:
        OSError: the files cannot be written.
    """
    with SortedRuns() as runs:
        async for ref, entries in store.scan(workspace, since_ms, until_ms):
            for entry in entries:
                for line in event_lines(ref, entry.body):
                    runs.add(line.received_ms, _encode(line))
            await runs.settle()
        async for text in runs.lines():
            yield msgspec.Raw(text)
