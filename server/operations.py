"""The table of operations: method, path, handler, scope, body limit, family. Routing follows it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from server.call import Call
from server.routes import health, live_chat, outbound, widgets
from server.wire.envelope import Answer, Family

PLATFORM_BYTES_MAX = 262_144

Method = Literal["GET", "POST", "PATCH", "DELETE"]


@dataclass(frozen=True, slots=True)
class Operation:
    """One row. `scope` "" needs no key; a family `widget` checks its token in the handler."""

    name: str
    method: Method
    path: str
    family: Family
    handler: Callable[[Call], Awaitable[Answer]]
    scope: str = ""
    body_bytes_max: int = 0


OPERATIONS = (
    Operation(
        name="create_session",
        method="POST",
        path="/v1/live-chat/sessions",
        family="platform",
        handler=live_chat.create_session,
        scope="sessions:write",
        body_bytes_max=PLATFORM_BYTES_MAX,
    ),
    Operation(
        name="send_message",
        method="POST",
        path="/v1/outbound/live-chat/message",
        family="platform",
        handler=outbound.send_message,
        scope="messages:send",
        body_bytes_max=PLATFORM_BYTES_MAX,
    ),
    Operation(
        name="widget_config",
        method="GET",
        path="/api/widgets/{widget_id}/config",
        family="widget",
        handler=widgets.widget_config,
    ),
    Operation("healthz", "GET", "/healthz", "service", health.healthz),
    Operation("readyz", "GET", "/readyz", "service", health.readyz),
    Operation("version", "GET", "/version", "service", health.version),
    Operation("metrics", "GET", "/metrics", "service", health.metrics),
)

HOT_PATHS: tuple[tuple[Method, str], ...] = (("POST", "/api/widgets/{widget_id}/track"),)
"""What the shell answers before any routing; named here so that other methods on it are a 405."""
