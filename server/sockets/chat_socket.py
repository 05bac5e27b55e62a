"""The chat socket: one visitor's client, from its authentication to its close (API.md 9.1)."""

from contextlib import suppress

import msgspec
from starlette.types import Receive, Scope, Send

from engine.errors import OpportuneError, StoreUnavailable
from engine.shown import rfc3339
from server.access.auth import bearer
from server.errors import ApiError, answer_for
from server.services import Services
from server.sockets.admission import Admission, admit
from server.sockets.connection import MALFORMED, UNAUTHENTICATED, Connection, Rejected
from server.sockets.delivery import Delivery
from server.sockets.frames import FrameReader
from server.sockets.whispers import Whispers
from server.wire.decoding import Reader
from server.wire.server_frames import HelloFrame, error_out
from server.wire.sockets import AuthFrame, frame_type

_auth_reader = Reader(AuthFrame)


class ChatSocket:
    """One client's socket. Only its own task sends, but for delivery, which takes its turn."""

    def __init__(self, services: Services, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one upgrade request."""
        self._services = services
        self._session_id: str = scope["path_params"]["session_id"]
        self._connection = Connection(services, scope, receive, send)

    async def serve(self) -> None:
        """Run the socket from upgrade to close."""
        await self._connection.serve(self._converse)

    def close_soon(self, code: int) -> None:
        """Close with a code as soon as the loop comes to it; a second call changes nothing."""
        self._connection.close_soon(code)

    # ---- authenticating

    async def _converse(self) -> int:
        """Authenticate, then serve frames both ways; returns the close code."""
        auth = await self._credential()
        tokens = (auth.token, auth.visitor_token)
        origin = self._connection.origin
        try:
            admission = await admit(self._services, self._session_id, tokens, origin)
        except Rejected as rejected:
            if rejected.code != UNAUTHENTICATED:
                raise
            raise await self._connection.refused_credential() from None
        return await self._open(auth, admission)

    async def _credential(self) -> AuthFrame:
        """Take the credential of the handshake, else of the first frame within 5 s."""
        if token := bearer(self._connection.headers):
            return AuthFrame(token)
        raw = await self._connection.first_frame()
        try:
            if frame_type(raw) != "auth":
                raise Rejected(UNAUTHENTICATED)
            return _auth_reader.read(raw)
        except ApiError as error:
            code = UNAUTHENTICATED if error.field == "token" else MALFORMED
            raise Rejected(code) from None

    # ---- open

    async def _open(self, auth: AuthFrame, admission: Admission) -> int:
        services, ref, write = self._services, admission.view.ref, self._connection.write
        delivery = Delivery(services, ref, write)
        frames = FrameReader(services, admission.view, delivery, self._connection.scope)
        services.sockets.add(ref, self)
        try:
            async with delivery.turn:
                await frames.greet(auth)
                pulled, missed = await delivery.begin(auth.resume)
                hello = HelloFrame(
                    session_id=ref.session,
                    visitor_id=ref.visitor,
                    status=admission.view.status,
                    epoch=pulled.epoch,
                    offset=pulled.offset,
                    recovered=auth.resume is not None and pulled.recovered,
                    visitor_token=admission.visitor_token,
                    server_time=rfc3339(services.clock.now_ms()),
                )
                await write(hello)
                await delivery.send(missed)
                delivery.offset = max(delivery.offset, pulled.offset)
            whispers = Whispers(services, ref, write, delivery)
            return await self._connection.until_first_ends(
                self._read(frames), delivery.run(), whispers.run()
            )
        finally:
            services.sockets.remove(ref, self)
            with suppress(StoreUnavailable):
                await delivery.end(frames.tabs)

    async def _read(self, frames: FrameReader) -> None:
        while True:
            raw = await self._connection.frame()
            try:
                kind = frame_type(raw)
            except ApiError:
                raise Rejected(MALFORMED) from None
            try:
                answer = await frames.take(kind, raw)
            except (ApiError, OpportuneError) as error:
                answer = error_out(answer_for(error), client_id_of(raw))
            if answer is not None:
                await self._connection.write(answer)


class _Reference(msgspec.Struct):
    client_id: str | None = None


def client_id_of(raw: bytes) -> str | None:
    """Return a frame's own id, to name it in an error."""
    try:
        return msgspec.json.decode(raw, type=_Reference).client_id
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
