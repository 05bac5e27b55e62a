"""The ASGI application: the hot route, the paths of other tools, then the framework's router, in one lifespan."""

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import groupby

from starlette.routing import BaseRoute, Route, Router, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from engine.clock import Clock
from engine.ids import Ids
from engine.runtime import Runtime
from engine.stores.base import Store
from server.access.auth import Credentials
from server.config import Config
from server.contract.operation import Operation
from server.contract.operations import HOT_PATHS, OPERATIONS
from server.dispatch import PathEndpoint
from server.hearers import connect_hearers
from server.log_format import LOGGER
from server.metrics import Metrics
from server.middleware import upgrade_refused_by
from server.routes.foreign import serve_foreign
from server.routes.foreign_table import PATHS
from server.routes.track import is_track, serve_track
from server.rulebook.live_rules import LiveRules
from server.services import Services
from server.sockets.chat_socket import ChatSocket
from server.sockets.tenant_socket import TenantSocket

TICK_S = 0.5

COLLECTIONS_AFTER = (10_000, 5, 20)
"""When garbage is looked for. The usual 700 new objects are what a few requests under way hold: nearly all of
them live on, and are looked at for nothing. A full collection, whose pause grows with the sessions in memory,
comes after a million new objects and not after 70,000. What goes without a cycle is freed at once anyhow."""

SWITCH_INTERVAL_S = 0.000_5
"""How long a thread that has something to do waits for the event loop's. With the usual 5 ms a commit, whose
thread waits before and after each statement, takes longer to be begun and ended than to be done."""

Background = Callable[[Services], Awaitable[None]]


class Shell:
    """Dispatches the hot route before the framework: a router costs more than the whole handler."""

    def __init__(self, services: Services, framework: ASGIApp) -> None:
        """Pass everything but the hot route on to `framework`."""
        self.services = services
        self._framework = framework

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, or the lifespan."""
        if scope["type"] != "http":
            await self._framework(scope, receive, send)
            return
        self.services.requests_under_way += 1
        try:
            if is_track(scope):
                await serve_track(self.services, scope, receive, send)
            elif (found := PATHS.find(scope["path"])) is not None:
                await serve_foreign(self.services, found, scope, receive, send)
            else:
                await self._framework(scope, receive, send)
        finally:
            self.services.requests_under_way -= 1


def create_app(  # noqa: PLR0913  # the parts of one server, by name
    config: Config,
    runtime: Runtime,
    *,
    store: Store,
    secret: bytes,
    clock: Clock,
    ids: Ids,
    credentials: Credentials,
    rules: LiveRules,
    background: tuple[Background, ...] = (),
    operations: tuple[Operation, ...] = (),
) -> Shell:
    """Build the application.

    Args:
        config: all settings.
        runtime: started and stopped by the application's lifespan.
        store: also the runtime's.
        secret: signs visitor tokens and cursors; 32 bytes or more.
        clock: also the runtime's.
        ids: also the runtime's.
        credentials: with the keys of the store loaded.
        rules: also the runtime's, by its workspaces.
        background: run beside the requests from start to stop, like the rule watcher.
        operations: served beside those of the table, and in no document.
    """
    services = Services(
        config=config,
        runtime=runtime,
        store=store,
        secret=secret,
        clock=clock,
        ids=ids,
        rules=rules,
        credentials=credentials,
        metrics=Metrics(runtime.stats),
        health=store.health,
    )
    connect_hearers(services)
    router = Router(
        routes=_routes(services, (*OPERATIONS, *operations)),
        redirect_slashes=False,
        default=_Unknown(services),
        lifespan=_lifespan(services, background),
    )
    return Shell(services, router)


def _routes(services: Services, table: tuple[Operation, ...]) -> list[BaseRoute]:
    """Make one route a path from the table of operations."""
    routes: list[BaseRoute] = []
    rows = sorted(table, key=lambda row: row.path)
    for path, group in groupby(rows, key=lambda row: row.path):
        operations: dict[str, Operation] = {row.method: row for row in group}
        family = next(iter(operations.values())).family
        methods = set(operations)
        endpoint = PathEndpoint(services, family, operations, allowed_methods(methods, family))
        routes.append(Route(path, endpoint))
    known = {row.path for row in table}
    for method, path in HOT_PATHS:
        if path not in known:
            allow = allowed_methods({method}, "widget")
            routes.append(Route(path, PathEndpoint(services, "widget", {}, allow)))

    async def chat(scope: Scope, receive: Receive, send: Send) -> None:
        await ChatSocket(services, scope, receive, send).serve()

    async def tenant(scope: Scope, receive: Receive, send: Send) -> None:
        await TenantSocket(services, scope, receive, send).serve()

    routes.append(WebSocketRoute("/v1/sessions/{session_id}", _Application(chat)))
    routes.append(WebSocketRoute("/api/ws/tenant", _Application(tenant)))
    return routes


def allowed_methods(methods: set[str], family: str) -> str:
    """Write the `Allow` header of a path."""
    extra = {"HEAD"} if "GET" in methods else set()
    extra |= {"OPTIONS"} if family == "widget" else set()
    return ", ".join(sorted({*methods, *extra}))


class _Application:
    """Lets Starlette take a function as an ASGI application and not as a handler of its own kind."""

    def __init__(self, serve: ASGIApp) -> None:
        self._serve = serve

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._serve(scope, receive, send)


class _Unknown:
    """Answers what no route takes, requests and upgrades: 404 in the platform's envelope."""

    def __init__(self, services: Services) -> None:
        self._http = PathEndpoint(services, "platform", {}, "")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await self._http(scope, receive, upgrade_refused_by(send))


# ---- lifespan


def _lifespan(
    services: Services, background: tuple[Background, ...]
) -> Callable[[object], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        await services.runtime.start()
        services.outbox.start()
        services.webhooks.sender.start()
        services.present.start()
        tasks = [asyncio.create_task(_tick(services))]
        tasks += [asyncio.ensure_future(_run(run, services)) for run in background]
        # What is in memory now stays: no full collection has to walk through it again.
        gc.freeze()
        gc.set_threshold(*COLLECTIONS_AFTER)
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        try:
            yield
        finally:
            services.is_stopping = True
            services.sockets.close_all(1012)
            services.tenant_sockets.close_all(1012)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await services.present.stop()
            await services.outbox.stop()
            await services.webhooks.stop()
            await services.answering.stop()
            await services.credentials.keys.settle()
            await services.runtime.stop()

    return lifespan


async def _run(run: Background, services: Services) -> None:
    """Run beside the requests; a failure ends this work alone, and is logged."""
    try:
        await run(services)
    except Exception:  # noqa: BLE001  # whatever it was, serving goes on
        LOGGER.exception("background work ended")


async def _tick(services: Services) -> None:
    """Twice a second: note how late the loop comes back from a sleep, and give up late bodies."""
    loop = asyncio.get_running_loop()
    while True:
        before = loop.time()
        await asyncio.sleep(TICK_S)
        passed_s = loop.time() - before
        late_s = max(0.0, passed_s - TICK_S)
        services.metrics.loop_lag_ms = round(late_s * 1000, 1)
        services.admission.tick(passed_s)
        services.body_deadlines.tick()
