"""The Store protocol: what is kept for the engine, and the promise of each operation.

Bodies (state, profile, entry, message) are bytes that no store reads. Workspace, visitor and session
are ids as text. Every call may raise `StoreUnavailable` and is safe to repeat with the same arguments;
expected outcomes are values. A call to a closed store raises `StoreUnavailable("none")`.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Literal, Protocol

import msgspec

Durability = Literal["D0", "D1", "D2"]


class SessionRef(msgspec.Struct, frozen=True, gc=False, cache_hash=True):
    """Where a session is: ids of its workspace, its visitor and itself."""

    workspace: str
    visitor: str
    session: str


class Loaded(msgspec.Struct, frozen=True, gc=False):
    """A session as of one instant; version 0 means that there is none.

    `epoch` names the sequence of its messages and `offset` is the newest one's number (0 = none).
    `granted` counts the messages granted in `engagement_epoch`, `grants_total` in all.
    The profile is the visitor's, also when there is no session; version 0 = none.
    """

    version: int = 0
    state: bytes | None = None
    profile_version: int = 0
    profile: bytes | None = None
    engagement_epoch: int = 0
    granted: int = 0
    grants_total: int = 0
    epoch: str = ""
    offset: int = 0
    closed: bool = False


class NewMessage(msgspec.Struct, frozen=True, gc=False):
    """A message that a commit appends; the store gives it its offset."""

    id: str
    body: bytes


class StoredMessage(msgspec.Struct, frozen=True, gc=False):
    """A message as kept; offsets of one epoch are 1, 2, 3 … without gaps."""

    offset: int
    id: str
    body: bytes


class Idempotency(msgspec.Struct, frozen=True, gc=False):
    """The answer to keep for 24 h under a caller's Idempotency-Key (already scoped and hashed)."""

    key: bytes
    body_sha256: bytes
    status: int
    response: bytes


class DecisionLine(msgspec.Struct, frozen=True, gc=False):
    """A decision for lists: what it is listed by, and its record, kept longer than journal entries."""

    id: str
    at_ms: int
    rule: str
    outcome: str
    body: bytes


class Commit(msgspec.Struct, frozen=True, gc=False):
    """One atomic step of a session.

    `expect` and `expect_profile` are the versions that were loaded; `expect_profile` None: not checked,
    and then `profile` must be None. `op` names this attempt and is reused only to repeat it unchanged.
    `wake_ms` is the session's one wake-up from now on, None for no wake-up; `fired_ms` is the due time
    that was claimed when a wake-up is the cause of this commit. `spend` messages are granted in
    `engagement_epoch` under `cap`; `give_back` grants of that epoch are returned first. `seen` are
    63-bit hashes of foreign event ids. `ids` are message, decision and conversation ids to be found by.
    """

    ref: SessionRef
    op: str
    expect: int
    state: bytes
    entry: bytes
    expect_profile: int | None = None
    profile: bytes | None = None
    wake_ms: int | None = None
    fired_ms: int | None = None
    engagement_epoch: int = 0
    spend: int = 0
    cap: int = 1
    give_back: int = 0
    messages: tuple[NewMessage, ...] = ()
    seen: tuple[int, ...] = ()
    ids: tuple[str, ...] = ()
    decisions: tuple[DecisionLine, ...] = ()
    idempotency: Idempotency | None = None
    new_epoch: str | None = None
    closed: bool = False


class Committed(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Done and durable. Messages got `first_offset` … `offset`; `first_offset` 0 = no message."""

    version: int
    profile_version: int
    first_offset: int
    offset: int


class Duplicate(msgspec.Struct, frozen=True, gc=False, tag=True):
    """`op` was the session's last op: its first answer again; nothing was changed now."""

    version: int
    profile_version: int
    first_offset: int
    offset: int


class Conflict(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Somebody else committed first; `loaded` is what there is now."""

    loaded: Loaded


class Capped(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The cap of this engagement epoch is spent; `loaded` is what there is now."""

    loaded: Loaded


class Seen(msgspec.Struct, frozen=True, gc=False, tag=True):
    """These ids of `seen` were there before: drop their events and decide again."""

    ids: tuple[int, ...]


class Gone(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The wake-up that fired is no longer wanted."""


class Replayed(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The Idempotency-Key was used with the same body: the answer given then."""

    status: int
    response: bytes


class KeyReused(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The Idempotency-Key was used with another body."""


CommitAnswer = Committed | Duplicate | Conflict | Capped | Seen | Gone | Replayed | KeyReused


class Due(msgspec.Struct, frozen=True):
    """Claimed wake-ups. `next_ms`: when to claim again; None = nothing is pending.

    Nothing, neither a wake-up nor a claim's lease, falls due before `next_ms`; it may be up to 2 s
    early. `sessions` are (session, instant it was due), earliest first; `now_ms` is the store's time,
    never before any of these instants.
    """

    now_ms: int
    next_ms: int | None
    sessions: tuple[tuple[SessionRef, int], ...]


class History(msgspec.Struct, frozen=True):
    """Messages after an offset, oldest first, without gaps.

    `recovered` False: the epoch differs or older ones are gone; then `messages` are what is kept.
    """

    epoch: str
    offset: int
    recovered: bool
    messages: tuple[StoredMessage, ...]


class Hint(msgspec.Struct, frozen=True, gc=False):
    """A session that this worker is attached to has messages up to `offset`."""

    ref: SessionRef
    epoch: str
    offset: int


class Lost(msgspec.Struct, frozen=True, gc=False):
    """Hints may have been lost: look at all own sessions."""


class VisitorRecord(msgspec.Struct, frozen=True, gc=False):
    """A visitor's profile; version >= 1."""

    version: int
    profile: bytes


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One journal record: `number` is the version its commit made, `at_ms` the store's time then."""

    number: int
    at_ms: int
    body: bytes


class DecisionFound(msgspec.Struct, frozen=True, gc=False):
    """A listed decision, its session, and the number of the journal entry of its commit."""

    line: DecisionLine
    ref: SessionRef
    number: int


class DecisionFilter(msgspec.Struct, frozen=True, gc=False):
    """Which decisions to list; empty text and None mean any. `until_ms` is not included."""

    rule: str = ""
    outcome: str = ""
    session: str = ""
    since_ms: int | None = None
    until_ms: int | None = None


class DecisionPage(msgspec.Struct, frozen=True):
    """Decisions, newest first; `cursor` continues after them, None = no more."""

    decisions: tuple[DecisionFound, ...]
    cursor: str | None


class Doc(msgspec.Struct, frozen=True, gc=False):
    """A workspace document; version >= 1."""

    version: int
    body: bytes


class DocConflict(msgspec.Struct, frozen=True, gc=False):
    """The document is at another version than expected; None = there is none."""

    doc: Doc | None


class Swept(msgspec.Struct, frozen=True, gc=False):
    """What one slice of sweeping removed; `more` when there is more to remove now."""

    sessions: int
    entries: int
    others: int
    more: bool


class Retention(msgspec.Struct, frozen=True, gc=False):
    """How long things are kept, in milliseconds; from API.md 12 `[privacy]`."""

    ended_ms: int = 3_600_000
    events_ms: int = 30 * 86_400_000
    decisions_ms: int = 90 * 86_400_000
    profiles_ms: int = 400 * 86_400_000


class Health(msgspec.Struct, frozen=True, gc=False):
    """How the store is: for /readyz and metrics. `queued` are operations that wait."""

    ok: bool
    reason: str
    kind: str
    durability: Durability
    queued: int
    pending_wakeups: int
    sessions: int


class Store(Protocol):
    """Keeps sessions, profiles, messages, wake-ups and the journal; one event loop uses it.

    Commits of one session are totally ordered by version; nothing is ordered between sessions.
    `partitions` is the number of `Partition`s for `claim_due`, 1 for an embedded store.
    """

    durability: Durability
    partitions: int
    on_earlier_wake: Callable[[int], None] | None
    """Called on the loop with a due instant when a commit set a wake-up before the `next_ms` that the
    latest `claim_due` answered (or when that was None). A hint: it may come late or twice."""

    async def load(self, ref: SessionRef) -> Loaded:
        """Read a session and its visitor's profile as of one instant."""
        ...

    async def commit(self, commit: Commit) -> CommitAnswer:
        """Do one step wholly or not at all, and answer when it is as durable as `durability` says.

        Checked in this order, before anything is written; the first that speaks is the answer:
        Duplicate (op is the session's last), Replayed or KeyReused, Conflict (session, then profile),
        Seen, Gone (`fired_ms` given, but the session has no wake-up), Capped.

        Raises:
            LimitExceeded: a body is over its limit.
            StoreUnavailable: "unknown" when it may have been done; repeat it with the same op.
        """
        ...

    async def claim_due(self, partition: int = 0, *, limit: int = 64, lease_ms: int = 500) -> Due:
        """Claim sessions whose wake-up is due, earliest first.

        A claimed session is not answered again for `lease_ms`, then falls due again. Only a commit
        with `fired_ms` makes a wake-up take effect, so a claim that is lost costs time, never a wake-up.
        """
        ...

    async def history(
        self, ref: SessionRef, epoch: str | None, after: int, *, limit: int = 256
    ) -> History:
        """Read the messages after an offset; `epoch` None asks from the oldest kept without judging."""
        ...

    async def attach(self, ref: SessionRef, worker: str, conn: int) -> tuple[str, int]:
        """Connect a socket; from the return on every commit with messages hints this worker.

        Answers (epoch, offset) at that instant. So: attach, then `history`, then hints.
        """
        ...

    async def detach(self, ref: SessionRef, worker: str, conn: int) -> None:
        """Disconnect a socket; nothing happens when it is not connected."""
        ...

    async def presence(self, refs: Sequence[SessionRef]) -> list[int]:
        """Count the connected sockets of each session."""
        ...

    def hints(self, worker: str) -> AsyncIterator[Hint | Lost]:
        """Yield hints for one worker until the store closes; at most once each, some may be lost."""
        ...

    async def visitor(self, workspace: str, visitor: str) -> VisitorRecord | None:
        """Read a visitor's profile."""
        ...

    async def resolve(
        self, alias: str, fresh: SessionRef, *, ended: str | None = None
    ) -> SessionRef:
        """Find the session a client's own session id stands for; make it stand for `fresh` if none.

        When it stands for the session `ended`, it is moved to `fresh`. Durable before it answers; of
        two racing calls one wins and both get its answer.
        """
        ...

    async def find_alias(self, workspace: str, alias: str) -> SessionRef | None:
        """Find the session a client's own session id stands for, without making one."""
        ...

    async def find(self, workspace: str, name: str) -> SessionRef | None:
        """Find the session of a session, message, decision or conversation id."""
        ...

    async def journal(self, ref: SessionRef, after: int = 0, limit: int = 1_000) -> list[Entry]:
        """Read the oldest entries with a number over `after`, by number, without gaps."""
        ...

    def scan(
        self, workspace: str, since_ms: int, until_ms: int
    ) -> AsyncIterator[tuple[SessionRef, list[Entry]]]:
        """Yield each session with entries in [since_ms, until_ms) once, with those entries by number.

        Ended and live sessions, in the order of their first entry; entries committed after the call
        are not shown. Writes go on meanwhile.
        """
        ...

    async def decisions(
        self, workspace: str, wanted: DecisionFilter, cursor: str | None = None, limit: int = 50
    ) -> DecisionPage:
        """List decisions, newest first; decisions made later never repeat or hide one on a next page."""
        ...

    async def get_doc(self, workspace: str, kind: str, name: str) -> Doc | None:
        """Read a workspace document."""
        ...

    async def put_doc(
        self, workspace: str, kind: str, name: str, body: bytes | None, expect: int
    ) -> int | DocConflict:
        """Write (or with None remove) a document that is at version `expect`, 0 = none; durable.

        Answers the new version. Versions of one document only rise, also over a removal.
        """
        ...

    async def sweep(self, now_ms: int) -> Swept:
        """Remove a small slice of what retention no longer keeps; call again while it says `more`."""
        ...

    async def now(self) -> int:
        """Tell the store's time in Unix milliseconds; it never steps back."""
        ...

    async def health(self) -> Health:
        """Tell how the store is; never raises."""
        ...

    async def close(self) -> None:
        """Resolve or fail every accepted call, end `hints`, and release the store; twice is fine."""
        ...
