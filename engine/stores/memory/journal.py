"""The journal of `memory:`: records in byte chunks, linked backwards; the oldest chunks leave."""

from collections import deque
from collections.abc import Iterator
from struct import Struct

from engine.stores.base import Entry

_CHUNK_BYTES = 1 << 20
_HEADER = Struct("<qqIII")
NO_RECORD = -1
# The slot of a record whose session was erased.
_BLANK = 0xFFFFFFFF


class MemoryJournal:
    """Append-only records, each at a position that only rises; positions before `start` are gone."""

    def __init__(self, bytes_max: int) -> None:
        """Keep at most about `bytes_max` bytes."""
        self._chunks: deque[tuple[int, bytearray]] = deque([(0, bytearray())])
        self._bytes_max = bytes_max
        self._chunk_bytes = min(_CHUNK_BYTES, max(64, bytes_max // 4))

    @property
    def start(self) -> int:
        """The position of the oldest record kept."""
        return self._chunks[0][0]

    @property
    def end(self) -> int:
        """The position that the next record gets."""
        first, chunk = self._chunks[-1]
        return first + len(chunk)

    def append(self, slot: int, previous: int, number: int, at_ms: int, body: bytes) -> int:
        """Add a session's entry after its `previous` record and answer its position."""
        first, chunk = self._chunks[-1]
        if len(chunk) >= self._chunk_bytes:
            first, chunk = first + len(chunk), bytearray()
            self._chunks.append((first, chunk))
            while len(self._chunks) > 2 and self.end - self.start > self._bytes_max:
                self._chunks.popleft()
        position = first + len(chunk)
        chunk += _HEADER.pack(previous, at_ms, number, slot, len(body))
        chunk += body
        return position

    def forget_before(self, at_ms: int) -> int:
        """Drop whole chunks that are older than an instant; answer how many."""
        dropped = 0
        while len(self._chunks) > 1:
            first = self._chunks[1][0]
            if self._header(first)[1] >= at_ms:
                break
            self._chunks.popleft()
            dropped += 1
        return dropped

    def chain(self, position: int) -> Iterator[Entry]:
        """Walk a session's entries back from its newest record, newest first."""
        while position >= self.start:
            previous, at_ms, number, _, size = self._header(position)
            yield Entry(number, at_ms, self._body(position, size))
            position = previous

    def read(self, position: int, slot: int) -> Entry | None:
        """Read an entry of a slot; None when it has left or was erased."""
        if position < self.start:
            return None
        _, at_ms, number, of_slot, size = self._header(position)
        return Entry(number, at_ms, self._body(position, size)) if of_slot == slot else None

    def blank(self, position: int) -> None:
        """Overwrite a session's entries, back from its newest record, with nothing."""
        while position >= self.start:
            chunk, place = self._locate(position)
            position, at_ms, _, _, size = _HEADER.unpack_from(chunk, place)
            begin = place + _HEADER.size
            chunk[place:begin] = _HEADER.pack(NO_RECORD, at_ms, 0, _BLANK, size)
            chunk[begin : begin + size] = bytes(size)

    def walk(self, end: int) -> Iterator[tuple[int, int, int]]:
        """Yield (position, slot, at_ms) of all kept records before `end`, oldest first; not the erased."""
        position = self.start
        while position < end:
            position = max(position, self.start)
            _, at_ms, _, slot, size = self._header(position)
            if slot != _BLANK:
                yield position, slot, at_ms
            position += _HEADER.size + size

    def _locate(self, position: int) -> tuple[bytearray, int]:
        low, high = 0, len(self._chunks) - 1
        while low < high:
            middle = (low + high + 1) // 2
            if self._chunks[middle][0] <= position:
                low = middle
            else:
                high = middle - 1
        first, chunk = self._chunks[low]
        return chunk, position - first

    def _header(self, position: int) -> tuple[int, int, int, int, int]:
        chunk, place = self._locate(position)
        previous, at_ms, number, slot, size = _HEADER.unpack_from(chunk, place)
        return previous, at_ms, number, slot, size

    def _body(self, position: int, size: int) -> bytes:
        chunk, place = self._locate(position)
        begin = place + _HEADER.size
        return bytes(chunk[begin : begin + size])
