"""What `memory:` does with sessions: commits, wake-ups, messages and the sockets that wait for them."""

from collections.abc import AsyncIterator, Sequence

from engine.limits import CLAIM_ROWS_MAX, HISTORY_ROWS_MAX, MESSAGES_KEPT_MAX
from engine.stores.base import (
    Capped,
    Commit,
    CommitAnswer,
    Conflict,
    DecisionFound,
    Due,
    Heard,
    History,
    Loaded,
    SessionRef,
    StoredMessage,
)
from engine.stores.head import (
    NO_HEAD,
    Head,
    advance,
    check_sizes,
    committed,
    encode_head,
    is_recovered,
    judge,
    loaded,
)
from engine.stores.memory.tables import KeptProfile, Record
from engine.stores.memory.workspace import MemoryWorkspace


class MemorySessions(MemoryWorkspace):
    """The part of `Store` that a live session needs."""

    async def load(self, ref: SessionRef) -> Loaded:
        """See `Store.load`."""
        self._check_open()
        return self._loaded(ref)

    async def confirm(self, ref: SessionRef, version: int) -> bool:
        """See `Store.confirm`; nothing is shown here before it is as durable as it will be."""
        self._check_open()
        return self._loaded(ref).version >= version

    async def commit(self, commit: Commit) -> CommitAnswer:
        """See `Store.commit`."""
        self._check_open()
        ref = commit.ref
        partition = self.partition_of(ref.workspace, ref.visitor)
        self._check_causes(partition, commit.causes)
        check_sizes(commit)
        tables = self._tables
        record = tables.session(ref)
        head = NO_HEAD if record is None else record.head
        now_ms = self._state.tick()
        refusal = judge(commit, head, tables, now_ms)
        if refusal is not None:
            if refusal == "conflict":
                return Conflict(self._loaded(ref))
            if refusal == "capped":
                return Capped(self._loaded(ref))
            return refusal
        head = advance(commit, head, now_ms)
        if record is None:
            record = tables.add_session(ref)
        self._write(commit, record, head, now_ms)
        if commit.causes:
            self._keep_causes(partition, commit.causes)
        self._rearm(partition, record.slot, commit.wake_ms)
        if commit.messages:
            self._tell_messages(ref, head.epoch, head.offset)
        return committed(head)

    async def claim_due(self, partition: int = 0, *, limit: int = 64, lease_ms: int = 500) -> Due:
        """See `Store.claim_due`."""
        self._check_open()
        state, now_ms = self._state, self._state.tick()
        wheel = state.wheels[partition]
        claimed = wheel.pop_due(now_ms, min(limit, CLAIM_ROWS_MAX))
        records = [self._tables.records[slot] for _, slot in claimed]
        for record in records:
            wheel.arm(record.slot, now_ms + lease_ms)
        next_ms = state.next_ms[partition] = wheel.next_due()
        pairs = ((SessionRef(r.workspace, r.visitor, r.session), r.head.due_ms) for r in records)
        return Due(now_ms, next_ms, tuple(sorted(pairs, key=lambda pair: pair[1])))

    async def history(
        self, ref: SessionRef, epoch: str | None, after: int, *, limit: int = HISTORY_ROWS_MAX
    ) -> History:
        """See `Store.history`."""
        self._check_open()
        record = self._tables.session(ref)
        head = NO_HEAD if record is None else record.head
        messages = () if record is None else record.messages
        oldest = messages[0].offset if messages else head.offset + 1
        recovered = is_recovered(head, oldest, epoch, after)
        begin = after if recovered else 0
        found = [message for message in messages if message.offset > begin]
        kept = tuple(found[: min(limit, HISTORY_ROWS_MAX)])
        return History(head.epoch, head.offset, recovered, kept)

    async def attach(self, ref: SessionRef, worker: str, conn: int) -> tuple[str, int, int]:
        """See `Store.attach`."""
        self._check_open()
        self._hints.attach(ref, worker, conn)
        record = self._tables.session(ref)
        head = NO_HEAD if record is None else record.head
        return head.epoch, head.offset, self._count_sockets(ref)

    async def detach(self, ref: SessionRef, worker: str, conn: int) -> None:
        """See `Store.detach`."""
        self._hints.detach(ref, worker, conn)

    async def presence(self, refs: Sequence[SessionRef]) -> list[int]:
        """See `Store.presence`."""
        return [self._count_sockets(ref) for ref in refs]

    def hints(self, worker: str) -> AsyncIterator[Heard]:
        """See `Store.hints`."""
        return self._hints.listen(worker)

    async def whisper(self, ref: SessionRef, body: bytes) -> bool:
        """See `Store.whisper`; within one process there is no other worker."""
        self._check_open()
        return False

    def _write(self, commit: Commit, record: Record, head: Head, now_ms: int) -> None:
        tables, ref = self._tables, commit.ref
        record.encoded_head = encode_head(head)
        record.state = commit.state
        record.op = commit.op
        newest = record.newest
        record.newest = tables.journal.append(
            record.slot, newest, head.version, now_ms, commit.entry
        )
        if commit.profile is not None:
            of_one = tables.profiles.setdefault(ref.workspace, {})
            of_one[ref.visitor] = KeptProfile(head.profile_version, commit.profile, now_ms)
        if commit.messages:
            fresh = enumerate(commit.messages, head.first_offset)
            added = tuple(StoredMessage(offset, m.id, m.body) for offset, m in fresh)
            record.messages = (record.messages + added)[-MESSAGES_KEPT_MAX:]
        for event in commit.seen:
            tables.seen.setdefault((ref.workspace, ref.visitor), {})[event] = now_ms
        for name in commit.ids:
            tables.ids[ref.workspace, name] = ref
        for line in commit.decisions:
            tables.decisions.append(DecisionFound(line, ref, head.version))
        if commit.counts:
            self._add_counts(ref.workspace, commit.counts)

    def _rearm(self, partition: int, slot: int, wake_ms: int | None) -> None:
        wheel = self._state.wheels[partition]
        if wake_ms is None:
            wheel.disarm(slot)
            return
        wheel.arm(slot, wake_ms)
        next_ms = self._state.next_ms
        known_ms = next_ms[partition]
        if known_ms is None or wake_ms < known_ms:
            next_ms[partition] = wake_ms
            self._tell_earlier(partition, wake_ms)

    def _loaded(self, ref: SessionRef) -> Loaded:
        record = self._tables.session(ref)
        profile = self._tables.profile(ref.workspace, ref.visitor)
        version, body = (0, None) if profile is None else (profile.version, profile.profile)
        if record is None:
            return loaded(NO_HEAD, None, version, body)
        return loaded(record.head, record.state, version, body)
