"""One attempt to bring a delivery to its endpoint: signed, posted, judged, noted of the endpoint, settled."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from random import Random

import msgspec

from engine.causes import Cause, WebhookFails
from engine.clock import Clock
from engine.errors import StoreUnavailable
from engine.ids import derived_id
from engine.outbox.analytics import authorization, batch_of
from engine.outbox.endpoint import Endpoint, Known, Noted, after_attempt
from engine.outbox.endpoints import Endpoints
from engine.outbox.posting import Poster
from engine.outbox.schedule import ERASED_EVENT, Answer, after
from engine.outbox.signing import signatures
from engine.stores.base import Delivery, Store

FAILURES_TOLD = 3
"""Failures in a row of which dashboards are told, once for each time that an endpoint begins to fail."""

SETTLE_PAUSES_S = (0.25, 1.0, 3.0)
"""Pauses before what became of a delivery is written again; after them its claim ends, and it is sent again."""

Tell = Callable[[Sequence[Cause]], Awaitable[None]]
Headers = tuple[tuple[str, str], ...]

_log = logging.getLogger("opportune.webhooks")


class SendingTerms(msgspec.Struct, frozen=True):
    """How deliveries are tried (API.md 12, `[webhooks]`), in milliseconds."""

    timeout_ms: int
    schedule: tuple[int, ...]
    disable_after_ms: int


class Attempts:
    """Makes attempts; what it is told of an endpoint is kept in the store for all workers."""

    def __init__(  # noqa: PLR0913  # the parts of sending, by name
        self,
        store: Store,
        endpoints: Endpoints,
        poster: Poster,
        clock: Clock,
        *,
        terms: SendingTerms,
        secret: bytes,
        chance: Random,
        tell: Tell,
    ) -> None:
        """Post by `poster`; `chance` spreads retries, `tell` takes what dashboards are told."""
        self._store = store
        self._endpoints = endpoints
        self._poster = poster
        self._clock = clock
        self._terms = terms
        self._secret = secret
        self._chance = chance
        self._tell = tell

    async def make(self, delivery: Delivery, endpoint: Endpoint) -> Delivery:
        """Post a delivery once and return it as it is now; nothing is written yet."""
        started_ms = self._clock.now_ms()
        headers, body = request_of(delivery, endpoint, started_ms)
        timeout_s = self._terms.timeout_ms / 1_000
        answer = await self._poster.post(endpoint.url, headers, body, timeout_s)
        now_ms = self._clock.now_ms()
        answer = msgspec.structs.replace(
            _kept_of(answer, endpoint), duration_ms=now_ms - started_ms
        )
        return after(delivery, answer, now_ms, self._terms.schedule, self._chance)

    async def note(self, made: Delivery, failures: int) -> None:
        """Note of the endpoint how an attempt ended; `failures` are those in a row, with this one."""
        is_taken = made.status == "delivered"

        def alter(before: Known) -> Noted:
            return after_attempt(
                before,
                made.http_status,
                made.ended_ms,
                is_taken=is_taken,
                disable_after_ms=self._terms.disable_after_ms,
            )

        try:
            noted = await self._endpoints.note(made.workspace, made.endpoint, alter)
            if noted is None:
                return
            before, now = noted
            is_disabled = bool(now.noted.disabled_ms) and not before.noted.disabled_ms
            if is_disabled or (failures == FAILURES_TOLD and not now.noted.disabled_ms):
                await self._tell([self._fails(now, made.ended_ms)])
        except StoreUnavailable:
            _log.warning("nothing is noted of %s: the store is unavailable", made.endpoint)

    async def settle(self, delivery: Delivery) -> bool:
        """Write down what became of a delivery; False: nobody waits for it any more.

        Raises:
            StoreUnavailable: its claim ends, and it is tried again.
        """
        if delivery.event == ERASED_EVENT and delivery.status != "pending":
            delivery = msgspec.structs.replace(delivery, body=b"")
        for pause_s in SETTLE_PAUSES_S:
            try:
                return await self._store.settle_delivery(delivery)
            except StoreUnavailable:
                await asyncio.sleep(pause_s)
        return await self._store.settle_delivery(delivery)

    def _fails(self, now: Known, at_ms: int) -> Cause:
        endpoint, noted = now.endpoint, now.noted
        is_disabled = bool(noted.disabled_ms)
        fails = WebhookFails(
            endpoint.id, endpoint.url, noted.failing_since_ms, noted.last_status, is_disabled
        )
        parts = (endpoint.id, noted.failing_since_ms, int(is_disabled))
        cause_id = derived_id("evt", self._secret, endpoint.workspace, "webhook_fails", *parts)
        return Cause(cause_id, at_ms, endpoint.workspace, fails)


def request_of(delivery: Delivery, endpoint: Endpoint, now_ms: int) -> tuple[Headers, bytes]:
    """Return the headers and the body of one attempt, as of now."""
    if endpoint.form == "segment":
        # The key is no part of what is kept: it joins the request here alone.
        headers = (("Authorization", authorization(endpoint.secret)),)
        return headers, batch_of(delivery.body, now_ms)
    return _signed_headers(delivery, endpoint, now_ms), delivery.body


def _kept_of(answer: Answer, endpoint: Endpoint) -> Answer:
    """Keep of a destination's refusal its status alone: its words may repeat the write key."""
    if endpoint.form == "webhook" or answer.is_taken or not answer.status:
        return answer
    return msgspec.structs.replace(answer, error=f"answered {answer.status}")


def _signed_headers(delivery: Delivery, endpoint: Endpoint, now_ms: int) -> Headers:
    """Return the headers of a webhook (API.md 7.2)."""
    at_s = now_ms // 1_000
    signed = signatures(endpoint.secrets(now_ms), delivery.event_id, at_s, delivery.body)
    headers = (
        ("webhook-id", delivery.event_id),
        ("webhook-timestamp", str(at_s)),
        ("webhook-signature", signed),
        ("X-Opportune-Workspace", delivery.workspace),
        ("X-Opportune-Attempt", str(delivery.attempt + 1)),
    )
    if not delivery.sequence:
        return headers
    return (*headers, ("X-Opportune-Sequence", str(delivery.sequence)))
