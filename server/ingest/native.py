"""Our own dialect, of the track endpoint and of sockets: wire items -> canonical events."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from engine.events import Event, Scalar
from engine.signals import language_name
from server.errors import ApiError
from server.ingest.wording import field_name, name_depth, name_order
from server.wire.decoding import Reader, check_id, check_numbers
from server.wire.widgets import METADATA_BYTES_MAX, PageBody, RejectedItem, TrackBody, TrackItem

URL_CHARS_MAX = 2_048
MESSAGE_CHARS_MAX = 4_000
TITLE_CHARS_MAX = 300
SKEW_MS_MIN = 2_000
"""A clock that is less far off is left as it is."""

_TAB_CHARS = 8
_SEQUENCE_DIGITS_MAX = 8
_NO_PAGE = PageBody()
_NO_PROPERTIES: dict[str, object] = {}

_item_reader = Reader(TrackItem)


@dataclass(frozen=True, slots=True)
class Moment:
    """When a request came in: `skew_ms` is added to the sender's timestamps."""

    now_ms: int
    skew_ms: int = 0


def moment_of(body: TrackBody, now_ms: int) -> Moment:
    """Compare the sender's clock with ours: event time = received - (sent - timestamp)."""
    if body.sent_at is None:
        return Moment(now_ms)
    return Moment(now_ms, now_ms - _ms(body.sent_at.timestamp()))


def clock_skew_ms(sent_at: datetime | None, now_ms: int) -> int:
    """Say how far a sender's clock is behind ours, once for all that it will send.

    What may be its way here counts as nothing: a right clock stays right.
    """
    skew_ms = 0 if sent_at is None else now_ms - _ms(sent_at.timestamp())
    return skew_ms if abs(skew_ms) > SKEW_MS_MIN else 0


def events_of(
    body: TrackBody, body_bytes: int, moment: Moment
) -> tuple[list[Event], list[RejectedItem]]:
    """Turn a track body of `body_bytes` into events in the language's words.

    Raises ApiError for a bad single event; bad items of a batch are listed by index instead.
    """
    if body.batch is not None:
        return batch_events(body.batch, body.page, moment)
    if body.event is None:
        raise ApiError("required", "event is required", field="event")
    item = TrackItem(
        body.event, body.timestamp, body.metadata, body.message_id, body.page, body.attributes
    )
    _check_size(item, body_bytes)
    return [event_of(item, None, moment)], []


def batch_events(
    batch: Sequence[msgspec.Raw], page: PageBody | None, moment: Moment
) -> tuple[list[Event], list[RejectedItem]]:
    """Decode a batch's items one by one; `page` is that of items without their own."""
    events: list[Event] = []
    rejected: list[RejectedItem] = []
    for index, raw in enumerate(batch):
        try:
            item = _item_reader.read_part(raw)
            _check_size(item, len(raw))
            events.append(event_of(item, page, moment))
        except ApiError as error:
            rejected.append(RejectedItem(index, error.field, error.reason))
    return events, rejected


def event_of(item: TrackItem, page: PageBody | None, moment: Moment) -> Event:
    """Turn one item into an event; its time lies at `now_ms` or before."""
    message_id = item.message_id or ""
    if message_id:
        check_id(message_id, "messageId")
    tab, sequence = tab_and_sequence(message_id)
    where = item.page or page or _NO_PAGE
    name, properties = _in_words(language_name(item.event), item.metadata)
    return Event(
        message_id,
        name,
        moment.now_ms if item.timestamp is None else _at_ms(item.timestamp, moment),
        tab,
        sequence,
        where.url[:URL_CHARS_MAX] if where.url else None,
        where.title[:TITLE_CHARS_MAX] if where.title else None,
        where.referrer[:URL_CHARS_MAX] if where.referrer else None,
        properties,
        _attributes(item.attributes) if item.attributes else {},
    )


def tab_and_sequence(message_id: str) -> tuple[str, int]:
    """Read `<8 characters of the page load>-<number>`; any other id is of the one tab ""."""
    digits = message_id[_TAB_CHARS + 1 :]
    if message_id[_TAB_CHARS : _TAB_CHARS + 1] != "-" or len(digits) > _SEQUENCE_DIGITS_MAX:
        return "", 0
    if not (digits.isascii() and digits.isdigit()):
        return "", 0
    return message_id[:_TAB_CHARS], int(digits)


def _at_ms(timestamp: datetime, moment: Moment) -> int:
    return min(_ms(timestamp.timestamp()) + moment.skew_ms, moment.now_ms)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _attributes(given: dict[str, Scalar]) -> dict[str, Scalar]:
    check_numbers(given, "attributes")
    return given


def _in_words(name: str, metadata: dict[str, object] | None) -> tuple[str, dict[str, object]]:
    """Apply the rows of LANGUAGE.md 5.4 that depend on what an event holds."""
    if not metadata:
        if name == "visibility":
            raise ApiError("required", "metadata.visible is required", field="metadata.visible")
        return name, _NO_PROPERTIES
    check_numbers(metadata, "metadata")
    properties = {field_name(key): value for key, value in metadata.items()}
    match name:
        case "visibility":
            return _visibility(properties)
        case "scroll":
            name_depth(properties)
        case "visitor_message":
            _check_words(properties)
            _drop_own(properties)
        case "reply_clicked" | "voice_started":
            _drop_own(properties)
        case "purchase":
            name_order(properties)
        case _:
            pass
    return name, properties


def _check_size(item: TrackItem, item_bytes: int) -> None:
    """Refuse metadata over 16 KB; an item that is smaller as a whole is not measured."""
    if item_bytes <= METADATA_BYTES_MAX or item.metadata is None:
        return
    if len(msgspec.json.encode(item.metadata)) > METADATA_BYTES_MAX:
        raise ApiError("too_long", "metadata is larger than 16 KB", field="metadata")


def _visibility(properties: dict[str, object]) -> tuple[str, dict[str, object]]:
    visible = properties.get("visible")
    if not isinstance(visible, bool):
        raise ApiError(
            "invalid_type", "metadata.visible is true or false", field="metadata.visible"
        )
    return "show" if visible else "hide", _NO_PROPERTIES


def _check_words(properties: dict[str, object]) -> None:
    text = properties.get("text")
    if not isinstance(text, str):
        raise ApiError("invalid_type", "metadata.text is a text", field="metadata.text")
    if len(text) > MESSAGE_CHARS_MAX:
        words = f"metadata.text is longer than {MESSAGE_CHARS_MAX} characters"
        raise ApiError("too_long", words, field="metadata.text")


def _drop_own(properties: dict[str, object]) -> None:
    """Take off what only the server says of words: a browser does not choose a conversation's id."""
    properties.pop("conversation", None)
