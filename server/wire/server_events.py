"""Bodies of events that servers and integrations post (API.md 3.4), and what became of them."""

from typing import Annotated

from msgspec import Meta, Raw, Struct

from server.wire.widgets import Attributes, EventName, PageBody, RejectedItem, Timestamp

EVENTS_LEN_MAX = 500
PROPERTIES_BYTES_MAX = 32_768
EVENTS_BODY_BYTES_MAX = 524_288
INTEGRATION_BYTES_MAX = 16_384


class EventItem(Struct, frozen=True):
    """One event of a visitor."""

    event: EventName
    visitor_id: str
    session_id: Annotated[str, Meta(description="Absent: the visitor's newest session.")] | None = (
        None
    )
    source_id: Annotated[str, Meta(description="The site of a new session.")] | None = None
    timestamp: Timestamp | None = None
    message_id: Annotated[str, Meta(description="The same one again counts once.")] | None = None
    properties: Annotated[dict[str, object] | None, Meta(description="At most 32 KB as JSON.")] = (
        None
    )
    attributes: Attributes | None = None
    page: PageBody | None = None


class EventsBody(Struct, frozen=True):
    """`POST /v1/events`."""

    events: Annotated[list[EventItem], Meta(min_length=1, max_length=EVENTS_LEN_MAX)]


class RawEventsBody(Struct, frozen=True):
    """The same with its items undecoded: each is read by itself, so that a bad one harms no other."""

    events: list[Raw]


class EventsTaken(Struct, frozen=True):
    """What became of the events; `accepted` are the new ones."""

    accepted: int
    duplicates: int
    rejected: tuple[RejectedItem, ...]


class IntegrationBody(Struct, frozen=True):
    """`POST /v1/integration-events`."""

    event: EventName
    data: Annotated[dict[str, object], Meta(description="At most 16 KB as JSON.")]
    session_id: str | None = None
    visitor_id: str | None = None
    timestamp: Timestamp | None = None


class IntegrationTaken(Struct, frozen=True):
    """A forwarded event; `subscribers` is how many webhook endpoints it goes to."""

    event_id: str
    subscribers: int
