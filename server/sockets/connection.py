"""What every socket of ours shares: the checks before its upgrade, its frames, its deadlines, its one close."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress

import msgspec
from starlette.types import Receive, Scope, Send

from engine.errors import StoreUnavailable
from server.access.client_address import client_address
from server.errors import ApiError, answer_for
from server.limits.budgets import Refused
from server.log_format import log_failure
from server.middleware import (
    check_head,
    check_transport,
    request_id_of,
    send_answer,
    upgrade_refused_by,
)
from server.services import Services, check_serving
from server.sockets.bounded_writer import BoundedWriter, TooSlow
from server.wire.envelope import failure
from server.wire.sockets import FRAME_BYTES_MAX, SUBPROTOCOL

SOCKETS_MAX = 50_000
"""One more is refused with 503 before its upgrade."""

AUTH_WAIT_S = 5.0
SEND_WAIT_S = 2.0
"""A client that takes a frame no faster is too slow: 4413."""

LAST_WORD_S = 0.5
"""Such a client has this long to take the close; then the connection is dropped."""

MALFORMED, UNAUTHENTICATED, FORBIDDEN = 4400, 4401, 4403
NO_SUCH_SESSION, REPLACED, SESSION_CLOSED = 4404, 4409, 4410
TOO_SLOW, STORE_DOWN = 4413, 4503
FAILED = 1011


class Rejected(Exception):
    """The socket closes with this code."""

    def __init__(self, code: int) -> None:
        """Keep the close code of API.md 9.3."""
        super().__init__(f"close {code}")
        self.code = code


class ClientLeft(Exception):
    """The client closed the socket or its connection broke."""


class Connection:
    """One client's connection: text frames in, JSON frames out, one close."""

    def __init__(self, services: Services, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one upgrade request."""
        self.services = services
        self.scope = scope
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self._receive = receive
        self._send = send
        self._writer = BoundedWriter(scope, send)
        self._is_open = False
        self._told_to_close: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._request_id = request_id_of(
            self.headers, services.request_ids, services.clock.now_ms()
        )

    @property
    def origin(self) -> str | None:
        """Return the `Origin` of the handshake; None for a client that is no browser."""
        origin = self.headers.get(b"origin")
        return None if origin is None else origin.decode("latin-1")

    async def serve(self, converse: Callable[[], Awaitable[int]]) -> None:
        """Upgrade, let `converse` talk until it answers a close code, and close with it."""
        await self._receive()
        refused = self._refusal()
        if refused is not None:
            await self._refuse(refused)
            return
        await self._accept()
        self.services.metrics.sockets += 1
        self.services.connections[self] = None
        try:
            code = await converse()
        except ClientLeft:
            self._is_open = False
            return
        except Rejected as rejected:
            code = rejected.code
        except Exception as error:  # noqa: BLE001  # logged under the request's id
            log_failure(answer_for(error), error, self._request_id)
            code = STORE_DOWN if isinstance(error, StoreUnavailable) else FAILED
        finally:
            self.services.metrics.sockets -= 1
            del self.services.connections[self]
        await self._close(code)

    def close_soon(self, code: int) -> None:
        """Close with a code as soon as the loop comes to it; a second call changes nothing."""
        if not self._told_to_close.done():
            self._told_to_close.set_result(code)

    async def until_first_ends(self, *works: Coroutine[object, object, None]) -> int:
        """Run works beside each other until one fails or the socket is told to close; the close code."""
        tasks = [asyncio.create_task(work) for work in works]
        waited: set[asyncio.Future[int] | asyncio.Task[None]] = {*tasks, self._told_to_close}
        try:
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error
        return self._told_to_close.result()

    async def refused_credential(self) -> Rejected:
        """Count a credential that failed against the client's address; the refusal to raise."""
        services = self.services
        address = client_address(self.scope, self.headers, services.config)
        # Beyond the limit the address is refused over HTTP; here every failure ends a socket anyway.
        with suppress(Refused):
            await services.rate_limits.failed(address)
        return Rejected(UNAUTHENTICATED)

    # ---- frames

    async def first_frame(self) -> bytes:
        """Read the frame that authenticates; Rejected when it does not come within 5 s."""
        reading = asyncio.create_task(self.frame())
        waited: set[asyncio.Future[int] | asyncio.Task[bytes]] = {reading, self._told_to_close}
        try:
            await asyncio.wait(waited, timeout=AUTH_WAIT_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not reading.done():
                reading.cancel()
        if reading.done():
            return await reading
        raise Rejected(
            self._told_to_close.result() if self._told_to_close.done() else UNAUTHENTICATED
        )

    async def frame(self) -> bytes:
        """Read one text frame; anything else is Rejected."""
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            raise ClientLeft
        text = message.get("text")
        if text is None:
            raise Rejected(MALFORMED)
        raw: bytes = text.encode()
        if len(raw) > FRAME_BYTES_MAX:
            raise Rejected(MALFORMED)
        return raw

    async def write(self, frame: object, wait_s: float | None = None) -> None:
        """Send one frame; a client that does not take it in 2 s, or `wait_s`, is too slow."""
        try:
            await self._writer.write(
                msgspec.json.encode(frame), SEND_WAIT_S if wait_s is None else wait_s
            )
        except TooSlow:
            raise Rejected(TOO_SLOW) from None
        except OSError:
            raise ClientLeft from None

    # ---- upgrade and close

    def _refusal(self) -> ApiError | None:
        """Check address, transport, room and Origin before the upgrade; the site is known only later."""
        services = self.services
        try:
            check_head(self.scope, self.headers)
            check_transport(services.config, self.scope)
        except ApiError as error:
            return error
        if services.metrics.sockets >= SOCKETS_MAX:
            return ApiError("queue_full", retry_after_s=5)
        try:
            check_serving(services)
            services.admission.open_socket()
        except ApiError as error:
            return error
        if self.origin is None or services.credentials.origin_of_any_site(self.origin):
            return None
        return ApiError("origin_not_allowed")

    async def _refuse(self, refused: ApiError) -> None:
        answer = failure("platform", refused, self._request_id, self.services.clock.now_ms())
        send = upgrade_refused_by(self._send)
        await send_answer(send, answer, self._request_id, self.services.no_store_headers)

    async def _accept(self) -> None:
        offered = self.scope.get("subprotocols") or ()
        subprotocol = SUBPROTOCOL if SUBPROTOCOL in offered else None
        await self._send({"type": "websocket.accept", "subprotocol": subprotocol})
        self._is_open = True

    async def _close(self, code: int) -> None:
        if not self._is_open:
            return
        self._is_open = False
        self.services.metrics.count_close(code)
        await self._writer.close(code, LAST_WORD_S if code == TOO_SLOW else SEND_WAIT_S)
