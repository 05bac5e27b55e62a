"""Webhook endpoints of the platform API: made, changed, tried out, and what became of their deliveries."""

from msgspec.structs import replace

from engine.conversations.slots import instant_ms
from engine.ids import system_random_bytes
from engine.outbox.delivery_log import Wanted
from engine.outbox.endpoint import Endpoint, Known, rotated
from engine.outbox.endpoints import ENDPOINTS_MAX, TooManyEndpoints
from engine.outbox.network_guard import BadTarget, NotPublic
from engine.outbox.signing import key_of, make_secret
from server.call import Call
from server.errors import ApiError
from server.wire.decoding import Reader
from server.wire.envelope import Answer
from server.wire.webhooks import (
    REPLAYED_MAX,
    DeliveriesQuery,
    DeliveriesQueued,
    ReplayBody,
    WebhookBody,
    WebhookDeleted,
    WebhookPatch,
    check_events,
    shown,
    shown_delivery,
    shown_with_secret,
)

_reader = Reader(WebhookBody)
_patch_reader = Reader(WebhookPatch)
_replay_reader = Reader(ReplayBody)


async def create_webhook(call: Call) -> Answer:
    """Make an endpoint; its secret is shown in this answer and in that of a rotation only."""
    body, warnings = call.read(_reader)
    events = check_events(body.events)
    await _check_url(call, body.url)
    endpoint = Endpoint(
        id=call.make_id("whk"),
        workspace=call.workspace.id,
        url=body.url,
        events=events,
        secret=_secret(body.secret),
        created_ms=call.now_ms,
        description=body.description or "",
    )
    try:
        known = await call.services.webhooks.endpoints.create(endpoint)
    except TooManyEndpoints:
        words = f"A workspace has at most {ENDPOINTS_MAX} webhooks; delete one first"
        raise ApiError("too_many_webhooks", words) from None
    return call.success(shown_with_secret(known, call.now_ms), warnings)


async def list_webhooks(call: Call) -> Answer:
    """List the endpoints of the workspace, those of the configuration file first; they are never many."""
    found = await call.services.webhooks.endpoints.of_workspace(call.workspace.id)
    return call.page([shown(known) for known in found.values()], None)


async def get_webhook(call: Call) -> Answer:
    """Show an endpoint."""
    return call.success(shown(await _found(call)))


async def change_webhook(call: Call) -> Answer:
    """Change an endpoint; with another URL, or enabled again, it begins anew."""
    body, warnings = call.read(_patch_reader)
    events = None if body.events is None else check_events(body.events)
    if body.url is not None:
        await _check_url(call, body.url)
    await _own(call)

    def alter(endpoint: Endpoint) -> Endpoint:
        url = body.url or endpoint.url
        is_new = body.status == "enabled" or url != endpoint.url
        return replace(
            endpoint,
            url=url,
            events=events or endpoint.events,
            description=endpoint.description if body.description is None else body.description,
            is_enabled=endpoint.is_enabled if body.status is None else body.status == "enabled",
            since_ms=call.now_ms if is_new else endpoint.since_ms,
        )

    endpoints, name = call.services.webhooks.endpoints, call.params["webhook_id"]
    known = await endpoints.change(call.workspace.id, name, alter)
    if known is None:
        raise ApiError("webhook_not_found")
    return call.success(shown(known), warnings)


async def delete_webhook(call: Call) -> Answer:
    """Delete an endpoint; what was to be sent to it is dropped when it falls due."""
    known = await _own(call)
    await call.services.webhooks.endpoints.remove(call.workspace.id, known.endpoint.id)
    return call.success(WebhookDeleted(known.endpoint.id))


async def rotate_secret(call: Call) -> Answer:
    """Give an endpoint a new secret; the one before signs too for a day."""
    known = await _own(call)
    secret, rotation = make_secret(system_random_bytes), call.make_id("evt")
    changed = await call.services.webhooks.endpoints.change(
        call.workspace.id,
        known.endpoint.id,
        lambda endpoint: rotated(endpoint, secret, rotation, call.now_ms),
    )
    if changed is None:
        raise ApiError("webhook_not_found")
    return call.success(shown_with_secret(changed, call.now_ms))


async def test_webhook(call: Call) -> Answer:
    """Send `webhook.test` to an endpoint, also to one that is disabled, and show what came of it."""
    known = await _found(call)
    delivery = await call.services.webhooks.log.test(known, call.make_id("evt"))
    return call.success(shown_delivery(delivery))


# ---- deliveries


async def list_deliveries(call: Call) -> Answer:
    """List the deliveries of an endpoint, newest first."""
    query = call.query(DeliveriesQuery)
    before = call.cursor(query.cursor)
    known = await _found(call)
    log = call.services.webhooks.log
    found, more = await log.listed(known, query.status, before, query.limit)
    return call.page([shown_delivery(one) for one in found], more)


async def replay_delivery(call: Call) -> Answer:
    """Send one delivery again."""
    known = await _enabled(call)
    sent = await call.services.webhooks.log.again(known, call.params["delivery_id"])
    if sent is None:
        raise ApiError("delivery_not_found")
    return call.success(shown_delivery(sent))


async def replay_deliveries(call: Call) -> Answer:
    """Send the deliveries of a time again, as far as the log holds them."""
    body, warnings = call.read(_replay_reader)
    events = () if body.events is None else check_events(body.events)
    since_ms = instant_ms(body.since)
    until_ms = call.now_ms + 1 if body.until is None else instant_ms(body.until)
    known = await _enabled(call)
    wanted = Wanted(since_ms, until_ms, events)
    queued = await call.services.webhooks.log.all_again(known, wanted, REPLAYED_MAX)
    return call.success(DeliveriesQueued(queued), warnings)


# ---- parts


async def _found(call: Call) -> Known:
    endpoints, name = call.services.webhooks.endpoints, call.params["webhook_id"]
    known = await endpoints.find(call.workspace.id, name)
    if known is None:
        raise ApiError("webhook_not_found")
    return known


async def _own(call: Call) -> Known:
    """Return an endpoint that the API may change."""
    known = await _found(call)
    if known.endpoint.of_file:
        words = "This webhook stands in the configuration file; change it there and restart"
        raise ApiError("invalid_value", words, field="webhook_id")
    return known


async def _enabled(call: Call) -> Known:
    """Return an endpoint that something can be sent to."""
    known = await _found(call)
    if not known.is_enabled:
        words = "The webhook is disabled; enable it first"
        raise ApiError("invalid_value", words, field="webhook_id")
    return known


async def _check_url(call: Call, url: str) -> None:
    try:
        await call.services.webhooks.poster.check(url)
    except BadTarget as problem:
        raise ApiError("invalid_url", f"url {problem}", field="url") from None
    except NotPublic:
        raise ApiError("private_address", field="url") from None


def _secret(given: str | None) -> str:
    if given is None:
        return make_secret(system_random_bytes)
    try:
        key_of(given)
    except ValueError as problem:
        raise ApiError("invalid_value", f"secret: {problem}", field="secret") from None
    return given
