"""What every handler may use: settings, runtime, clock, ids, credentials, counters."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from engine.causes import Cause
from engine.clock import Clock
from engine.conversations.agent_sessions import AgentSessions
from engine.conversations.answering import Answering
from engine.conversations.bookings import Bookings
from engine.conversations.desk import Desk
from engine.conversations.errands import Errands
from engine.conversations.tool_calls import Counter
from engine.conversations.voice import Voice
from engine.custody import Custody
from engine.feeds import LiveFeed
from engine.identity import carry_spend
from engine.ids import Ids
from engine.outbox.outbox import Outbox
from engine.outbox.present import Present
from engine.runtime import Runtime
from engine.stores.base import Health, Store
from server.access.auth import Credentials
from server.access.passwords import PasswordChecks
from server.admission import Admission
from server.archive_folder import configured_archive
from server.assistants import terms_by_workspace
from server.capacity import calendars_of, places_of, pools_of
from server.config import Config
from server.errors import ApiError
from server.handed_out import HandedOut
from server.ingest.client_clocks import ClientClocks
from server.limits.rate_limits import RateLimits
from server.metrics import Metrics
from server.middleware import CLOSE, BodyDeadlines, RequestIds, cors_headers, security_headers
from server.model_assistants import ModelAssistants
from server.pagination import Cursors
from server.rulebook.live_rules import LiveRules
from server.rulebook.past_programs import PastPrograms
from server.side_work import SideWork
from server.sockets.registry import Closable, OpenSockets
from server.sockets.tenants import TenantSockets
from server.webhooks import Webhooks, webhooks_of
from server.wire.envelope import Header


@dataclass(slots=True)
class Services:
    """One server's parts; `is_stopping` is set once it takes no new work.

    `secret` signs what clients hold for the server. `operator_token` "" lets no operator in.
    `requests_under_way` counts requests over HTTP that are not answered yet,
    `connections` are the sockets that are open, of visitors and dashboards, in order of their upgrade.
    """

    config: Config
    runtime: Runtime
    store: Store
    secret: bytes = field(repr=False)
    clock: Clock
    ids: Ids
    rules: LiveRules
    credentials: Credentials
    metrics: Metrics
    health: Callable[[], Awaitable[Health]]
    sockets: OpenSockets = field(default_factory=OpenSockets)
    tenant_sockets: TenantSockets = field(default_factory=TenantSockets)
    handed_out: HandedOut = field(default_factory=HandedOut)
    side_work: SideWork = field(default_factory=SideWork)
    operator_token: str = field(default="", repr=False)
    passwords: PasswordChecks = field(default_factory=PasswordChecks)
    is_stopping: bool = False
    requests_under_way: int = 0
    connections: dict[Closable, None] = field(default_factory=dict)
    admission: Admission = field(default_factory=Admission)
    body_deadlines: BodyDeadlines = field(default_factory=BodyDeadlines)
    client_clocks: ClientClocks = field(default_factory=ClientClocks)
    workspaces: frozenset[str] = field(init=False)
    feed: LiveFeed = field(init=False)
    present: Present = field(init=False)
    outbox: Outbox = field(init=False)
    webhooks: Webhooks = field(init=False)
    answering: Answering = field(init=False)
    agent_sessions: AgentSessions = field(init=False)
    bookings: Bookings = field(init=False)
    voice: Voice = field(init=False)
    desk: Desk = field(init=False)
    errands: Errands = field(init=False)
    custody: Custody = field(init=False)
    past_programs: PastPrograms = field(init=False)
    request_ids: RequestIds = field(init=False)
    cursors: Cursors = field(init=False)
    rate_limits: RateLimits = field(init=False)
    no_store_headers: tuple[Header, ...] = field(init=False)
    plain_headers: tuple[Header, ...] = field(init=False)
    cors: Mapping[bytes, tuple[Header, ...]] = field(init=False)

    def __post_init__(self) -> None:
        """Prepare what every request looks up: names, ids, headers; `cors` is by Origin."""
        self.workspaces = frozenset(workspace.id for workspace in self.config.workspaces)
        self.feed = LiveFeed(self.store)
        self.present = Present(self.runtime, self.store, self.feed, self.clock)
        self.outbox = Outbox(self.store)
        self.webhooks = webhooks_of(
            self.config,
            self.store,
            clock=self.clock,
            ids=self.ids,
            secret=self.secret,
            tell=self.runtime.tell,
        )
        self.bookings = Bookings(
            self.store, self.runtime, self.clock, self.secret, calendars_of(self.config)
        )
        counter = Counter(self.runtime, self.bookings, self.clock, self.secret)
        models = ModelAssistants(self.config, self.store, self.clock, counter)
        self.answering = Answering(
            self.runtime,
            terms_by_workspace(self.config),
            self.secret,
            models.make,
            release=models.close,
        )
        self.agent_sessions = AgentSessions(self.store)
        self.voice = Voice(self.store, self.clock, pools_of(self.config))
        self.desk = Desk(self.store, self.runtime, self.clock, places_of(self.config))
        self.errands = Errands(
            runtime=self.runtime,
            clock=self.clock,
            secret=self.secret,
            bookings=self.bookings,
            voice=self.voice,
            desk=self.desk,
            assistants=terms_by_workspace(self.config),
        )
        self.custody = Custody(
            store=self.store,
            runtime=self.runtime,
            clock=self.clock,
            secret=self.secret,
            bookings=self.bookings,
            voice=self.voice,
            desk=self.desk,
            agent_sessions=self.agent_sessions,
            archive=configured_archive(self.config),
        )
        self.past_programs = PastPrograms(self.rules)
        self.request_ids = RequestIds(self.ids)
        self.cursors = Cursors(self.secret)
        self.rate_limits = RateLimits(self.store, self.clock, self.secret, self.config.limits)
        strict = self.config.server.require_https
        self.no_store_headers = security_headers(no_store=True, strict_https=strict)
        self.plain_headers = security_headers(no_store=False, strict_https=strict)
        self.cors = {
            origin.encode("latin-1"): cors_headers(origin)
            for origin in self.credentials.all_origins
        }

    async def carry_spend(self, cause: Cause) -> None:
        """Bring what a merged visitor's running session spent to the known visitor; safe to do twice."""
        await carry_spend(self.store, cause.workspace, cause.visitor)


def check_serving(services: Services) -> None:
    """Refuse new work while the server ends.

    Raises ApiError: shutting_down.
    """
    if services.is_stopping:
        raise ApiError("shutting_down", retry_after_s=1, headers=(CLOSE,))
