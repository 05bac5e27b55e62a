"""One copy of what the store keeps, the primary's or a replica's: it takes operations one after another."""

from collections import Counter
from collections.abc import Coroutine, Mapping
from typing import Any

import msgspec

from engine.limits import MEMORY_JOURNAL_BYTES_MAX
from engine.step import events_of
from engine.stores.base import (
    Commit,
    CommitAnswer,
    Committed,
    Retention,
    SessionRef,
    StoredCause,
)
from engine.stores.codec import decode_entry
from engine.stores.head import decode_head, encode_head
from engine.stores.memory.state import MemoryState
from engine.stores.memory.store import MemoryView
from tests.simulation.mutants import Weakness

WRITES = frozenset(
    {"commit", "claim_due", "put_profile", "resolve", "put_doc", "book", "unbook", "keep_causes",
     "settle_causes", "claim_deliveries", "settle_delivery", "send_again", "feed_add", "feed_clear",
     "idem_begin", "idem_end", "erase"}
)  # fmt: skip
"""Operations that the replica takes too. Leases are not among them: a fail-over ends them all."""


class Operation(msgspec.Struct, frozen=True):
    """One call of the store, as it is repeated on a replica at its instant."""

    at_ms: int
    name: str
    args: tuple[Any, ...]
    given: Mapping[str, Any]


class Step(msgspec.Struct, frozen=True):
    """What a journal entry does not say of its commit: the op, and the profile before and after it."""

    op: str
    before: bytes | None
    after: bytes | None


def finished(work: Coroutine[Any, Any, Any]) -> Any:
    """Run to its end what never waits; the answer of an operation in memory."""
    try:
        work.send(None)
    except StopIteration as ended:
        return ended.value
    raise AssertionError("an operation in memory waited")


class Copy:
    """A state of the store with an account of what is in it: events, causes, and what every session had."""

    def __init__(self, now_ms: int, partitions: int, weak: Weakness) -> None:
        self.live_ms = now_ms
        self.state = MemoryState(
            lambda: self.live_ms, Retention(), MEMORY_JOURNAL_BYTES_MAX, partitions
        )
        self.view = MemoryView(self.state)
        # By visitor and event id: how often it is in the journal of each session.
        self.events: dict[tuple[str, str], Counter[str]] = {}
        self.causes: dict[str, StoredCause] = {}
        self.steps: dict[tuple[str, int], Step] = {}
        self._weak = weak

    def repeat(self, operation: Operation) -> None:
        """Take an operation of the primary at the instant at which that took it."""
        self.live_ms = operation.at_ms
        self.take(self.view, operation)

    def take(self, view: MemoryView, operation: Operation) -> Any:
        """Carry out an operation through a worker's view of this copy, and note what it did."""
        args = operation.args
        if operation.name == "commit":
            return self._commit(view, args[0])
        answer = finished(getattr(view, operation.name)(*args, **operation.given))
        match operation.name:
            case "keep_causes":
                self._note_causes(args[0])
            case "put_doc" if isinstance(answer, int):
                self._note_causes(operation.given.get("causes", ()))
            case "erase":
                self._forget(args[1])
                if self._weak.no_tombstone:
                    self.state.tables.tombs.clear()
            case _:
                pass
        return answer

    def _commit(self, view: MemoryView, commit: Commit) -> CommitAnswer:
        tables = self.state.tables
        record = tables.session(commit.ref)
        if record is not None and self._weak.no_op_id:
            record.op = ""
        version = 0 if record is None else record.head.version
        known = tables.profile(commit.ref.workspace, commit.ref.visitor)
        commit = self._weak.weakened(commit, version, 0 if known is None else known.version)
        answer: CommitAnswer = finished(view.commit(commit))
        if isinstance(answer, Committed):
            before = None if known is None else known.profile
            self.steps[commit.ref.session, answer.version] = Step(commit.op, before, commit.profile)
            self._note_commit(commit)
            if self._weak.offset_reused and commit.messages:
                self._reuse_offset(commit.ref)
        return answer

    def _note_commit(self, commit: Commit) -> None:
        for event in events_of(decode_entry(commit.entry).given):
            if event.id and event.origin != "engine":
                sessions = self.events.setdefault((commit.ref.visitor, event.id), Counter())
                sessions[commit.ref.session] += 1
        self._note_causes(commit.causes)

    def _note_causes(self, causes: tuple[StoredCause, ...]) -> None:
        for cause in causes:
            self.causes.setdefault(cause.id, cause)

    def _forget(self, visitor: str) -> None:
        self.events = {key: kept for key, kept in self.events.items() if key[0] != visitor}
        self.causes = {name: c for name, c in self.causes.items() if c.visitor != visitor}

    def _reuse_offset(self, ref: SessionRef) -> None:
        record = self.state.tables.session(ref)
        assert record is not None
        head = decode_head(record.encoded_head)
        head = msgspec.structs.replace(head, offset=head.offset - 1)
        record.encoded_head = encode_head(head)
