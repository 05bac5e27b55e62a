"""When messages of Segment's and RudderStack's clients were, by their clients' clocks (API.md 8.4)."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from server.ingest.instants import instant_ms
from server.wire.segment import Message, Timestamp

_DAY_MS = 86_400_000

_sent_decoder: msgspec.json.Decoder[Timestamp] = msgspec.json.Decoder(Timestamp)


def told_ms(message: Message) -> int | None:
    """Return when a message was; None where it does not tell."""
    return ms_of(_stamp(message))


def all_told_ms(messages: Sequence[Message]) -> list[int] | None:
    """Return `told_ms` of each message; None unless all tell it as texts, as most clients do.

    Whole milliseconds are counted from the first of them, which costs half of counting from 1970.
    """
    first = _stamp(messages[0])
    if not isinstance(first, datetime):
        return None
    first_ms, is_whole = _datetime_ms(first), first.microsecond % 1_000 == 0
    times: list[int] = []
    try:
        for message in messages:
            stamp = message.original_timestamp
            if stamp is None:
                stamp = message.timestamp
            if type(stamp) is not datetime:
                return None
            gap = stamp - first
            micros = gap.microseconds
            if is_whole and not micros % 1_000:
                gap_ms = gap.days * _DAY_MS + gap.seconds * 1_000 + micros // 1_000
                times.append(first_ms + gap_ms)
            else:
                times.append(_datetime_ms(stamp))
    except TypeError:
        # One has an offset from UTC, another has none.
        return None
    return times


def sent_ms_of(raw: msgspec.Raw) -> int | None:
    """Return when a batch was sent, by its sender's clock; None where that is not told."""
    try:
        return ms_of(_sent_decoder.decode(raw))
    except msgspec.MsgspecError:
        return None


def ms_of(value: Timestamp) -> int | None:
    """Return Unix milliseconds; a time without an offset is in UTC."""
    if value is None:
        return None
    return _datetime_ms(value) if isinstance(value, datetime) else instant_ms(value)


def _datetime_ms(value: datetime) -> int:
    return round((value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp() * 1_000)


def _stamp(message: Message) -> Timestamp:
    if message.original_timestamp is None:
        return message.timestamp
    return message.original_timestamp
