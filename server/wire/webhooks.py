"""Bodies of webhook endpoints and their deliveries (API.md 3.5): what is read, and how they are shown."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct, structs

from engine.outbox.endpoint import Known
from engine.outbox.webhooks import is_subscribable
from engine.shown import rfc3339
from engine.stores.base import Delivery, DeliveryStatus
from server.errors import ApiError
from server.wire.paging import PageQuery

EVENTS_LEN_MAX = 50
"""Names of events an endpoint subscribes to. test_what_an_endpoint_cannot_be_is_refused_by_name"""

REPLAYED_MAX = 10_000
"""Deliveries that one call sends again; a log holds fewer."""

Url = Annotated[str, Meta(max_length=2_048, description="https; a host of the public internet.")]
EventNames = Annotated[
    list[Annotated[str, Meta(max_length=128)]],
    Meta(min_length=1, max_length=EVENTS_LEN_MAX, description='Names of events, or "*" for all.'),
]
Description = Annotated[str, Meta(max_length=200)]
Secret = Annotated[
    str,
    Meta(max_length=128, description='"whsec_" and base64 of 24 to 64 bytes; made when absent.'),
]
Status = Literal["enabled", "disabled"]
Moment = Annotated[datetime, Meta(tz=True)]


# ---- what is read


class WebhookBody(Struct, frozen=True):
    """`POST /v1/webhooks`."""

    url: Url
    events: EventNames
    description: Description | None = None
    secret: Secret | None = None


class WebhookPatch(Struct, frozen=True):
    """`PATCH /v1/webhooks/{webhook_id}`: what is to be changed."""

    url: Url | None = None
    events: EventNames | None = None
    description: Description | None = None
    status: Status | None = None


class DeliveriesQuery(PageQuery, frozen=True, kw_only=True):
    """Which deliveries to list."""

    status: DeliveryStatus | None = None


class ReplayBody(Struct, frozen=True):
    """`POST /v1/webhooks/{webhook_id}/replay`: deliveries made in [since, until) are sent again."""

    since: Moment
    until: Moment | None = None
    events: EventNames | None = None


def check_events(names: list[str]) -> tuple[str, ...]:
    """Return the names of events, each once.

    Raises ApiError: unknown_event.
    """
    for position, name in enumerate(names):
        if not is_subscribable(name):
            words = f'"{name}" is no event; "*" subscribes to all'
            raise ApiError("unknown_event", words, field=f"events[{position}]")
    return tuple(dict.fromkeys(names))


# ---- what is shown


class WebhookShown(Struct, frozen=True, kw_only=True):
    """A webhook endpoint. `origin` file: it stands in the configuration file and is changed there.

    `disabled_reason`: gone = it answered 410; failing = nothing but failures for too long; null = its owner
    disabled it, or it is enabled. `last_status` null: no answer came, or nothing was sent.
    """

    webhook_id: str
    url: str
    events: tuple[str, ...]
    description: str
    status: Status
    origin: Literal["api", "file"]
    disabled_reason: Literal["gone", "failing"] | None
    failing_since: str | None
    last_status: int | None
    created_at: str | None


class WebhookWithSecret(WebhookShown, frozen=True, kw_only=True):
    """A webhook endpoint with its secret, which is shown this once; both secrets sign until `former_until`."""

    secret: str
    former_until: str | None


class WebhookDeleted(Struct, frozen=True):
    """A webhook endpoint that is no more; what was to be sent to it is dropped."""

    webhook_id: str
    deleted: Literal[True] = True


class DeliveryShown(Struct, frozen=True):
    """A delivery. `http_status` null: no answer came. `attempt` counts the attempts that were made."""

    delivery_id: str
    event_id: str
    event: str
    attempt: int
    status: DeliveryStatus
    http_status: int | None
    error: str | None
    duration_ms: int | None
    next_attempt_at: str | None
    created_at: str


class DeliveriesQueued(Struct, frozen=True):
    """How many deliveries are sent again."""

    queued: int


def shown(known: Known) -> WebhookShown:
    """Show an endpoint without its secret."""
    endpoint, noted = known.endpoint, known.noted
    return WebhookShown(
        webhook_id=endpoint.id,
        url=endpoint.url,
        events=endpoint.events,
        description=endpoint.description,
        status="enabled" if known.is_enabled else "disabled",
        origin="file" if endpoint.of_file else "api",
        disabled_reason=noted.disabled_reason or None,
        failing_since=rfc3339(noted.failing_since_ms) if noted.failing_since_ms else None,
        last_status=noted.last_status or None,
        created_at=rfc3339(endpoint.created_ms) if endpoint.created_ms else None,
    )


def shown_with_secret(known: Known, now_ms: int) -> WebhookWithSecret:
    """Show an endpoint to whoever made it or rotated its secret."""
    endpoint = known.endpoint
    is_rotating = len(endpoint.secrets(now_ms)) > 1
    former_until = rfc3339(endpoint.former_until_ms) if is_rotating else None
    rows = structs.asdict(shown(known))
    return WebhookWithSecret(**rows, secret=endpoint.secret, former_until=former_until)


def shown_delivery(delivery: Delivery) -> DeliveryShown:
    """Show a delivery as the log has it."""
    was_tried = delivery.ended_ms > 0
    return DeliveryShown(
        delivery_id=delivery.id,
        event_id=delivery.event_id,
        event=delivery.event,
        attempt=delivery.attempt,
        status=delivery.status,
        http_status=delivery.http_status or None,
        error=delivery.error or None,
        duration_ms=delivery.duration_ms if was_tried else None,
        next_attempt_at=rfc3339(delivery.due_ms) if delivery.status == "pending" else None,
        created_at=rfc3339(delivery.created_ms),
    )
