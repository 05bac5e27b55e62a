"""The items of a request of Segment's or RudderStack's clients: as messages where all are good, else undecoded."""

import re
from collections.abc import Iterator, Sequence
from itertools import chain

import msgspec
from msgspec import Raw, Struct

from server.ingest.arrivals import RUN_BYTES_MAX, RUN_LEN_MAX
from server.wire.segment import EVENT_BYTES_MAX, Around, Message

_USUAL = re.compile(rb'\{((?:"\w+": ?"[^"\\]*", ?)*)"batch":( ?)\[(?=\{)')
"""The beginning of a batch as clients write it: perhaps some texts, then the items."""

_TOGETHER_MIN = 2

_message_decoder = msgspec.json.Decoder(Message)
_list_decoder = msgspec.json.Decoder(list[Message])
_raws_decoder = msgspec.json.Decoder(list[Raw])
_around_decoder = msgspec.json.Decoder(Around)
_ERRORS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class GoodItems(Struct, frozen=True):
    """Items all of which are messages, none too large, together no more than one commit takes.

    `size_bytes` is that of all; `undecoded` is what they were decoded from.
    """

    messages: list[Message]
    size_bytes: int
    undecoded: Sequence[Raw] | memoryview

    def one_by_one(self) -> Sequence[Raw]:
        """Return the items undecoded."""
        if isinstance(self.undecoded, memoryview):
            return _raws_decoder.decode(self.undecoded)
        return self.undecoded


def good_items(items: Sequence[Raw]) -> GoodItems | None:
    """Decode items; None where one is bad or too large, or all are too much for one commit.

    None of one alone, too: it costs less by itself.
    """
    if len(items) < _TOGETHER_MIN:
        return None
    sizes = list(map(len, items))
    if max(sizes) > EVENT_BYTES_MAX or not _are_few(len(sizes), sum(sizes)):
        return None
    try:
        messages = [_message_decoder.decode(raw) for raw in items]
    except _ERRORS:
        return None
    return GoodItems(messages, sum(sizes), items)


def good_body(plain: bytes) -> tuple[GoodItems, Around] | None:
    """Decode a batch in one pass; None where it is not of the usual form, or `good_items` would be None.

    Its items are decoded in lists no larger than one item may be. A cut between two objects of an array
    is one between two items when each of the lists is one: otherwise brackets are left open.
    """
    found = _USUAL.match(plain)
    if found is None:
        return None
    begin, end = found.end() - 1, plain.rfind(b"}]") + 2
    if not 0 < end - begin <= RUN_BYTES_MAX:
        return None
    try:
        around = _around_decoder.decode(_without_items(found[1], plain[end:]))
        lists = [_list_decoder.decode(one) for one in _lists(plain, begin, end, found[2])]
    except _ERRORS:
        return None
    messages = list(chain.from_iterable(lists))
    if not _are_few(len(messages), end - begin):
        return None
    return GoodItems(messages, end - begin, memoryview(plain)[begin:end]), around


def _without_items(before: bytes, after: bytes) -> bytes:
    """Return a batch without the member that holds its items; one more such member is an unknown field."""
    if before:
        return b"{" + before.rstrip(b", ") + after
    return b"{" + after.removeprefix(b",")


def _lists(plain: bytes, begin: int, end: int, space: bytes) -> Iterator[bytes]:
    """Cut the array of objects from `begin` to `end` into arrays no larger than one object may be.

    Raises ValidationError where there is no place to cut.
    """
    view, between = memoryview(plain), b"}," + space + b"{"
    begin += 1
    while end - begin > EVENT_BYTES_MAX:
        cut = plain.rfind(between, begin, begin + EVENT_BYTES_MAX)
        if cut < 0:
            raise msgspec.ValidationError
        yield b"".join((b"[", view[begin : cut + 1], b"]"))
        begin = cut + len(between) - 1
    yield b"".join((b"[", view[begin:end]))


def _are_few(items: int, size_bytes: int) -> bool:
    return items <= RUN_LEN_MAX and size_bytes <= RUN_BYTES_MAX
