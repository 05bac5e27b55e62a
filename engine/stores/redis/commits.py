"""A commit as a call of `commit.lua`, and its reply as an answer."""

from collections.abc import Sequence
from typing import cast

from engine.errors import LimitExceeded, StoreUnavailable
from engine.limits import COMMIT_ITEMS_MAX, MESSAGES_KEPT_MAX, SEEN_KEPT_MS, SEEN_LEN_MAX
from engine.stores.head import check_sizes
from engine.stores.records import (
    Capped,
    Commit,
    CommitAnswer,
    Committed,
    Conflict,
    Count,
    Duplicate,
    Erased,
    Gone,
    Loaded,
    Seen,
)
from engine.stores.redis.keys import Keys, pack_ref, tail_of
from engine.stores.redis.outbox import causes_len_max, pack_cause
from engine.stores.redis.records import pack_decision, pack_listed, pack_message
from engine.stores.redis.replies import Reply, Word

DAY_MS = 86_400_000

LOADED = ("v", "st", "en", "pm", "gr", "e", "mo", "cl")
"""Fields of a session, and after them those of a profile, in the order that `read_loaded` takes."""
LOADED_PROFILE = ("v", "s")

Fields = Sequence[bytes | None]


def check_commit(commit: Commit) -> None:
    """Refuse a commit with a body, or with more items of one kind, than one script takes.

    Raises:
        LimitExceeded: it names the limit.
    """
    check_sizes(commit)
    longest = max(
        *(len(commit.messages), len(commit.seen), len(commit.ids)),
        *(len(commit.decisions), len(commit.causes), len(commit.counts)),
    )
    if longest > COMMIT_ITEMS_MAX:
        raise LimitExceeded("COMMIT_ITEMS_MAX", longest, COMMIT_ITEMS_MAX)


def names_of(commit: Commit) -> tuple[str, ...]:
    """List what the session is to be found by from this commit on."""
    return commit.ids if commit.expect else (*commit.ids, commit.ref.session)


def commit_keys(keys: Keys, commit: Commit, partition: int) -> list[str]:
    """List the keys in the order of the script's header."""
    ref = commit.ref
    workspace, visitor = ref.workspace, ref.visitor
    named = keys.of_step(partition, ref)
    if commit.seen:
        named.append(keys.of_visitor("d", workspace, visitor))
    if commit.messages:
        named.append(keys.of_session("m", ref))
    if commit.decisions:
        named.append(keys.of_visitor("vq", workspace, visitor))
        named += [keys.of_workspace(partition, kind, workspace) for kind in ("dx", "db")]
        named.append(keys.aged("da", partition))
    if commit.causes:
        named.append(keys.cause_order(partition))
        named += (keys.cause_bodies(partition), keys.cause_number(partition))
    if commit.counts:
        days = dict.fromkeys(count.day for count in commit.counts)
        named += [keys.of_workspace(partition, "ct", workspace, day) for day in days]
    if commit.profile is not None:
        named.append(keys.aged("ux", partition))
    if commit.expect == 0:
        named.append(keys.of_visitor("v", workspace, visitor))
        named.append(keys.of_workspace(partition, "ix", workspace))
    return named


def commit_args(
    keys: Keys, commit: Commit, partition: int, *, work_told: bytes, counts_kept_ms: int
) -> list[Word]:
    """List the arguments behind the time, in the order of the script's header."""
    ref, days = commit.ref, _by_day(commit.counts)
    names = names_of(commit)
    args: list[Word] = [
        *(commit.op, commit.expect, _or_none(commit.expect_profile), commit.state),
        "" if commit.profile is None else "1",
        commit.profile or b"",
        _or_none(commit.wake_ms),
        "" if commit.fired_ms is None else "1",
        *(commit.engagement_epoch, commit.spend, commit.cap, commit.give_back),
        "1" if commit.closed else "",
        *(commit.new_epoch or "", commit.entry, pack_ref(ref)),
        *(tail_of(ref.workspace, ref.visitor), pack_listed(ref), ref.workspace),
        *(keys.work_channel(partition), keys.hint_channel(partition, ""), work_told),
        causes_len_max(keys.partitions),
        *(len(commit.seen), len(commit.messages), len(names)),
        *(len(commit.decisions), len(commit.causes), len(days)),
    ]
    args += _items(commit, names)
    for of_day in days.values():
        args += (counts_kept_ms, len(of_day))
        for name, number in of_day.items():
            args += (name, number)
    return args


def commit_answer(reply: Reply) -> CommitAnswer:
    """Read what the script said.

    Raises:
        StoreUnavailable: "none": too many causes wait.
    """
    assert isinstance(reply, list)
    code, *rest = reply
    match code:
        case 1:
            version, profile_version, first, last, is_resync = _numbers(rest)
            return Committed(version, profile_version, first, last, bool(is_resync))
        case 2:
            version, profile_version, first, last, is_resync = _numbers(rest)
            return Duplicate(version, profile_version, first, last, bool(is_resync))
        case 3:
            return Erased()
        case 4:
            return Conflict(read_loaded(cast("Fields", rest)))
        case 5:
            return Seen(_numbers(rest))
        case 6:
            return Gone()
        case 7:
            return Capped(read_loaded(cast("Fields", rest)))
        case 9:
            raise StoreUnavailable("none", 1_000, "too many causes wait to be told")
        case _:
            assert code == 8, "commit.lua has no other answer"
            raise AssertionError("the engagement epoch never falls")


def read_loaded(fields: Fields) -> Loaded:
    """Put the `LOADED` fields of a session and the `LOADED_PROFILE` ones of its visitor together."""
    version, state, engagement, granted, total, epoch, offset, closed = fields[:8]
    profile_version, profile = fields[8:]
    if version is None:
        return Loaded(profile_version=int(profile_version or 0), profile=profile)
    return Loaded(
        int(version),
        state,
        int(profile_version or 0),
        profile,
        int(engagement or 0),
        int(granted or 0),
        int(total or 0),
        (epoch or b"").decode(),
        int(offset or 0),
        bool(closed),
    )


def _items(commit: Commit, names: Sequence[str]) -> list[Word]:
    """List what the commit brings, each kind by itself."""
    args: list[Word] = []
    if commit.seen:
        args += (*commit.seen, SEEN_KEPT_MS, SEEN_LEN_MAX)
    if commit.messages:
        args += (MESSAGES_KEPT_MAX, *(pack_message(message) for message in commit.messages))
    args += names
    for line in commit.decisions:
        args += (line.id, line.at_ms, pack_decision(line, commit.ref, commit.expect + 1))
    for cause in commit.causes:
        args += (cause.id, pack_cause(cause))
    return args


def _by_day(counts: Sequence[Count]) -> dict[str, dict[str, int]]:
    days: dict[str, dict[str, int]] = {}
    for count in counts:
        of_day = days.setdefault(count.day, {})
        of_day[count.name] = of_day.get(count.name, 0) + count.number
    return days


def _numbers(reply: Sequence[Reply]) -> tuple[int, ...]:
    return tuple(int(number) for number in cast("Sequence[bytes | int]", reply))


def _or_none(number: int | None) -> Word:
    return "" if number is None else number
