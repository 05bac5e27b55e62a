"""What one server sends to others: its endpoints, what is planned for them, and the sender, from the configuration."""

import random
from dataclasses import dataclass

from engine.causes import Cause
from engine.clock import Clock
from engine.ids import Ids
from engine.outbox.attempts import Attempts, SendingTerms, Tell
from engine.outbox.delivery_log import DeliveryLog
from engine.outbox.endpoint import Endpoint
from engine.outbox.endpoints import Endpoints
from engine.outbox.planning import is_told, plan_deliveries
from engine.outbox.posting import Poster, Resolver
from engine.outbox.sender import WebhookSender
from engine.outbox.webhooks import EVERY_EVENT
from engine.stores.base import Delivery, Store
from server.config import Config


@dataclass(frozen=True, slots=True)
class Webhooks:
    """The parts; `plan` is for the outbox, `sender` starts after it and stops before the store closes."""

    endpoints: Endpoints
    poster: Poster
    resolver: Resolver
    sender: WebhookSender
    log: DeliveryLog
    secret: bytes

    async def plan(self, cause: Cause) -> tuple[Delivery, ...]:
        """Return the deliveries that come of a cause."""
        if not is_told(cause):
            return ()
        known = await self.endpoints.takers(cause.workspace)
        return plan_deliveries(cause, known.values(), self.secret)

    async def stop(self) -> None:
        """Send no more, and close what is open."""
        await self.sender.stop()
        await self.poster.close()
        self.resolver.close()


def webhooks_of(
    config: Config, store: Store, *, clock: Clock, ids: Ids, secret: bytes, tell: Tell
) -> Webhooks:
    """Make the parts; nothing is sent before the sender starts, and then what `sender.owned` names."""
    of_file = [*_of_file(config), *_destinations(config, clock.now_ms())]
    endpoints = Endpoints(store, of_file)
    resolver = Resolver()
    poster = Poster(allow_private=config.webhooks.allow_private, resolve=resolver)
    attempts = Attempts(
        store,
        endpoints,
        poster,
        clock,
        terms=SendingTerms(
            config.webhooks.timeout, config.webhooks.retry_schedule, config.webhooks.disable_after
        ),
        secret=secret,
        chance=random.Random(ids.make("snd")),  # noqa: S311  # spreads retries, guards nothing
        tell=tell,
    )
    sender = WebhookSender(store, endpoints, attempts, clock)
    log = DeliveryLog(store, sender, clock, secret)
    return Webhooks(endpoints, poster, resolver, sender, log, secret)


def _of_file(config: Config) -> list[Endpoint]:
    return [
        Endpoint(hook.id, workspace.id, hook.url, hook.events, hook.secret, of_file=True)
        for workspace in config.workspaces
        for hook in workspace.webhooks
    ]


def _destinations(config: Config, now_ms: int) -> list[Endpoint]:
    """Make the destinations of events that are sent on (API.md 8.5).

    No call of the API tries one out, so that one which was disabled begins anew with the server. Its id is
    no webhook's, and no other workspace's: each has a way of its own.
    """
    return [
        Endpoint(
            f"analytics.{workspace.id}",
            workspace.id,
            workspace.analytics.url,
            (EVERY_EVENT,),
            workspace.analytics.write_key,
            since_ms=now_ms,
            of_file=True,
            form="segment",
            guarded=tuple(site.source_id for site in workspace.sites if site.consent == "required"),
        )
        for workspace in config.workspaces
        if workspace.analytics is not None
    ]
