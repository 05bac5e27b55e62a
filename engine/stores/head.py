"""What every store checks before a commit and changes by it, apart from bytes: pure functions."""

from typing import Literal, Protocol

import msgspec

from engine.errors import LimitExceeded, StoreUnavailable
from engine.limits import (
    CAUSES_LEN_MAX,
    ENTRY_BYTES_MAX,
    MESSAGE_BYTES_MAX,
    PROFILE_BYTES_MAX,
    STATE_BYTES_MAX,
)
from engine.stores.base import (
    Commit,
    Committed,
    Duplicate,
    Erased,
    Gone,
    Loaded,
    Seen,
    SessionRef,
)

NO_DUE_MS = -1


class Head(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A session's counters as of its newest commit; the default is a session without one.

    `first_offset` and `profile_version` are that commit's answer; `due_ms` -1 = no wake-up,
    `closed_ms` -1 = open. Stores keep it encoded: fields are only appended.
    """

    version: int = 0
    due_ms: int = NO_DUE_MS
    engagement_epoch: int = 0
    granted: int = 0
    grants_total: int = 0
    offset: int = 0
    first_offset: int = 0
    profile_version: int = 0
    epoch: str = ""
    closed_ms: int = -1


NO_HEAD = Head()
_DECODE = msgspec.msgpack.Decoder(Head).decode
_ENCODE = msgspec.msgpack.Encoder().encode


def encode_head(head: Head) -> bytes:
    """Encode a head: some 40 bytes instead of 200, and nothing for the garbage collector."""
    return _ENCODE(head)


def decode_head(head: bytes) -> Head:
    """Decode what `encode_head` made."""
    return _DECODE(head)


class Ledger(Protocol):
    """What a store looks up for `judge`, as of the commit before."""

    def last_op(self, ref: SessionRef) -> str:
        """Read the session's last op, "" when there is none."""
        ...

    def is_erased(self, workspace: str, visitor: str, now_ms: int) -> bool:
        """Tell whether nothing is kept of a visitor now."""
        ...

    def profile_version(self, workspace: str, visitor: str) -> int:
        """Read a profile's version, 0 = none."""
        ...

    def known(self, ref: SessionRef, ids: tuple[int, ...]) -> tuple[int, ...]:
        """Tell which of these event ids the visitor has sent before."""
        ...


Refusal = Literal["conflict", "capped"] | Duplicate | Erased | Seen | Gone | None


def judge(commit: Commit, head: Head, ledger: Ledger, now_ms: int) -> Refusal:
    """Run the checks of `Store.commit` in their order, at an instant; None = go on.

    "conflict" and "capped" stand for the answers that carry a `Loaded`, which the store adds.
    """
    is_current = head.version == commit.expect
    # An op that is repeated expects the version before its own, so the last op is read only then.
    if not is_current and head.version and ledger.last_op(commit.ref) == commit.op:
        return Duplicate(head.version, head.profile_version, head.first_offset, head.offset)
    if ledger.is_erased(commit.ref.workspace, commit.ref.visitor, now_ms):
        return Erased()
    if not is_current:
        return "conflict"
    if commit.expect_profile is not None:
        found = ledger.profile_version(commit.ref.workspace, commit.ref.visitor)
        if found != commit.expect_profile:
            return "conflict"
    if commit.seen:
        known = ledger.known(commit.ref, commit.seen)
        if known:
            return Seen(known)
    if commit.fired_ms is not None and head.due_ms < 0:
        return Gone()
    # Only a commit that grants is capped: a cap lowered by a new policy must not refuse events.
    if commit.spend and _granted_before(commit, head) + commit.spend > commit.cap:
        return "capped"
    return None


def advance(commit: Commit, head: Head, now_ms: int) -> Head:
    """Make the head after a commit that is accepted at an instant.

    The sequence of messages is named by the instant its session was made: another making, another name.
    """
    assert commit.engagement_epoch >= head.engagement_epoch, "the engagement epoch never falls"
    sent = len(commit.messages)
    profile_version = 0
    if commit.expect_profile is not None:
        profile_version = commit.expect_profile + (commit.profile is not None)
    return Head(
        head.version + 1,
        NO_DUE_MS if commit.wake_ms is None else commit.wake_ms,
        commit.engagement_epoch,
        _granted_before(commit, head) + commit.spend,
        head.grants_total + commit.spend,
        head.offset + sent,
        head.offset + 1 if sent else 0,
        profile_version,
        commit.new_epoch or head.epoch or format(now_ms, "x"),
        now_ms if commit.closed else -1,
    )


def committed(head: Head) -> Committed:
    """Make the answer to the commit that led to a head."""
    return Committed(head.version, head.profile_version, head.first_offset, head.offset)


def loaded(head: Head, state: bytes | None, profile_version: int, profile: bytes | None) -> Loaded:
    """Put a session's head, state and profile together."""
    return Loaded(
        head.version,
        state,
        profile_version,
        profile,
        head.engagement_epoch,
        head.granted,
        head.grants_total,
        head.epoch,
        head.offset,
        head.closed_ms >= 0,
    )


def check_sizes(commit: Commit) -> None:
    """Refuse a commit with a body over its limit.

    Raises:
        LimitExceeded: it names the limit.
    """
    if len(commit.state) > STATE_BYTES_MAX:
        raise LimitExceeded("STATE_BYTES_MAX", len(commit.state), STATE_BYTES_MAX)
    if len(commit.entry) > ENTRY_BYTES_MAX:
        raise LimitExceeded("ENTRY_BYTES_MAX", len(commit.entry), ENTRY_BYTES_MAX)
    if commit.profile is not None:
        assert commit.expect_profile is not None, "a profile is written only over a version read"
        check_profile_size(commit.profile)
    for message in commit.messages:
        if len(message.body) > MESSAGE_BYTES_MAX:
            raise LimitExceeded("MESSAGE_BYTES_MAX", len(message.body), MESSAGE_BYTES_MAX)


def check_profile_size(profile: bytes) -> None:
    """Refuse a profile over its limit.

    Raises:
        LimitExceeded: it names the limit.
    """
    if len(profile) > PROFILE_BYTES_MAX:
        raise LimitExceeded("PROFILE_BYTES_MAX", len(profile), PROFILE_BYTES_MAX)


def check_room_for_causes(kept: int) -> None:
    """Refuse more causes when too many wait in their partition.

    Raises:
        StoreUnavailable: what has no causes goes on.
    """
    if kept >= CAUSES_LEN_MAX:
        raise StoreUnavailable("none", 1_000, "too many causes wait to be told")


def is_recovered(head: Head, oldest: int, epoch: str | None, after: int) -> bool:
    """Tell whether a reader at (epoch, after) gets every later message; `oldest` kept offset."""
    if epoch is None:
        return True
    return epoch == head.epoch and oldest - 1 <= after <= head.offset


def _granted_before(commit: Commit, head: Head) -> int:
    if commit.engagement_epoch > head.engagement_epoch:
        return 0
    return max(0, head.granted - commit.give_back)
