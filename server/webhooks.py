"""The webhooks of one server: its endpoints, what is planned for them, and the sender, made from the configuration."""

import random
from dataclasses import dataclass

from engine.causes import Cause
from engine.clock import Clock
from engine.ids import Ids
from engine.outbox.attempts import Attempts, SendingTerms, Tell
from engine.outbox.delivery_log import DeliveryLog
from engine.outbox.endpoint import Endpoint
from engine.outbox.endpoints import Endpoints
from engine.outbox.planning import plan_deliveries
from engine.outbox.posting import Poster, Resolver
from engine.outbox.sender import WebhookSender
from engine.outbox.webhooks import event_names
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
        if not event_names(cause):
            return ()
        known = await self.endpoints.of_workspace(cause.workspace)
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
    endpoints = Endpoints(store, _of_file(config))
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
