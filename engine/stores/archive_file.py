"""One file of an archive: ended sessions as packed lines, written once, read whole or only asked who is in it.

JSON Lines under gzip, in the format of `opportune export`: a line an event, as the event log has it, and a
line an entry of the journal with its bytes. The last line is the end, with whose sessions are before it; it
lies in a gzip member of its own, and an empty member after it says where that begins.
"""

import gzip
import os
import struct
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import IO, Literal

import msgspec

from engine.stores.codec import NewerLayout
from engine.stores.partitions import digest_of
from engine.stores.records import Entry, SessionRef

Archived = tuple[SessionRef, list[Entry]]
"""A session and its journal."""

Describe = Callable[[SessionRef, bytes], Iterable[bytes]]
"""Writes the events of a journal entry as lines of the event log, without their line ends."""

SUFFIX, PART = ".jsonl.gz", ".part"

_LEVEL = 6
# A gzip member of nothing whose extra field `OP` holds eight bytes: readers of gzip pass over it.
_POINTER = struct.Struct("<4s6sH2sHQ2s8s")
_POINTER_HEAD = (b"\x1f\x8b\x08\x04", b"\0\0\0\0\0\xff", 12, b"OP", 8)
_POINTER_TAIL = (b"\x03\0", b"\0" * 8)


class EntryLine(msgspec.Struct, frozen=True, gc=False):
    """A journal entry; `body` is as the store had it."""

    visitor_id: str
    session_id: str
    number: int
    at_ms: int
    body: bytes
    kind: Literal["entry"] = "entry"


class EndLine(msgspec.Struct, frozen=True):
    """The last line: how many there are before it, and whose, as sorted marks (`mark_of`)."""

    end: bool
    count: int
    visitors: list[str]


class _Owned(msgspec.Struct, frozen=True, gc=False):
    """What every line but the last says of itself."""

    kind: str = ""
    visitor_id: str = ""
    session_id: str = ""


_encode = msgspec.json.Encoder().encode
_decode_entry = msgspec.json.Decoder(EntryLine).decode
_decode_owned = msgspec.json.Decoder(_Owned).decode
_decode_end = msgspec.json.Decoder(EndLine).decode


def mark_of(workspace: str, visitor: str) -> str:
    """Return the 22 characters that stand for a visitor in an archive."""
    return urlsafe_b64encode(digest_of(workspace, visitor)).decode().rstrip("=")


class Draft:
    """A file that is being written: nobody reads it before `finish`, and until then it may be let go."""

    def __init__(self, path: Path) -> None:
        """Begin the file that will be `path`.

        Raises:
            OSError: it cannot be written.
        """
        self.path = path
        self.part = path.with_name(path.name + PART)
        path.parent.mkdir(parents=True, exist_ok=True)
        number = os.open(self.part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        self._file: IO[bytes] = os.fdopen(number, "wb")
        self._lines = gzip.GzipFile("", "wb", _LEVEL, self._file, mtime=0)
        self._marks: set[str] = set()
        self.count = 0

    def add(self, sessions: Iterable[Archived], describe: Describe) -> None:
        """Write sessions with their journals; one without entries is nothing."""
        for ref, entries in sessions:
            for entry in entries:
                for text in _described(describe, ref, entry.body):
                    self.write(mark_of(ref.workspace, ref.visitor), text)
                line = EntryLine(ref.visitor, ref.session, entry.number, entry.at_ms, entry.body)
                self.write(mark_of(ref.workspace, ref.visitor), _encode(line))

    def write(self, mark: str, text: bytes) -> None:
        """Write a line of the visitor with this mark."""
        self._lines.write(text + b"\n")
        self._marks.add(mark)
        self.count += 1

    def finish(self, root: Path) -> bool:
        """Have the disk hold the file, and its place in each folder up to `root`; False: it would be empty.

        Raises:
            OSError: it cannot be written; the draft is let go.
        """
        try:
            self._lines.close()
            if not self.count:
                return False
            place = self._file.tell()
            end = EndLine(end=True, count=self.count, visitors=sorted(self._marks))
            self._file.write(gzip.compress(_encode(end) + b"\n", _LEVEL, mtime=0))
            self._file.write(_POINTER.pack(*_POINTER_HEAD, place, *_POINTER_TAIL))
            self._file.flush()
            os.fsync(self._file.fileno())
            self.part.replace(self.path)
        finally:
            self.let_go()
        for folder in self.path.parents:
            sync_folder(folder)
            if folder == root:
                break
        return True

    def let_go(self) -> None:
        """Leave nothing of a file that was not finished; twice is fine."""
        self._file.close()
        self.part.unlink(missing_ok=True)


def marks_in(path: Path) -> frozenset[str]:
    """Return the marks of the visitors whose sessions a file holds, without reading those.

    Raises:
        OSError, EOFError, msgspec.MsgspecError: it cannot be read, or is not whole.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _POINTER.size))
        found = file.read(_POINTER.size)
        if len(found) < _POINTER.size or found[: len(_POINTER_HEAD[0])] != _POINTER_HEAD[0]:
            raise EOFError(f"{path} is not whole")
        place = _POINTER.unpack(found)[5]
        file.seek(place)
        return frozenset(_decode_end(gzip.decompress(file.read())).visitors)


def sessions_in(path: Path, workspace: str) -> Iterator[Archived]:
    """Read the sessions of a file one after the other.

    Raises:
        OSError, EOFError, msgspec.MsgspecError: it cannot be read, or is not whole.
    """
    for key, lines in groupby(
        _entries_in(path), key=lambda line: (line.visitor_id, line.session_id)
    ):
        yield (
            SessionRef(workspace, *key),
            [Entry(line.number, line.at_ms, line.body) for line in lines],
        )


def write_without(path: Path, root: Path, workspace: str, gone: Callable[[str, str], bool]) -> None:
    """Write a file anew without what `gone` says of a visitor and a session; one of which nothing is left goes.

    Raises:
        OSError, EOFError, msgspec.MsgspecError: it cannot be read or written; it stays as it is.
    """
    draft = Draft(path)
    try:
        for text in _lines_in(path):
            owned = _decode_owned(text)
            if owned.kind and not gone(owned.visitor_id, owned.session_id):
                draft.write(mark_of(workspace, owned.visitor_id), text)
        if not draft.finish(root):
            path.unlink()
            sync_folder(path.parent)
    finally:
        draft.let_go()


def sync_folder(path: Path) -> None:
    """Have the disk hold the names in a folder."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _described(describe: Describe, ref: SessionRef, body: bytes) -> Iterable[bytes]:
    try:
        return list(describe(ref, body))
    except NewerLayout:
        # Whoever wrote it reads it; its bytes are kept.
        return ()


def _lines_in(path: Path) -> Iterator[bytes]:
    with gzip.open(path, "rb") as lines:
        for line in lines:
            yield line.rstrip(b"\n")


def _entries_in(path: Path) -> Iterator[EntryLine]:
    for text in _lines_in(path):
        if _decode_owned(text).kind == "entry":
            yield _decode_entry(text)
