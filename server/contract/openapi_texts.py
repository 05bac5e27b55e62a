"""The words of the OpenAPI document: its introduction, its groups, and how callers prove who they are."""

from collections.abc import Mapping

from server.contract.json_schemas import Schema
from server.contract.operation import Operation
from server.wire.envelope import Family

INTRODUCTION = """\
Opportune decides the moment to speak to a website's visitor. This document is made from the structs
that the server decodes and encodes; the sockets are in [/asyncapi.json](/asyncapi.json).

- A success is always status 200. Output times are UTC, RFC 3339, whole seconds; `_ms` are milliseconds.
- Unknown fields of a request are ignored and, under `/v1`, named in `meta.warnings`.
- A thing of another workspace answers as a thing that does not exist.
- Every refusal has a `code` and a `reason`; `X-Should-Retry` says whether to send it again.
- A POST under `/v1` or `/api/v1` may carry an `Idempotency-Key`: its effect happens once.

The examples are of the workspace that `make run` serves.
"""

TAGS: Mapping[str, str] = {
    "Live chat": "Sessions of visitors and the words in them.",
    "Proactive messages": "Messages that a caller asks for, under the same manners as rules.",
    "Appointments": "Free slots, and bookings of them.",
    "Events": "What visitors did, told by servers and by other systems.",
    "Webhooks": "Where events are posted to, and what became of each.",
    "Rules": "Rule files: checked, tested, replayed, made live.",
    "Decisions": "What was decided, why, and what came of it.",
    "Visitors": "What is known of a visitor.",
    "Workspace": "The workspace of the key.",
    "Widget": "What a website's widget calls, with its public token.",
    "Agent sessions": "Sessions with a configured agent.",
    "Dashboard": "How a dashboard's user gets a token.",
    "Service": "The server itself.",
}

ERROR_ENVELOPES: Mapping[Family, str] = {
    "platform": "PlatformError",
    "service": "PlatformError",
    "agent": "PlainError",
    "widget": "PlainError",
    "dashboard": "PlainError",
}
"""The schema of each family's refusals."""

SECURITY: dict[str, Schema] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key, or a dashboard's JWT.",
    },
    "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "An API key."},
    "widgetToken": {
        "type": "http",
        "scheme": "bearer",
        "description": "A widget's public token; a body may bring it as `token` instead.",
    },
    "metricsToken": {
        "type": "http",
        "scheme": "bearer",
        "description": "`server.metrics_token`, where one is set.",
    },
}


def security_of(row: Operation) -> list[Schema]:
    """Return what opens an operation; an empty entry says that it may also be left out."""
    scopes = [row.scope] if row.scope else []
    if row.name == "metrics":
        return [{}, {"metricsToken": []}]
    if row.family == "agent":
        return [{"apiKey": scopes}, {"bearer": scopes}]
    if row.family == "platform":
        return [{"bearer": scopes}]
    if row.family == "widget":
        return [{"widgetToken": []}, {}]
    return []
