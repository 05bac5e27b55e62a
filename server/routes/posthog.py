"""The endpoints of PostHog's clients (API.md 8.2): events come in, everything else is answered as off."""

from collections.abc import Sequence
from functools import partial
from itertools import chain

import msgspec

from server.errors import ApiError
from server.ingest.arrivals import Arrival
from server.ingest.posthog import Reception, Understood, understand
from server.ingest.posthog_bodies import DECODED_BYTES_MAX, Capture, read_capture
from server.ingest.posthog_people import Attributes
from server.ingest.taking import take
from server.routes.foreign import Endpoint, Handler, Incoming, sender_of
from server.routes.scripts import JAVASCRIPT
from server.services import Services
from server.widget_visits import visitor_profile
from server.wire.envelope import JSON_TYPE, Answer, Header
from server.wire.posthog import FlagsReply, RemoteConfig
from server.wire.rejections import RejectedArrival

SHORT_BYTES_MAX = 1024 * 1024
"""Bytes, decoded, of a body that is read on the loop. test_a_large_body_is_read_beside_the_loop"""

_TAKEN = Answer(200, b'{"status":1}')
_SCRIPT_TYPE: Header = (b"content-type", JAVASCRIPT.encode())
_CACHE: Header = (b"cache-control", b"public, max-age=120")
# Pages of other origins load it also where they ask all that they load to agree to it.
_ANY_PAGE: Header = (b"cross-origin-resource-policy", b"cross-origin")
_WORDS = {
    "missing_identity": "distinct_id is missing: whose event is it?",
    "event_too_large": "its properties are larger than 32 KB",
    "required": "its name, event, is missing",
    "invalid_id": "its distinct_id has 1 to 256 characters, and no control characters",
    "not_an_object": "it is not a JSON object",
}


async def capture(incoming: Incoming) -> Answer:
    """Take the events of a request; a bad one harms no other.

    Raises ApiError: of the credential, of the body, invalid_events when none of them can be taken.
    """
    services, now_ms = incoming.services, incoming.now_ms
    request = await _read(incoming)
    sender = sender_of(incoming, request.key)
    workspace = sender.access.workspace.id

    def place(device: str, client_ms: int | None, sent_ms: int | None) -> int:
        clocks = services.client_clocks
        return clocks.corrected(workspace, device, client_ms, sent_ms, now_ms)

    # A server's own name, in its User-Agent, says nothing of the visitor's device.
    agent = incoming.headers.get(b"user-agent", b"") if incoming.origin is not None else b""
    reception = Reception(place, now_ms, request.sent_ms, agent.decode("latin-1"))
    understood = understand(request.items, reception)
    services.metrics.count_rejected(len(understood.rejected))
    if understood.rejected and not (understood.arrivals or understood.dropped):
        raise _nothing_to_take(understood.rejected)
    arrivals = await _with_first_traits(services, workspace, understood)
    await take(services, sender, arrivals, sum(map(len, request.items)))
    return _TAKEN


async def flags(incoming: Incoming) -> Answer:
    """Answer that there are no feature flags."""
    request = await _read(incoming)
    sender_of(incoming, request.key)
    return Answer(200, msgspec.json.encode(FlagsReply(incoming.request_id)))


async def remote_config(incoming: Incoming) -> Answer:
    """Tell a page's client that it only has to send events."""
    return Answer(200, _config(incoming), (JSON_TYPE, _CACHE))


async def remote_config_script(incoming: Incoming) -> Answer:
    """Tell it the same as a script, which the client prefers."""
    key, config = incoming.params["key"].encode(), _config(incoming)
    script = (
        b"(function(w){var all=w._POSTHOG_REMOTE_CONFIG=w._POSTHOG_REMOTE_CONFIG||{};"
        b'all["%s"]={config:%s,siteApps:[]}})(window);'
    )
    return Answer(200, script % (key, config), (_SCRIPT_TYPE, _CACHE, _ANY_PAGE))


async def drop(_: Incoming) -> Answer:
    """Accept recordings of sessions, and keep nothing of them."""
    return _TAKEN


# ---- parts of an answer


async def _read(incoming: Incoming) -> Capture:
    """Take a request apart; a large one beside the loop, for whoever sends it has shown no key yet."""
    read = partial(read_capture, incoming.headers, incoming.query, incoming.take_body())
    try:
        return read(SHORT_BYTES_MAX)
    except ApiError as error:
        if error.reason != "body_too_large":
            raise
    return await incoming.services.side_work.run(partial(read, DECODED_BYTES_MAX))


def _config(incoming: Incoming) -> bytes:
    key = incoming.params["key"]
    if incoming.services.credentials.widget(key) is None:
        # A key that may read does not belong into an address, nor into a script.
        raise ApiError("invalid_credentials")
    sender_of(incoming, key)
    return msgspec.json.encode(RemoteConfig(key))


def _nothing_to_take(rejected: Sequence[RejectedArrival]) -> ApiError:
    """Say why none of a request's events can be taken: its client would never learn of it otherwise."""
    first = rejected[0]
    words = _WORDS.get(first.reason, first.reason)
    return ApiError("invalid_events", f"No event could be taken. Event {first.index}: {words}")


async def _with_first_traits(
    services: Services, workspace: str, understood: Understood
) -> list[Arrival]:
    """Give arrivals those of their first traits of which nothing is known yet, by then or by an earlier one."""
    arrivals = understood.arrivals
    told: dict[str, set[str]] = {}
    for place, arrival in enumerate(arrivals if understood.first_traits else ()):
        known = told.get(arrival.visitor)
        if known is None:
            known = told[arrival.visitor] = await _known(services, workspace, arrival)
        first = understood.first_traits.get(place, {})
        fresh: Attributes = {name: value for name, value in first.items() if name not in known}
        (event,) = arrival.events
        attributes = {**fresh, **event.attributes}
        known.update(name for name, value in attributes.items() if value is not None)
        if fresh:
            arrival.events = [msgspec.structs.replace(event, attributes=attributes)]
    return arrivals


async def _known(services: Services, workspace: str, arrival: Arrival) -> set[str]:
    """Name the attributes that a visitor has, under the id of now or the one before."""
    names: set[str] = set()
    for visitor in filter(None, (arrival.visitor, arrival.former)):
        profile = await visitor_profile(services, workspace, visitor)
        names.update(profile.attrs, (f"visitor.{name}" for name in profile.contact))
    return names


# ---- the table


def _post(handler: Handler, *paths: str) -> list[Endpoint]:
    return [
        Endpoint("POST", path, handler, "posthog", DECODED_BYTES_MAX, is_slash_optional=True)
        for path in paths
    ]


ENDPOINTS: tuple[Endpoint, ...] = (
    *chain(
        _post(capture, "/e/", "/i/v0/e/", "/capture/", "/batch/", "/track/"),
        _post(flags, "/flags/", "/decide/"),
        _post(drop, "/s/"),
    ),
    Endpoint("GET", "/array/{key}/config", remote_config, "posthog"),
    Endpoint("GET", "/array/{key}/config.js", remote_config_script, "posthog"),
)
