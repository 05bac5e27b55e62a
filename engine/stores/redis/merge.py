"""Sorted sets of many partitions as one sorted stream, with a small slice of each in memory."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from heapq import heappop, heappush
from typing import NamedTuple

SLICE_LEN_MAX = 256
"""Rows of one partition that are read at once, at most."""


class Row(NamedTuple):
    """A member of a sorted set, its score, and where it lies; rows sort by these in this order."""

    score: int
    member: bytes
    partition: int


Fetch = Callable[[int, Row | None, int], Awaitable[Sequence[Row]]]
"""Takes a partition, the row that it gave last (None: begin) and how many; fewer say that it has no more."""


class _Slices:
    """What was read of one partition and is not yet given on."""

    def __init__(self, partition: int, length: int) -> None:
        self.rows: deque[Row] = deque()
        self.is_over = False
        self._partition = partition
        self._length = length
        self._last: Row | None = None

    async def fill(self, fetch: Fetch) -> None:
        found = await fetch(self._partition, self._last, self._length)
        self.rows.extend(found)
        self.is_over = len(found) < self._length
        if found:
            self._last = found[-1]
        self._length = min(2 * self._length, SLICE_LEN_MAX)


class _Turn:
    """A row as it waits for its turn."""

    __slots__ = ("_is_down", "row")

    def __init__(self, row: Row, *, is_down: bool) -> None:
        self.row = row
        self._is_down = is_down

    def __lt__(self, other: "_Turn") -> bool:
        return other.row < self.row if self._is_down else self.row < other.row


async def merged(
    partitions: Sequence[int], fetch: Fetch, *, first_len: int, is_down: bool
) -> AsyncIterator[Row]:
    """Yield the rows of these partitions, upwards or downwards; `first_len` rows of each are read at first.

    `fetch` gives the rows of one partition in the same direction.
    """
    slices = {partition: _Slices(partition, first_len) for partition in partitions}
    hungry = list(partitions)
    turns: list[_Turn] = []
    while hungry or turns:
        await asyncio.gather(*(slices[partition].fill(fetch) for partition in hungry))
        for partition in hungry:
            if slices[partition].rows:
                heappush(turns, _Turn(slices[partition].rows.popleft(), is_down=is_down))
        hungry = []
        while turns and not hungry:
            row = heappop(turns).row
            yield row
            of_one = slices[row.partition]
            if of_one.rows:
                heappush(turns, _Turn(of_one.rows.popleft(), is_down=is_down))
            elif not of_one.is_over:
                hungry.append(row.partition)
