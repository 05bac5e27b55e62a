"""Messages of Segment's and RudderStack's clients -> canonical events, and whose they are (API.md 8.1, 8.3)."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache

import msgspec

from engine.events import Event, Origin, Scalar
from engine.limits import VALUE_CHARS_MAX
from server.errors import ApiError
from server.ingest.arrivals import Arrival, Unfit
from server.ingest.client_clocks import ClientClocks
from server.ingest.event_ids import can_be_id, event_id, id_text
from server.ingest.instants import instant_ms
from server.ingest.native import TITLE_CHARS_MAX, URL_CHARS_MAX
from server.ingest.nobody import names_nobody
from server.ingest.segment_words import SAYINGS, Said, Saying, alias
from server.wire.rejections import RejectedArrival
from server.wire.segment import (
    EVENT_BYTES_MAX,
    ITEMS_MAX,
    REJECTED_LEN_MAX,
    Campaign,
    ClientId,
    Context,
    Message,
    Named,
    Page,
    Timestamp,
)
from server.wire.tolerant import TolerantReader

AGENT_CHARS_MAX = 512
"""A longer browser's name is cut. test_what_a_context_says_of_a_browser_is_kept_where_it_fits"""

CONTEXT_CHARS_MAX = 64
"""A longer time zone or language is left out. test_what_a_context_says_of_a_browser_is_kept_where_it_fits"""

PEOPLE_LEN_MAX = 4_096
"""Ids of people that were found to be ones; a further one is looked at again."""

Instant = tuple[int, int]
"""When an event was, in our time, and by the client's clock; 0 where that does not tell."""

_NO_CONTEXT = Context()
_NO_PAGE = Page()
_NOTHING: Mapping[str, object] = {}
_MERGE = "merge"
_DIRECT = "$direct"
_SERVER = "\x1fserver"

_sent_decoder: msgspec.json.Decoder[Timestamp] = msgspec.json.Decoder(Timestamp)
_reader = TolerantReader(Message)
_named_reader = TolerantReader(Named)


class Reception(msgspec.Struct, frozen=True):
    """What holds of all items of a request.

    `type` is that of items which name none, `anonymous` their visitor. `sent_ms` is when the client sent
    the request, by its own clock. `is_browser`: a page's browser sent it, and no server.
    """

    workspace: str
    now_ms: int
    type: str = ""
    anonymous: str = ""
    sent_ms: int | None = None
    context: Context | None = None
    user_agent: str = ""
    is_browser: bool = False


def understand(
    items: Sequence[msgspec.Raw], reception: Reception, clocks: ClientClocks
) -> tuple[list[Arrival], list[RejectedArrival]]:
    """Turn the items of a request into arrivals, in their order; bad ones are listed by their index."""
    arrivals: list[Arrival] = []
    rejected: list[RejectedArrival] = []
    for index, raw in enumerate(items[:ITEMS_MAX]):
        try:
            _take(arrivals, raw, reception, clocks)
        except (ApiError, Unfit) as error:
            if len(rejected) < REJECTED_LEN_MAX:
                rejected.append(RejectedArrival(index, _name_of(raw), error.reason))
    room = REJECTED_LEN_MAX - len(rejected)
    for index, raw in enumerate(items[ITEMS_MAX : ITEMS_MAX + room], ITEMS_MAX):
        rejected.append(RejectedArrival(index, _name_of(raw), "batch_too_long"))
    return arrivals, rejected


def _take(
    arrivals: list[Arrival], raw: msgspec.Raw, reception: Reception, clocks: ClientClocks
) -> None:
    """Add what an item says; nothing for one that is accepted and dropped.

    Raises Unfit, ApiError.
    """
    size_bytes = len(raw)
    if size_bytes > EVENT_BYTES_MAX:
        raise Unfit("event_too_large")
    message = _reader.read_part(raw)
    say = SAYINGS.get(message.type or reception.type) or _seldom_said(message, reception)
    if say is None:
        return
    context = message.context or _NO_CONTEXT
    if reception.context is not None:
        context = _merged(context, reception.context)
    user = person_of(message.user_id) if message.user_id is not None else ""
    anonymous = person_of(message.anonymous_id) if message.anonymous_id is not None else ""
    visitor, former = anonymous or reception.anonymous or user, ""
    if not visitor:
        raise Unfit("missing_identity")
    if say is alias:
        visitor, former = _joined(message, visitor, user)
    origin: Origin = "rudder" if message.channel else "segment"
    instant = reception.now_ms, 0
    if message.timestamp is not None or message.original_timestamp is not None:
        instant = _instant(message, reception, visitor, clocks)
    event = _event(message, context, say(message, context, origin), origin, instant)
    visit = _fit_id(context.session_id) if context.session_id is not None else ""
    if not former and arrivals and arrivals[-1].take(visitor, user, visit, event, size_bytes):
        return
    zone, locale = context.timezone or "", context.locale or ""
    arrivals.append(
        Arrival(
            visitor,
            [event],
            user,
            visit,
            former,
            (context.user_agent or reception.user_agent)[:AGENT_CHARS_MAX],
            zone if "/" in zone and len(zone) <= CONTEXT_CHARS_MAX else "",
            locale if len(locale) <= CONTEXT_CHARS_MAX else "",
            size_bytes,
        )
    )


def _seldom_said(message: Message, reception: Reception) -> Saying | None:
    """Return what a type in capitals says; None for the one that is dropped.

    Raises Unfit.
    """
    kind = (message.type or reception.type).lower()
    if kind == _MERGE:
        return None
    if kind not in SAYINGS:
        raise Unfit("unknown_type" if kind else "required")
    return SAYINGS[kind]


# ---- whose an item is


@lru_cache(maxsize=PEOPLE_LEN_MAX)
def person_of(value: str | int) -> str:
    """Return the id of a person; "" for one that cannot be kept, or that stands for nobody."""
    text = _fit_id(value)
    return "" if names_nobody(text) else text


def _joined(message: Message, visitor: str, user: str) -> tuple[str, str]:
    """Say whom an alias is about from now on, and under which id until now.

    Raises Unfit.
    """
    former = person_of(message.previous_id) if message.previous_id is not None else ""
    former = former or (visitor if visitor != user else "")
    if not (user and former):
        raise Unfit("required")
    return user, former if former != user else ""


def _fit_id(value: ClientId) -> str:
    """Return an id as text; "" for one that cannot be kept."""
    text = id_text(value)
    return text if can_be_id(text) else ""


# ---- what it says


def _event(
    message: Message, context: Context, said: Said, origin: Origin, instant: Instant
) -> Event:
    name, properties, attributes = said
    page = context.page or _NO_PAGE
    url, title, referrer = page.url, page.title, page.referrer
    if name == "view":
        # Its own address is in its properties, else in its context.
        own = message.properties or _NOTHING
        url = _own(own, "url") or url or _own(own, "path") or page.path
        title = _own(own, "title") or title or message.name
        referrer = _own(own, "referrer") or referrer
    if context.campaign is not None and not (url and "utm_" in url):
        attributes = {**_campaign(context.campaign), **attributes}
    # Events of one instant are in the order of the client's clock.
    at_ms, sequence = instant
    return Event(
        event_id(message.message_id, origin),
        name,
        at_ms,
        "",
        sequence,
        url[:URL_CHARS_MAX] if url else None,
        title[:TITLE_CHARS_MAX] if title else None,
        referrer[:URL_CHARS_MAX] if referrer and referrer != _DIRECT else None,
        properties,
        attributes,
        origin,
    )


def _own(properties: Mapping[str, object], name: str) -> str:
    value = properties.get(name)
    return value if isinstance(value, str) else ""


def _campaign(campaign: Campaign) -> dict[str, Scalar]:
    """Return the campaign as attributes, all five of them when there is any."""
    told = {
        "utm.source": campaign.source,
        "utm.medium": campaign.medium,
        "utm.campaign": campaign.name,
        "utm.term": campaign.term,
        "utm.content": campaign.content,
    }
    if not any(told.values()):
        return {}
    return {name: value[:VALUE_CHARS_MAX] if value else None for name, value in told.items()}


def _merged(own: Context, batch: Context) -> Context:
    """Put the context of a batch under an item's own; a batch is nobody's, so it tells no traits."""
    told = {name: value for name, value in msgspec.structs.asdict(own).items() if value is not None}
    return msgspec.structs.replace(batch, **{"traits": None, **told})


# ---- when it was


def _instant(message: Message, reception: Reception, visitor: str, clocks: ClientClocks) -> Instant:
    stamp = message.timestamp if message.original_timestamp is None else message.original_timestamp
    client_ms = _ms(stamp)
    if client_ms is None:
        return reception.now_ms, 0
    sent_ms = _ms(message.sent_at) if reception.sent_ms is None else reception.sent_ms
    device = visitor if reception.is_browser else visitor + _SERVER
    at_ms = clocks.corrected(reception.workspace, device, client_ms, sent_ms, reception.now_ms)
    return at_ms, client_ms


def _ms(value: Timestamp) -> int | None:
    """Return Unix milliseconds; a time without an offset is in UTC."""
    if isinstance(value, datetime):
        return round((value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp() * 1_000)
    return None if value is None else instant_ms(value)


def sent_ms_of(raw: msgspec.Raw) -> int | None:
    """Return when a batch was sent, by its sender's clock; None where that is not told."""
    try:
        return _ms(_sent_decoder.decode(raw))
    except msgspec.MsgspecError:
        return None


def _name_of(raw: msgspec.Raw) -> str | None:
    """Return the message id of a bad item, where it has one."""
    try:
        name = _named_reader.read(bytes(raw)).message_id
    except ApiError:
        return None
    return _fit_id(name) or None
