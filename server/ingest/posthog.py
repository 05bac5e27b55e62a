"""Events in PostHog's words -> canonical events, and whose they are (API.md 8.2, 8.3)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from engine.events import Event
from engine.limits import VALUE_CHARS_MAX
from engine.tabs import UTM_NAMES
from server.errors import ApiError
from server.ingest.arrivals import Arrival, Unfit
from server.ingest.event_ids import can_be_id, event_id, id_text
from server.ingest.instants import instant_ms
from server.ingest.native import TITLE_CHARS_MAX, URL_CHARS_MAX
from server.ingest.posthog_bodies import read_item
from server.ingest.posthog_people import (
    Attributes,
    first_traits_of,
    is_of_group,
    person_of,
    traits_of,
    user_of,
)
from server.ingest.posthog_words import VIEWS, in_words, is_telemetry
from server.wire.decoding import check_depth
from server.wire.posthog import CaptureItem
from server.wire.rejections import RejectedArrival

EVENT_BYTES_MAX = 32_768
"""Bytes of what is kept of an event, as JSON; one with more is refused. test_a_bad_event_harms_no_other"""

NAME_CHARS_MAX = 128
"""Characters of an event's name; a longer one is cut. test_a_long_event_name_is_cut"""

CONTEXT_CHARS_MAX = 64
"""A longer time zone or language is left out. test_surroundings_come_from_the_event"""

OFFSET_MS_MAX = 30 * 86_400_000
"""An event that waited for longer than this is not believed: it counts as sent at once.
test_times_are_the_client_s_until_they_are_placed"""

AGENT_CHARS_MAX = 512
"""A longer browser's name is cut. test_surroundings_come_from_the_event"""

_NO_REFERRER = "$direct"

Place = Callable[[str, int | None, int | None], int]
Properties = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Reception:
    """What holds of all events of a request.

    `place` gives an event its time: it takes the device, the client's time of the event and that at which
    it was sent, each None where the client does not say. `user_agent` is the request's, "" of a server.
    """

    place: Place
    now_ms: int
    sent_ms: int | None = None
    user_agent: str = ""


@dataclass(slots=True)
class Understood:
    """The events of a request, one an arrival; `dropped` counts those that are no visitor's doing.

    `first_traits`: attributes of an arrival, by its place in the list, for what nothing is known of yet.
    """

    arrivals: list[Arrival] = field(default_factory=list)
    first_traits: dict[int, Attributes] = field(default_factory=dict)
    rejected: list[RejectedArrival] = field(default_factory=list)
    dropped: int = 0


def understand(items: Sequence[bytes], reception: Reception) -> Understood:
    """Turn the events of a request into arrivals, one by one; what does not fit is listed by its index."""
    understood = Understood()
    for index, raw in enumerate(items):
        message_id: str | None = None
        try:
            check_depth(raw)
            item = read_item(raw)
            message_id = _event_id(item) or None
            _take(understood, item, len(raw), reception)
        except (ApiError, Unfit) as error:
            understood.rejected.append(RejectedArrival(index, message_id, error.reason))
    return understood


def _take(understood: Understood, item: CaptureItem, item_bytes: int, reception: Reception) -> None:
    """Add an event to what is understood.

    Raises Unfit, ApiError.
    """
    properties = item.properties if isinstance(item.properties, dict) else {}
    name = _name(item)
    visitor, former = person_of(item, properties)
    if not visitor:
        raise Unfit("missing_identity")
    if not can_be_id(visitor):
        raise Unfit("invalid_id")
    if is_telemetry(name) or is_of_group(item, properties):
        understood.dropped += 1
        return
    agent = _text(properties, "$raw_user_agent") or reception.user_agent
    event = _event(name, item, properties, visitor, reception)
    first_traits = first_traits_of(item, properties)
    _check_size(event, first_traits, item_bytes)
    if first_traits:
        understood.first_traits[len(understood.arrivals)] = first_traits
    understood.arrivals.append(
        Arrival(
            visitor=visitor,
            events=[event],
            user=_fit_id(user_of(item, properties, visitor)),
            visit=_fit_id(id_text(properties.get("$session_id"))),
            former=_fit_id(former),
            user_agent=agent[:AGENT_CHARS_MAX],
            timezone=_short(properties, "$timezone"),
            locale=_short(properties, "$browser_language") or _short(properties, "$locale"),
            size_bytes=item_bytes,
        )
    )


# ---- one event


def _event(
    name: str, item: CaptureItem, properties: Properties, visitor: str, reception: Reception
) -> Event:
    known, fields = in_words(name, properties)
    url, referrer = _text(properties, "$current_url"), _text(properties, "$referrer")
    title, attributes = "", traits_of(item, properties)
    if name in VIEWS:
        title = _text(properties, "title") or _text(properties, "$screen_name")
        attributes = {**_campaign(properties, url), **attributes}
    at_ms, client_ms = _instant(item, properties, visitor, reception)
    return Event(
        id=_event_id(item),
        name=known,
        at_ms=at_ms,
        # Events of one instant are in the order of the client's clock.
        sequence=client_ms,
        url=url[:URL_CHARS_MAX] or None,
        title=title[:TITLE_CHARS_MAX] or None,
        referrer=None if referrer == _NO_REFERRER else referrer[:URL_CHARS_MAX] or None,
        properties=fields,
        attributes=attributes,
        origin="posthog",
    )


def _name(item: CaptureItem) -> str:
    name = item.event
    if not isinstance(name, str) or not name:
        raise Unfit("required")
    return name[:NAME_CHARS_MAX]


def _event_id(item: CaptureItem) -> str:
    """Return the id by which an event that is sent again is known."""
    properties = item.properties if isinstance(item.properties, dict) else {}
    return event_id(item.uuid, "posthog") or event_id(properties.get("$insert_id"), "posthog")


def _instant(
    item: CaptureItem, properties: Properties, visitor: str, reception: Reception
) -> tuple[int, int]:
    """Return when an event was, in our time and in its client's; `offset` is how long before its sending."""
    sent_ms = instant_ms(item.sent_at) or reception.sent_ms
    client_ms = instant_ms(item.timestamp)
    offset = item.offset
    if client_ms is None and isinstance(offset, int | float) and 0 <= offset <= OFFSET_MS_MAX:
        client_ms = (sent_ms or reception.now_ms) - round(offset)
    if properties.get("$ignore_sent_at") is True:
        sent_ms = None
    device = _fit_id(id_text(properties.get("$device_id"))) or visitor
    at_ms = reception.place(f"{device}\x1f{_short(properties, '$lib')}", client_ms, sent_ms)
    return at_ms, client_ms or 0


def _campaign(properties: Properties, url: str) -> Attributes:
    """Return the campaign that a client remembers of its visit, all five parts of it when there is any."""
    if "utm_" in url:
        return {}
    told: Attributes = {
        f"utm.{name}": _text(properties, f"utm_{name}")[:VALUE_CHARS_MAX] or None
        for name in UTM_NAMES
    }
    return told if any(told.values()) else {}


def _check_size(event: Event, first_traits: Attributes, item_bytes: int) -> None:
    """Refuse an event of which too much would be kept; a smaller one is not measured."""
    if item_bytes <= EVENT_BYTES_MAX:
        return
    kept = (event.properties, event.attributes, first_traits)
    if len(msgspec.json.encode(kept)) > EVENT_BYTES_MAX:
        raise Unfit("event_too_large")


# ---- fields that may be anything


def _text(properties: Properties, name: str) -> str:
    value = properties.get(name)
    return value if isinstance(value, str) else ""


def _short(properties: Properties, name: str) -> str:
    """Return a text of the client's surroundings; "" for one that is too long to be right."""
    value = _text(properties, name)
    return value if len(value) <= CONTEXT_CHARS_MAX and value.isprintable() else ""


def _fit_id(value: str) -> str:
    """Return an id that can be one; "" for any other: it spoils itself alone."""
    return value if can_be_id(value) else ""
