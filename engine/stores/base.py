"""The Store protocol: what is kept for the engine, and the promise of each operation.

Bodies (state, profile, entry, message) are bytes that no store reads. Workspace, visitor and session
are ids as text. Every call may raise `StoreUnavailable` and is safe to repeat with the same arguments;
expected outcomes are values. A call to a closed store raises `StoreUnavailable("none")`.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol

from engine.stores.records import (
    Begun,
    Capped,
    Commit,
    CommitAnswer,
    Committed,
    Conflict,
    Count,
    DecisionFilter,
    DecisionFound,
    DecisionLine,
    DecisionPage,
    Doc,
    DocConflict,
    Due,
    Duplicate,
    Durability,
    Entry,
    FeedEvent,
    FeedPage,
    Gone,
    Health,
    Hint,
    History,
    InProgress,
    KeyReused,
    Loaded,
    Lost,
    NamedDoc,
    NewMessage,
    RateAnswer,
    RateAsk,
    RateState,
    Replayed,
    Retention,
    Seen,
    SessionRef,
    StoredCause,
    StoredMessage,
    Swept,
    VisitorRecord,
)

__all__ = [
    "Begun",
    "Capped",
    "Commit",
    "CommitAnswer",
    "Committed",
    "Conflict",
    "Count",
    "DecisionFilter",
    "DecisionFound",
    "DecisionLine",
    "DecisionPage",
    "Doc",
    "DocConflict",
    "Due",
    "Duplicate",
    "Durability",
    "Entry",
    "FeedEvent",
    "FeedPage",
    "Gone",
    "Health",
    "Hint",
    "History",
    "InProgress",
    "KeyReused",
    "Loaded",
    "Lost",
    "NamedDoc",
    "NewMessage",
    "RateAnswer",
    "RateAsk",
    "RateState",
    "Replayed",
    "Retention",
    "Seen",
    "SessionRef",
    "Store",
    "StoredCause",
    "StoredMessage",
    "Swept",
    "VisitorRecord",
]


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
        Duplicate (op is the session's last), Conflict (session, then profile), Seen, Gone (`fired_ms`
        given, but the session has no wake-up), Capped.

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

    async def put_profile(
        self, workspace: str, visitor: str, profile: bytes, expect: int
    ) -> int | VisitorRecord | None:
        """Write a visitor's profile that is at version `expect` (0 = none), outside any session; durable.

        Answers the new version; or, when it is at another version, what there is now. A session of the
        visitor that is committed with the profile as it was before meets a Conflict.
        """
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

    async def list_sessions(
        self, workspace: str, before: str | None, limit: int
    ) -> tuple[SessionRef, ...]:
        """List sessions by id, downwards, from below `before` (None: from the newest).

        Ended ones too, until their journal is forgotten; of one that was swept `load` finds nothing.
        Ids of sessions sort by the time they were made. One slice of at most 500.
        """
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
        self,
        workspace: str,
        kind: str,
        name: str,
        body: bytes | None,
        expect: int,
        *,
        causes: tuple[StoredCause, ...] = (),
    ) -> int | DocConflict:
        """Write (or with None remove) a document that is at version `expect`, 0 = none; durable.

        Answers the new version. Versions of one document only rise, also over a removal. `causes` are
        kept in the same step, to be told as a commit's are.
        """
        ...

    async def list_docs(
        self, workspace: str, kind: str, before: str | None = None, limit: int = 100
    ) -> tuple[NamedDoc, ...]:
        """List the documents of a kind by name, downwards, from below `before`; at most 500 a call."""
        ...

    async def book(self, workspace: str, place: str, booking: str, capacity: int) -> bool:
        """Take a place for a booking: False when `capacity` others have it; durable.

        Repeating it with the same booking answers True again and takes nothing more.
        """
        ...

    async def unbook(self, workspace: str, place: str, booking: str) -> bool:
        """Give a place back; False when this booking did not have it; durable."""
        ...

    async def booked(self, workspace: str, first: str, last: str) -> dict[str, int]:
        """Count the bookings of each place from `first` to `last`, both included, in text order."""
        ...

    async def keep_causes(self, causes: Sequence[StoredCause]) -> None:
        """Keep causes that belong to no commit, all or none; durable. One that is kept is not kept twice."""
        ...

    async def take_causes(self, limit: int = 256) -> list[StoredCause]:
        """Read the oldest causes of all workspaces that are not settled, in the order they were kept.

        Reading takes nothing away: a cause is told at least once.
        """
        ...

    async def settle_causes(self, ids: Sequence[str]) -> None:
        """Forget causes that everybody was told of; an unknown id is nothing."""
        ...

    async def feed_add(self, workspace: str, event: str, body: bytes) -> int:
        """Append to a workspace's feed and answer the offset; an event id that it holds keeps its offset.

        A feed keeps its newest 1,000 events, in memory: after a restart it has another epoch.
        """
        ...

    async def feed_after(
        self, workspace: str, epoch: str | None, after: int, limit: int = 256
    ) -> FeedPage:
        """Read a feed after an offset; `epoch` None asks from the oldest kept without judging."""
        ...

    async def counts(self, workspace: str, days: Sequence[str], prefix: str) -> dict[str, int]:
        """Sum the counters whose name begins with `prefix` over UTC days, by name."""
        ...

    async def rate(self, asks: Sequence[RateAsk]) -> RateAnswer:
        """Count one call in every window, or in none when one of them is full.

        Exact over all workers, in the store's time; nothing of it need be durable.
        """
        ...

    async def idem_begin(
        self, key: bytes, body_sha256: bytes, *, lock_ms: int = 30_000
    ) -> Begun | InProgress | Replayed | KeyReused:
        """Claim an Idempotency-Key (already scoped and hashed) for one run of `lock_ms` at most."""
        ...

    async def idem_end(
        self, key: bytes, body_sha256: bytes, answer: tuple[int, bytes] | None
    ) -> None:
        """Keep the (status, body) that the run gave for 24 h, durable; None: release the key unused."""
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
