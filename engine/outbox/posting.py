"""One request over the network, to a webhook or for a page: resolved once, checked, connected there, bounded."""

import asyncio
import importlib.metadata
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager

import httpcore2
import msgspec

from engine.outbox.network_guard import (
    NOT_PUBLIC,
    BadTarget,
    NotPublic,
    Target,
    is_public,
    read_target,
)
from engine.outbox.schedule import Answer

CONNECT_S = 5.0
"""The most that resolving a name, connecting and the TLS handshake take together, of the whole time."""

ANSWER_BYTES_MAX = 65_536
"""Bytes of an answer that are read; then the connection is closed. test_a_long_answer_is_not_read_to_its_end"""

PAGE_BYTES_MAX = 2_000_000
"""Bytes of a page that are read; the rest is not. test_a_page_is_read_to_its_limit"""

EXCERPT_CHARS = 200
"""Characters of a refusal's text that the endpoint's owner is shown."""

RESOLVING_MAX = 32
"""Names resolved at once; a further one waits inside its own time. test_a_name_that_takes_long_to_resolve_fails"""

KEPT_CONNECTIONS = 64
KEPT_S = 5.0
CONNECTIONS_MAX = 320

USER_AGENT = f"opportune/{importlib.metadata.version('opportune')}"

_FAILURES = (
    BadTarget,
    NotPublic,
    TimeoutError,
    httpcore2.TimeoutException,
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
)
_TEXT_TYPES = ("text/", "application/json", "application/problem+json")
_NOT_SHOWN = re.compile(r"[^\x20-\x7e\u00a1-\uffff]+")

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Takes a name and a port and returns all addresses; raises OSError when there is none."""


class Resolver:
    """Asks the operating system for addresses, in threads of its own."""

    def __init__(self) -> None:
        """Start no thread before the first name."""
        self._threads = ThreadPoolExecutor(RESOLVING_MAX, "webhook-names")

    async def __call__(self, name: str, port: int) -> Sequence[str]:
        """Return every address of a name."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, _addresses, name, port)
        return tuple(dict.fromkeys(found))

    def close(self) -> None:
        """Wait for nothing: a name that is being resolved ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class Page(msgspec.Struct, frozen=True):
    """The beginning of a page: `status` 0 = there was no answer, and `problem` says why.

    `location` is where a redirect leads, as the header has it.
    """

    status: int
    text: str = ""
    location: str = ""
    problem: str = ""


class Poster:
    """Asks endpoints and pages: no proxies, no cookies, no redirects, never to an address of our network."""

    def __init__(
        self,
        *,
        allow_private: bool,
        resolve: Resolve,
        tls: ssl.SSLContext | None = None,
        network: httpcore2.AsyncNetworkBackend | None = None,
    ) -> None:
        """Take addresses from `resolve`; `allow_private` lets http and private addresses be called.

        `tls` None trusts what the machine trusts; `network` connects to addresses, by TCP when left out.
        """
        self.allow_private = allow_private
        self._resolve = resolve
        self._tls = tls
        self._network = network or httpcore2.AnyIOBackend()
        self._pool: httpcore2.AsyncConnectionPool | None = None

    async def close(self) -> None:
        """Close every connection."""
        if self._pool is not None:
            await self._pool.aclose()
            self._pool = None

    async def check(self, url: str) -> None:
        """Look at a URL before it is kept; a name that cannot be resolved now may be later.

        Raises:
            BadTarget: no webhook can have it.
            NotPublic: one of its addresses must not be called.
        """
        target = read_target(url, allow_http=self.allow_private)
        try:
            async with asyncio.timeout(CONNECT_S):
                addresses = await self._resolve(target.server_name, target.port)
        except (OSError, TimeoutError):
            return
        if not self.allow_private and not all(map(is_public, addresses)):
            raise NotPublic(NOT_PUBLIC)

    async def post(
        self, url: str, headers: Sequence[tuple[str, str]], body: bytes, timeout_s: float
    ) -> Answer:
        """Post once; whatever goes wrong is an answer with words for the endpoint's owner."""
        try:
            target = read_target(url, allow_http=self.allow_private)
            async with asyncio.timeout(timeout_s):
                return await self._post(target, headers, body, timeout_s)
        except _FAILURES as error:
            return Answer(0, _problem(error, timeout_s))

    async def read(self, url: str, timeout_s: float) -> Page:
        """Read the beginning of a page; whatever goes wrong is a page with words for its owner."""
        try:
            target = read_target(url, allow_http=self.allow_private)
            async with (
                asyncio.timeout(timeout_s),
                self._stream("GET", target, timeout_s) as response,
            ):
                text = await _beginning(response, PAGE_BYTES_MAX)
        except _FAILURES as error:
            return Page(0, problem=_problem(error, timeout_s))
        location = _headers_of(response).get(b"location", "")
        return Page(response.status, text.decode("utf-8", "replace"), location)

    async def _post(
        self, target: Target, headers: Sequence[tuple[str, str]], body: bytes, timeout_s: float
    ) -> Answer:
        given = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            *headers,
        ]
        async with self._stream("POST", target, timeout_s, given, body) as response:
            text = await _beginning(response, ANSWER_BYTES_MAX)
        found = _headers_of(response)
        excerpt = _excerpt(text, found.get(b"content-type", ""))
        return _judged(response.status, excerpt, found.get(b"retry-after", ""))

    def _stream(
        self,
        method: str,
        target: Target,
        timeout_s: float,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> AbstractAsyncContextManager[httpcore2.Response]:
        """Begin a request; the answer's body is read by the caller, as far as it wants."""
        given = [
            ("Host", target.authority),
            ("User-Agent", USER_AGENT),
            ("Accept-Encoding", "identity"),
            *headers,
        ]
        connect_s = min(CONNECT_S, timeout_s)
        url = httpcore2.URL(
            scheme=target.scheme, host=target.host, port=target.port, target=target.path
        )
        limits = {"connect": connect_s, "pool": timeout_s, "read": timeout_s, "write": timeout_s}
        extensions = {"timeout": limits, "sni_hostname": target.server_name}
        return self._connections().stream(
            method, url, headers=given, content=body, extensions=extensions
        )

    def _connections(self) -> httpcore2.AsyncConnectionPool:
        """Return the pool; made at the first request, because reading the trusted certificates takes its time."""
        if self._pool is None:
            self._pool = httpcore2.AsyncConnectionPool(
                ssl_context=self._tls or httpcore2.default_ssl_context(),
                max_connections=CONNECTIONS_MAX,
                max_keepalive_connections=KEPT_CONNECTIONS,
                keepalive_expiry=KEPT_S,
                network_backend=_CheckedNetwork(
                    self._network, self._resolve, allow_private=self.allow_private
                ),
            )
        return self._pool


class _CheckedNetwork(httpcore2.AsyncNetworkBackend):
    """Connects to the very address that was checked: nobody can answer a second look-up otherwise."""

    def __init__(
        self, network: httpcore2.AsyncNetworkBackend, resolve: Resolve, *, allow_private: bool
    ) -> None:
        self._network = network
        self._resolve = resolve
        self._allow_private = allow_private

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # the signature is the library's
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Resolve once, refuse when any address is not public, connect to the first that answers."""
        async with asyncio.timeout(timeout):
            try:
                addresses = await self._resolve(host.rstrip("."), port)
            except OSError as error:
                raise httpcore2.ConnectError(error) from error
            if not self._allow_private and not all(map(is_public, addresses)):
                raise NotPublic(NOT_PUBLIC)
            return await self._connect(addresses, port)

    async def _connect(self, addresses: Sequence[str], port: int) -> httpcore2.AsyncNetworkStream:
        failed: Exception = httpcore2.ConnectError("the name has no address")
        for address in addresses:
            try:
                return await self._network.connect_tcp(address, port)
            except httpcore2.ConnectError as error:
                failed = error
        raise failed


def _addresses(name: str, port: int) -> list[str]:
    rows = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return [str(row[4][0]) for row in rows]


async def _beginning(response: httpcore2.Response, bytes_max: int) -> bytes:
    read = bytearray()
    async for piece in response.aiter_stream():
        read += piece
        if len(read) >= bytes_max:
            break
    return bytes(read[:bytes_max])


def _headers_of(response: httpcore2.Response) -> dict[bytes, str]:
    return {name.lower(): value.decode("latin-1") for name, value in response.headers}


def _judged(status: int, excerpt: str, retry_after: str) -> Answer:
    """Say what an answer means: only 2xx is a success."""
    if 200 <= status < 300:
        return Answer(status)
    if 300 <= status < 400:
        return Answer(status, f"answered {status}: redirects are not followed")
    words = f"answered {status}: {excerpt}" if excerpt else f"answered {status}"
    return Answer(status, words, retry_after=retry_after[:100])


def _excerpt(text: bytes, content_type: str) -> str:
    if not content_type.lower().startswith(_TEXT_TYPES):
        return ""
    readable = text[: 4 * EXCERPT_CHARS].decode("utf-8", "ignore")
    return _NOT_SHOWN.sub(" ", readable).strip()[:EXCERPT_CHARS]


def _problem(error: Exception, timeout_s: float) -> str:
    """Say why there was no answer, to whoever wrote the URL."""
    if isinstance(error, BadTarget):
        return f"the URL {error}"
    if isinstance(error, NotPublic):
        return NOT_PUBLIC
    if isinstance(error, TimeoutError | httpcore2.TimeoutException):
        return f"no answer within {timeout_s:g} s"
    return _words_of(error)


def _words_of(error: Exception) -> str:
    causes = [error, error.__cause__, error.__context__]
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return "the TLS handshake failed"
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return "the name cannot be resolved"
    if isinstance(error, httpcore2.ConnectError):
        return "no connection"
    return "the connection broke off"
