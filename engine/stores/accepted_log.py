"""What one worker accepted in the last minute, in a file of its own: written before it is answered (level D3)."""

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

import msgspec

from engine.errors import StoreUnavailable
from engine.limits import ACCEPTED_BATCH_LEN_MAX, ACCEPTED_LOG_BYTES_MAX
from engine.stores.accepted_file import (
    Row,
    adopt_others,
    bytes_held,
    open_file,
    trim,
    wipe,
)
from engine.stores.partitions import digest_of
from engine.stores.records import SessionRef
from engine.stores.sqlite.db import Db

_log = logging.getLogger("opportune.stores")

Found = TypeVar("Found")

RETRY_S = 1.0
"""How long it is waited before rows that could not be written are tried again."""
_ROW_BYTES = 64


class Accepted(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """An accepted commit: journal entry `number` of a session, as it was written.

    `seen` are the foreign ids that it brought, `opens` says how it began the session, b"" when that was
    there. With `alias` it is no commit: a client's own id that came to stand for the session, in the place
    of the session `ended` when it stood for that. With `erased` it says that the visitor was; the session
    is "" then.
    """

    ref: SessionRef
    number: int = 0
    entry: bytes = b""
    seen: tuple[int, ...] = ()
    opens: bytes = b""
    alias: str = ""
    ended: str | None = None
    erased: bool = False


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Accepted)


class AcceptedLog:
    """Keeps what is accepted until it is pruned; over a restart too. One event loop uses it.

    What could not be written is kept in memory and tried again; meanwhile `check` refuses, so that
    nobody is told of what is not in the file.
    """

    def __init__(self, db: Db, path: Path, clock: Callable[[], int]) -> None:
        """Use a file that `open_file` opened; use `AcceptedLog.open`."""
        self.path = path
        self.trouble = ""
        """Why nothing can be kept now, "" when it can."""
        self._db = db
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, "opportune-accepted")
        self._bytes = bytes_held(db)
        self._waiting: deque[tuple[Row, asyncio.Future[None]]] = deque()
        self._writing: asyncio.Task[None] | None = None

    @classmethod
    def open(cls, folder: Path, deployment: str, clock: Callable[[], int]) -> Self:
        """Take a file that no other worker has, with what it and files that nobody has any more hold.

        `deployment` names the store: what was accepted for another one is not kept.

        Raises:
            StoreRefused: the folder cannot be used.
        """
        db, path = open_file(folder, deployment)
        adopt_others(db, path, deployment)
        return cls(db, path, clock)

    def check(self, *, adds: bool = True) -> None:
        """See that the file can be written and, for what `adds` to it, that it has room.

        Raises:
            StoreUnavailable: "none": it cannot, or has none.
        """
        if self.trouble:
            raise StoreUnavailable("none", 1_000, self.trouble)
        if adds and self._bytes > ACCEPTED_LOG_BYTES_MAX:
            raise StoreUnavailable("none", 1_000, "too much was accepted in the last minute")

    @property
    def is_half_full(self) -> bool:
        """Tell whether half of the room is taken."""
        return self._bytes > ACCEPTED_LOG_BYTES_MAX // 2

    async def keep(self, accepted: Accepted) -> None:
        """Keep one more; returns when the file has it.

        Raises:
            StoreUnavailable: "unknown": the file cannot be written now; it is tried again.
        """
        ref, loop = accepted.ref, asyncio.get_running_loop()
        body = _encoder.encode(accepted)
        # What says that a visitor was erased stays when the visitor's own is forgotten.
        mark = ("erased",) if accepted.erased else ()
        row = (self._clock(), digest_of(ref.workspace, ref.visitor, *mark), body)
        future: asyncio.Future[None] = loop.create_future()
        self._waiting.append((row, future))
        self._bytes += len(body) + _ROW_BYTES
        if self._writing is None:
            self._writing = loop.create_task(self._write_all())
        await future

    async def settle(self) -> None:
        """Wait until what waits now is in the file, or could not be written."""
        if self._waiting:
            await asyncio.wait((self._waiting[-1][1],))

    async def read(self, after: int, limit: int = 256) -> list[tuple[int, Accepted]]:
        """Read the oldest with a place over `after`, in the order in which they were accepted."""
        found = await self._run(lambda db: _rows_after(db, after, limit))
        known = [(place, kept) for place, body in found if (kept := self._known(body)) is not None]
        return known if known or not found else await self.read(found[-1][0], limit)

    async def prune(self, before_ms: int) -> None:
        """Forget what was accepted before an instant; a file that cannot be written keeps it longer."""
        try:
            while await self._run(lambda db: trim(db, before_ms)):
                pass
            self._bytes = await self._run(wipe)
        except sqlite3.Error as error:
            _log.warning("%s could not be pruned: %s", self.path, error)

    def forget(self, workspace: str, visitor: str) -> None:
        """Remove what the file has of a visitor, soon; what cannot be removed leaves with its age."""
        self._thread.submit(_remove, self._db, digest_of(workspace, visitor))

    async def close(self) -> None:
        """Write what waits, once more, and let the file go."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
        try:
            await self._run(partial(_insert, rows=[row for row, _ in self._waiting]))
        except sqlite3.Error as error:
            _log.warning("%s was left without its newest rows: %s", self.path, error)
        await self._run(_close)
        self._thread.shutdown()

    def _known(self, body: bytes) -> Accepted | None:
        try:
            return _decoder.decode(body)
        except msgspec.DecodeError:
            _log.exception("%s has a row of another version", self.path)
            return None

    async def _run(self, call: Callable[[Db], Found]) -> Found:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, call, self._db)

    async def _write_all(self) -> None:
        """Write what waits, in batches, until nothing does."""
        try:
            while self._waiting:
                batch = [
                    self._waiting[at]
                    for at in range(min(len(self._waiting), ACCEPTED_BATCH_LEN_MAX))
                ]
                try:
                    await self._run(partial(_insert, rows=[row for row, _ in batch]))
                except sqlite3.Error as error:
                    self._fail(error)
                    await asyncio.sleep(RETRY_S)
                    continue
                self.trouble = ""
                for _, future in batch:
                    self._waiting.popleft()
                    if not future.done():
                        future.set_result(None)
        finally:
            self._writing = None

    def _fail(self, error: sqlite3.Error) -> None:
        """Tell all who wait that it is unknown whether what they did is kept; it is tried again."""
        if not self.trouble:
            _log.error("%s cannot be written, nothing is accepted: %s", self.path, error)
        self.trouble = f"{self.path} cannot be written: {error}"
        for _, future in self._waiting:
            if not future.done():
                future.set_exception(StoreUnavailable("unknown", 1_000, self.trouble))


def _insert(db: Db, rows: Sequence[Row]) -> None:
    db.execute("BEGIN")
    try:
        db.executemany("INSERT INTO accepted(at, visitor, body) VALUES(?, ?, ?)", rows)
        db.execute("COMMIT")
    except sqlite3.Error:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _rows_after(db: Db, after: int, limit: int) -> list[tuple[int, bytes]]:
    sql = "SELECT place, body FROM accepted WHERE place > ? ORDER BY place LIMIT ?"
    return db.execute(sql, (after, limit)).fetchall()


def _remove(db: Db, visitor: bytes) -> None:
    db.execute("DELETE FROM accepted WHERE visitor = ?", (visitor,))
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _close(db: Db) -> None:
    db.close()
