"""What goes in and out of a store, as values."""

from typing import Literal

import msgspec

Durability = Literal["D0", "D1", "D2", "D3"]


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


class StoredCause(msgspec.Struct, frozen=True, gc=False):
    """Something that others are told of, kept from the commit that holds it until it is settled.

    `id` is the same each time the same thing is told; `body` is the encoded `engine.causes.Cause`.
    """

    id: str
    workspace: str
    visitor: str
    body: bytes


class Count(msgspec.Struct, frozen=True, gc=False):
    """A number to add to a counter of a workspace; `day` is a UTC date, `2026-11-21`."""

    day: str
    name: str
    number: int = 1


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
    `causes` are to be told when this is durable; one whose id is kept already is not kept twice.
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
    causes: tuple[StoredCause, ...] = ()
    counts: tuple[Count, ...] = ()
    new_epoch: str | None = None
    closed: bool = False


class Committed(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Done and durable. Messages got `first_offset` … `offset`; `first_offset` 0 = no message.

    `is_resync`: the data are of another lineage than before, so newer messages may be lost whose offsets are
    given again: the sequence of messages is another one from now on, named by the commit's op.
    """

    version: int
    profile_version: int
    first_offset: int
    offset: int
    is_resync: bool = False


class Duplicate(msgspec.Struct, frozen=True, gc=False, tag=True):
    """`op` was the session's last op: its first answer again; nothing was changed now."""

    version: int
    profile_version: int
    first_offset: int
    offset: int
    is_resync: bool = False


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


class Erased(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The visitor was erased less than 24 h ago: nothing of them is kept."""


CommitAnswer = Committed | Duplicate | Conflict | Capped | Seen | Gone | Erased


class Begun(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The Idempotency-Key is new, or its first use ended without an answer: go on."""


class InProgress(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The first use of the Idempotency-Key is still running."""


class Replayed(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The Idempotency-Key was used with the same body: the answer given then."""

    status: int
    response: bytes


class KeyReused(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The Idempotency-Key was used with another body."""


class RateAsk(msgspec.Struct, frozen=True, gc=False):
    """One fixed window to count in: at most `limit` per window; windows begin at multiples of `window_ms`."""

    bucket: str
    limit: int
    window_ms: int


class RateState(msgspec.Struct, frozen=True, gc=False):
    """A window after the call: its limit, what is left of it, and when it ends."""

    limit: int
    remaining: int
    reset_ms: int


class RateAnswer(msgspec.Struct, frozen=True, gc=False):
    """`refused` is the index of the first window that was full, None: counted in all of them."""

    refused: int | None
    states: tuple[RateState, ...]


class NamedDoc(msgspec.Struct, frozen=True, gc=False):
    """A workspace document in a list."""

    name: str
    version: int
    body: bytes


class FeedEvent(msgspec.Struct, frozen=True, gc=False):
    """One event of a workspace's feed; offsets are 1, 2, 3 … without gaps."""

    offset: int
    body: bytes


class FeedPage(msgspec.Struct, frozen=True):
    """Feed events after an offset, oldest first; `recovered` False: some before them are gone for good."""

    epoch: str
    offset: int
    recovered: bool
    events: tuple[FeedEvent, ...]


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
    """A session that this worker is attached to has messages up to `offset` of `epoch`.

    With epoch "" nothing of it is kept any more: its visitor was erased.
    """

    ref: SessionRef
    epoch: str
    offset: int


class FeedHint(msgspec.Struct, frozen=True, gc=False):
    """The feed of a workspace that this worker watches has events up to `offset`."""

    workspace: str
    offset: int


class Passing(msgspec.Struct, frozen=True, gc=False):
    """Something that another worker shows those who watch a workspace's feed now; kept nowhere."""

    workspace: str
    body: bytes


class Whisper(msgspec.Struct, frozen=True, gc=False):
    """Something that another worker tells the sockets of a session now; kept nowhere."""

    ref: SessionRef
    body: bytes


class Lost(msgspec.Struct, frozen=True, gc=False):
    """Hints may have been lost: look at all own sessions and feeds."""


Heard = Hint | FeedHint | Passing | Whisper | Lost
"""What `Store.hints` yields."""


DeliveryStatus = Literal["pending", "delivered", "failed"]


class Delivery(msgspec.Struct, frozen=True, gc=False):
    """One webhook event on its way to one endpoint, or its record in the endpoint's log.

    `id` is the same for the same cause, event and endpoint; `cause` is the id of the kept cause it came of,
    "" of none. `event_id` is sent as `webhook-id`. `sequence` counts the events of a session, 0 = none.
    `due_ms` is when it is tried (again), while `status` is "pending". `attempt` counts attempts made.
    `http_status` 0 = no answer came. `ended_ms` is when the latest attempt ended, 0 = none was made.
    """

    id: str
    cause: str
    workspace: str
    visitor: str
    session: str
    endpoint: str
    event: str
    event_id: str
    body: bytes
    created_ms: int
    due_ms: int
    sequence: int = 0
    attempt: int = 0
    status: DeliveryStatus = "pending"
    http_status: int = 0
    error: str = ""
    duration_ms: int = 0
    ended_ms: int = 0


class DueDeliveries(msgspec.Struct, frozen=True):
    """Claimed deliveries, earliest due first; `next_ms` and `now_ms` as in `Due`."""

    now_ms: int
    next_ms: int | None
    deliveries: tuple[Delivery, ...]


class Kept(msgspec.Struct, frozen=True, gc=False):
    """One stored thing of a visitor, as `Store.export` yields it.

    `name` tells it apart among its kind: a session id, a message id, an entry's number, a day and counter …
    """

    kind: Literal[
        "profile",
        "session",
        "entry",
        "message",
        "decision",
        "cause",
        "delivery",
        "alias",
        "name",
    ]
    session: str
    name: str
    at_ms: int
    body: bytes


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
    visitor: str = ""


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
    """How the store is: for /readyz and metrics. `queued` are operations that wait.

    `primaries_down` of several servers do not answer now; as long as one does, `ok` may be True.
    """

    ok: bool
    reason: str
    kind: str
    durability: Durability
    queued: int
    pending_wakeups: int
    sessions: int
    primaries_down: int = 0
