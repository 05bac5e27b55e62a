"""A small HTTP server of tests: hears whole requests and answers each with what a function says."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

METHODS = ("GET", "POST", "PUT", "OPTIONS", "HEAD")
IDLE_S = 20


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it was sent: `target` is path and query, `body` still encoded."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    def header(self, name: str) -> str:
        """Return the first value of a header, whatever its case; "" without one."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), "")


@dataclass(frozen=True, slots=True)
class Answered:
    """What is answered; the length of the body is told by the server."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = field(default=(("Content-Type", "application/json"),))


Answering = Callable[[Asked], Answered | None]
"""None cuts the connection instead of answering."""


@contextmanager
def listening(answering: Answering) -> Iterator[int]:
    """Serve on a port that the system gives, which is what is yielded; every request has its thread."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = IDLE_S
        disable_nagle_algorithm = True

        def answer(self) -> None:
            asked = Asked(self.command, self.path, tuple(self.headers.items()), self._body())
            answered = answering(asked)
            if answered is None:
                self._cut()
                return
            with suppress(ConnectionError):
                self._write(answered)

        def _write(self, answered: Answered) -> None:
            self.send_response(answered.status)
            for name, value in answered.headers:
                self.send_header(name, value)
            if answered.status != 204:
                self.send_header("Content-Length", str(len(answered.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answered.body)

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
                return b"".join(iter(self._chunk, b""))
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))

        def _chunk(self) -> bytes:
            size = int(self.rfile.readline().partition(b";")[0], 16)
            chunk = self.rfile.read(size)
            self.rfile.readline()
            return chunk

        def _cut(self) -> None:
            """End with RST: nothing of an answer can arrive."""
            self.close_connection = True
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

        def log_message(self, *_: object) -> None:
            """Say nothing: the tests' output is theirs."""

    for method in METHODS:
        setattr(Handler, f"do_{method}", Handler.answer)
    server = _Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    """One that is quiet about clients that hang up."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that goes away in the middle is no event here."""
