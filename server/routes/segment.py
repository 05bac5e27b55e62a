"""The paths of Segment's and RudderStack's clients (API.md 8.1)."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec

from engine.shown import rfc3339
from server.access.auth import WidgetAccess
from server.errors import ApiError
from server.ingest.arrivals import Arrival
from server.ingest.segment import Reception, person_of, understand
from server.ingest.segment_bodies import (
    Parcel,
    base64_text,
    key_of,
    read_batch,
    read_message,
    read_pixel,
)
from server.ingest.taking import Sender, take
from server.routes.foreign import Endpoint, Handler, Incoming, sender_of
from server.wire.envelope import JSON_TYPE, Answer, Header
from server.wire.rejections import RejectedArrival
from server.wire.segment import (
    BODY_BYTES_MAX,
    Integrations,
    SegmentDestination,
    SegmentSettings,
    Source,
    SourceConfig,
    Taken,
)

Reading = Callable[[Mapping[bytes, bytes], bytes], Parcel]

_SUCCESS = Answer(200, b'{"success":true}')
_SETTINGS_HEADERS: tuple[Header, ...] = (JSON_TYPE, (b"cache-control", b"private, max-age=120"))
_PIXEL = Answer(
    200,
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,"
    b"\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;",
    ((b"content-type", b"image/gif"), (b"cache-control", b"no-store")),
)
_TYPES: Mapping[str, str] = {
    "t": "track",
    "p": "page",
    "i": "identify",
    "g": "group",
    "a": "alias",
    "s": "screen",
}


# ---- events


async def post_batch(incoming: Incoming) -> Answer:
    """Take the items of a batch, each by itself."""
    return await _open(incoming, read_batch)


def _post_message(kind: str) -> Handler:
    """Make the handler of messages of one type."""

    async def post_message(incoming: Incoming) -> Answer:
        return await _open(incoming, read_message, kind)

    return post_message


def _get_pixel(kind: str) -> Handler:
    """Make the handler of pixels of one type: whatever is wrong with its event, it is an image."""

    async def get_pixel(incoming: Incoming) -> Answer:
        parcel = read_pixel(incoming.query)
        sender = sender_of(incoming, parcel.key)
        if incoming.method == "GET":
            await _commit(incoming, _understood(incoming, sender, parcel, kind))
        return _PIXEL

    return get_pixel


async def post_merge(_: Incoming) -> Answer:
    """Accept and drop: measurements that Segment's clients make of themselves, and RudderStack's merges."""
    return _SUCCESS


class _Understood(NamedTuple):
    """What is left of a request once it is understood; `size_bytes` is its body's."""

    sender: Sender
    arrivals: list[Arrival]
    rejected: list[RejectedArrival]
    size_bytes: int


async def _open(incoming: Incoming, read: Reading, kind: str = "") -> Answer:
    """Take what came, for the sender whom the first key is of that is found."""
    return await _commit(incoming, _opened(incoming, read, kind))


def _opened(incoming: Incoming, read: Reading, kind: str) -> _Understood:
    """Check the first key that is found, in the headers, the body or the address, and understand the items."""
    key = key_of(incoming.headers)
    sender = sender_of(incoming, key) if key else None
    parcel = read(incoming.headers, incoming.take_body())
    if sender is None:
        sender = sender_of(incoming, parcel.key or incoming.query.get("writeKey", ""))
    return _understood(incoming, sender, parcel, kind)


def _understood(incoming: Incoming, sender: Sender, parcel: Parcel, kind: str) -> _Understood:
    services, headers = incoming.services, incoming.headers
    is_browser = incoming.origin is not None or incoming.method == "GET"
    anonymous = headers.get(b"anonymousid")
    agent = headers.get(b"user-agent", b"").decode("latin-1") if is_browser else ""
    reception = Reception(
        workspace=sender.access.workspace.id,
        now_ms=incoming.now_ms,
        type=kind,
        anonymous=person_of(base64_text(anonymous.decode("latin-1"))) if anonymous else "",
        sent_ms=parcel.sent_ms,
        context=parcel.context,
        user_agent=agent,
        is_browser=is_browser,
    )
    arrivals, rejected = understand(parcel.items, reception, services.client_clocks)
    return _Understood(sender, arrivals, rejected, parcel.size_bytes)


async def _commit(incoming: Incoming, understood: _Understood) -> Answer:
    """Commit what could be understood, and say of the rest why not."""
    services, rejected = incoming.services, understood.rejected
    taken = await take(services, understood.sender, understood.arrivals, understood.size_bytes)
    if not rejected:
        return _SUCCESS
    services.metrics.count_rejected(len(rejected))
    report = Taken(accepted=taken.accepted, duplicates=taken.duplicates, rejected=rejected)
    return Answer(200, msgspec.json.encode(report))


# ---- settings


async def get_settings(incoming: Incoming) -> Answer:
    """Tell Segment's browser client where its events go: here, and nowhere else."""
    key = incoming.params["key"]
    _check(incoming, key, "source_not_found")
    protocol, _, host = incoming.services.config.server.public_url.partition("://")
    destination = SegmentDestination(key, f"{host}/v1", protocol)
    settings = SegmentSettings(Integrations(destination))
    return Answer(200, msgspec.json.encode(settings), _SETTINGS_HEADERS)


async def get_source(incoming: Incoming) -> Answer:
    """Tell RudderStack's client that its source is there, with nothing to load."""
    key = key_of(incoming.headers) or incoming.query.get("writeKey", "")
    access = _check(incoming, key, "invalid_credentials")
    source = Source(access.site.source_id, access.workspace.name, key, access.workspace.id)
    config = SourceConfig(source, rfc3339(incoming.now_ms))
    return Answer(200, msgspec.json.encode(config), _SETTINGS_HEADERS)


def _check(incoming: Incoming, key: str, unknown: str) -> WidgetAccess:
    """Return the site of a widget token; no other key may stand in an address.

    Raises ApiError: `unknown`, missing_credentials, origin_not_allowed.
    """
    if incoming.services.credentials.widget(key) is None and key:
        raise ApiError(unknown)
    return sender_of(incoming, key).access


# ---- the table


def _of_messages() -> tuple[Endpoint, ...]:
    rows: list[Endpoint] = []
    for letter, kind in _TYPES.items():
        handler = _post_message(kind)
        rows += [_post(f"/v1/{kind}", handler), _post(f"/v1/{letter}", handler)]
    return tuple(rows)


def _post(path: str, handler: Handler) -> Endpoint:
    return Endpoint("POST", path, handler, "segment", body_bytes_max=BODY_BYTES_MAX)


def _get(path: str, handler: Handler, *, is_slash_optional: bool = False) -> Endpoint:
    return Endpoint("GET", path, handler, "segment", is_slash_optional=is_slash_optional)


ENDPOINTS: tuple[Endpoint, ...] = (
    _post("/v1/batch", post_batch),
    _post("/v1/b", post_batch),
    _post("/beacon/v1/batch", post_batch),
    *_of_messages(),
    _post("/v1/merge", post_merge),
    _post("/v1/m", post_merge),
    _get("/pixel/v1/track", _get_pixel("track")),
    _get("/pixel/v1/page", _get_pixel("page")),
    _get("/v1/projects/{key}/settings", get_settings),
    _get("/sourceConfig/", get_source, is_slash_optional=True),
)
