"""A folder of ended sessions beside a shared store: a file a workspace, partition and hour, read by all workers.

Every worker needs the same folder, at its own path: what one wrote the others read.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import msgspec

from engine.errors import StoreRefused, StoreUnavailable
from engine.ids import system_random_bytes
from engine.stores.archive_file import (
    PART,
    SUFFIX,
    Archived,
    Describe,
    Draft,
    mark_of,
    marks_in,
    sessions_in,
    write_without,
)
from engine.stores.records import Entry, SessionRef

HOUR_MS = 3_600_000
SESSIONS_AT_ONCE = 64
"""Sessions that are read from a file in one turn of a thread."""

_BROKEN = (OSError, EOFError, msgspec.MsgspecError)


class Archive:
    """Writes and reads the files; its calls run in threads.

    Reading raises `StoreUnavailable` for a file that cannot be read; writing raises OSError.
    """

    def __init__(self, folder: Path, describe: Describe) -> None:
        """Keep files in `folder`; `describe` writes what is in an entry for people and other programs."""
        self.folder = folder
        self._describe = describe

    def check(self) -> None:
        """See that files can be made here.

        Raises:
            StoreRefused: the folder cannot be made or written.
        """
        try:
            try_folder(self.folder)
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise StoreRefused(
                f"store.archive: {self.folder} cannot be written: {why}; "
                "every worker needs the folder, and leave to write it"
            ) from error

    # ---- writing

    async def begin(self, workspace: str, partition: int, hour_ms: int) -> Draft:
        """Begin a file of what ended in an hour; its name is unlike every other."""
        name = f"{_hour(hour_ms)}.{system_random_bytes(8).hex()}{SUFFIX}"
        return await asyncio.to_thread(_begin, self._place(workspace, partition) / name)

    async def add(self, draft: Draft, sessions: Sequence[Archived]) -> None:
        """Write sessions into a file."""
        await asyncio.to_thread(draft.add, sessions, self._describe)

    async def finish(self, draft: Draft) -> bool:
        """End a file: from now on it is read, and on the disk; False: there was nothing for it."""
        return await asyncio.to_thread(draft.finish, self.folder)

    async def take_out(self, path: Path, workspace: str, sessions: frozenset[str]) -> None:
        """Write a file anew without some sessions."""
        await asyncio.to_thread(
            write_without, path, self.folder, workspace, lambda _, session: session in sessions
        )

    async def forget(self, workspace: str, partition: int, visitor: str) -> int:
        """Write every file anew that holds something of a visitor; answers how many did.

        Raises:
            StoreUnavailable: a file cannot be read or written.
        """
        return await asyncio.to_thread(self._forget, workspace, partition, visitor)

    # ---- reading

    async def holds(self, workspace: str, partition: int, visitor: str) -> bool:
        """Tell whether a file holds something of a visitor."""
        mark = mark_of(workspace, visitor)
        found = await asyncio.to_thread(
            lambda: next(self._holding(workspace, partition, mark), None)
        )
        return found is not None

    async def journal(self, ref: SessionRef, partition: int, since_ms: int) -> list[Entry]:
        """Read a session's entries as the newest file with it has them; it did not end before `since_ms`.

        [] when no file has it.
        """
        return await asyncio.to_thread(self._journal, ref, partition, since_ms)

    async def scan(self, workspace: str, since_ms: int) -> AsyncIterator[list[Archived]]:
        """Yield slices of the sessions that ended in the hour of an instant or later, hour by hour."""
        sessions = self._sessions(workspace, since_ms)
        while some := await asyncio.to_thread(_take, sessions):
            yield some

    # ---- in a thread

    def _place(self, workspace: str, partition: int) -> Path:
        return self.folder / workspace / f"{partition:04d}"

    def _sessions(self, workspace: str, since_ms: int) -> Iterator[Archived]:
        """Read the sessions of all files; one that two files of its hour hold comes once."""
        paths = (self.folder / workspace).glob(f"*/*{SUFFIX}")
        wanted = sorted(_since(paths, since_ms), key=lambda path: (_hour_of(path), path))
        group, shown = (Path(), ""), set[str]()
        for path in wanted:
            if (path.parent, _hour_of(path)) != group:
                group, shown = (path.parent, _hour_of(path)), set()
            for ref, entries in _read(path, workspace):
                if ref.session not in shown:
                    shown.add(ref.session)
                    yield ref, entries

    def _holding(
        self, workspace: str, partition: int, mark: str, since_ms: int = 0
    ) -> Iterator[Path]:
        """Name the files that hold something of a visitor, the newest first."""
        paths = self._place(workspace, partition).glob(f"*{SUFFIX}")
        wanted = sorted(_since(paths, since_ms), reverse=True)
        return (path for path in wanted if mark in _marks(path))

    def _journal(self, ref: SessionRef, partition: int, since_ms: int) -> list[Entry]:
        mark = mark_of(ref.workspace, ref.visitor)
        for path in self._holding(ref.workspace, partition, mark, since_ms):
            for found, entries in _read(path, ref.workspace):
                if found == ref:
                    return entries
        return []

    def _forget(self, workspace: str, partition: int, visitor: str) -> int:
        # What a writer that died left half written may name the visitor too.
        for part in self._place(workspace, partition).glob(f"*{PART}"):
            part.unlink(missing_ok=True)
        found = list(self._holding(workspace, partition, mark_of(workspace, visitor)))
        for path in found:
            try:
                write_without(path, self.folder, workspace, lambda whose, _: whose == visitor)
            except _BROKEN as error:
                raise _unreadable(path, error) from error
        return len(found)


def try_folder(folder: Path) -> None:
    """Make a folder where there is none, and a file in it that is removed at once.

    Raises:
        OSError: that cannot be done.
    """
    probe = folder / f"{system_random_bytes(8).hex()}{PART}"
    folder.mkdir(parents=True, exist_ok=True)
    os.close(os.open(probe, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    probe.unlink()


def _begin(path: Path) -> Draft:
    """Begin a file, and remove what writers that died left here an hour ago or earlier."""
    draft = Draft(path)
    begun_s = draft.part.stat().st_mtime
    for part in path.parent.glob(f"*{PART}"):
        with suppress(FileNotFoundError):
            if part.stat().st_mtime < begun_s - HOUR_MS / 1_000:
                part.unlink()
    return draft


def _since(paths: Iterable[Path], since_ms: int) -> Iterator[Path]:
    """Leave out the files of hours before an instant."""
    first = _hour(since_ms) if since_ms > 0 else ""
    return (path for path in paths if _hour_of(path) >= first)


def _hour(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).strftime("%Y-%m-%dT%H")


def _hour_of(path: Path) -> str:
    return path.name.partition(".")[0]


def _marks(path: Path) -> frozenset[str]:
    try:
        return marks_in(path)
    except FileNotFoundError:
        return frozenset()
    except _BROKEN as error:
        raise _unreadable(path, error) from error


def _read(path: Path, workspace: str) -> Iterator[Archived]:
    try:
        yield from sessions_in(path, workspace)
    except FileNotFoundError:
        # An erasure left nothing of it since it was listed.
        return
    except _BROKEN as error:
        raise _unreadable(path, error) from error


def _take(sessions: Iterator[Archived]) -> list[Archived]:
    return list(islice(sessions, SESSIONS_AT_ONCE))


def _unreadable(path: Path, error: Exception) -> StoreUnavailable:
    return StoreUnavailable("none", 1_000, f"the archive's file {path} cannot be used: {error}")
