"""Names in order, in chunks that the garbage collector need not visit."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from operator import itemgetter

_CHUNK_LEN = 512
_first = itemgetter(0)


class Names:
    """A sorted set of names; a name after all others, as that of a new session mostly is, costs least."""

    def __init__(self) -> None:
        """Start empty."""
        # Tuples of texts alone: the collector looks at each once and then leaves it out.
        self._chunks: list[tuple[str, ...]] = []
        # INVARIANT: the names of the tail come after those of the chunks.
        self._tail: list[str] = []
        self._newest = ""

    def add(self, name: str) -> None:
        """Put a name in its place; again is the same."""
        tail = self._tail
        if name > self._newest:
            self._newest = name
            tail.append(name)
        elif tail and name >= tail[0]:
            at = bisect_left(tail, name)
            if at == len(tail) or tail[at] != name:
                tail.insert(at, name)
        else:
            self._add_before(name)
        if len(tail) >= _CHUNK_LEN:
            self._chunks.append(tuple(tail))
            tail.clear()

    def discard(self, name: str) -> None:
        """Take a name out; one that is not there is nothing."""
        place = self._place(name)
        chunk = self._chunk(place)
        at = bisect_left(chunk, name)
        if at == len(chunk) or chunk[at] != name:
            return
        if place == len(self._chunks):
            del self._tail[at]
        else:
            rest = (*chunk[:at], *chunk[at + 1 :])
            self._chunks[place : place + 1] = (rest,) if rest else ()

    def below(self, before: str | None, limit: int) -> list[str]:
        """Read at most `limit` names downwards, from below a name; None: from the last one."""
        found: list[str] = []
        place = len(self._chunks) if before is None else self._place(before)
        while place >= 0 and len(found) < limit:
            chunk = self._chunk(place)
            end = len(chunk) if before is None else bisect_left(chunk, before)
            begin = max(0, end - (limit - len(found)))
            found += reversed(chunk[begin:end])
            place -= 1
        return found

    def _add_before(self, name: str) -> None:
        """Put a name among those of the chunks."""
        place = self._place(name)
        chunk = self._chunks[place] if self._chunks else ()
        at = bisect_left(chunk, name)
        if at < len(chunk) and chunk[at] == name:
            return
        grown = (*chunk[:at], name, *chunk[at:])
        half = len(grown) // 2
        parts = (grown,) if len(grown) <= _CHUNK_LEN else (grown[:half], grown[half:])
        self._chunks[place : place + 1] = parts

    def _chunk(self, place: int) -> Sequence[str]:
        return self._tail if place == len(self._chunks) else self._chunks[place]

    def _place(self, name: str) -> int:
        """Find the chunk that a name is in or belongs in; the last place is the tail's."""
        if not self._chunks or (self._tail and name >= self._tail[0]):
            return len(self._chunks)
        return max(0, bisect_right(self._chunks, name, key=_first) - 1)
