"""The envelopes of the API families, and the answer that carries one."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import msgspec

from engine.shown import rfc3339
from server.errors import ApiError

Family = Literal["platform", "widget", "agent", "dashboard", "ingestion", "service"]
Header = tuple[bytes, bytes]

JSON_TYPE: Header = (b"content-type", b"application/json")
_TEXTS: Mapping[str, Mapping[str, str]] = {
    "widget": {
        "missing_credentials": "Invalid widget token",
        "invalid_credentials": "Invalid widget token",
        "chat_session_minute": "Usage limit exceeded",
        "chat_address_minute": "Usage limit exceeded",
        "chat_workspace_minute": "Usage limit exceeded",
        "chat_month": "Usage limit exceeded",
    },
    "ingestion": {
        "missing_credentials": "The write key is missing: it is the token of the site's snippet",
        "invalid_credentials": "The write key is unknown: it is the token of the site's snippet",
    },
    "agent": {
        "agent_not_found": "Agent not found or access denied",
        "session_not_found": "Session not found or access denied",
    },
    "dashboard": {
        "invalid_credentials": "The workspace, name or password is wrong",
    },
}
"""Texts that a family has for reasons of its own (API.md 2.5, 4.2)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, body and headers of one response; `content-length` is added when it is sent.

    With `pieces` the body is made while it is sent, and `body` is its end.
    """

    status: int
    body: bytes = b""
    headers: tuple[Header, ...] = (JSON_TYPE,)
    pieces: AsyncIterator[bytes] | None = None

    def with_headers(self, headers: tuple[Header, ...]) -> "Answer":
        """Return the same answer with more headers."""
        return replace(self, headers=(*self.headers, *headers)) if headers else self


class Advice(msgspec.Struct, frozen=True):
    """One entry of `meta.warnings`."""

    reason: str
    message: str
    field: str | None = None


class PageMark(msgspec.Struct, frozen=True):
    """What the `meta` of a list says of the page: whether there are more, and where they begin."""

    has_more: bool
    next_cursor: str | None


def success(
    data: object,
    request_id: str,
    now_ms: int,
    warnings: Sequence[Advice] = (),
    page: PageMark | None = None,
) -> Answer:
    """Put data into the platform's envelope."""
    meta: dict[str, object] = {"request_id": request_id, "timestamp": rfc3339(now_ms)}
    if page is not None:
        meta |= {"has_more": page.has_more, "next_cursor": page.next_cursor}
    if warnings:
        meta["warnings"] = [_without_none(warning) for warning in warnings]
    return Answer(200, msgspec.json.encode({"data": data, "meta": meta}))


def _without_none(warning: Advice) -> dict[str, str]:
    row = {"field": warning.field, "reason": warning.reason, "message": warning.message}
    return {name: value for name, value in row.items() if value is not None}


def failure(family: Family, error: ApiError, request_id: str, now_ms: int) -> Answer:
    """Put an error into a family's envelope, with the headers it brings."""
    status, code = error.status, error.code
    if family == "widget" and error.reason == "assistant_not_found":
        # The one reason with another code in a family: the widget document knows no such 404.
        status, code = 400, "INVALID_REQUEST"
    if family in ("platform", "service"):
        body = _platform_failure(error, request_id, now_ms)
    else:
        body = _plain_failure(family, error, code)
    headers = [JSON_TYPE, retry_advice(should_retry=error.should_retry), *error.headers]
    if error.retry_after_s is not None:
        headers.append((b"retry-after", str(error.retry_after_s).encode()))
    return Answer(status, body, tuple(headers))


def retry_advice(*, should_retry: bool) -> Header:
    """Tell a client whether the same request may succeed later."""
    return (b"x-should-retry", b"true" if should_retry else b"false")


def _platform_failure(error: ApiError, request_id: str, now_ms: int) -> bytes:
    details: dict[str, object] = {} if error.field is None else {"field": error.field}
    details |= {"reason": error.reason, **error.details}
    return msgspec.json.encode(
        {
            "error": {"code": error.code, "message": error.message, "details": details},
            "meta": {"request_id": request_id, "timestamp": rfc3339(now_ms)},
        }
    )


def _plain_failure(family: Family, error: ApiError, code: str) -> bytes:
    own_texts = _TEXTS.get(family, {})
    body: dict[str, object] = {
        "success": False,
        "error": own_texts.get(error.reason, error.message),
        "code": code,
        "reason": error.reason,
    }
    if family == "ingestion":
        # What clients of RudderStack read of a refusal; one without it they take for a fault of the network.
        body["message"] = body["error"]
    if error.field is not None:
        body["field"] = error.field
    return msgspec.json.encode(body)
