"""The replay of the platform API: recorded sessions under the live rules and under others."""

from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial

from engine.clock import Stopwatch
from engine.replay_diff import Comparison
from engine.stores.base import Entry, SessionRef
from engine.stores.codec import decode_entry
from rules.compiler import Program
from server.call import Call
from server.errors import ApiError
from server.routes.rules import check_names, compiled_files, folder_of
from server.rulebook.live_rules import RuleFolder
from server.wire.decoding import Reader
from server.wire.envelope import Answer
from server.wire.rules import ReplayBody

REPLAY_MS_MAX = 60_000
"""A replay that takes longer ends with what it has seen."""

CHUNK_SESSIONS = 100
"""Sessions that a replay runs in one turn of the thread; other work takes its turn in between."""

Recorded = tuple[SessionRef, Sequence[Entry]]

_reader = Reader(ReplayBody)


async def replay_rules(call: Call) -> Answer:
    """Run recorded sessions under the live rules and under given ones, and say what differs."""
    body, warnings = call.read(_reader)
    if body.files is not None:
        check_names(body.files)
    since_ms, until_ms = _range(call, body)
    folder = folder_of(call)
    library = call.services.rules.library
    live = await library.live(folder.workspace, folder.name)
    kept = await library.files(folder.workspace, live)
    # Programs of its own: a program's lookups are not made for two threads.
    old = await _program(call, folder, kept)
    new = await _program(call, folder, kept if body.files is None else body.files)
    comparison = Comparison(old, new, folder.workspace, call.services.secret)
    truncated = await _compare(call, folder, comparison, (since_ms, until_ms), body.limit)
    comparison.diff.truncated = truncated
    return call.success(comparison.diff, warnings)


async def _compare(
    call: Call,
    folder: RuleFolder,
    comparison: Comparison,
    between_ms: tuple[int, int],
    limit: int,
) -> bool:
    """Take sessions until there are no more; True when the limit or the time was reached before."""
    watch = Stopwatch()
    sites = frozenset(call.services.rules.sources(folder.workspace, folder.name))
    scanned = call.services.store.scan(folder.workspace, *between_ms)
    async for chunk in _chunks(scanned):
        work = partial(_take, comparison, chunk, sites, limit)
        if await call.services.side_work.run(work):
            return True
        if watch.elapsed_ms() > REPLAY_MS_MAX:
            return True
    return False


def _take(
    comparison: Comparison, chunk: Sequence[Recorded], sites: frozenset[str], limit: int
) -> bool:
    """Run a few sessions of the set's sites; True when there are more than the limit."""
    for ref, records in chunk:
        entries = [decode_entry(record.body) for record in records]
        if entries[0].source not in sites:
            continue
        if comparison.diff.sessions >= limit:
            return True
        comparison.take(ref, entries)
    return False


async def _chunks(scanned: AsyncIterator[Recorded]) -> AsyncIterator[list[Recorded]]:
    chunk: list[Recorded] = []
    async for recorded in scanned:
        chunk.append(recorded)
        if len(chunk) >= CHUNK_SESSIONS:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


async def _program(call: Call, folder: RuleFolder, files: Mapping[str, str]) -> Program:
    return (await compiled_files(call, folder, files)).program


def _range(call: Call, body: ReplayBody) -> tuple[int, int]:
    """Return the instants between which sessions are taken.

    Raises ApiError: out_of_range.
    """
    since_ms = int(body.since.timestamp() * 1_000)
    until_ms = call.now_ms + 1 if body.until is None else int(body.until.timestamp() * 1_000)
    if since_ms >= until_ms:
        raise ApiError("out_of_range", "since is not before until", field="since")
    return since_ms, until_ms
