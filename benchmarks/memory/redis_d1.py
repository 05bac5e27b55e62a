"""A Redis of its own beside the store's process: what a session takes there, and of it the largest keys."""

import asyncio
import time

from benchmarks.memory.weighing import commit_all
from benchmarks.memory.workload import Workload
from benchmarks.outcome import Outcome
from benchmarks.valkey import Running, fresh, require, versions
from engine.stores.base import SessionRef
from engine.stores.redis.keys import Keys
from engine.stores.redis.store import RedisStore

LABEL = "Opportune, Redis"
VERSIONS = versions()
SIZES = ("tiny", "100000")
PARTITIONS = 256
WEIGHED = 64


def prepare(workload: Workload) -> Workload:
    """Look for a server; the run starts its own."""
    require()
    return workload


def run(prepared: Workload) -> Outcome:
    """Commit all sessions, and report by how much the server's data grew."""
    with fresh() as running:
        before = running.number("memory", "used_memory")
        began_s = time.perf_counter()
        asyncio.run(_fill(prepared, running))
        seconds = time.perf_counter() - began_s
        grown = running.number("memory", "used_memory") - before
        parts = _weigh(prepared, running)
    own_bytes = grown / prepared.sessions
    values = {"kb_a_session": own_bytes / 1_024, "other_bytes": own_bytes - sum(parts.values())}
    return Outcome(prepared.sessions, seconds, {}, values | parts)


async def _fill(workload: Workload, running: Running) -> None:
    store = await RedisStore.open(running.url, durability="D1", partitions=PARTITIONS)
    try:
        await commit_all(workload, store)
    finally:
        await store.close()


def _weigh(workload: Workload, running: Running) -> dict[str, float]:
    """Weigh hash, profile and journal of some sessions."""
    keys = Keys(PARTITIONS)
    some = range(0, workload.sessions, max(1, workload.sessions // WEIGHED))
    parts = {"session_bytes": 0.0, "profile_bytes": 0.0, "journal_bytes": 0.0}
    for number in some:
        ref = SessionRef("ws_bench", *workload.names(number))
        profile = keys.of_visitor("u", ref.workspace, ref.visitor)
        parts["session_bytes"] += running.weigh(keys.of_session("s", ref)) / len(some)
        parts["profile_bytes"] += running.weigh(profile) / len(some)
        parts["journal_bytes"] += running.weigh(keys.of_session("j", ref)) / len(some)
    return parts
