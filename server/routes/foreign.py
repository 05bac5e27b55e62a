"""The frame of endpoints that other tools' clients know: dispatched before the framework, answered in their words."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl

from msgspec import Struct
from starlette.types import Receive, Scope, Send

from server.access.auth import WidgetAccess
from server.errors import ApiError, answer_for
from server.ingest.taking import Sender
from server.log_format import log_failure
from server.middleware import (
    check_head,
    check_transport,
    preflight,
    read_body,
    request_id_of,
    send_answer,
)
from server.services import Services, check_serving
from server.wire.envelope import Answer, Header, failure

_CHALLENGE: tuple[Header, ...] = ((b"www-authenticate", b"Basic"),)
_WRITES = "events:write"
_KEY = "{key}"


class Incoming(Struct):
    """One request of a foreign client. `body` is as it was sent, `query` has the first value of each name.

    `params` are the parts of the path that its pattern leaves open; `origin` is None where no browser
    page sent it.
    """

    services: Services
    method: str
    path: str
    params: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[bytes, bytes]
    body: bytes
    now_ms: int
    request_id: str
    origin: str | None

    def take_body(self) -> bytes:
        """Return the body and let go of it: requests that wait for the disk hold what they commit, and no more."""
        body, self.body = self.body, b""
        return body


Handler = Callable[[Incoming], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One path of a protocol; one segment of it may be `{key}`. `family` labels it in the metrics."""

    method: Literal["GET", "POST"]
    path: str
    handler: Handler
    family: Literal["segment", "posthog"]
    body_bytes_max: int = 0
    is_slash_optional: bool = False


class ForeignPaths:
    """Finds the endpoints of a path."""

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        """Index them: by their whole path, or by what stands before and after the open segment."""
        self._whole: dict[str, dict[str, Endpoint]] = {}
        self._open: list[tuple[str, str, dict[str, Endpoint]]] = []
        for one in endpoints:
            for path in (one.path, one.path.rstrip("/")) if one.is_slash_optional else (one.path,):
                self._methods(path)[one.method] = one

    def _methods(self, path: str) -> dict[str, Endpoint]:
        before, is_open, after = path.partition(_KEY)
        if not is_open:
            return self._whole.setdefault(path, {})
        for start, end, methods in self._open:
            if (start, end) == (before, after):
                return methods
        added: dict[str, Endpoint] = {}
        self._open.append((before, after, added))
        return added

    def find(self, path: str) -> tuple[Mapping[str, Endpoint], str] | None:
        """Return the endpoints of a path by method, and its open segment; None for a path of others."""
        methods = self._whole.get(path)
        if methods is not None:
            return methods, ""
        for before, after, open_methods in self._open:
            key = path[len(before) : len(path) - len(after)]
            if path.startswith(before) and path.endswith(after) and key and "/" not in key:
                return open_methods, key
        return None


async def serve_foreign(
    services: Services,
    found: tuple[Mapping[str, Endpoint], str],
    scope: Scope,
    receive: Receive,
    send: Send,
) -> None:
    """Answer one request; whatever fails is answered in the envelope of this family (API.md 1, e)."""
    methods, key = found
    headers = dict(scope["headers"])
    now_ms = services.clock.now_ms()
    request_id = request_id_of(headers, services.request_ids, now_ms)
    cors = services.cors.get(headers.get(b"origin", b""), ())
    endpoint = methods.get("GET" if scope["method"] == "HEAD" else scope["method"])
    try:
        check_head(scope, headers)
        check_transport(services.config, scope)
        if endpoint is None:
            answer = _other_method(methods, scope["method"], is_allowed=bool(cors))
        else:
            incoming = _incoming(
                services, scope, headers, key=key, request_id=request_id, now_ms=now_ms
            )
            if endpoint.body_bytes_max:
                await _read_body(incoming, receive, endpoint.body_bytes_max)
            answer = await endpoint.handler(incoming)
    except Exception as error:  # noqa: BLE001  # the table answers every exception
        refused = answer_for(error)
        log_failure(refused, error, request_id)
        if refused.reason == "origin_not_allowed":
            cors = ()
        answer = failure("ingestion", refused, request_id, now_ms)
    services.metrics.count_request(endpoint.family if endpoint else "none", answer.status)
    await send_answer(send, answer, request_id, cors + services.plain_headers)


def _other_method(methods: Mapping[str, Endpoint], method: str, *, is_allowed: bool) -> Answer:
    """Answer a preflight, or refuse a method that the path does not have."""
    if method == "OPTIONS":
        return preflight("an origin of some site" if is_allowed else "")
    allow = ", ".join(sorted({*methods, "OPTIONS"}))
    raise ApiError("method_not_allowed", headers=((b"allow", allow.encode()),))


def _incoming(
    services: Services,
    scope: Scope,
    headers: Mapping[bytes, bytes],
    *,
    key: str,
    request_id: str,
    now_ms: int,
) -> Incoming:
    """Return what is known of a request before its body; `key` is the path's open segment, "" without one."""
    raw_query = scope["query_string"].decode("latin-1")
    query = dict(reversed(parse_qsl(raw_query, keep_blank_values=True))) if raw_query else {}
    origin = headers.get(b"origin")
    return Incoming(
        services=services,
        method=scope["method"],
        path=scope["path"],
        params={"key": key} if key else {},
        query=query,
        headers=headers,
        body=b"",
        now_ms=now_ms,
        request_id=request_id,
        origin=None if origin is None else origin.decode("latin-1"),
    )


async def _read_body(incoming: Incoming, receive: Receive, bytes_max: int) -> None:
    """Read a request's body; the request is of the instant at which it is there.

    Raises ApiError: shutting_down, body_too_large, malformed_json when the body does not come.
    """
    services = incoming.services
    check_serving(services)
    deadlines = services.body_deadlines
    incoming.body = await read_body(incoming.headers, receive, deadlines, bytes_max)
    incoming.now_ms = services.clock.now_ms()


# ---- who sends


def sender_of(incoming: Incoming, key: str) -> Sender:
    """Return whose a write key is: a site's widget token, or the API key of its server.

    Only a page's browser sends an Origin, and it alone knows of the visitor's privacy signal. An API key
    is of the workspace's first site; it needs the scope `events:write`, and no browser may use it.

    Raises ApiError: missing_credentials, invalid_credentials, origin_not_allowed.
    """
    credentials = incoming.services.credentials
    if not key:
        raise ApiError("missing_credentials", headers=_CHALLENGE)
    access = credentials.widget(key)
    if access is not None:
        if not credentials.origin_allowed(access.site, incoming.origin):
            raise ApiError("origin_not_allowed")
        return Sender(access, _privacy(incoming))
    if incoming.origin is None:
        with_key = {b"authorization": b"Bearer " + key.encode("utf-8", "surrogateescape")}
        principal = credentials.api_key(with_key, incoming.now_ms)
        if principal.may(_WRITES):
            workspace = principal.workspace
            return Sender(WidgetAccess(workspace, workspace.sites[0]), vouches=True)
    raise ApiError("invalid_credentials", headers=_CHALLENGE)


def _privacy(incoming: Incoming) -> bool | None:
    """Tell whether the browser asks for privacy, where that is honoured; None for a server."""
    privacy = incoming.services.config.privacy
    asks = privacy.honour_gpc and incoming.headers.get(b"sec-gpc") == b"1"
    asks = asks or (privacy.honour_dnt and incoming.headers.get(b"dnt") == b"1")
    return asks if asks or incoming.origin is not None else None
