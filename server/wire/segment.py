"""What Segment's and RudderStack's clients send (API.md 8.1): messages, batches, and what is answered."""

from datetime import datetime

from msgspec import UNSET, Raw, Struct, UnsetType, field

from server.wire.rejections import RejectedArrival

ITEMS_MAX = 2_500
"""Items of a batch that are taken; those beyond are rejected by `batch_too_long`.
test_items_beyond_the_longest_batch_are_rejected_and_the_others_taken"""

EVENT_BYTES_MAX = 32_768
"""Bytes of one item as JSON; a larger one is rejected by `event_too_large`.
test_an_event_over_its_limit_is_rejected"""

BODY_BYTES_MAX = 4 * 1024 * 1024
"""Bytes of a body, as sent and decompressed; more are answered 413.
test_a_body_over_its_limit_is_refused"""

REJECTED_LEN_MAX = 1_000
"""Rejected items that one answer lists, those with the lowest index.
test_an_answer_lists_a_bounded_number_of_rejected_items"""

ClientId = str | int | None
"""An id: some clients send numbers, which are kept as their decimal text."""

Timestamp = datetime | int | float | None
"""RFC 3339, or a number of seconds or milliseconds."""


class Page(Struct, frozen=True, gc=False):
    """`context.page`: where a browser is."""

    url: str | None = None
    path: str | None = None
    title: str | None = None
    referrer: str | None = None


class Campaign(Struct, frozen=True, gc=False):
    """`context.campaign`; `name` is `utm_campaign`."""

    name: str | None = None
    source: str | None = None
    medium: str | None = None
    term: str | None = None
    content: str | None = None


class Context(Struct, frozen=True, rename="camel", gc=False):
    """`context`: what is known of the sender. `session_id` is RudderStack's, a number of milliseconds."""

    page: Page | None = None
    campaign: Campaign | None = None
    user_agent: str | None = None
    locale: str | None = None
    timezone: str | None = None
    session_id: ClientId = None
    traits: dict[str, object] | None = None


class Message(Struct, frozen=True, rename="camel", gc=False):
    """One call of a client, of any type. `channel` is set by RudderStack's clients alone."""

    type: str | None = None
    anonymous_id: ClientId = None
    user_id: ClientId = None
    message_id: ClientId = None
    event: str | None = None
    name: str | None = None
    category: str | None = None
    properties: dict[str, object] | None = None
    traits: dict[str, object] | None = None
    context: Context | None = None
    timestamp: Timestamp = None
    original_timestamp: Timestamp = None
    sent_at: Timestamp = None
    previous_id: ClientId = None
    group_id: ClientId = None
    channel: str | None = None


class Batch(Struct, frozen=True, rename="camel"):
    """A batch as its endpoints take it; its parts are decoded one by one, so that a bad one harms no other."""

    batch: list[Raw]
    context: Raw = Raw()
    sent_at: Raw = Raw()
    write_key: Raw = Raw()


class Around(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What stands around the items of a batch, where that is nothing unusual."""

    context: Raw = Raw()
    sent_at: Raw = Raw()
    write_key: Raw = Raw()
    integrations: Raw = Raw()
    message_id: Raw = Raw()
    timestamp: Raw = Raw()


class Keyed(Struct, frozen=True, rename="camel"):
    """A body that may hold its key."""

    write_key: str | None = None


class Named(Struct, frozen=True, rename="camel"):
    """As much of an item as tells which one it is."""

    message_id: ClientId = None


class Taken(Struct, frozen=True, kw_only=True):
    """What became of the items; the counts and `rejected` are there only when some were bad."""

    success: bool = True
    accepted: int | UnsetType = UNSET
    duplicates: int | UnsetType = UNSET
    rejected: list[RejectedArrival] | UnsetType = UNSET


# ---- the settings that browser clients load first


class SegmentDestination(Struct, frozen=True, rename="camel"):
    """Where events go: `api_host` has no scheme, which is `protocol`."""

    api_key: str
    api_host: str
    protocol: str


class Integrations(Struct, frozen=True):
    """The one destination of a site: this server."""

    segment: SegmentDestination = field(name="Segment.io")


class Measuring(Struct, frozen=True, rename="camel"):
    """How much the client tells its maker of itself: nothing."""

    sample_rate: int = 0


class SegmentSettings(Struct, frozen=True, rename="camel"):
    """`GET /v1/projects/{writeKey}/settings`."""

    integrations: Integrations
    plan: dict[str, object] = {}
    edge_function: dict[str, object] = {}
    metrics: Measuring = Measuring()


class Source(Struct, frozen=True, rename="camel"):
    """A site as RudderStack's client knows it; nothing is to be loaded for it."""

    id: str
    name: str
    write_key: str
    workspace_id: str
    enabled: bool = True
    config: dict[str, object] = {}
    destinations: tuple[str, ...] = ()
    dataplanes: dict[str, object] = {}


class SourceConfig(Struct, frozen=True, rename="camel"):
    """`GET /sourceConfig`."""

    source: Source
    updated_at: str
