"""A batch of commits on the thread that owns the SQLite file: check, collect rows, write, or undo."""

from collections.abc import Callable, Sequence

from engine.limits import ERASED_KEPT_MS, ERASED_LATELY_MS
from engine.stores.base import (
    Capped,
    Commit,
    CommitAnswer,
    Conflict,
    Loaded,
    SessionRef,
    StoredCause,
    VisitorRecord,
)
from engine.stores.head import (
    NO_HEAD,
    Head,
    advance,
    committed,
    decode_head,
    encode_head,
    judge,
    loaded,
)
from engine.stores.partitions import digest_of
from engine.stores.sqlite.db import Db
from engine.stores.sqlite.heads import HeadMap
from engine.stores.sqlite.rows import NewAlias, Rows, Step, prepare
from engine.stores.sqlite.seen_ids import SeenIds

_PROFILES_CACHED = 50_000
# What a small row and its index cost in the write-ahead log, on pages that neighbours share.
_ROW_BYTES = 1_024
_NEWEST = "SELECT ifnull(max(id), '') FROM session WHERE ws = ?"
# One row, also of a stranger.
_VISITOR = (
    "SELECT version, body, EXISTS(SELECT 1 FROM seen_run WHERE ws = ?1 AND visitor = ?2) "
    "FROM (SELECT 1) LEFT JOIN profile ON ws = ?1 AND visitor = ?2"
)


class Commits:
    """Everything that commits need: heads, counters, and what the open batch has changed so far.

    It is the `Ledger` of `judge`: the batch's own changes are laid over what the file says.
    """

    def __init__(self, db: Db, heads: HeadMap, next_row: int, next_num: int) -> None:
        """Go on after the newest journal row and session of the file."""
        self.db = db
        self.heads = heads
        self.next_row = next_row
        self.next_num = next_num
        self._profile_versions: dict[tuple[str, str], int] = {}
        self._bytes_written = 0
        self.seen = SeenIds(db)
        # Digests of erased visitors, and until when nothing is kept of them.
        self.tombs: dict[bytes, int] = dict(db.execute("SELECT key, until FROM tomb").fetchall())
        (self.causes_kept,) = db.execute("SELECT count(*) FROM cause").fetchone()
        prepare(db)
        self._begin()

    def run(
        self,
        commits: Sequence[Commit],
        now_ms: int,
        also: Callable[[], None] | None = None,
        *,
        aliases: Sequence[NewAlias] = (),
    ) -> list[CommitAnswer]:
        """Do a batch in one durable step; `also` writes more within the same transaction.

        Of `aliases` those of erased visitors are left out.

        Raises:
            sqlite3.Error: nothing was changed, unless the error is one of syncing the file.
        """
        self._begin()
        try:
            answers = [self._accept(commit, now_ms) for commit in commits]
            for new in aliases:
                if not self.is_erased(new.ref.workspace, new.ref.visitor, now_ms):
                    self._rows.add_alias(new)
            self._write(also)
        except BaseException:
            self._undo()
            raise
        self.causes_kept += self._causes_more
        self.seen.settle()
        for call in self._then:
            call()
        for slot, _, _, _, due_ms in self._changed:
            if due_ms is None:
                self.heads.wheel.disarm(slot)
            else:
                self.heads.wheel.arm(slot, due_ms)
            self.heads.mark(slot)
        return [
            kind(self.load(commits[place].ref))
            if (kind := self._refused.get(place)) is not None
            else answer
            for place, answer in enumerate(answers)
        ]

    def take_bytes_written(self) -> int:
        """Estimate what batches since the last call added to the write-ahead log, in bytes."""
        written, self._bytes_written = self._bytes_written, 0
        return written

    def load(self, ref: SessionRef) -> Loaded:
        """Read a session and its profile; not within a batch."""
        slot = self.find(ref.workspace, ref.session)
        profile = self.db.execute(
            "SELECT version, body FROM profile WHERE ws = ? AND visitor = ?",
            (ref.workspace, ref.visitor),
        ).fetchone()
        version, body = (0, None) if profile is None else profile
        self._note_profile(ref.workspace, ref.visitor, version)
        if slot is None:
            return loaded(NO_HEAD, None, version, body)
        row = self.heads.rows[slot]
        (state,) = self.db.execute("SELECT state FROM journal WHERE id = ?", (row,)).fetchone()
        return loaded(decode_head(self.heads.heads[slot]), state, version, body)

    def head(self, ref: SessionRef) -> tuple[int, Head]:
        """Read a session's row number (0 = none) and head."""
        slot = self.find(ref.workspace, ref.session)
        if slot is None:
            return 0, NO_HEAD
        return self.heads.nums[slot], decode_head(self.heads.heads[slot])

    def find(self, workspace: str, session: str) -> int | None:
        """Find a session's slot; one that is not in memory is read from the file."""
        slot = self.heads.slot(workspace, session)
        if slot is not None:
            return slot
        found = self._row(workspace, session)
        if found is None or found[2]:
            return None
        num, tip, _ = found
        slot = self.heads.add(workspace, session, num)
        self.warm(slot, tip)
        return slot

    def _row(self, workspace: str, session: str) -> tuple[int, int, int] | None:
        """Read a session's number, tip and whether it was swept; most that are asked for are new."""
        newest = self.heads.newest_cold(workspace)
        if newest is None:
            (newest,) = self.db.execute(_NEWEST, (workspace,)).fetchone()
            self.heads.note_cold(workspace, newest)
        if session > newest:
            return None
        found: tuple[int, int, int] | None = self.db.execute(
            "SELECT num, tip, swept FROM session WHERE ws = ? AND id = ?", (workspace, session)
        ).fetchone()
        return found

    def warm(self, slot: int, tip: int) -> Head:
        """Read a session's head from its newest journal row into a slot, and set its wake-up."""
        (head,) = self.db.execute("SELECT head FROM journal WHERE id = ?", (tip,)).fetchone()
        self.heads.set(slot, head, tip)
        decoded = decode_head(head)
        if decoded.due_ms < 0:
            self.heads.wheel.disarm(slot)
        else:
            self.heads.wheel.arm(slot, decoded.due_ms)
        return decoded

    def last_op(self, ref: SessionRef) -> str:
        """See `Ledger.last_op`."""
        slot = self.find(ref.workspace, ref.session)
        if slot is None:
            return ""
        op = self._ops.get(slot)
        if op is None:
            row = self.heads.rows[slot]
            (op,) = self.db.execute("SELECT op FROM journal WHERE id = ?", (row,)).fetchone()
        return str(op)

    def profile_version(self, workspace: str, visitor: str) -> int:
        """See `Ledger.profile_version`."""
        version = self._profile_versions.get((workspace, visitor))
        if version is None:
            found = self.db.execute(
                "SELECT version FROM profile WHERE ws = ? AND visitor = ?", (workspace, visitor)
            ).fetchone()
            version = 0 if found is None else int(found[0])
            self._note_profile(workspace, visitor, version)
        return version

    def visitor(self, workspace: str, visitor: str) -> VisitorRecord | None:
        """See `Store.visitor`; what their next commit checks is learnt on the way. Not within a batch."""
        version, body, has_seen = self.db.execute(_VISITOR, (workspace, visitor)).fetchone()
        self._note_profile(workspace, visitor, version or 0)
        if not has_seen:
            self.seen.note_none((workspace, visitor))
        return None if version is None else VisitorRecord(version, body)

    def note_stranger(self, ref: SessionRef) -> None:
        """Learn that the file has nothing of a session's visitor."""
        self._note_profile(ref.workspace, ref.visitor, 0)
        self.seen.note_none((ref.workspace, ref.visitor))

    def _note_profile(self, workspace: str, visitor: str, version: int) -> None:
        if len(self._profile_versions) >= _PROFILES_CACHED:
            self._profile_versions.clear()
        self._profile_versions[workspace, visitor] = version

    def is_erased(self, workspace: str, visitor: str, now_ms: int) -> bool:
        """See `Ledger.is_erased`."""
        if not self.tombs:
            return False
        return self.tombs.get(digest_of(workspace, visitor), now_ms) > now_ms

    def has_erased_lately(self, now_ms: int) -> bool:
        """Tell whether a visitor was erased so lately that bytes of theirs may stand beside the rows."""
        since_ms = now_ms + ERASED_KEPT_MS - ERASED_LATELY_MS
        return any(until_ms > since_ms for until_ms in self.tombs.values())

    def known(self, ref: SessionRef, ids: tuple[int, ...]) -> tuple[int, ...]:
        """See `Ledger.known`."""
        return self.seen.known((ref.workspace, ref.visitor), ids)

    def forget_profile(self, workspace: str, visitor: str) -> None:
        """Let a profile's version be read from the file again."""
        self._profile_versions.pop((workspace, visitor), None)

    def keep_causes(self, causes: Sequence[StoredCause], now_ms: int) -> None:
        """Keep causes within the transaction of a batch, outside its commits."""
        if kept := self._not_erased(causes, now_ms):
            rows = Rows()
            rows.add_causes(kept)
            self._causes_more += rows.write(self.db)

    def settle_causes(self, ids: Sequence[str]) -> None:
        """Forget causes within the transaction of a batch."""
        gone = self.db.executemany("DELETE FROM cause WHERE id = ?", [(name,) for name in ids])
        self._causes_more -= gone.rowcount

    def forget_causes(self, workspace: str, visitor: str) -> int:
        """Forget the causes of a visitor within the transaction of a batch, and count them."""
        sql = "DELETE FROM cause WHERE ws = ? AND visitor = ?"
        gone = self.db.execute(sql, (workspace, visitor)).rowcount
        self._causes_more -= gone
        return gone

    def forget_tombs(self, now_ms: int) -> None:
        """Forget in memory which visitors were erased long ago."""
        old = [key for key, until_ms in self.tombs.items() if until_ms <= now_ms]
        for key in old:
            del self.tombs[key]

    def then(self, call: Callable[[], object]) -> None:
        """Do something once the batch is durable; nothing when it fails."""
        self._then.append(call)

    def note_written(self, count: int) -> None:
        """Reckon with the bytes of a body written outside commits."""
        self._bytes_written += count

    def _begin(self) -> None:
        self._rows = Rows()
        self._changed: list[tuple[int, bytes, int, bool, int | None]] = []
        self._refused: dict[int, type[Conflict | Capped]] = {}
        self._ops: dict[int, str] = {}
        self._profiles_changed: list[tuple[str, str]] = []
        self.seen.begin()
        self._count = 0
        self._causes_more = 0
        self._then: list[Callable[[], object]] = []

    def _not_erased(self, causes: Sequence[StoredCause], now_ms: int) -> Sequence[StoredCause]:
        if not self.tombs:
            return causes
        return [c for c in causes if not self.is_erased(c.workspace, c.visitor, now_ms)]

    def _accept(self, commit: Commit, now_ms: int) -> CommitAnswer:
        place = self._count
        self._count += 1
        ref = commit.ref
        slot = self.find(ref.workspace, ref.session)
        head = NO_HEAD if slot is None else decode_head(self.heads.heads[slot])
        refusal = judge(commit, head, self, now_ms)
        if refusal is None:
            after = advance(commit, head, now_ms)
            self._collect(commit, slot, head, after, now_ms)
            return committed(after)
        if isinstance(refusal, str):
            # What is loaded travels in the answer, and can only be read once the batch is written.
            self._refused[place] = Conflict if refusal == "conflict" else Capped
            return committed(head)
        return refusal

    def _collect(
        self, commit: Commit, slot: int | None, head: Head, after: Head, now_ms: int
    ) -> None:
        ref, rows = commit.ref, self._rows
        num = self._collect_step(commit, slot, after, now_ms)
        if commit.messages:
            rows.add_messages(num, after.first_offset, commit.messages)
        self._collect_grants(num, commit, head, after)
        rows.add_ids(ref.workspace, num, commit.ids)
        rows.add_decisions(ref, after.version, commit.decisions)
        rows.add_causes(self._not_erased(commit.causes, now_ms))
        rows.add_counts(ref.workspace, commit.counts)

    def _collect_step(self, commit: Commit, slot: int | None, after: Head, now_ms: int) -> int:
        heads, ref, visitor = self.heads, commit.ref, (commit.ref.workspace, commit.ref.visitor)
        is_new = slot is None
        if slot is None:
            num, previous = self._begin_session(ref)
            slot = heads.add(ref.workspace, ref.session, num)
        else:
            num, previous = heads.nums[slot], heads.rows[slot]
        row, encoded = self.next_row, encode_head(after)
        self.next_row += 1
        self._changed.append((slot, heads.heads[slot], previous, is_new, commit.wake_ms))
        heads.set(slot, encoded, row)
        self._ops[slot] = commit.op
        version, profile = 0, commit.profile
        if profile is not None:
            version = self._profile_versions[visitor] = after.profile_version
            self._profiles_changed.append(visitor)
        self._rows.add_step(
            Step(
                row, num, previous, now_ms, commit.op, encoded, commit.entry, commit.state,
                *visitor, ref.session, commit.wake_ms, _ended(after), int(is_new),
                version, 0 if profile is None else profile,
                self.seen.add(visitor, commit.seen) if commit.seen else 0,
            )
        )  # fmt: skip
        return num

    def _begin_session(self, ref: SessionRef) -> tuple[int, int]:
        """Give a session a number; a swept one goes on where its journal ended."""
        found = self._row(ref.workspace, ref.session)
        if found is not None:
            return found[:2]
        num = self.next_num
        self.next_num += 1
        return num, 0

    def _collect_grants(self, num: int, commit: Commit, head: Head, after: Head) -> None:
        epoch, before = commit.engagement_epoch, after.granted - commit.spend
        if commit.give_back and epoch == head.engagement_epoch:
            self._rows.give_back(num, epoch, before)
        self._rows.add_grants(num, epoch, range(before, after.granted))

    def _write(self, also: Callable[[], None] | None) -> None:
        rows, db = self._rows, self.db
        self._bytes_written += rows.estimate_bytes()
        if also is None and rows.is_one_statement:
            rows.write(db)
            return
        db.execute("BEGIN IMMEDIATE")
        self._causes_more += rows.write(db)
        if also is not None:
            before = db.total_changes
            also()
            self._bytes_written += _ROW_BYTES * (db.total_changes - before)
        db.execute("COMMIT")

    def _undo(self) -> None:
        if self.db.in_transaction:
            self.db.execute("ROLLBACK")
        for slot, head, row, is_new, _ in reversed(self._changed):
            if is_new:
                self.heads.cool(slot)
            else:
                self.heads.set(slot, head, row)
        for workspace, visitor in self._profiles_changed:
            self.forget_profile(workspace, visitor)


def _ended(head: Head) -> int | None:
    return None if head.closed_ms < 0 else head.closed_ms
