"""Lines of any number in the order of their instants: sorted in memory, and beyond a bound in files."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import ExitStack
from heapq import merge
from itertools import islice
from operator import itemgetter
from struct import Struct
from types import TracebackType
from typing import IO, Self

from engine.limits import SORTED_BYTES_MAX, SORTED_FILES_MAX

Dated = tuple[int, bytes]
"""A line and its instant, Unix milliseconds."""

LINES_AT_ONCE = 512
"""Lines that are read from the files in one turn of a thread."""

_HEAD = Struct(">qI")
_LINE_BYTES = 64
"""What a line in memory takes beside its own bytes."""
_at_ms = itemgetter(0)


class SortedRuns:
    """Takes lines in any order and gives them back by instant; equal instants stay in the order they came.

    At most `SORTED_BYTES_MAX` of them are in memory: more are sorted and written to a file. The files have
    no names, so nothing of them is left however the process ends. Files of one size are merged into one
    when there are `SORTED_FILES_MAX` of them.
    """

    def __init__(self) -> None:
        """Begin without lines."""
        self._lines: list[Dated] = []
        self._bytes = 0
        # By how often what is in them was merged; each file is older than those behind it.
        self._levels: list[list[IO[bytes]]] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def files(self) -> int:
        """Count the files that are open."""
        return sum(len(level) for level in self._levels)

    def add(self, at_ms: int, line: bytes) -> None:
        """Take a line; `settle` has to be called now and then."""
        self._lines.append((at_ms, line))
        self._bytes += len(line) + _LINE_BYTES

    async def settle(self) -> None:
        """Write what is in memory to a file, in a thread, when it is as much as it may be.

        Raises:
            OSError: it cannot be written.
        """
        if self._bytes >= SORTED_BYTES_MAX:
            await asyncio.to_thread(self._spill)

    async def lines(self) -> AsyncIterator[bytes]:
        """Yield all lines by instant; nothing can be added any more."""
        merged = self._merged()
        while some := await asyncio.to_thread(_take, merged):
            for line in some:
                yield line

    def _spill(self) -> None:
        lines, self._lines, self._bytes = self._sorted(), [], 0
        run = self._write(lines)
        for level in self._levels:
            level.append(run)
            if len(level) < SORTED_FILES_MAX:
                return
            run = self._write(merge(*map(_read, level), key=_at_ms))
            for file in level:
                file.close()
            level.clear()
        self._levels.append([run])

    def _merged(self) -> Iterator[bytes]:
        oldest_first = [run for level in reversed(self._levels) for run in level]
        runs: list[Iterable[Dated]] = [_read(run) for run in oldest_first]
        runs.append(self._sorted())
        for _, line in merge(*runs, key=_at_ms):
            yield line

    def _sorted(self) -> list[Dated]:
        self._lines.sort(key=_at_ms)
        return self._lines

    def _write(self, lines: Iterable[Dated]) -> IO[bytes]:
        file = self._stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115  # closed with all
        for at_ms, line in lines:
            file.write(_HEAD.pack(at_ms, len(line)) + line)
        return file


def _read(file: IO[bytes]) -> Iterator[Dated]:
    file.seek(0)
    while head := file.read(_HEAD.size):
        at_ms, length = _HEAD.unpack(head)
        yield at_ms, file.read(length)


def _take(lines: Iterator[bytes]) -> list[bytes]:
    return list(islice(lines, LINES_AT_ONCE))
