"""The chat socket as a state machine: connecting, authenticating, open, closed (API.md 9.1)."""

import asyncio
from contextlib import suppress
from typing import Literal

import msgspec
from starlette.types import Receive, Scope, Send

from engine.errors import OpportuneError, StoreUnavailable
from server.auth import bearer
from server.errors import ApiError, answer_for
from server.log_format import log_failure
from server.middleware import (
    check_head,
    check_transport,
    request_id_of,
    send_answer,
    upgrade_refused_by,
)
from server.services import Services
from server.sockets.admission import Admission, Rejected, admit
from server.sockets.delivery import Delivery
from server.sockets.frames import FrameReader
from server.wire.decoding import Reader
from server.wire.envelope import failure
from server.wire.sockets import (
    FRAME_BYTES_MAX,
    SUBPROTOCOL,
    AuthFrame,
    error_frame,
    frame_type,
    hello_frame,
)

SOCKETS_MAX = 50_000
"""One more is refused with 503 before its upgrade."""

AUTH_WAIT_S = 5.0
SEND_WAIT_S = 2.0
"""A client that takes a frame no faster is too slow: 4413."""

MALFORMED, UNAUTHENTICATED, TOO_SLOW, STORE_DOWN = 4400, 4401, 4413, 4503
FAILED = 1011

SocketState = Literal["connecting", "authenticating", "open", "closed"]
_auth_reader = Reader(AuthFrame)


class ClientLeft(Exception):
    """The client closed the socket or its connection broke."""


class ChatSocket:
    """One client's socket. Only its own task sends, but for delivery, which takes its turn."""

    def __init__(self, services: Services, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one upgrade request."""
        self._services = services
        self._scope = scope
        self._receive = receive
        self._send = send
        self._headers: dict[bytes, bytes] = dict(scope["headers"])
        self._state: SocketState = "connecting"
        self._told_to_close: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._request_id = request_id_of(
            self._headers, services.request_ids, services.clock.now_ms()
        )

    async def serve(self) -> None:
        """Run the socket from upgrade to close."""
        await self._receive()
        refused = self._refusal()
        if refused is not None:
            now_ms = self._services.clock.now_ms()
            answer = failure("platform", refused, self._request_id, now_ms)
            send = upgrade_refused_by(self._send)
            await send_answer(send, answer, self._request_id, self._services.no_store_headers)
            return
        await self._accept()
        self._services.metrics.sockets += 1
        try:
            code = await self._converse()
        except ClientLeft:
            self._state = "closed"
            return
        except Exception as error:  # noqa: BLE001  # logged under the request's id
            log_failure(answer_for(error), error, self._request_id)
            code = STORE_DOWN if isinstance(error, StoreUnavailable) else FAILED
        finally:
            self._services.metrics.sockets -= 1
        await self._close(code)

    def close_soon(self, code: int) -> None:
        """Close with a code as soon as the loop comes to it; a second call changes nothing."""
        if not self._told_to_close.done():
            self._told_to_close.set_result(code)

    # ---- connecting

    def _refusal(self) -> ApiError | None:
        """Check address, transport, room and Origin before the upgrade; the site is known only later."""
        try:
            check_head(self._scope, self._headers)
            check_transport(self._services.config, self._scope)
        except ApiError as error:
            return error
        if self._services.metrics.sockets >= SOCKETS_MAX:
            return ApiError("queue_full", retry_after_s=5)
        origin = self._origin()
        if origin is None or self._services.credentials.origin_of_any_site(origin):
            return None
        return ApiError("origin_not_allowed")

    async def _accept(self) -> None:
        offered = self._scope.get("subprotocols") or ()
        subprotocol = SUBPROTOCOL if SUBPROTOCOL in offered else None
        await self._send({"type": "websocket.accept", "subprotocol": subprotocol})
        self._state = "authenticating"

    def _origin(self) -> str | None:
        origin = self._headers.get(b"origin")
        return None if origin is None else origin.decode("latin-1")

    # ---- authenticating

    async def _converse(self) -> int:
        """Authenticate, then serve frames both ways; returns the close code."""
        try:
            auth = await self._credential()
            session_id = self._scope["path_params"]["session_id"]
            tokens = (auth.token, auth.visitor_token)
            admission = await admit(self._services, session_id, tokens, self._origin())
        except Rejected as rejected:
            return rejected.code
        return await self._open(auth, admission)

    async def _credential(self) -> AuthFrame:
        """Take the credential of the handshake, else of the first frame within 5 s."""
        if token := bearer(self._headers):
            return AuthFrame(token)
        try:
            async with asyncio.timeout(AUTH_WAIT_S):
                raw = await self._frame()
        except TimeoutError:
            raise Rejected(UNAUTHENTICATED) from None
        try:
            if frame_type(raw) != "auth":
                raise Rejected(UNAUTHENTICATED)
            return _auth_reader.read(raw)
        except ApiError as error:
            code = UNAUTHENTICATED if error.field == "token" else MALFORMED
            raise Rejected(code) from None

    # ---- open

    async def _open(self, auth: AuthFrame, admission: Admission) -> int:
        services, ref = self._services, admission.view.ref
        delivery = Delivery(services, ref, self._write)
        frames = FrameReader(services, admission.view, delivery, self._headers)
        services.sockets.add(ref, self)
        try:
            async with delivery.turn:
                await frames.greet(auth)
                pulled, missed = await delivery.begin(auth.resume)
                self._state = "open"
                hello = hello_frame(
                    session_id=ref.session,
                    visitor_id=ref.visitor,
                    status=admission.view.status,
                    epoch=pulled.epoch,
                    offset=pulled.offset,
                    recovered=auth.resume is not None and pulled.recovered,
                    visitor_token=admission.visitor_token,
                    now_ms=services.clock.now_ms(),
                )
                await self._write(hello)
                await delivery.send(missed)
                delivery.offset = max(delivery.offset, pulled.offset)
            return await self._run(frames, delivery)
        except Rejected as rejected:
            return rejected.code
        finally:
            services.sockets.remove(ref, self)
            with suppress(StoreUnavailable):
                await delivery.end(frames.tabs)

    async def _run(self, frames: FrameReader, delivery: Delivery) -> int:
        """Read and deliver until one of them ends or the socket is told to close."""
        reading = asyncio.create_task(self._read(frames))
        delivering = asyncio.create_task(delivery.run())
        tasks: set[asyncio.Future[int] | asyncio.Task[None]] = {reading, delivering}
        try:
            await asyncio.wait({*tasks, self._told_to_close}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (reading, delivering):
                task.cancel()
            await asyncio.wait({reading, delivering})
        for task in (reading, delivering):
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error
        return self._told_to_close.result()

    async def _read(self, frames: FrameReader) -> None:
        while True:
            raw = await self._frame()
            try:
                kind = frame_type(raw)
            except ApiError:
                raise Rejected(MALFORMED) from None
            try:
                answer = await frames.take(kind, raw)
            except (ApiError, OpportuneError) as error:
                answer = error_frame(answer_for(error), client_id_of(raw))
            if answer is not None:
                await self._write(answer)

    # ---- the wire

    async def _frame(self) -> bytes:
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

    async def _write(self, frame: dict[str, object]) -> None:
        """Send one frame; a client that does not take it in 2 s is too slow."""
        text = msgspec.json.encode(frame).decode()
        try:
            async with asyncio.timeout(SEND_WAIT_S):
                await self._send({"type": "websocket.send", "text": text})
        except TimeoutError:
            raise Rejected(TOO_SLOW) from None
        except OSError:
            raise ClientLeft from None

    async def _close(self, code: int) -> None:
        if self._state == "closed":
            return
        self._state = "closed"
        self._services.metrics.count_close(code)
        # A stalled peer would keep us here for ever; returning ends the connection anyway.
        with suppress(TimeoutError, OSError):
            async with asyncio.timeout(SEND_WAIT_S):
                await self._send({"type": "websocket.close", "code": code})


class _Reference(msgspec.Struct):
    client_id: str | None = None


def client_id_of(raw: bytes) -> str | None:
    """Return a frame's own id, to name it in an error."""
    try:
        return msgspec.json.decode(raw, type=_Reference).client_id
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
