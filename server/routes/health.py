"""Service endpoints: is it alive, is it ready, which version, its numbers."""

import hmac
import importlib.metadata

import msgspec
from msgspec import UNSET

from server.access.auth import bearer
from server.call import Call
from server.errors import ApiError
from server.gauges import gauges_of, refused_of
from server.metrics import CONTENT_TYPE
from server.rulebook.live_rules import MAIN
from server.services import Services
from server.wire.envelope import Answer
from server.wire.service import HealthReply, ReadyReply, VersionReply
from server.wire.widgets import PROTOCOL

RULES_LANGUAGE = 1
"""Version of the rule language; it rises when old rule text would mean something else."""


async def healthz(_: Call) -> Answer:
    """Say that the loop runs."""
    return Answer(200, msgspec.json.encode(HealthReply()))


async def readyz(call: Call) -> Answer:
    """Say whether work is taken, and how the server stands."""
    services = call.services
    health = await services.health()
    ready = health.ok and not services.is_stopping
    body = ReadyReply(
        status="ready" if ready else health.reason or "stopping",
        store=health.kind,
        durability=health.durability,
        loop_lag_ms=round(services.metrics.loop_lag_ms),
        queue=health.queued,
        rules=_versions(services),
        primaries_down=health.primaries_down or UNSET,
    )
    return Answer(200 if ready else 503, msgspec.json.encode(body))


def _versions(services: Services) -> dict[str, int]:
    """Name each workspace's version of its main rule set."""
    live = services.runtime.workspaces.live
    return {workspace: one.version for (workspace, name), one in live.items() if name == MAIN}


async def version(_: Call) -> Answer:
    """Say which version runs, and which widget protocol and rule language it speaks."""
    body = VersionReply(
        version=importlib.metadata.version("opportune"),
        protocol=PROTOCOL,
        rules_language=RULES_LANGUAGE,
    )
    return Answer(200, msgspec.json.encode(body))


async def metrics(call: Call) -> Answer:
    """Show the counters to Prometheus; with `server.metrics_token` only to who knows it."""
    wanted = call.services.config.server.metrics_token
    if wanted and not hmac.compare_digest(bearer(call.headers).encode(), wanted.encode()):
        raise ApiError("invalid_credentials", headers=((b"www-authenticate", b"Bearer"),))
    services = call.services
    body = services.metrics.exposition(await gauges_of(services), refused_of(services))
    return Answer(200, body, ((b"content-type", CONTENT_TYPE),))
