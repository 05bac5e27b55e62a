"""The Store protocol: what is kept for the engine, and the promise of each operation.

Bodies (state, profile, entry, message) are bytes that no store reads. Workspace, visitor and session
are ids as text. Every call may raise `StoreUnavailable` and is safe to repeat with the same arguments;
expected outcomes are values. A call to a closed store raises `StoreUnavailable("none")`.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from collections.abc import Set as AbstractSet
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
    Delivery,
    DeliveryStatus,
    Doc,
    DocConflict,
    Due,
    DueDeliveries,
    Duplicate,
    Durability,
    Entry,
    Erased,
    FeedEvent,
    FeedHint,
    FeedPage,
    Gone,
    Health,
    Heard,
    Hint,
    History,
    InProgress,
    Kept,
    KeyReused,
    Loaded,
    Lost,
    NamedDoc,
    NewMessage,
    Passing,
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
    Whisper,
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
    "Delivery",
    "DeliveryStatus",
    "Doc",
    "DocConflict",
    "Due",
    "DueDeliveries",
    "Duplicate",
    "Durability",
    "Entry",
    "Erased",
    "FeedEvent",
    "FeedHint",
    "FeedPage",
    "Gone",
    "Health",
    "Heard",
    "Hint",
    "History",
    "InProgress",
    "Kept",
    "KeyReused",
    "Loaded",
    "Lost",
    "NamedDoc",
    "NewMessage",
    "Passing",
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
    "Whisper",
]


class Store(Protocol):
    """Keeps sessions, profiles, messages, wake-ups and the journal; one event loop uses it.

    Commits of one session are totally ordered by version; nothing is ordered between sessions.
    What has to be done later (wake-ups, causes, deliveries) lies in one of `partitions` partitions, each
    looked after by one worker at a time, its owner; an embedded store has one. `is_shared` says that
    other processes may use the same store at the same time.
    """

    durability: Durability
    partitions: int
    is_shared: bool
    on_earlier_wake: Callable[[int, int], None] | None
    """Called on the loop with a partition and a due instant when a commit, of any worker, set a wake-up
    before the `next_ms` that the latest `claim_due` of that partition answered (or when that was None).
    Only of partitions that `watch` named, in a shared store. A hint: it may come late, twice or never."""
    on_work: Callable[[int], None] | None
    """Called on the loop with a partition when another worker kept causes or deliveries in it; as above."""

    def partition_of(self, workspace: str, visitor: str = "") -> int:
        """Tell in which partition a visitor's wake-ups, causes and deliveries lie; "" = the workspace's own.

        Causes of a commit lie with its visitor, those of `put_doc` with their workspace, those of
        `keep_causes` with the visitor that each one names.
        """
        ...

    async def lineages(self) -> tuple[str, ...]:
        """Name the lineage of each partition's data, asked now; "" where nothing else can take its place.

        Another name than before: another copy of the data serves, or the server began anew, and what was
        answered may be missing.
        """
        ...

    async def load(self, ref: SessionRef) -> Loaded:
        """Read a session and its visitor's profile as of one instant."""
        ...

    async def commit(self, commit: Commit) -> CommitAnswer:
        """Do one step wholly or not at all, and answer when it is as durable as `durability` says.

        Checked in this order, before anything is written; the first that speaks is the answer:
        Duplicate (op is the session's last), Erased, Conflict (session, then profile), Seen, Gone
        (`fired_ms` given, but the session has no wake-up), Capped.

        Raises:
            LimitExceeded: a body is over its limit.
            StoreUnavailable: "unknown" when it may have been done; repeat it with the same op.
        """
        ...

    async def confirm(self, ref: SessionRef, version: int) -> bool:
        """Wait until a version that `load` showed is as durable as `durability` says.

        False: the session is not at it any more, nor beyond; the server that had it was lost.
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

    async def attach(self, ref: SessionRef, worker: str, conn: int) -> tuple[str, int, int]:
        """Connect a socket; from the return on every commit with messages hints this worker.

        Answers (epoch, offset) at that instant. So: attach, then `history`, then hints. Third come the
        sockets noted with the session, at least those that `presence` counts.
        """
        ...

    async def detach(self, ref: SessionRef, worker: str, conn: int) -> None:
        """Disconnect a socket; nothing happens when it is not connected."""
        ...

    async def presence(self, refs: Sequence[SessionRef]) -> list[int]:
        """Count the connected sockets of each session, of all workers that live."""
        ...

    def hints(self, worker: str) -> AsyncIterator[Heard]:
        """Yield hints for one worker until the store closes; at most once each, some may be lost.

        A shared store may leave out hints of what this worker committed itself.
        """
        ...

    async def watch_feeds(self, worker: str, workspaces: AbstractSet[str]) -> None:
        """Let `hints` yield what is new in the feeds of these workspaces, and only of these from now on."""
        ...

    async def pass_on(self, workspace: str, body: bytes) -> None:
        """Send a `Passing` to every other worker that watches the workspace's feed; kept nowhere."""
        ...

    async def whisper(self, ref: SessionRef, body: bytes) -> bool:
        """Send a `Whisper` to every other worker that has a socket of a session; False: there is none.

        Kept nowhere, so it may be lost, and a long one is; in order only when sent one after the other.
        """
        ...

    async def visitor(self, workspace: str, visitor: str) -> VisitorRecord | None:
        """Read a visitor's profile."""
        ...

    async def put_profile(
        self, workspace: str, visitor: str, profile: bytes, expect: int
    ) -> int | VisitorRecord | None:
        """Write a visitor's profile that is at version `expect` (0 = none), outside any session; durable.

        Answers the new version; or, when it is at another version, what there is now. A session of the
        visitor that is committed with the profile as it was before meets a Conflict. Nothing is written
        for a visitor who was erased less than 24 h ago; then it answers None.
        """
        ...

    async def resolve(
        self, alias: str, fresh: SessionRef, *, ended: str | None = None
    ) -> SessionRef:
        """Find the session a client's own session id stands for; make it stand for `fresh` if none.

        When it stands for the session `ended`, it is moved to `fresh`. Durable before anything is that is
        committed after the answer; of two racing calls one wins and both get its answer. For a visitor
        who was erased less than 24 h ago it answers `fresh` and keeps nothing.
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
        """Take a place for a booking, one however often it asks; False when `capacity` others have it; durable."""
        ...

    async def unbook(self, workspace: str, place: str, booking: str) -> bool:
        """Give a place back; False when this booking did not have it; durable."""
        ...

    async def booked(self, workspace: str, first: str, last: str) -> dict[str, int]:
        """Count the bookings of each place from `first` to `last`, both included, in text order."""
        ...

    async def keep_causes(self, causes: Sequence[StoredCause]) -> None:
        """Keep causes that belong to no commit, all or none of a partition's and none twice; durable."""
        ...

    async def take_causes(self, partition: int = 0, *, limit: int = 256) -> list[StoredCause]:
        """Read the oldest causes of a partition that are not settled, in the order they were kept.

        Reading takes nothing away: a cause is told at least once.
        """
        ...

    async def settle_causes(
        self, partition: int, ids: Sequence[str], deliveries: Sequence[Delivery] = ()
    ) -> None:
        """Forget causes that everybody was told of and keep the deliveries that came of them; durable.

        One step: a delivery is kept only when its cause still was, and an id that is kept is not kept
        twice. An unknown id is nothing.
        """
        ...

    async def claim_deliveries(
        self, partition: int = 0, *, limit: int = 64, lease_ms: int = 30_000
    ) -> DueDeliveries:
        """Claim pending deliveries that are due, earliest first; a claim falls due again after its lease."""
        ...

    async def settle_delivery(self, delivery: Delivery) -> bool:
        """Write down what became of a delivery; durable.

        One that is still "pending" is tried again at its `due_ms`; else it stays in the log only. False:
        nobody waits for it any more (settled elsewhere, or its visitor was erased), nothing is written.
        """
        ...

    async def send_again(self, delivery: Delivery) -> None:
        """Make a delivery of the log pending again, as given; one that is not known is added; durable."""
        ...

    async def delivery(self, workspace: str, endpoint: str, delivery_id: str) -> Delivery | None:
        """Read a delivery of an endpoint's log, pending ones too."""
        ...

    async def deliveries(
        self,
        workspace: str,
        endpoint: str,
        *,
        status: DeliveryStatus | None = None,
        before: str | None = None,
        limit: int = 100,
    ) -> tuple[Delivery, ...]:
        """List an endpoint's log, newest first by (`created_ms`, id), from below the delivery `before`.

        It holds an endpoint's newest 1,000 for 7 days, and pending ones always. At most 500 a call.
        """
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

    async def feed_clear(self, workspace: str) -> None:
        """Begin a workspace's feed anew, under another epoch and without events: readers are not recovered."""
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

    async def lease(self, name: str, worker: str, lease_ms: int) -> bool:
        """Take or prolong a named lease: False while another worker's has not ended. No safety rests on it."""
        ...

    async def release(self, name: str, worker: str) -> None:
        """Give a lease back; nothing happens when another worker has it."""
        ...

    async def heartbeat(self, worker: str, lease_ms: int, *, owns: bool = True) -> frozenset[str]:
        """Say that a worker lives for `lease_ms` more; answers which living workers own partitions.

        From these names each worker knows what is whose (`engine.rendezvous`); while two know others, a
        partition has two owners or none. Two are harmless: every effect is checked by its commit. Sockets of
        a worker whose lease ended are gone.
        """
        ...

    async def exchange(self, worker: str, about: bytes) -> dict[str, bytes]:
        """Say something of a living worker, at most 64 KB; answers what each living one said last."""
        ...

    async def leave(self, worker: str) -> None:
        """Say that a worker ends: from now on it owns nothing and its sockets are gone."""
        ...

    async def watch(self, worker: str, partitions: AbstractSet[int]) -> None:
        """Call `on_earlier_wake` and `on_work` for these partitions, and only these, from now on."""
        ...

    async def changes(self, workspaces: Sequence[str]) -> dict[tuple[str, str], int]:
        """Tell how often documents of each (workspace, kind) were written or removed; 0 is left out.

        A worker that polls this sees every change of another within its polling time. The numbers only rise.
        """
        ...

    async def erase(self, workspace: str, visitor: str) -> bool:
        """Remove all that is kept of a visitor, and keep nothing new of them for 24 h; durable.

        Profile, sessions, messages, journal, decisions, wake-ups, aliases, names, causes, deliveries and
        their log. Counters stay: they name nobody. False: there was nothing, the visitor is erased already
        or unknown (nothing is kept of them for 24 h all the same). Safe to repeat after a failure. Workers
        with a socket of one of the sessions are hinted, with epoch "".
        """
        ...

    def export(self, workspace: str, visitor: str) -> AsyncIterator[Kept]:
        """Yield all that `erase` would remove: the profile, then session by session, then what waits.

        Each session as of one instant; memory is bounded by one session.
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
