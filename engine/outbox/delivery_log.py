"""What the owner of an endpoint asks of its deliveries: the list of them, one sent again, many, a test."""

import asyncio
from collections.abc import Sequence

import msgspec

from engine.clock import Clock
from engine.outbox.endpoint import Known
from engine.outbox.planning import delivery_id
from engine.outbox.schedule import ERASED_EVENT, TEST_EVENT
from engine.outbox.sender import WebhookSender
from engine.outbox.webhooks import EVERY_EVENT, WebhookBody, WebhookTested, body_bytes
from engine.shown import rfc3339
from engine.stores.base import Delivery, DeliveryStatus, Store

_ROWS = 500
_AT_ONCE = 64


class Wanted(msgspec.Struct, frozen=True):
    """Which deliveries are sent again: made in [`since_ms`, `until_ms`), of these events; none named = all."""

    since_ms: int
    until_ms: int
    events: tuple[str, ...] = ()

    def fits(self, delivery: Delivery) -> bool:
        """Tell whether a delivery is meant; one that is still on its way comes anyhow; tests and erasures stay out."""
        return (
            self.since_ms <= delivery.created_ms < self.until_ms
            and delivery.status != "pending"
            and delivery.event not in (TEST_EVENT, ERASED_EVENT)
            and (not self.events or EVERY_EVENT in self.events or delivery.event in self.events)
        )


class DeliveryLog:
    """Reads the deliveries of endpoints over one store, and has them sent again."""

    def __init__(self, store: Store, sender: WebhookSender, clock: Clock, secret: bytes) -> None:
        """Send by `sender`; `secret` signs ids."""
        self._store = store
        self._sender = sender
        self._clock = clock
        self._secret = secret

    async def listed(
        self, known: Known, status: DeliveryStatus | None, before: str | None, limit: int
    ) -> tuple[Sequence[Delivery], str | None]:
        """List an endpoint's deliveries, newest first; the second is where the next page begins."""
        endpoint = known.endpoint
        found = await self._store.deliveries(
            endpoint.workspace, endpoint.id, status=status, before=before, limit=limit + 1
        )
        return found[:limit], found[limit - 1].id if len(found) > limit else None

    async def again(self, known: Known, name: str) -> Delivery | None:
        """Send one delivery again, with its ids and bytes; None: the log does not hold it, or not its body."""
        endpoint = known.endpoint
        found = await self._store.delivery(endpoint.workspace, endpoint.id, name)
        return await self._send_again(found) if found is not None and found.body else None

    async def all_again(self, known: Known, wanted: Wanted, limit: int) -> int:
        """Send the deliveries that are wanted again, the newest `limit` of them, and count them."""
        endpoint, before = known.endpoint, None
        found: list[Delivery] = []
        while len(found) < limit:
            page = await self._store.deliveries(
                endpoint.workspace, endpoint.id, before=before, limit=_ROWS
            )
            found.extend(one for one in page if wanted.fits(one))
            if len(page) < _ROWS or page[-1].created_ms < wanted.since_ms:
                break
            before = page[-1].id
        del found[limit:]
        for start in range(0, len(found), _AT_ONCE):
            await asyncio.gather(*map(self._send_again, found[start : start + _AT_ONCE]))
        return len(found)

    async def test(self, known: Known, event_id: str) -> Delivery:
        """Send a `webhook.test` once, now, and return what came of it."""
        endpoint, now_ms = known.endpoint, self._clock.now_ms()
        body = WebhookBody(TEST_EVENT, None, rfc3339(now_ms), WebhookTested(endpoint.id))
        made = Delivery(
            id=delivery_id(self._secret, event_id, TEST_EVENT, endpoint.id),
            cause="",
            workspace=endpoint.workspace,
            visitor="",
            session="",
            endpoint=endpoint.id,
            event=TEST_EVENT,
            event_id=event_id,
            body=body_bytes(body),
            created_ms=now_ms,
            due_ms=now_ms,
        )
        return await self._sender.send_now(known, made)

    async def _send_again(self, delivery: Delivery) -> Delivery:
        fresh = msgspec.structs.replace(
            delivery,
            status="pending",
            due_ms=self._clock.now_ms(),
            attempt=0,
            http_status=0,
            error="",
            duration_ms=0,
            ended_ms=0,
        )
        await self._store.send_again(fresh)
        self._sender.note(self._store.partition_of(fresh.workspace, fresh.visitor))
        return fresh
