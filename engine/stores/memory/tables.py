"""What `memory:` holds, as dicts of values that the garbage collector need not visit."""

import msgspec

from engine.stores.base import DecisionFound, SessionRef, StoredCause, StoredMessage
from engine.stores.head import NO_HEAD, Head, decode_head, encode_head
from engine.stores.memory.docs import Docs
from engine.stores.memory.journal import NO_RECORD, MemoryJournal
from engine.stores.memory.names import Names

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

    def __init__(self, journal: MemoryJournal, partitions: int) -> None:
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
        self.decisions: list[DecisionFound | None] = []
        # Sessions for lists, by workspace; of swept ones, as long as they are listed, the visitors.
        self.names: dict[str, Names] = {}
        self.swept: dict[str, dict[str, str]] = {}
        self.docs = Docs()
        # Bookings of a place with the instants they were made, by (workspace, place).
        self.bookings: dict[tuple[str, str], dict[str, int]] = {}
        # By partition: by id, in the order of keeping.
        self.causes: list[dict[str, StoredCause]] = [{} for _ in range(partitions)]
        # Numbers by name, by (workspace, day).
        self.counters: dict[tuple[str, str], dict[str, int]] = {}
        # Erased visitors, and until when nothing is kept of them.
        self.tombs: dict[tuple[str, str], int] = {}

    def session(self, ref: SessionRef) -> Record | None:
        """Find a session that has a commit and was not swept."""
        of_one = self.sessions.get(ref.workspace)
        return None if of_one is None else of_one.get(ref.session)

    def swept_session(self, ref: SessionRef) -> Record | None:
        """Find a session that was swept and still has a journal; looks at all of them."""
        if ref.session not in self.swept.get(ref.workspace, {}):
            return None
        place, free = (ref.workspace, ref.session), set(self.free_slots)
        named = (one for one in self.records if (one.workspace, one.session) == place)
        found = (one for one in named if one.state is None and one.slot not in free)
        return max(found, key=lambda one: one.newest, default=None)

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
        self.names.setdefault(ref.workspace, Names()).add(ref.session)
        return record

    def list_sessions(
        self, workspace: str, before: str | None, limit: int
    ) -> tuple[SessionRef, ...]:
        """List sessions by id, downwards, also those that were swept."""
        live, swept = self.sessions.get(workspace, {}), self.swept.get(workspace, {})
        return tuple(
            SessionRef(
                workspace,
                live[name].visitor if name in live else swept[name],
                name,
            )
            for name in self.names.get(workspace, Names()).below(before, limit)
        )

    def free(self, record: Record) -> None:
        """Let the slot of a swept session be used again: nothing of it is left."""
        self.free_slots.append(record.slot)
        self.swept[record.workspace].pop(record.session, None)
        if record.session not in self.sessions.get(record.workspace, {}):
            self.names[record.workspace].discard(record.session)

    def erase(self, record: Record) -> None:
        """Remove a session, its journal and its place in lists."""
        self.journal.blank(record.newest)
        self.sessions.get(record.workspace, {}).pop(record.session, None)
        self.swept.setdefault(record.workspace, {})
        self.free(record)
        # The slot may be taken next; what is left in it until then names nobody.
        self.records[record.slot] = Record("", "", "", record.slot)

    def is_erased(self, workspace: str, visitor: str, now_ms: int) -> bool:
        """See `Ledger.is_erased`."""
        return bool(self.tombs) and self.tombs.get((workspace, visitor), now_ms) > now_ms

    def last_op(self, ref: SessionRef) -> str:
        """See `Ledger.last_op`."""
        record = self.session(ref)
        return "" if record is None else record.op

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
