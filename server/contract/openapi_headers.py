"""Headers and parameters of the API's operations, as its OpenAPI document shows them."""

from collections.abc import Mapping

from server.contract.json_schemas import Schema
from server.contract.operation import Operation
from server.wire.envelope import Family

_TEXT: Schema = {"type": "string"}
_WHOLE: Schema = {"type": "integer", "minimum": 0}

PARAMETERS: dict[str, Schema] = {
    "WorkspaceId": {
        "name": "X-Workspace-ID",
        "in": "header",
        "required": True,
        "description": "The workspace of the credential.",
        "schema": _TEXT,
        "example": "ws_demo",
    },
    "AgentWorkspaceId": {
        "name": "X-Workspace-ID",
        "in": "header",
        "required": False,
        "description": "The workspace of the key, when it is sent at all.",
        "schema": _TEXT,
        "example": "ws_demo",
    },
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "The same key with the same body gives the first answer again for 24 h.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
    },
    "RequestId": {
        "name": "X-Request-ID",
        "in": "header",
        "required": False,
        "description": "Names the request in its answer and in the log; made when absent.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,128}$"},
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "required": True,
        "description": "The ETag of the live version, as it was last read.",
        "schema": _TEXT,
    },
    "VisitorToken": {
        "name": "X-Visitor-Token",
        "in": "header",
        "required": False,
        "description": "The visitor's token of this session.",
        "schema": _TEXT,
    },
}

_ALWAYS = frozenset(
    {
        "ETag",
        "RateLimit",
        "RateLimit-Policy",
        "X-RateLimit-Limit",
        "X-RateLimit-Remaining",
        "X-RateLimit-Reset",
        "X-Request-ID",
        "X-Should-Retry",
    }
)
"""Headers that stand in every answer for which they are shown at all."""

_HEADERS: dict[str, Schema] = {
    "X-Request-ID": {"description": "The request's name in the log.", "schema": _TEXT},
    "X-RateLimit-Limit": {
        "description": "Requests that the window has room for.",
        "schema": _WHOLE,
        "example": 1000,
    },
    "X-RateLimit-Remaining": {
        "description": "Requests left in it.",
        "schema": _WHOLE,
        "example": 998,
    },
    "X-RateLimit-Reset": {
        "description": "Its end, Unix seconds.",
        "schema": _WHOLE,
        "example": 1642521600,
    },
    "RateLimit-Policy": {
        "description": "All windows: requests and length in seconds.",
        "schema": _TEXT,
        "example": '"key";q=1000;w=60, "workspace";q=10000;w=3600',
    },
    "RateLimit": {
        "description": "What is left in all windows, and for how many seconds.",
        "schema": _TEXT,
        "example": '"key";r=998;t=37, "workspace";r=9981;t=2210',
    },
    "X-Should-Retry": {
        "description": "Whether the same request may succeed later.",
        "schema": {"enum": ["true", "false"]},
    },
    "Retry-After": {
        "description": "Seconds to wait before the request is sent again.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "WWW-Authenticate": {"description": "The scheme that is wanted.", "schema": _TEXT},
    "Idempotency-Replayed": {
        "description": "Set when this is the first answer again.",
        "schema": {"const": "true"},
    },
    "Link": {
        "description": "The next page, when there is one.",
        "schema": _TEXT,
        "example": '<https://chat.example.com/v1/visitors?cursor=…>; rel="next"',
    },
    "ETag": {"description": "The version of what is answered.", "schema": _TEXT},
}

HEADERS: dict[str, Schema] = {
    name: {**header, "required": True} if name in _ALWAYS else header
    for name, header in _HEADERS.items()
}

_RATE = (
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "RateLimit-Policy",
    "RateLimit",
)
_WITH_KEY: frozenset[Family] = frozenset(("platform", "agent"))
_WITH_ETAG = frozenset(
    {
        "asyncapi",
        "booking_script",
        "docs",
        "docs_sockets",
        "docs_style",
        "get_rule_set",
        "openapi",
        "sound_script",
        "stub_script",
        "widget_config",
        "widget_script",
    }
)
_WITH_VISITOR_TOKEN = frozenset({"widget_messages", "widget_ack"})
_PATH_TEXTS: Mapping[str, str] = {
    "widget_id": "The workspace's id.",
    "session_id": "A session's id; also the one a widget gave it.",
    "set": "`main`, or the `source_id` of a site with its own rules.",
}


def parameters_of(operation: Operation) -> list[Schema]:
    """Return the path and header parameters of an operation."""
    parameters = [_path_parameter(operation, name) for name in path_names(operation.path)]
    return [*parameters, *(_reference(name) for name in _header_names(operation))]


def path_names(path: str) -> list[str]:
    """Return the names in a path's braces, in order."""
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


def success_headers(operation: Operation) -> dict[str, Schema]:
    """Return the headers of an operation's success."""
    names = ["X-Request-ID"]
    if operation.family in _WITH_KEY:
        names += [*_RATE, *(["Idempotency-Replayed"] if operation.method == "POST" else ())]
    if "chat_session_minute" in operation.reasons:
        names += _RATE[:3]
    if operation.is_list:
        names.append("Link")
    if operation.name in _WITH_ETAG:
        names.append("ETag")
    return _headers(names)


def failure_headers(family: Family, status: int) -> dict[str, Schema]:
    """Return the headers of a family's refusals with a status."""
    names = ["X-Request-ID", "X-Should-Retry", *(_RATE if family in _WITH_KEY else ())]
    if status in (409, 429, 503):
        names.append("Retry-After")
    if status == 401:
        names.append("WWW-Authenticate")
    return _headers(names)


def _header_names(operation: Operation) -> list[str]:
    names = {"platform": ["WorkspaceId"], "agent": ["AgentWorkspaceId"]}.get(operation.family, [])
    if operation.family in _WITH_KEY and operation.method == "POST":
        names = [*names, "IdempotencyKey"]
    if "etag_mismatch" in operation.reasons:
        names = [*names, "IfMatch"]
    if operation.name in _WITH_VISITOR_TOKEN:
        names = [*names, "VisitorToken"]
    return [*names, "RequestId"] if operation.family != "service" else names


def _path_parameter(operation: Operation, name: str) -> Schema:
    described = _PATH_TEXTS.get(name, "")
    schema: Schema = {"type": "string", "minLength": 1, "maxLength": 256}
    if operation.family == "agent":
        described, schema = "The session's number.", {"type": "integer", "minimum": 1}
    parameter: Schema = {"name": name, "in": "path", "required": True, "schema": schema}
    if described:
        parameter["description"] = described
    if name == "widget_id":
        parameter["example"] = "ws_demo"
    return parameter


def _reference(name: str) -> Schema:
    return {"$ref": f"#/components/parameters/{name}"}


def _headers(names: list[str]) -> dict[str, Schema]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
