"""Dashboards for tests: a configuration with keys for their tokens, and a socket that is authenticated."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from websockets.asyncio.client import ClientConnection, connect

from engine.clock import Clock
from server.access.jwt_tokens import make_dashboard_token
from server.access.scopes import Role
from tests.server.running import CONFIG, ListeningServer, listening, say, write_config

JWT_TABLES = {
    'rules = "rules"\n': '  [workspaces.jwt]\n  secret = "a dashboard secret of ws_dev, long enough"\n',
    'name = "Other"\n': '  [workspaces.jwt]\n  secret = "a dashboard secret of ws_other, long enough"\n',
}
QUIET = ["conversation:*", "message:*", "decision:*", "session:*", "appointment:*", "rules:*"]
"""Everything that is kept: what passes comes when it likes."""


def dashboard_config() -> str:
    """Return the configuration of the other tests with a `[workspaces.jwt]` in both workspaces."""
    text = CONFIG
    for line, table in JWT_TABLES.items():
        assert text.count(line) == 1
        text = text.replace(line, line + table)
    return text


@asynccontextmanager
async def dashboards(folder: Path, clock: Clock | None = None) -> AsyncIterator[ListeningServer]:
    """Run a listening server whose workspaces accept dashboard tokens."""
    async with listening(write_config(folder, dashboard_config()), clock) as live:
        yield live


def token(
    live: ListeningServer,
    workspace: str = "ws_dev",
    sub: str = "maria",
    *,
    role: Role = "viewer",
    valid_ms: int = 3_600_000,
) -> str:
    """Sign a dashboard token of a workspace."""
    services = live.server.parts.app.services
    found = services.config.workspace(workspace)
    assert found is not None
    now_ms = services.clock.now_ms()
    return make_dashboard_token(found, sub, role, now_ms=now_ms, valid_ms=valid_ms)


def tenant(live: ListeningServer, **options: object) -> connect:
    """Open a tenant socket; use it as `async with`."""
    return connect(f"ws://127.0.0.1:{live.port}/api/ws/tenant", **options)


async def signed_in(socket: ClientConnection, text: str, **more: object) -> dict:
    """Authenticate with a token; returns the data of `auth:ok`."""
    await say(socket, type="auth", token=text, **more)
    frame = msgspec.json.decode(await socket.recv())
    assert frame["type"] == "auth:ok", frame
    return frame["data"]


async def frames(socket: ClientConnection, count: int) -> list[dict]:
    """Read so many frames."""
    return [msgspec.json.decode(await socket.recv()) for _ in range(count)]


def types(read: Iterable[dict]) -> list[str]:
    """Return the types of frames, with the sender of a message."""
    named = []
    for frame in read:
        sender = frame["data"].get("from") if frame["type"] == "message:new" else None
        named.append(f"{frame['type']} {sender}" if sender else frame["type"])
    return named
