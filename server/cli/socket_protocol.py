"""uvicorn's WebSocket protocol, with an end for connections whose client does not read."""

from asyncio import TimerHandle

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from server.sockets.bounded_writer import ABORT, CALL, IS_FREE

LINGER_S = 12.0
"""A connection that is over is dropped by then; closing in order takes uvicorn 10 s at most."""

NO_PONG, NO_PONG_LINGER_S = 4408, 1.0


class EndingSocket(WebSocketsSansIOProtocol):
    """Drops what stays open: a transport that closes in order waits for ever for a client that stalls."""

    _linger: TimerHandle | None = None

    def handle_connect(self, event: Request) -> None:
        """Begin the application's task; let it drop the connection, and see whether a frame would wait."""
        super().handle_connect(event)
        if not self.close_sent:
            self.scope["extensions"][ABORT] = {
                CALL: self.transport.abort,
                IS_FREE: self.writable.is_set,
            }

    async def run_asgi(self) -> None:
        """Run the application; when it has ended the connection has to."""
        try:
            await super().run_asgi()
        finally:
            self._drop_later(LINGER_S)

    def keepalive_timeout(self) -> None:
        """Close with 4408 after a ping without its pong, and do not wait for the client to read that."""
        self.pong_timer = None
        self.pending_ping_payload = None
        if self.close_sent or self.transport.is_closing():
            return
        self.conn.fail(NO_PONG, "no pong")
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.transport.close()
        self._drop_later(NO_PONG_LINGER_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the connection has ended by itself."""
        super().connection_lost(exc)
        if self._linger is not None:
            self._linger.cancel()

    def _drop_later(self, after_s: float) -> None:
        if self._linger is not None:
            self._linger.cancel()
        if not self.disconnected:
            self._linger = self.loop.call_later(after_s, self.transport.abort)
