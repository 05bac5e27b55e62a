"""What every handler may use: settings, runtime, clock, ids, credentials, counters."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from engine.clock import Clock
from engine.ids import Ids
from engine.runtime import Runtime
from engine.stores.base import Health
from server.auth import Credentials
from server.config import Config
from server.metrics import Metrics
from server.middleware import BodyDeadlines, RequestIds, cors_headers, security_headers
from server.sockets.registry import OpenSockets
from server.wire.envelope import Header


@dataclass(slots=True)
class Services:
    """One server's parts; `is_stopping` is set once it takes no new work.

    `events_in_flight` counts events whose commit is waited for.
    """

    config: Config
    runtime: Runtime
    clock: Clock
    ids: Ids
    credentials: Credentials
    metrics: Metrics
    health: Callable[[], Awaitable[Health]]
    sockets: OpenSockets = field(default_factory=OpenSockets)
    is_stopping: bool = False
    events_in_flight: int = 0
    body_deadlines: BodyDeadlines = field(default_factory=BodyDeadlines)
    workspaces: frozenset[str] = field(init=False)
    request_ids: RequestIds = field(init=False)
    no_store_headers: tuple[Header, ...] = field(init=False)
    plain_headers: tuple[Header, ...] = field(init=False)
    cors: Mapping[bytes, tuple[Header, ...]] = field(init=False)

    def __post_init__(self) -> None:
        """Prepare what every request looks up: names, ids, headers; `cors` is by Origin."""
        self.workspaces = frozenset(workspace.id for workspace in self.config.workspaces)
        self.request_ids = RequestIds(self.ids)
        strict = self.config.server.require_https
        self.no_store_headers = security_headers(no_store=True, strict_https=strict)
        self.plain_headers = security_headers(no_store=False, strict_https=strict)
        self.cors = {
            origin.encode("latin-1"): cors_headers(origin)
            for origin in self.credentials.all_origins
        }
