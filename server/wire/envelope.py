"""The envelopes of the API families, and the answer that carries one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal

import msgspec

from server.errors import ApiError

Family = Literal["platform", "widget", "service"]
Header = tuple[bytes, bytes]

JSON_TYPE: Header = (b"content-type", b"application/json")
_WIDGET_TEXTS: Mapping[str, str] = {
    "missing_credentials": "Invalid widget token",
    "invalid_credentials": "Invalid widget token",
    "widget_not_found": "Widget not found",
    "internal": "Server error",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, body and headers of one response; `content-length` is added when it is sent."""

    status: int
    body: bytes = b""
    headers: tuple[Header, ...] = (JSON_TYPE,)


class Advice(msgspec.Struct, frozen=True):
    """One entry of `meta.warnings`."""

    reason: str
    message: str
    field: str | None = None


def rfc3339(at_ms: int) -> str:
    """Write an instant as `2024-01-20T10:30:00Z`, whole seconds."""
    return _second(at_ms // 1000)


@lru_cache(maxsize=1_024)
def _second(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def success(data: object, request_id: str, now_ms: int, warnings: Sequence[Advice] = ()) -> Answer:
    """Put data into the platform's envelope."""
    meta: dict[str, object] = {"request_id": request_id, "timestamp": rfc3339(now_ms)}
    if warnings:
        meta["warnings"] = [_without_none(warning) for warning in warnings]
    return Answer(200, msgspec.json.encode({"data": data, "meta": meta}))


def _without_none(warning: Advice) -> dict[str, str]:
    row = {"field": warning.field, "reason": warning.reason, "message": warning.message}
    return {name: value for name, value in row.items() if value is not None}


def failure(family: Family, error: ApiError, request_id: str, now_ms: int) -> Answer:
    """Put an error into a family's envelope, with the headers it brings."""
    is_widget = family == "widget"
    body = _widget_failure(error) if is_widget else _platform_failure(error, request_id, now_ms)
    retry = b"true" if error.should_retry else b"false"
    headers = [JSON_TYPE, (b"x-should-retry", retry), *error.headers]
    if error.retry_after_s is not None:
        headers.append((b"retry-after", str(error.retry_after_s).encode()))
    return Answer(error.status, body, tuple(headers))


def _platform_failure(error: ApiError, request_id: str, now_ms: int) -> bytes:
    details: dict[str, object] = {} if error.field is None else {"field": error.field}
    details |= {"reason": error.reason, **error.details}
    return msgspec.json.encode(
        {
            "error": {"code": error.code, "message": error.message, "details": details},
            "meta": {"request_id": request_id, "timestamp": rfc3339(now_ms)},
        }
    )


def _widget_failure(error: ApiError) -> bytes:
    body: dict[str, object] = {
        "success": False,
        "error": _WIDGET_TEXTS.get(error.reason, error.message),
        "code": error.code,
        "reason": error.reason,
    }
    if error.field is not None:
        body["field"] = error.field
    return msgspec.json.encode(body)
