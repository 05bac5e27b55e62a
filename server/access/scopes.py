"""What a key may do: the scopes, and those that each role of a dashboard stands for (API.md 2.1, 2.4)."""

from collections.abc import Mapping
from typing import Literal, get_args

Role = Literal["viewer", "editor", "admin"]
Scope = Literal[
    "sessions:read",
    "sessions:write",
    "messages:read",
    "messages:send",
    "messages:override",
    "appointments:read",
    "appointments:write",
    "webhooks:manage",
    "rules:read",
    "rules:write",
    "decisions:read",
    "visitors:read",
    "visitors:erase",
    "events:write",
    "events:emit",
    "agents:use",
    "*",
]

SCOPES: tuple[str, ...] = get_args(Scope)
EVERY_SCOPE = "*"

_VIEWER = frozenset(scope for scope in SCOPES if scope.endswith(":read"))
_EDITOR = _VIEWER | {
    "sessions:write",
    "messages:send",
    "appointments:write",
    "rules:write",
    "events:write",
}
ROLE_SCOPES: Mapping[Role, frozenset[str]] = {
    "viewer": _VIEWER,
    "editor": _EDITOR,
    "admin": frozenset((EVERY_SCOPE,)),
}
"""What each role of a dashboard may do."""
