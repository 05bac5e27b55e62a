"""Two whole servers over one store, in one process, on a clock that stands still."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx2

from engine.testing.manual_clock import ManualClock
from engine.testing.shared_store import SharedMemory
from server.assembly import assemble, change_watch
from server.config import Config
from tests.server.running import TestServer, write_config


class Workers:
    """Two servers over one shared store; `watch` lets both hear of changes, as they do by themselves."""

    def __init__(self, first: TestServer, second: TestServer) -> None:
        self.first, self.second = first, second
        self._watches = [change_watch(each.parts.app.services) for each in (first, second)]

    async def watch(self) -> None:
        for watch in self._watches:
            await watch.look()


@asynccontextmanager
async def two_workers(folder: Path, config: Config | None = None) -> AsyncIterator[Workers]:
    """Start two servers over one store in memory; neither heartbeat nor poll runs by itself."""
    clock = ManualClock()
    shared = SharedMemory(clock.now_ms)
    config = config or write_config(folder)
    async with AsyncExitStack() as stack:
        servers = []
        for _ in range(2):
            parts = await assemble(config, clock=clock, store=shared.view())
            stack.push_async_callback(parts.runtime.stop)
            transport = httpx2.ASGITransport(app=parts.app)
            http = await stack.enter_async_context(
                httpx2.AsyncClient(transport=transport, base_url="http://test")
            )
            servers.append(TestServer(parts, clock, http))
        yield Workers(*servers)
