"""`memory:`: the Store in dicts. It survives nothing and is the reference of the conformance suite."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

from engine.limits import (
    CLAIM_ROWS_MAX,
    DECISIONS_ROWS_MAX,
    HISTORY_ROWS_MAX,
    JOURNAL_ROWS_MAX,
    MEMORY_JOURNAL_BYTES_MAX,
    MESSAGES_KEPT_MAX,
    SESSIONS_ROWS_MAX,
)
from engine.stores.base import (
    Capped,
    Commit,
    CommitAnswer,
    Conflict,
    DecisionFilter,
    DecisionFound,
    DecisionPage,
    Due,
    Durability,
    Entry,
    Health,
    Hint,
    History,
    Loaded,
    Lost,
    Retention,
    SessionRef,
    StoredMessage,
    Swept,
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
from engine.stores.hints import Hints
from engine.stores.memory_journal import NO_RECORD, MemoryJournal
from engine.stores.memory_sweep import sweep
from engine.stores.memory_tables import Alias, KeptProfile, Record, Tables
from engine.stores.memory_workspace import MemoryWorkspace
from engine.wakeups import Wheel


class MemoryStore(MemoryWorkspace):
    """The contract of `Store` within one process, nothing durable."""

    durability: Durability = "D0"
    partitions = 1

    def __init__(
        self,
        clock: Callable[[], int],
        retention: Retention = Retention(),  # noqa: B008 - frozen
        journal_bytes_max: int = MEMORY_JOURNAL_BYTES_MAX,
    ) -> None:
        """Start empty; `clock` answers Unix milliseconds."""
        super().__init__(clock, Tables(MemoryJournal(journal_bytes_max)))
        self.on_earlier_wake: Callable[[int], None] | None = None
        self._retention = retention
        self._wheel = Wheel()
        self._next_ms: int | None = None
        self._hints = Hints()

    async def load(self, ref: SessionRef) -> Loaded:
        """See `Store.load`."""
        self._check_open()
        return self._loaded(ref)

    async def commit(self, commit: Commit) -> CommitAnswer:
        """See `Store.commit`."""
        self._check_open()
        self._check_causes(commit.causes)
        check_sizes(commit)
        tables = self._tables
        record = tables.session(commit.ref)
        head = NO_HEAD if record is None else record.head
        refusal = judge(commit, head, tables)
        if refusal is not None:
            if refusal == "conflict":
                return Conflict(self._loaded(commit.ref))
            if refusal == "capped":
                return Capped(self._loaded(commit.ref))
            return refusal
        now_ms = self._tick()
        head = advance(commit, head, now_ms)
        if record is None:
            record = tables.add_session(commit.ref)
        self._write(commit, record, head, now_ms)
        self._rearm(record.slot, commit.wake_ms)
        if commit.messages:
            self._hints.announce(commit.ref, head.epoch, head.offset)
        return committed(head)

    async def claim_due(self, partition: int = 0, *, limit: int = 64, lease_ms: int = 500) -> Due:
        """See `Store.claim_due`."""
        self._check_open()
        now_ms = self._tick()
        claimed = self._wheel.pop_due(now_ms, min(limit, CLAIM_ROWS_MAX))
        records = [self._tables.records[slot] for _, slot in claimed]
        for record in records:
            self._wheel.arm(record.slot, now_ms + lease_ms)
        self._next_ms = self._wheel.next_due()
        pairs = ((SessionRef(r.workspace, r.visitor, r.session), r.head.due_ms) for r in records)
        return Due(now_ms, self._next_ms, tuple(sorted(pairs, key=lambda pair: pair[1])))

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

    async def attach(self, ref: SessionRef, worker: str, conn: int) -> tuple[str, int]:
        """See `Store.attach`."""
        self._check_open()
        self._hints.attach(ref, worker, conn)
        record = self._tables.session(ref)
        head = NO_HEAD if record is None else record.head
        return head.epoch, head.offset

    async def detach(self, ref: SessionRef, worker: str, conn: int) -> None:
        """See `Store.detach`."""
        self._hints.detach(ref, worker, conn)

    async def presence(self, refs: Sequence[SessionRef]) -> list[int]:
        """See `Store.presence`."""
        return [self._hints.count(ref) for ref in refs]

    def hints(self, worker: str) -> AsyncIterator[Hint | Lost]:
        """See `Store.hints`."""
        return self._hints.listen(worker)

    async def resolve(
        self, alias: str, fresh: SessionRef, *, ended: str | None = None
    ) -> SessionRef:
        """See `Store.resolve`."""
        self._check_open()
        key = (fresh.workspace, alias)
        found = self._tables.aliases.get(key)
        if found is None or found.ref.session == ended:
            found = Alias(fresh, self._tick())
            self._tables.aliases[key] = found
        return found.ref

    async def find_alias(self, workspace: str, alias: str) -> SessionRef | None:
        """See `Store.find_alias`."""
        self._check_open()
        found = self._tables.aliases.get((workspace, alias))
        return None if found is None else found.ref

    async def find(self, workspace: str, name: str) -> SessionRef | None:
        """See `Store.find`."""
        self._check_open()
        record = self._tables.sessions.get(workspace, {}).get(name)
        if record is not None:
            return SessionRef(workspace, record.visitor, record.session)
        return self._tables.ids.get((workspace, name))

    async def list_sessions(
        self, workspace: str, before: str | None, limit: int
    ) -> tuple[SessionRef, ...]:
        """See `Store.list_sessions`."""
        self._check_open()
        return self._tables.list_sessions(workspace, before, min(limit, SESSIONS_ROWS_MAX))

    async def journal(
        self, ref: SessionRef, after: int = 0, limit: int = JOURNAL_ROWS_MAX
    ) -> list[Entry]:
        """See `Store.journal`."""
        self._check_open()
        record = self._tables.session(ref)
        entries: list[Entry] = []
        for entry in self._tables.journal.chain(NO_RECORD if record is None else record.newest):
            if entry.number <= after:
                break
            entries.append(entry)
        entries.reverse()
        return entries[: min(limit, JOURNAL_ROWS_MAX)]

    async def scan(
        self, workspace: str, since_ms: int, until_ms: int
    ) -> AsyncIterator[tuple[SessionRef, list[Entry]]]:
        """See `Store.scan`."""
        self._check_open()
        journal = self._tables.journal
        places: dict[int, list[int]] = {}
        for count, (position, slot, at_ms) in enumerate(journal.walk(journal.end)):
            in_range = since_ms <= at_ms < until_ms
            if in_range and self._tables.records[slot].workspace == workspace:
                places.setdefault(slot, []).append(position)
            if count % 1_000 == 999:
                await asyncio.sleep(0)
        for slot, positions in places.items():
            record = self._tables.records[slot]
            kept = [journal.read(place) for place in positions if place >= journal.start]
            if kept:
                yield SessionRef(record.workspace, record.visitor, record.session), kept
                await asyncio.sleep(0)

    async def decisions(
        self, workspace: str, wanted: DecisionFilter, cursor: str | None = None, limit: int = 50
    ) -> DecisionPage:
        """See `Store.decisions`."""
        self._check_open()
        before = len(self._tables.decisions) if cursor is None else int(cursor)
        limit = min(limit, DECISIONS_ROWS_MAX)
        page: list[DecisionFound] = []
        for place in range(before - 1, -1, -1):
            found = self._tables.decisions[place]
            if found is None or not _is_wanted(found, workspace, wanted):
                continue
            if len(page) == limit:
                return DecisionPage(tuple(page), str(place + 1))
            page.append(found)
        return DecisionPage(tuple(page), None)

    async def sweep(self, now_ms: int) -> Swept:
        """See `Store.sweep`."""
        self._check_open()
        self._rates.sweep(now_ms)
        others = self._answers.sweep(now_ms)
        swept = sweep(self._tables, self._retention, now_ms)
        return Swept(swept.sessions, swept.entries, swept.others + others, swept.more)

    async def health(self) -> Health:
        """See `Store.health`."""
        sessions = sum(len(of_one) for of_one in self._tables.sessions.values())
        reason = "the store is closed" if self._closed else ""
        wakeups = len(self._wheel)
        return Health(not self._closed, reason, "memory", "D0", 0, wakeups, sessions)

    async def close(self) -> None:
        """See `Store.close`."""
        self._closed = True
        self._hints.close()

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
        if commit.causes:
            self._keep_causes(commit.causes)
        if commit.counts:
            self._add_counts(ref.workspace, commit.counts)

    def _rearm(self, slot: int, wake_ms: int | None) -> None:
        if wake_ms is None:
            self._wheel.disarm(slot)
            return
        self._wheel.arm(slot, wake_ms)
        if self._next_ms is None or wake_ms < self._next_ms:
            self._next_ms = wake_ms
            if self.on_earlier_wake is not None:
                self.on_earlier_wake(wake_ms)

    def _loaded(self, ref: SessionRef) -> Loaded:
        record = self._tables.session(ref)
        profile = self._tables.profile(ref.workspace, ref.visitor)
        version, body = (0, None) if profile is None else (profile.version, profile.profile)
        if record is None:
            return loaded(NO_HEAD, None, version, body)
        return loaded(record.head, record.state, version, body)


def _is_wanted(found: DecisionFound, workspace: str, wanted: DecisionFilter) -> bool:
    line, ref = found.line, found.ref
    return (
        ref.workspace == workspace
        and wanted.rule in ("", line.rule)
        and wanted.outcome in ("", line.outcome)
        and wanted.session in ("", ref.session)
        and wanted.visitor in ("", ref.visitor)
        and (wanted.since_ms is None or line.at_ms >= wanted.since_ms)
        and (wanted.until_ms is None or line.at_ms < wanted.until_ms)
    )
