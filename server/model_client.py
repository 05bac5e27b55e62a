"""A model's server over HTTP: requests on pooled connections, their answers as they come, bounded."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import TypeVar

import httpcore2

from engine.conversations.completions_server import ServerFailed
from engine.outbox.network_guard import Target, read_target
from engine.outbox.posting import USER_AGENT

CONNECT_S = 5.0
"""The most that a connection and its TLS handshake take, of the whole time."""

SILENCE_S = 60.0
"""The longest that nothing may come where an answer's own time is longer, or has no end."""

CONNECTIONS_MAX = 128
KEPT_CONNECTIONS = 16
KEPT_S = 30.0

RETRY_AFTER_S_MAX = 3_600
"""A longer `Retry-After` is taken for this one."""

READ_OUT_S = 0.1
"""How long the end of an answer may take that says all there is; then its connection is closed."""

PATH = "/chat/completions"

T = TypeVar("T")

_OK = 200
_SECONDS = re.compile(r"[0-9]{1,9}")
_TIMEOUTS = (TimeoutError, httpcore2.TimeoutException)
_FAILURES = (
    *_TIMEOUTS,
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    OSError,
)


class ModelNetwork:
    """The connections of one process to its models' servers. No proxies, no cookies, no redirects."""

    def __init__(self) -> None:
        """Connect to nobody before the first question."""
        self._pool: httpcore2.AsyncConnectionPool | None = None

    async def close(self) -> None:
        """Close every connection."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.aclose()

    @property
    def pool(self) -> httpcore2.AsyncConnectionPool:
        """Return the pool; made when first asked for, because reading the trusted certificates takes its time."""
        if self._pool is None:
            self._pool = httpcore2.AsyncConnectionPool(
                ssl_context=httpcore2.default_ssl_context(),
                max_connections=CONNECTIONS_MAX,
                max_keepalive_connections=KEPT_CONNECTIONS,
                keepalive_expiry=KEPT_S,
                network_backend=httpcore2.AnyIOBackend(),
            )
        return self._pool


class ModelClient:
    """One model's server, as an assistant asks it."""

    def __init__(
        self, network: ModelNetwork, base_url: str, api_key: str | None, timeout_s: float
    ) -> None:
        """Ask under `base_url`, an http or https URL; the address may be private: it is the operator's own.

        Raises:
            BadTarget: the URL is none.
        """
        self._network = network
        self._target = read_target(base_url.rstrip("/") + PATH, allow_http=True)
        self._timeout_s = timeout_s
        self._headers = _headers(self._target, api_key)

    def complete(self, body: bytes) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Send a request; inside the context the answer's body is read.

        Raises:
            ServerFailed: it cannot be reached, refuses, or breaks off.
        """
        return self._complete(body)

    @asynccontextmanager
    async def _complete(self, body: bytes) -> AsyncIterator[AsyncIterator[bytes]]:
        response = await _safely(self._network.pool.handle_async_request(self._request(body)))
        try:
            if response.status != _OK:
                raise _refusal(response)
            pieces = _pieces(response)
            yield pieces
            await _read_out(pieces)
        finally:
            # What goes wrong while a connection is let go concerns nobody any more.
            with suppress(*_FAILURES):
                await response.aclose()

    def _request(self, body: bytes) -> httpcore2.Request:
        target, silence_s = self._target, min(self._timeout_s or SILENCE_S, SILENCE_S)
        connect_s = min(CONNECT_S, silence_s)
        limits = {"connect": connect_s, "pool": silence_s, "read": silence_s, "write": silence_s}
        url = httpcore2.URL(
            scheme=target.scheme, host=target.host, port=target.port, target=target.path
        )
        return httpcore2.Request(
            "POST",
            url,
            headers=[*self._headers, ("Content-Length", str(len(body)))],
            content=body,
            extensions={"timeout": limits, "sni_hostname": target.server_name},
        )


def _headers(target: Target, api_key: str | None) -> Sequence[tuple[str, str]]:
    headers = [
        ("Host", target.authority),
        ("User-Agent", USER_AGENT),
        ("Content-Type", "application/json"),
        ("Accept", "text/event-stream, application/json"),
        ("Accept-Encoding", "identity"),
    ]
    if api_key:
        headers.append(("Authorization", f"Bearer {api_key}"))
    return headers


async def _safely(answer: Awaitable[T]) -> T:
    """Wait for what a server does.

    Raises:
        ServerFailed: it did not do it.
    """
    try:
        return await answer
    except _TIMEOUTS:
        raise ServerFailed("the model's server did not answer in time") from None
    except (httpcore2.ConnectError, OSError):
        raise ServerFailed("the model's server cannot be reached") from None
    except _FAILURES:
        raise ServerFailed("the connection to the model's server broke off") from None


async def _pieces(response: httpcore2.Response) -> AsyncIterator[bytes]:
    """Yield an answer's body as it comes."""
    stream = aiter(response.aiter_stream())
    while True:
        try:
            piece = await _safely(anext(stream))
        except StopAsyncIteration:
            return
        yield piece


async def _read_out(pieces: AsyncIterator[bytes]) -> None:
    """Read to the end of a body whose end is near, so that its connection can be used again."""
    with suppress(TimeoutError, ServerFailed):
        async with asyncio.timeout(READ_OUT_S):
            async for _ in pieces:
                pass


def _refusal(response: httpcore2.Response) -> ServerFailed:
    headers = {name.lower(): value for name, value in response.headers}
    after = headers.get(b"retry-after", b"").decode("latin-1").strip()
    seconds = min(int(after), RETRY_AFTER_S_MAX) if _SECONDS.fullmatch(after) else 0
    words = f"the model's server answered {response.status}"
    return ServerFailed(words, status=response.status, retry_after_ms=seconds * 1_000)
