"""A process that commits to a SQLite store until it is killed, and says on stdout what it was told.

`python -m tests.stores.committer PATH [ack_first]`: each line is `session version due`. With
`ack_first` it says so before the store answers, which must lose commits: the control of the test.
"""

import asyncio
import os
import sys
from pathlib import Path

from engine.stores.base import Committed, SessionRef
from engine.stores.sqlite.store import SqliteStore
from tests.stores.steps import START_MS, message, step

SESSIONS = 48
DUE_MS = START_MS + 1_000_000


async def run(path: Path, *, ack_first: bool) -> None:
    """Commit to all sessions side by side, for ever."""
    store = await SqliteStore.open(path, "D2", lambda: START_MS)
    await asyncio.gather(*[_visit(store, place, ack_first=ack_first) for place in range(SESSIONS)])


async def _visit(store: SqliteStore, place: int, *, ack_first: bool) -> None:
    ref = SessionRef("ws_a", f"visitor_{place}", f"chat_{place}")
    expect = 0
    while True:
        due_ms = DUE_MS + expect * SESSIONS + place
        line = f"{ref.session} {expect + 1} {due_ms}\n".encode()
        messages = (message(f"msg_{place}_{expect}"),) if expect % 10 == 3 else ()
        if ack_first:
            os.write(1, line)
        answer = await store.commit(step(expect, ref, wake_ms=due_ms, messages=messages))
        assert isinstance(answer, Committed)
        if not ack_first:
            os.write(1, line)
        expect += 1


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), ack_first="ack_first" in sys.argv))
