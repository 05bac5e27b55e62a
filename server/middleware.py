"""What every request passes: its id, its bounded body, and the headers of its answer."""

import asyncio
import re
import zlib
from collections.abc import Mapping

from starlette.types import Message, Receive, Scope, Send

from engine.ids import Ids
from server.config import Config
from server.errors import ApiError
from server.wire.envelope import Answer, Header

URL_BYTES_MAX = 8_192
HEADER_BYTES_MAX = 32_768
HEADERS_MAX = 256
OPERATOR_PATHS = "/v1/operator/"
BODY_WAIT_TICKS = 30
"""A body that has not arrived after so many half seconds is refused."""

_BASE_32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LAST_TWO = tuple(high + low for high in reversed(_BASE_32) for low in reversed(_BASE_32))
_BLOCK_MS = 1_000
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_NOSNIFF: Header = (b"x-content-type-options", b"nosniff")
_NO_STORE: Header = (b"cache-control", b"no-store")
CLOSE: Header = (b"connection", b"close")
_GZIP_BITS = 16 + zlib.MAX_WBITS

CORS_EXPOSED = (
    b"x-request-id, retry-after, x-ratelimit-limit, x-ratelimit-remaining, x-ratelimit-reset"
)
CORS_ALLOWED = (
    b"authorization, content-type, x-retry-count, x-visitor-token, x-request-id, anonymousid, sentat, "
    b"rsa-recovered, rsa-retry-attempt, rsa-since-last-attempt, rsa-since-first-attempt, rsa-retry-reason"
)
"""Headers that a page's client may send; the last ones are RudderStack's, with what it sends again."""


class RequestIds:
    """Makes `req_<ULID>` cheaply: ids of one block share all but their last two characters."""

    __slots__ = ("_block", "_ids", "_until_ms", "_unused")

    def __init__(self, ids: Ids) -> None:
        """Take blocks from `ids`."""
        self._ids = ids
        self._block = ""
        self._unused: list[str] = []
        self._until_ms = 0

    def make(self, now_ms: int) -> str:
        """Make a new id; a block lasts 1,024 ids or one second."""
        if not self._unused or now_ms >= self._until_ms:
            self._block = self._ids.make("req")[:-2]
            self._unused = list(_LAST_TWO)
            self._until_ms = now_ms + _BLOCK_MS
        return self._block + self._unused.pop()


def request_id_of(headers: Mapping[bytes, bytes], ids: RequestIds, now_ms: int) -> str:
    """Return the caller's `X-Request-ID` when it is well formed, else a new one."""
    given = headers.get(b"x-request-id")
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given.decode("ascii")
    return ids.make(now_ms)


def check_head(scope: Scope, headers: Mapping[bytes, bytes]) -> None:
    """Refuse an address or headers over their limits."""
    if len(scope["path"]) + len(scope["query_string"]) > URL_BYTES_MAX:
        raise ApiError("body_too_large", "The URL is longer than 8 KB", headers=(CLOSE,))
    header_bytes = sum(map(len, headers)) + sum(map(len, headers.values()))
    if header_bytes > HEADER_BYTES_MAX or len(scope["headers"]) > HEADERS_MAX:
        raise ApiError("body_too_large", "The headers are larger than 32 KB", headers=(CLOSE,))


def check_transport(config: Config, scope: Scope) -> None:
    """Refuse plain HTTP where the server is set to require HTTPS, but for operators on this machine."""
    if config.server.require_https and scope["scheme"] not in ("https", "wss"):
        if scope["path"].startswith(OPERATOR_PATHS):
            return
        raise ApiError("https_required")


class BodyDeadlines:
    """Which tasks wait for a body, and since which tick; a timer for each request would cost more.

    `tick` is called twice a second and gives up the bodies that are late.
    """

    __slots__ = ("_since", "_tick")

    def __init__(self) -> None:
        """Start with nobody waiting."""
        self._since: dict[asyncio.Task[object], int] = {}
        self._tick = 0

    def begin(self) -> asyncio.Task[object]:
        """Note that the current task waits from now on."""
        task = asyncio.current_task()
        assert task is not None, "bodies are read inside a task"
        self._since[task] = self._tick
        return task

    def end(self, task: asyncio.Task[object]) -> None:
        """Note that a task waits no more."""
        del self._since[task]

    def tick(self) -> None:
        """Give up bodies that have been waited for too long."""
        self._tick += 1
        for task, since in self._since.items():
            if self._tick - since > BODY_WAIT_TICKS:
                task.cancel(_SLOW)


async def read_body(
    headers: Mapping[bytes, bytes], receive: Receive, deadlines: BodyDeadlines, bytes_max: int
) -> bytes:
    """Read a request's body; reading stops at the limit.

    Raises ApiError: body_too_large; malformed_json when the client left or was too slow.
    """
    declared = headers.get(b"content-length", b"0")
    if not declared.isdigit() or int(declared) > bytes_max:
        raise _too_large(bytes_max)
    task = deadlines.begin()
    try:
        message = await receive()
        if message["type"] == "http.request" and not message.get("more_body", False):
            body: bytes = message.get("body", b"")
            if len(body) <= bytes_max:
                return body
        return await _read_on(message, receive, bytes_max)
    except asyncio.CancelledError as cancelled:
        if _SLOW not in cancelled.args:
            raise
        task.uncancel()
        raise ApiError(
            "malformed_json", "The body did not arrive in 15 s", headers=(CLOSE,)
        ) from None
    finally:
        deadlines.end(task)


_SLOW = "the body is slow"


async def _read_on(message: Message, receive: Receive, bytes_max: int) -> bytes:
    """Read the rest of a body of several messages, up to the limit."""
    parts: list[bytes] = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            raise ApiError("malformed_json", "The body ended early", headers=(CLOSE,))
        part = message.get("body", b"")
        size += len(part)
        if size > bytes_max:
            raise _too_large(bytes_max)
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)
        message = await receive()


def _too_large(bytes_max: int) -> ApiError:
    return ApiError(
        "body_too_large", f"The body is larger than {bytes_max // 1024} KB", headers=(CLOSE,)
    )


def gunzip(body: bytes, bytes_max: int) -> bytes:
    """Decompress gzip; it stops at the limit and never after it."""
    decoder = zlib.decompressobj(_GZIP_BITS)
    try:
        plain = decoder.decompress(body, bytes_max + 1)
    except zlib.error:
        raise ApiError("unsupported_encoding", "The body is not gzip") from None
    if len(plain) > bytes_max:
        raise _too_large(bytes_max)
    if not decoder.eof:
        raise ApiError("unsupported_encoding", "The gzip body ends early")
    return plain


# ---- answers


def cors_headers(origin: str) -> tuple[Header, ...]:
    """Return what an allowed origin is told on every answer of a widget."""
    return (
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"vary", b"Origin"),
        (b"access-control-expose-headers", CORS_EXPOSED),
    )


def preflight(origin: str) -> Answer:
    """Answer `OPTIONS` of an allowed origin, which every answer names; "" raises origin_not_allowed."""
    if not origin:
        raise ApiError("origin_not_allowed")
    return Answer(
        204,
        b"",
        (
            (b"access-control-allow-methods", b"GET, POST, OPTIONS"),
            (b"access-control-allow-headers", CORS_ALLOWED),
            (b"access-control-max-age", b"86400"),
        ),
    )


def security_headers(*, no_store: bool, strict_https: bool) -> tuple[Header, ...]:
    """Return the headers that protect the reader of an answer."""
    headers = [_NOSNIFF]
    if no_store:
        headers.append(_NO_STORE)
    if strict_https:
        headers.append((b"strict-transport-security", b"max-age=31536000"))
    return tuple(headers)


async def send_answer(
    send: Send, answer: Answer, request_id: str, extra: tuple[Header, ...]
) -> None:
    """Send an answer whole, or piece by piece as it is made."""
    headers = [*answer.headers, (b"x-request-id", request_id.encode()), *extra]
    if answer.pieces is None and answer.status not in (204, 304):
        headers.append((b"content-length", b"%d" % len(answer.body)))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if answer.pieces is not None:
        async for piece in answer.pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": answer.body})


def upgrade_refused_by(send: Send) -> Send:
    """Let an answer to a request refuse a WebSocket upgrade: its messages carry another prefix."""

    async def forward(message: Message) -> None:
        await send({**message, "type": f"websocket.{message['type']}"})

    return forward
