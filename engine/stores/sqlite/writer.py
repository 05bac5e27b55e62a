"""The one thread that uses the SQLite file: takes operations in batches, answers each batch at once."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Literal

from engine.errors import StoreRefused, StoreUnavailable
from engine.limits import BATCH_LEN_MAX
from engine.stores.base import Commit
from engine.stores.sqlite.checkpoint import Checkpoints, pending_wakeups, recover
from engine.stores.sqlite.commits import Commits
from engine.stores.sqlite.db import DbFile
from engine.stores.sqlite.heads import HeadMap
from engine.stores.sqlite.rows import NewAlias
from engine.stores.sqlite.schema import connect, release

_IDLE_S = 1.0
_ROOM_EVERY_BATCHES = 64

Kind = Literal["commit", "alias", "read", "write", "close"]


class Operation:
    """One call to the store: a commit, a client's session id, or a function of the thread's own state.

    `is_of_stranger`: a commit of a visitor of whom nothing was written before it.
    """

    __slots__ = ("alias", "call", "commit", "future", "is_of_stranger", "kind", "tick")

    def __init__(
        self,
        kind: Kind,
        future: "asyncio.Future[object]",
        commit: Commit | None = None,
        call: "Callable[[Writer], object] | None" = None,
        *,
        alias: NewAlias | None = None,
    ) -> None:
        self.kind: Kind = kind
        self.future = future
        self.commit = commit
        self.call = call
        self.alias = alias
        self.tick = 0
        self.is_of_stranger = False


Settle = Callable[[Sequence[tuple[Operation, object]]], None]


class Writer:
    """Owns the connection and all that is derived from the file.

    `settle` is called on the loop, once a batch, with each operation and its answer or exception.
    """

    def __init__(
        self,
        file: DbFile,
        clock: Callable[[], int],
        settle: Settle,
        heads_len_max: int,
    ) -> None:
        """Open the file; `start` begins to serve.

        Raises:
            StoreRefused: the file cannot be used.
        """
        self._file = file
        self._path = file.path
        self._clock = clock
        self._settle = settle
        self._heads_len_max = heads_len_max
        self._operations: SimpleQueue[Operation] = SimpleQueue()
        self._batches = 0
        self._now_ms = 0
        self._now_lock = threading.Lock()
        self.down: str | None = None
        self.has_room = True
        self._open()

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to serve operations for one loop."""
        self._loop = loop
        self._thread = threading.Thread(target=self._serve, name="opportune-sqlite", daemon=True)
        self._thread.start()

    def put(self, operation: Operation) -> None:
        """Hand an operation over; its answer comes through `settle`."""
        self._operations.put(operation)

    def join(self) -> None:
        """Wait for the thread's end, after an operation of kind "close" was answered."""
        self._thread.join()

    def tick(self) -> int:
        """Tell the store's time: the clock's, but never back; for any thread."""
        with self._now_lock:
            self._now_ms = max(self._now_ms, self._clock())
            return self._now_ms

    def _open(self) -> None:
        self.db = connect(self._file)
        last_row, at_ms = recover(self.db)
        (last_num,) = self.db.execute("SELECT ifnull(max(num), 0) FROM session").fetchone()
        self.heads = HeadMap(self._heads_len_max)
        for num, due_ms in pending_wakeups(self.db):
            self.heads.add_cold(num, due_ms)
        self.commits = Commits(self.db, self.heads, last_row + 1, last_num + 1)
        self.checkpoints = Checkpoints(self.db, self._path, self.heads, last_row)
        self._now_ms = max(self._now_ms, at_ms)
        self.down = None

    def _serve(self) -> None:
        while True:
            batch = self._take()
            if batch and batch[-1].kind == "close":
                self._run(batch[:-1])
                self._close()
                self._tell([(batch[-1], None)])
                return
            if batch:
                self._run(batch)
            self._keep_up(is_idle=not batch)

    def _take(self) -> list[Operation]:
        """Wait for operations and take what is there; [] when nothing came but work is left."""
        waits = self.checkpoints.can_rest and self.down is None and self.has_room
        try:
            batch = [self._operations.get(timeout=None if waits else _IDLE_S)]
        except Empty:
            return []
        waiting = self._operations.qsize()
        while waiting and len(batch) < BATCH_LEN_MAX and batch[-1].kind != "close":
            batch.append(self._operations.get())
            waiting -= 1
        return batch

    def _run(self, batch: list[Operation]) -> None:
        """Answer a batch: the reads first, whose callers need not wait until the disk has the writes."""
        if self.down is not None:
            self._reopen()
        found = [(op, self._call(op)) for op in batch if op.kind == "read"]
        self._tell(found)
        writes = [op for op in batch if op.kind != "read"]
        if writes:
            self._tell(self._write(writes))

    def _write(self, writes: list[Operation]) -> list[tuple[Operation, object]]:
        if self.down is not None or not self.has_room:
            refusal = self._refusal()
            return [(operation, refusal) for operation in writes]
        commits = [op for op in writes if op.kind == "commit"]
        aliases = [op for op in writes if op.kind == "alias"]
        others = [op for op in writes if op.kind == "write"]
        answers: list[object] = []
        for op in commits:
            if op.is_of_stranger and op.commit is not None:
                self.commits.note_stranger(op.commit.ref)

        def also() -> None:
            answers.extend(op.call(self) for op in others if op.call is not None)

        try:
            done = self.commits.run(
                [op.commit for op in commits if op.commit is not None],
                self.tick(),
                also if others else None,
                aliases=[op.alias for op in aliases if op.alias is not None],
            )
        except sqlite3.Error as error:
            if _is_lost(error):
                self._lose(error)
                unknown = StoreUnavailable("unknown", 1_000, str(error))
                return [(operation, unknown) for operation in writes]
            failure: Exception = StoreUnavailable("none", 1_000, f"SQLite refused: {error}")
        except Exception as error:  # noqa: BLE001 - one operation's fault must not end the others
            failure = error
        else:
            told = [*zip(commits, done, strict=True), *zip(others, answers, strict=True)]
            return [*told, *((operation, None) for operation in aliases)]
        if len(writes) == 1:
            return [(writes[0], failure)]
        return [pair for operation in writes for pair in self._write([operation])]

    def _refusal(self) -> StoreUnavailable:
        """Say why nothing can be written, or read."""
        if self.down is not None:
            return StoreUnavailable("none", 1_000, self.down)
        return StoreUnavailable("none", 5_000, "the disk is nearly full")

    def _call(self, operation: Operation) -> object:
        assert operation.call is not None
        if self.down is not None:
            return self._refusal()
        try:
            return operation.call(self)
        except sqlite3.Error as error:
            if _is_lost(error):
                self._lose(error)
            return StoreUnavailable("none", 1_000, str(error))
        except Exception as error:  # noqa: BLE001 - it is the caller's to see
            return error

    def _keep_up(self, *, is_idle: bool) -> None:
        """Do the work between batches that nobody waits for."""
        if self.down is not None:
            self._reopen()
            return
        self._batches += 1
        try:
            if not self.has_room or self._batches % _ROOM_EVERY_BATCHES == 1:
                self.has_room = self.checkpoints.has_room()
            self.checkpoints.after_batch(
                self.tick(),
                self.commits.next_row - 1,
                self.commits.take_bytes_written(),
                is_idle=is_idle,
            )
        except Exception as error:  # noqa: BLE001 - the thread must live on to say what is wrong
            # On a full disk the file is as it was: it is read on, and what was due is due again.
            if not _is_full(error):
                self._lose(error)

    def _lose(self, error: Exception) -> None:
        """Stop trusting the connection: what it wrote last may or may not be there."""
        self.down = f"the file {self._path} failed: {error}"
        try:
            self.db.close()
        except sqlite3.Error:
            return

    def _reopen(self) -> None:
        try:
            self._open()
        except (StoreRefused, sqlite3.Error, OSError) as error:
            self.down = str(error)

    def _close(self) -> None:
        try:
            if self.down is not None:
                return
            self.checkpoints.finish(self.commits.next_row - 1)
            self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.Error as error:
            self._lose(error)
        finally:
            release(self.db, self._path)

    def _tell(self, results: list[tuple[Operation, object]]) -> None:
        if not results:
            return
        try:
            self._loop.call_soon_threadsafe(self._settle, results)
        except RuntimeError:
            # The loop is closed: nobody waits for these answers any more.
            return


def _is_full(error: Exception) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL


def _is_lost(error: sqlite3.Error) -> bool:
    """Tell whether an error leaves it open what is on the disk."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_IOERR
