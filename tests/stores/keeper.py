"""A process that keeps causes, documents, places, counters, profiles and answers until it is killed.

`python -m tests.stores.keeper PATH`: a line on stdout for each round whose every part was answered.
"""

import asyncio
import os
import sys
from pathlib import Path

from engine.stores.base import Count, SessionRef, StoredCause
from engine.stores.sqlite.store import SqliteStore
from tests.stores.steps import START_MS, step

DAY = "2027-01-15"


def name(number: int) -> str:
    """Name what a round keeps."""
    return f"r_{number:06}"


def causes_of(count: int) -> list[str]:
    """Name the first `count` causes: each round keeps one in a commit and one with a document."""
    return [f"{name(number // 2)}_{'ab'[number % 2]}" for number in range(count)]


async def run(path: Path) -> None:
    """Do round after round, for ever."""
    store = await SqliteStore.open(path, "D2", lambda: START_MS)
    number = 0
    while True:
        await _round(store, number)
        os.write(1, b"%d\n" % number)
        number += 1


async def _round(store: SqliteStore, number: int) -> None:
    own = name(number)
    told, written = (StoredCause(f"{own}_{part}", "ws_a", own, b"") for part in "ab")
    ref = SessionRef("ws_a", own, f"chat_{own}")
    await store.commit(step(0, ref, causes=(told,), counts=(Count(DAY, "sent"),)))
    await store.put_doc("ws_a", "kind", own, b"doc", 0, causes=(written,))
    await store.book("ws_a", own, "apt", 1)
    await store.put_profile("ws_a", own, b"profile", 0)
    key = own.encode()
    await store.idem_begin(key, b"hash")
    await store.idem_end(key, b"hash", (200, b"answer %d" % number))


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1])))
