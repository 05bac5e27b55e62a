"""Events in a server's words -> canonical events: never activity, of no tab, whatever their ids look like."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from engine.events import Event
from engine.signals import snake_name
from server.errors import ApiError
from server.ingest.native import Moment, event_of
from server.wire.decoding import Reader, check_id
from server.wire.server_events import PROPERTIES_BYTES_MAX, EventItem, IntegrationBody
from server.wire.widgets import RejectedItem, TrackItem

_OWN_FIELDS = {"metadata": "properties", "messageId": "message_id"}
_reader = Reader(EventItem)


@dataclass(frozen=True, slots=True)
class Posted:
    """One event of a batch that could be read; `index` is its place, `event.id` "" where it has none."""

    index: int
    item: EventItem
    event: Event


def read_events(
    batch: Sequence[msgspec.Raw], now_ms: int
) -> tuple[list[Posted], list[RejectedItem]]:
    """Read the items of a batch one by one; what does not fit is listed by its index."""
    posted: list[Posted] = []
    rejected: list[RejectedItem] = []
    for index, raw in enumerate(batch):
        try:
            item = _reader.read_part(raw)
            posted.append(Posted(index, item, _event(item, now_ms)))
        except ApiError as error:
            rejected.append(RejectedItem(index, _field(error.field), error.reason))
    return posted, rejected


def integration_event(body: IntegrationBody, event_id: str, now_ms: int) -> Event:
    """Turn an integration's event into one that rules may name: `call.completed` -> `call_completed`."""
    at_ms = now_ms if body.timestamp is None else round(body.timestamp.timestamp() * 1_000)
    return Event(
        id=event_id,
        name=snake_name(body.event),
        at_ms=min(at_ms, now_ms),
        properties={snake_name(name): value for name, value in body.data.items()},
        origin="api",
    )


def _event(item: EventItem, now_ms: int) -> Event:
    check_id(item.visitor_id, "visitor_id")
    for name in ("session_id", "source_id", "message_id"):
        value = getattr(item, name)
        if value is not None:
            check_id(value, name)
    if item.properties is not None:
        size = len(msgspec.json.encode(item.properties))
        if size > PROPERTIES_BYTES_MAX:
            words = f"properties has {size} bytes as JSON; {PROPERTIES_BYTES_MAX} are allowed"
            raise ApiError("too_long", words, field="properties")
    plain = TrackItem(
        event=item.event,
        timestamp=item.timestamp,
        metadata=item.properties,
        message_id=item.message_id,
        page=item.page,
        attributes=item.attributes,
    )
    event = event_of(plain, None, Moment(now_ms))
    return msgspec.structs.replace(event, tab="", sequence=0, origin="api")


def _field(name: str | None) -> str | None:
    """Name a field as this dialect does."""
    head, dot, rest = (name or "").partition(".")
    return f"{_OWN_FIELDS.get(head, head)}{dot}{rest}" if name else None
