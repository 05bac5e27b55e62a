"""What `memory:` holds, as dicts of values that the garbage collector need not visit."""

import msgspec

from engine.stores.base import (
    DecisionFound,
    Idempotency,
    SessionRef,
    StoredMessage,
)
from engine.stores.head import NO_HEAD, Head, decode_head, encode_head
from engine.stores.memory_journal import NO_RECORD, MemoryJournal

NO_HEAD_BYTES = encode_head(NO_HEAD)


class Record(msgspec.Struct, gc=False):
    """One session; `newest` is its last journal position, `slot` its number in the wheel."""

    workspace: str
    visitor: str
    session: str
    slot: int
    encoded_head: bytes = NO_HEAD_BYTES
    state: bytes | None = None
    op: str = ""
    newest: int = NO_RECORD
    messages: tuple[StoredMessage, ...] = ()

    @property
    def head(self) -> Head:
        """Its counters."""
        return decode_head(self.encoded_head)


class KeptProfile(msgspec.Struct, frozen=True, gc=False):
    """A visitor's profile, its version, and when it was written."""

    version: int
    profile: bytes
    at_ms: int


class Alias(msgspec.Struct, frozen=True, gc=False):
    """The session that a client's own id stands for, and since when."""

    ref: SessionRef
    at_ms: int


class Tables:
    """All rows. `records` by slot keep swept sessions until the journal has forgotten them."""

    def __init__(self, journal: MemoryJournal) -> None:
        """Start empty."""
        self.journal = journal
        self.sessions: dict[str, dict[str, Record]] = {}
        self.records: list[Record] = []
        self.free_slots: list[int] = []
        # By workspace, then visitor: a dict of texts and of values without references is never visited
        # by the garbage collector, and a key of two texts would weigh as much as the profile.
        self.profiles: dict[str, dict[str, KeptProfile]] = {}
        self.aliases: dict[tuple[str, str], Alias] = {}
        self.ids: dict[tuple[str, str], SessionRef] = {}
        self.seen: dict[tuple[str, str], dict[int, int]] = {}
        self.answers: dict[bytes, tuple[Idempotency, int]] = {}
        self.decisions: list[DecisionFound | None] = []
        self.docs: dict[tuple[str, str, str], tuple[int, bytes | None]] = {}

    def session(self, ref: SessionRef) -> Record | None:
        """Find a session that has a commit and was not swept."""
        of_one = self.sessions.get(ref.workspace)
        return None if of_one is None else of_one.get(ref.session)

    def add_session(self, ref: SessionRef) -> Record:
        """Make a session's record."""
        if self.free_slots:
            slot = self.free_slots.pop()
            record = Record(ref.workspace, ref.visitor, ref.session, slot)
            self.records[slot] = record
        else:
            record = Record(ref.workspace, ref.visitor, ref.session, len(self.records))
            self.records.append(record)
        self.sessions.setdefault(ref.workspace, {})[ref.session] = record
        return record

    def last_op(self, ref: SessionRef) -> str:
        """See `Ledger.last_op`."""
        record = self.session(ref)
        return "" if record is None else record.op

    def idempotent(self, key: bytes) -> Idempotency | None:
        """See `Ledger.idempotent`."""
        found = self.answers.get(key)
        return None if found is None else found[0]

    def profile_version(self, workspace: str, visitor: str) -> int:
        """See `Ledger.profile_version`."""
        found = self.profile(workspace, visitor)
        return 0 if found is None else found.version

    def profile(self, workspace: str, visitor: str) -> KeptProfile | None:
        """Find a visitor's profile."""
        of_one = self.profiles.get(workspace)
        return None if of_one is None else of_one.get(visitor)

    def known(self, ref: SessionRef, ids: tuple[int, ...]) -> tuple[int, ...]:
        """See `Ledger.known`."""
        found = self.seen.get((ref.workspace, ref.visitor), {})
        return tuple(event for event in ids if event in found)
