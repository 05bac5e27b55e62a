"""Sessions of the Redis store: loaded, committed, woken, and heard of by the workers that have their sockets."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from typing import cast

from engine.limits import (
    CLAIM_ROWS_MAX,
    HISTORY_ROWS_MAX,
    SOCKETS_NOTED_MAX,
    WHISPER_BYTES_MAX,
)
from engine.stores.head import Head, is_recovered
from engine.stores.records import (
    Commit,
    CommitAnswer,
    Due,
    Heard,
    History,
    Loaded,
    SessionRef,
    StoredMessage,
)
from engine.stores.redis.commits import (
    DAY_MS,
    LOADED,
    LOADED_PROFILE,
    Fields,
    check_commit,
    commit_answer,
    commit_args,
    commit_keys,
    names_of,
    read_loaded,
)
from engine.stores.redis.hints import WAKE, pack_whisper
from engine.stores.redis.keys import short, unpack_ref, workspace_key
from engine.stores.redis.records import pack_spot, unpack_message
from engine.stores.redis.replies import script
from engine.stores.redis.workers import RedisWorkers

_CLAIMED_AT_ONCE = 128
_TAIL_LEN = 8
_COMMIT = script("commit")
_CLAIM_DUE = script("claim_due")
_ATTACH = script("attach")
_DETACH = script("detach")
_WHISPER = script("whisper_1")


class RedisSessions(RedisWorkers):
    """The part of `Store` that a session's step and its sockets need."""

    on_earlier_wake: Callable[[int, int], None] | None = None
    on_work: Callable[[int], None] | None = None

    # What the latest claim of a partition said of the next one.
    _next_ms: dict[int, int]

    def partition_of(self, workspace: str, visitor: str = "") -> int:
        """See `Store.partition_of`."""
        return self._keys.partition(workspace, visitor)

    async def load(self, ref: SessionRef) -> Loaded:
        """See `Store.load`."""
        self._check_open()
        session, profile = await self._read_both(ref, is_young=False)
        if not (self._is_settled(session[-1]) and self._is_settled(profile[-1])):
            session, profile = await self._read_both(ref, is_young=True)
        return read_loaded((*session[:-1], *profile[:-1]))

    async def _read_both(self, ref: SessionRef, *, is_young: bool) -> tuple[Fields, Fields]:
        """Read a session and its visitor's profile, each with the instant it was written at.

        Young ones on a lane for writes: there the answer waits for the replicas. Both leave in one batch.
        """
        partition = self.partition_of(ref.workspace, ref.visitor)
        read = partial(self._client.write, lane=hash(ref)) if is_young else self._client.read
        profile_key = self._keys.of_visitor("u", ref.workspace, ref.visitor)
        session, profile = await asyncio.gather(
            read(partition, "HMGET", self._keys.of_session("s", ref), *LOADED, "at"),
            read(partition, "HMGET", profile_key, *LOADED_PROFILE, "at"),
        )
        return cast("Fields", session), cast("Fields", profile)

    async def confirm(self, ref: SessionRef, version: int) -> bool:
        """See `Store.confirm`."""
        self._check_open()
        # On a lane for writes the answer waits for the replicas, also for what others wrote before it.
        place = self.partition_of(ref.workspace, ref.visitor)
        key = self._keys.of_session("s", ref)
        found = await self._client.write(place, "HGET", key, "v", lane=hash(ref))
        return isinstance(found, bytes) and int(found) >= version

    async def commit(self, commit: Commit) -> CommitAnswer:
        """See `Store.commit`."""
        self._check_open()
        check_commit(commit)
        keys, ref = self._keys, commit.ref
        partition = self.partition_of(ref.workspace, ref.visitor)
        args = commit_args(
            keys,
            commit,
            partition,
            work_told=self._work_told,
            counts_kept_ms=self._retention.decisions_ms + 2 * DAY_MS,
        )
        await self._refer(ref, names_of(commit))
        reply = await self._client.run(
            partition,
            _COMMIT,
            commit_keys(keys, commit, partition),
            [self._time(), *args],
            lane=hash(ref),
        )
        return commit_answer(reply)

    async def claim_due(self, partition: int = 0, *, limit: int = 64, lease_ms: int = 500) -> Due:
        """See `Store.claim_due`."""
        self._check_open()
        left = min(limit, CLAIM_ROWS_MAX)
        sessions: list[tuple[SessionRef, int]] = []
        while True:
            wanted = min(left, _CLAIMED_AT_ONCE)
            now_ms, next_ms, claimed = await self._claim(partition, wanted, lease_ms)
            sessions += claimed
            left -= len(claimed)
            if len(claimed) < wanted or not left:
                break
        if next_ms is None:
            self._next_ms.pop(partition, None)
        else:
            self._next_ms[partition] = next_ms
        sessions.sort(key=lambda pair: pair[1])
        return Due(now_ms, next_ms, tuple(sessions))

    async def history(
        self, ref: SessionRef, epoch: str | None, after: int, *, limit: int = HISTORY_ROWS_MAX
    ) -> History:
        """See `Store.history`."""
        self._check_open()
        # Mostly the last few are asked for; else all that are kept are read.
        head, kept, is_whole = await self._messages(ref, -_TAIL_LEN)
        if not is_whole and not _is_in_tail(head, kept, epoch, after):
            head, kept, _ = await self._messages(ref, 0)
        oldest = kept[0].offset if kept else head.offset + 1
        recovered = is_recovered(head, oldest, epoch, after)
        begin = after if recovered else 0
        found = [message for message in kept if message.offset > begin]
        page = tuple(found[: min(limit, HISTORY_ROWS_MAX)])
        return History(head.epoch, head.offset, recovered, page)

    async def attach(self, ref: SessionRef, worker: str, conn: int) -> tuple[str, int, int]:
        """See `Store.attach`."""
        self._check_open()
        assert not set(worker) & set(" ,"), "a worker's id is our own"
        partition = self.partition_of(ref.workspace, ref.visitor)
        await self._hints.hear_sessions(partition, worker)
        self._hints.attach(ref, worker, conn)
        reply = await self._client.run(
            partition,
            _ATTACH,
            [self._keys.of_session("s", ref)],
            [f"{worker} {conn}", SOCKETS_NOTED_MAX, DAY_MS],
            lane=hash(ref),
        )
        epoch, offset, noted = cast("tuple[bytes | None, bytes | None, int]", reply)
        return (epoch or b"").decode(), int(offset or 0), noted

    async def detach(self, ref: SessionRef, worker: str, conn: int) -> None:
        """See `Store.detach`."""
        self._check_open()
        self._hints.detach(ref, worker, conn)
        await self._client.run(
            self.partition_of(ref.workspace, ref.visitor),
            _DETACH,
            [self._keys.of_session("s", ref)],
            [f"{worker} {conn}"],
            lane=hash(ref),
        )

    async def presence(self, refs: Sequence[SessionRef]) -> list[int]:
        """See `Store.presence`."""
        self._check_open()
        gone, *noted = await asyncio.gather(
            self.gone_workers(), *(self._read_sockets(ref) for ref in refs)
        )
        return [
            sum(socket.partition(" ")[0] not in gone for socket in sockets) for sockets in noted
        ]

    def hints(self, worker: str) -> AsyncIterator[Heard]:
        """See `Store.hints`."""
        return self._hints.listen(worker)

    async def whisper(self, ref: SessionRef, body: bytes) -> bool:
        """See `Store.whisper`; the session's noted sockets are read where they lie, in the same script."""
        self._check_open()
        if len(body) > WHISPER_BYTES_MAX:
            return True
        partition = self.partition_of(ref.workspace, ref.visitor)
        told = await self._client.run(
            partition,
            _WHISPER,
            [self._keys.of_session("s", ref)],
            [
                self._keys.hint_channel(partition, ""),
                pack_whisper(ref, body),
                *self._hints.workers,
            ],
            durable=False,
        )
        return bool(told)

    async def watch(self, worker: str, partitions: AbstractSet[int]) -> None:
        """See `Store.watch`."""
        self._check_open()
        await self._hints.hear_work(worker, partitions, self._hear_work)

    async def _refer(self, ref: SessionRef, names: Sequence[str]) -> None:
        """Let names lead to a session's keys; one that the session does not know leads nowhere yet."""
        if not names:
            return
        keys, kept_ms = self._keys, self._retention.events_ms + 2 * DAY_MS
        place = self.partition_of(ref.workspace, ref.visitor)
        spot = pack_spot(place, workspace_key(ref.workspace), short(ref.visitor, ref.session))
        await asyncio.gather(
            *(
                self._client.write(
                    keys.partition_of_name(ref.workspace, name),
                    *("SET", keys.of_name("ref", ref.workspace, name), spot, "PX", kept_ms),
                )
                for name in names
            )
        )

    async def _claim(
        self, partition: int, limit: int, lease_ms: int
    ) -> tuple[int, int | None, list[tuple[SessionRef, int]]]:
        keys = [self._keys.due(partition), self._keys.claims(partition)]
        # A claim that a fail-over forgets falls due again; nothing waits for the replicas.
        reply = await self._client.run(
            partition, _CLAIM_DUE, keys, [self._time(), limit, lease_ms], durable=False
        )
        now, following, *rest = cast("list[bytes]", reply)
        claimed = [
            (unpack_ref(place), int(due)) for place, due in zip(rest[::2], rest[1::2], strict=True)
        ]
        return int(now), int(following) if following else None, claimed

    async def _messages(
        self, ref: SessionRef, begin: int
    ) -> tuple[Head, list[StoredMessage], bool]:
        """Read a session's messages from a place in the list, and tell whether these are all."""
        found, kept = await self._read_messages(ref, begin, is_young=False)
        if not self._is_settled(found[-1]):
            found, kept = await self._read_messages(ref, begin, is_young=True)
        epoch, offset, _ = found
        head = Head(epoch=(epoch or b"").decode(), offset=int(offset or 0))
        rows = [unpack_message(raw) for raw in kept]
        # A commit between the two reads is shown the next time.
        messages = [message for message in rows if message.offset <= head.offset]
        return head, messages, not begin or len(rows) < _TAIL_LEN

    async def _read_messages(
        self, ref: SessionRef, begin: int, *, is_young: bool
    ) -> tuple[Fields, list[bytes]]:
        """Read a session's epoch, offset and instant, and its messages; young ones as `_read_both` does."""
        partition = self.partition_of(ref.workspace, ref.visitor)
        read = partial(self._client.write, lane=hash(ref)) if is_young else self._client.read
        found, kept = await asyncio.gather(
            read(partition, "HMGET", self._keys.of_session("s", ref), "e", "mo", "at"),
            read(partition, "LRANGE", self._keys.of_session("m", ref), begin, -1),
        )
        return cast("Fields", found), cast("list[bytes]", kept)

    async def _read_sockets(self, ref: SessionRef) -> list[str]:
        partition = self.partition_of(ref.workspace, ref.visitor)
        reply = await self._fan_out.read(partition, "HGET", self._keys.of_session("s", ref), "cn")
        return cast("bytes", reply).decode().split(",") if reply else []

    def _hear_work(self, partition: int, told: bytes) -> None:
        if told[:1] == WAKE:
            self._hear_wake(partition, int(told[1:]))
        elif told != self._work_told and self.on_work is not None:
            self.on_work(partition)

    def _look_again(self, partition: int) -> None:
        """Let a partition's owner look for what it may not have heard of."""
        self._next_ms.pop(partition, None)
        if self.on_earlier_wake is not None:
            self.on_earlier_wake(partition, self._now_ms())
        if self.on_work is not None:
            self.on_work(partition)

    def _hear_wake(self, partition: int, due_ms: int) -> None:
        next_ms = self._next_ms.get(partition)
        if next_ms is not None and due_ms >= next_ms:
            return
        self._next_ms[partition] = due_ms
        if self.on_earlier_wake is not None:
            self.on_earlier_wake(partition, due_ms)


def _is_in_tail(head: Head, tail: Sequence[StoredMessage], epoch: str | None, after: int) -> bool:
    """Tell whether the last messages hold all that a reader at (epoch, after) is to get."""
    if not tail or after < tail[0].offset - 1:
        return False
    return epoch is None or (epoch == head.epoch and after <= head.offset)
