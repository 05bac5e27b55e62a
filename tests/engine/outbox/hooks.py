"""A sender on a manual clock over a store, and endpoints of a receiver on loopback: for tests of webhooks."""

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from engine.causes import Cause, ConversationStarted
from engine.outbox.attempts import Attempts, SendingTerms
from engine.outbox.delivery_log import DeliveryLog
from engine.outbox.endpoint import Endpoint, Known
from engine.outbox.endpoints import Endpoints
from engine.outbox.planning import plan_deliveries
from engine.outbox.posting import Poster, Resolver
from engine.outbox.sender import WebhookSender
from engine.stores.base import Delivery, Store
from engine.testing.manual_clock import ManualClock
from tests.engine.outbox.causes import AT_MS, CARD, cause, keep
from tests.faults.receiver import SECRET

SIGNING = b"a secret of thirty-two bytes or so"
SCHEDULE = (5_000, 300_000, 1_800_000, 7_200_000)
TERMS = SendingTerms(timeout_ms=2_000, schedule=SCHEDULE, disable_after_ms=120 * 3_600_000)


def endpoint(name: str, url: str, *events: str, **more: object) -> Endpoint:
    """Make an endpoint of the workspace `w`; without events it wants all."""
    return Endpoint(name, "w", url, events or ("*",), SECRET, AT_MS, **more)  # type: ignore[arg-type]


@dataclass(slots=True)
class Sending:
    """The parts of sending, on a clock that stands still; `told` are the causes for dashboards."""

    store: Store
    clock: ManualClock
    endpoints: Endpoints
    poster: Poster
    sender: WebhookSender
    log: DeliveryLog
    told: list[Cause]

    async def happen(self, *names: str, session: str = "chat_1") -> list[Delivery]:
        """Let conversations start, and keep the deliveries that come of it."""
        causes = [cause(name, ConversationStarted(CARD), session) for name in names]
        await keep(self.store, causes)
        known = (await self.endpoints.takers("w")).values()
        made = [one for happened in causes for one in plan_deliveries(happened, known, SIGNING)]
        partition = self.store.partition_of("w", "vis_1")
        await self.store.settle_causes(partition, list(names), made)
        return made

    async def known(self, name: str = "whk_1") -> Known:
        found = await self.endpoints.find("w", name)
        assert found is not None
        return found

    async def logged(self, name: str = "whk_1") -> Sequence[Delivery]:
        return await self.store.deliveries("w", name)

    async def pass_time(self, ms: int) -> None:
        """Let time pass; everything is sent at the instant it is due."""
        end_ms = self.clock.now_ms() + ms
        while True:
            pause_ms = await self.sender.send_due()
            if pause_ms is None or self.clock.now_ms() + max(1, pause_ms) > end_ms:
                break
            self.clock.advance(max(1, pause_ms))
        self.clock.set(end_ms)
        await self.sender.send_due()


@asynccontextmanager
async def sending(
    store: Store,
    clock: ManualClock,
    *of_file: Endpoint,
    terms: SendingTerms = TERMS,
    poster: Poster | None = None,
) -> AsyncIterator[Sending]:
    """Make the parts over a store, with endpoints of a configuration file."""
    resolver = Resolver()
    posting = poster or Poster(allow_private=True, resolve=resolver)
    endpoints, told = Endpoints(store, of_file), list[Cause]()

    async def tell(causes: Sequence[Cause]) -> None:
        told.extend(causes)

    attempts = Attempts(
        store,
        endpoints,
        posting,
        clock,
        terms=terms,
        secret=SIGNING,
        chance=random.Random(1),
        tell=tell,
    )
    sender = WebhookSender(store, endpoints, attempts, clock)
    log = DeliveryLog(store, sender, clock, SIGNING)
    try:
        yield Sending(store, clock, endpoints, posting, sender, log, told)
    finally:
        await sender.stop()
        await posting.close()
        resolver.close()
