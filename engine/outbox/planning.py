"""Which deliveries come of a cause: one for each of its events and each endpoint that wants it. Pure."""

from collections.abc import Iterable

from engine.causes import Cause, VisitorErased
from engine.ids import derived_id
from engine.outbox.endpoint import Known
from engine.outbox.webhooks import body_bytes, webhook_bodies
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
    wanted = tuple(endpoints)
    # That a visitor's data are gone is told of, not kept with, the visitor: it is no part of those data.
    visitor = "" if isinstance(cause.body, VisitorErased) else cause.visitor
    deliveries: list[Delivery] = []
    for position, body in enumerate(webhook_bodies(cause)):
        takers = [one.endpoint.id for one in wanted if one.wants(body.event)]
        if not takers:
            continue
        raw = body_bytes(body)
        for endpoint in takers:
            made = Delivery(
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
            deliveries.append(made)
    return tuple(deliveries)


def delivery_id(secret: bytes, cause: str, event: str, endpoint: str) -> str:
    """Name the delivery of a cause's event to an endpoint."""
    return derived_id("dlv", secret, cause, event, endpoint)


def event_id(cause: str, event: str, position: int, secret: bytes) -> str:
    """Name an event: the first one of a cause by the cause, so that whoever posted it knows it."""
    return cause if position == 0 else derived_id("evt", secret, cause, event)
