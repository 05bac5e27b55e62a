"""A server for tests: the real one over `memory:`, called in process or through real sockets."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import msgspec
import uvicorn
from websockets.asyncio.client import ClientConnection, connect

from engine.clock import Clock
from engine.stores.base import Store
from engine.testing.manual_clock import ManualClock
from server.assembly import Assembled, More, assemble
from server.config import Config, load_config

API_KEY = "dev_key_0123456789abcdef"
SECRET = "a secret of tests that is long enough"
PLATFORM = {"authorization": f"Bearer {API_KEY}", "x-workspace-id": "ws_dev"}
WIDGET = {"authorization": "Bearer wk_dev"}
ORIGIN = "https://shop.example"
AC_PAGE = "https://shop.example/services/ac-repair"

CONFIG = """
[server]
port = 0
secret = "a secret of tests that is long enough"
[store]
url = "memory:"

[[workspaces]]
id = "ws_dev"
name = "Dev"
timezone = "America/Chicago"
rules = "rules"
  [[workspaces.api_keys]]
  name = "dev"
  key = "dev_key_0123456789abcdef"
  [[workspaces.api_keys]]
  name = "reader"
  key = "dev_key_reader_0123456"
  scopes = ["sessions:read"]
  [[workspaces.api_keys]]
  name = "old"
  key = "dev_key_expired_0123456"
  expires = 2020-01-01T00:00:00Z
  [[workspaces.sites]]
  source_id = "site_dev"
  origins = ["https://shop.example"]
  [[workspaces.sites]]
  source_id = "site_strict"
  origins = ["https://strict.example"]
  require_origin = true
  [[workspaces.widget_tokens]]
  token = "wk_dev"
  site = "site_dev"
  [[workspaces.widget_tokens]]
  token = "wk_strict"
  site = "site_strict"
  [[workspaces.assistants]]
  id = "asst_dev"
  name = "Helper"
  [workspaces.widget]
  greeting = "Hello there"

[[workspaces]]
id = "ws_other"
name = "Other"
  [[workspaces.api_keys]]
  name = "other"
  key = "dev_key_other_012345678"
  [[workspaces.sites]]
  source_id = "site_other"
  origins = ["https://other.example"]
  [[workspaces.assistants]]
  id = "asst_other"
  name = "Other helper"
  [[workspaces.widget_tokens]]
  token = "wk_other"
  site = "site_other"
"""

RULES = """
site "dev" timezone "America/Chicago"

pages ac_repair = "/services/ac-repair"

rule ac_help "AC repair help" {
  on page ac_repair
  when time_on_page >= 45s
  say "Need help with your AC?"
    reply "Get a Quote"      -> quote    as quote_request
    reply "Schedule Service" -> schedule as schedule_service
    reply "No thanks"        -> dismiss  as no_thanks
}
"""


@dataclass(frozen=True, slots=True)
class Answered:
    """A response: status, headers in lower case, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict:
        return msgspec.json.decode(self.body)


@dataclass(frozen=True, slots=True)
class TestServer:
    """An assembled server whose runtime runs."""

    __test__ = False

    parts: Assembled
    clock: ManualClock
    http: httpx2.AsyncClient

    async def send(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answered:
        """Make a request; bytes are sent as they are, everything else as JSON."""
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        plain = {} if body is None else {"content-type": "application/json"}
        response = await self.http.request(
            method,
            path,
            content=None if body is None else content,
            headers={**plain, **(headers or {})},
        )
        return Answered(response.status_code, dict(response.headers), response.content)

    async def track(self, body: object, headers: Mapping[str, str] | None = None) -> Answered:
        path = "/api/widgets/ws_dev/track"
        return await self.send("POST", path, body, WIDGET if headers is None else headers)

    async def open_session(self, **visitor: object) -> dict:
        body = {"source_id": "site_dev", "visitor": visitor}
        answered = await self.send("POST", "/v1/live-chat/sessions", body, PLATFORM)
        assert answered.status == 200, answered.body
        return answered.json["data"]

    async def pass_time(self, by_ms: int) -> None:
        """Move the clock on and take the wake-ups that fall due."""
        self.clock.advance(by_ms)
        await self.parts.runtime._wakes.take_due()


def write_config(folder: Path, text: str = CONFIG, rules: str = RULES) -> Config:
    """Write a configuration with one rule file and load it."""
    (folder / "rules").mkdir(exist_ok=True)
    (folder / "rules" / "main.rules").write_text(rules)
    (folder / "opportune.toml").write_text(text)
    return load_config(folder / "opportune.toml", {})


@asynccontextmanager
async def in_process(config: Config, clock: ManualClock | None = None) -> AsyncIterator[TestServer]:
    """Run a server without a network, on a clock that stands still."""
    clock = clock or ManualClock()
    parts = await assemble(config, clock=clock)
    await parts.runtime.start()
    transport = httpx2.ASGITransport(app=parts.app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as http:
        try:
            yield TestServer(parts, clock, http)
        finally:
            await parts.runtime.stop()


@dataclass(frozen=True, slots=True)
class ListeningServer:
    """A server on a real port of 127.0.0.1."""

    server: TestServer
    port: int

    def socket(self, session_id: str, **options: object) -> connect:
        """Open a chat socket; use it as `async with`."""
        return connect(f"ws://127.0.0.1:{self.port}/v1/sessions/{session_id}", **options)


@asynccontextmanager
async def listening(
    config: Config,
    clock: Clock | None = None,
    store: Store | None = None,
    more: More | None = None,
) -> AsyncIterator[ListeningServer]:
    """Run a server with uvicorn, set as `opportune serve` sets it."""
    manual = clock if isinstance(clock, ManualClock) else ManualClock()
    parts = await assemble(config, clock=clock or manual, store=store, more=more)
    settings = uvicorn.Config(
        parts.app,
        host="127.0.0.1",
        port=0,
        http="httptools",
        ws="websockets-sansio",
        ws_max_size=131_072,
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
    )
    runner = uvicorn.Server(settings)
    serving = asyncio.create_task(runner.serve())
    while not runner.started:  # noqa: ASYNC110  # uvicorn offers no event to wait for
        await asyncio.sleep(0.01)
    port = runner.servers[0].sockets[0].getsockname()[1]
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        try:
            yield ListeningServer(TestServer(parts, manual, http), port)
        finally:
            runner.should_exit = True
            await serving


async def next_frame(socket: ClientConnection, kind: str) -> dict:
    """Read frames until one of a type comes."""
    async with asyncio.timeout(5):
        while True:
            frame = msgspec.json.decode(await socket.recv())
            if frame["type"] == kind:
                return frame


async def frames_until(socket: ClientConnection, kind: str) -> list[dict]:
    """Read the frames before the next one of a type."""
    frames: list[dict] = []
    async with asyncio.timeout(5):
        while True:
            frame = msgspec.json.decode(await socket.recv())
            if frame["type"] == kind:
                return frames
            frames.append(frame)


async def say(socket: ClientConnection, **frame: object) -> None:
    await socket.send(msgspec.json.encode(frame).decode())


async def authenticated(socket: ClientConnection, **more: object) -> dict:
    """Authenticate with the widget token; returns the hello frame."""
    await say(socket, type="auth", token="wk_dev", **more)
    return await next_frame(socket, "hello")


async def close_code(socket: ClientConnection) -> int:
    """Wait until the server closes, and return its code."""
    async with asyncio.timeout(8):
        await socket.wait_closed()
    assert socket.close_code is not None
    return socket.close_code
