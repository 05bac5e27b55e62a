"""Which deliveries come of a cause: one for each of its events and each endpoint that wants it. Pure."""

from collections.abc import Iterable, Iterator, Sequence

from engine.causes import Cause, VisitorErased
from engine.ids import derived_id
from engine.outbox.analytics import analytics_event, call_bytes, may_be_sent_on, track_call
from engine.outbox.endpoint import Known
from engine.outbox.webhooks import body_bytes, event_names, webhook_bodies
from engine.stores.base import Delivery


def plan_deliveries(
    cause: Cause, endpoints: Iterable[Known], secret: bytes
) -> tuple[Delivery, ...]:
    """Return the deliveries of a cause; planned again they are the same, to the byte.

    Args:
        cause: durable, or about to be.
        endpoints: of the cause's workspace.
        secret: signs ids.
    """
    every = tuple(endpoints)
    webhooks = [one for one in every if one.endpoint.form == "webhook"]
    sent_on = [one for one in every if one.endpoint.form == "segment"]
    return (*_to_webhooks(cause, webhooks, secret), *_to_analytics(cause, sent_on, secret))


def is_told(cause: Cause) -> bool:
    """Tell whether any endpoint could want a cause."""
    return bool(event_names(cause)) or analytics_event(cause) is not None


def delivery_id(secret: bytes, cause: str, event: str, endpoint: str) -> str:
    """Name the delivery of a cause's event to an endpoint."""
    return derived_id("dlv", secret, cause, event, endpoint)


def event_id(cause: str, event: str, position: int, secret: bytes) -> str:
    """Name an event: the first one of a cause by the cause, so that whoever posted it knows it."""
    return cause if position == 0 else derived_id("evt", secret, cause, event)


def _to_webhooks(cause: Cause, webhooks: Sequence[Known], secret: bytes) -> Iterator[Delivery]:
    # That a visitor's data are gone is told of, not kept with, the visitor: it is no part of those data.
    visitor = "" if isinstance(cause.body, VisitorErased) else cause.visitor
    for position, body in enumerate(webhook_bodies(cause)):
        takers = [one.endpoint.id for one in webhooks if one.wants(body.event)]
        if not takers:
            continue
        raw = body_bytes(body)
        for endpoint in takers:
            yield Delivery(
                id=delivery_id(secret, cause.id, body.event, endpoint),
                cause=cause.id,
                workspace=cause.workspace,
                visitor=visitor,
                session=cause.session,
                endpoint=endpoint,
                event=body.event,
                event_id=event_id(cause.id, body.event, position, secret),
                body=raw,
                created_ms=cause.at_ms,
                due_ms=cause.at_ms,
                sequence=cause.sequence + position if cause.sequence else 0,
            )


def _to_analytics(cause: Cause, sent_on: Sequence[Known], secret: bytes) -> Iterator[Delivery]:
    """Plan what is sent on of a cause, as far as its visitor allows it."""
    call = track_call(cause) if sent_on else None
    if call is None:
        return
    raw = call_bytes(call)
    for one in sent_on:
        endpoint = one.endpoint
        if one.wants(call.event) and may_be_sent_on(cause, endpoint.guarded):
            yield Delivery(
                id=delivery_id(secret, cause.id, call.event, endpoint.id),
                cause=cause.id,
                workspace=cause.workspace,
                visitor=cause.visitor,
                session=cause.session,
                endpoint=endpoint.id,
                event=call.event,
                event_id=cause.id,
                body=raw,
                created_ms=cause.at_ms,
                due_ms=cause.at_ms,
            )
