"""A webhook receiver on loopback: answers as it is told to, checks every signature, writes down what came."""

import asyncio
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from standardwebhooks import Webhook, WebhookVerificationError

SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


@dataclass(frozen=True, slots=True)
class Received:
    """One request; header names are lower case, `at_s` is monotonic, `is_signed` by the receiver's secret."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    at_s: float
    is_signed: bool

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def attempt(self) -> int:
        return int(self.headers["x-opportune-attempt"])

    @property
    def sequence(self) -> int:
        return int(self.headers.get("x-opportune-sequence", "0"))

    @property
    def json(self) -> dict:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Scripted:
    """An answer, given after a while."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    after_s: float = 0.0


Script = Callable[[Received], Scripted]


def is_signed(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Tell whether the library finds its own signature; on a clock of tests the time is not compared."""
    hook = Webhook(secret)
    at_s = int(headers.get("webhook-timestamp", "0"))
    if abs(time.time() - at_s) < 200:
        try:
            hook.verify(body, dict(headers), json_parse=False)
        except WebhookVerificationError:
            return False
        return True
    signed = hook.sign(headers["webhook-id"], datetime.fromtimestamp(at_s, UTC), body.decode())
    return signed in headers["webhook-signature"].split(" ")


class Receiver:
    """Listens on a port the system gave; `received` holds every request in the order of their arrival."""

    def __init__(self, script: Script | None = None, *, secret: str = SECRET) -> None:
        self.script: Script = script or (lambda _: Scripted())
        self.secret = secret
        self.received: list[Received] = []
        self.port = 0
        self.log: Path | None = None
        self.at_once = self.at_once_max = 0
        self._lock = threading.Lock()

    def url(self, path: str = "/hook", host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    def of(self, path: str) -> list[Received]:
        return [one for one in tuple(self.received) if one.path == path]

    async def wait_for(self, count: int, within_s: float = 5.0) -> list[Received]:
        """Wait until so many requests came."""
        async with asyncio.timeout(within_s):
            while len(self.received) < count:  # noqa: ASYNC110  # another thread receives them
                await asyncio.sleep(0.005)
        return list(self.received)

    def take(self, received: Received) -> Scripted:
        """Note a request and say how it is answered."""
        with self._lock:
            self.received.append(received)
            scripted = self.script(received)
            if self.log is not None:
                with self.log.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(self._row(received, scripted)) + "\n")
        return scripted

    def begin(self) -> None:
        with self._lock:
            self.at_once += 1
            self.at_once_max = max(self.at_once_max, self.at_once)

    def end(self) -> None:
        with self._lock:
            self.at_once -= 1

    @staticmethod
    def _row(received: Received, scripted: Scripted) -> dict[str, object]:
        return {
            "at_s": received.at_s,
            "path": received.path,
            "id": received.headers.get("webhook-id"),
            "attempt": received.headers.get("x-opportune-attempt"),
            "sequence": received.headers.get("x-opportune-sequence"),
            "signed": received.is_signed,
            "status": scripted.status,
            "body": received.body.decode("utf-8", "replace"),
        }


@contextmanager
def receiving(
    script: Script | None = None,
    *,
    secret: str = SECRET,
    log: Path | None = None,
    tls: ssl.SSLContext | None = None,
) -> Iterator[Receiver]:
    """Run a receiver in a thread of its own; with `log` it writes JSONL, with `tls` it is an https one."""
    receiver = Receiver(script, secret=secret)
    receiver.log = log
    server = _Server(("127.0.0.1", 0), _Requests)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    server.receiver = receiver
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    receiver: Receiver

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is no failure of a test."""


class _Requests(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 20

    def do_POST(self) -> None:  # the name is the library's
        server = self.server
        assert isinstance(server, _Server)
        receiver = server.receiver
        length = int(self.headers.get("content-length", "0"))
        body = self.rfile.read(length)
        if len(body) < length:
            # Who sent it died in the middle: nobody has been told anything.
            self.close_connection = True
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        signed = "webhook-id" in headers and is_signed(receiver.secret, headers, body)
        receiver.begin()
        try:
            received = Received("POST", self.path, headers, body, time.monotonic(), signed)
            scripted = receiver.take(received)
            time.sleep(scripted.after_s)
        finally:
            receiver.end()
        self.send_response(scripted.status)
        for name, value in scripted.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(scripted.body)))
        self.end_headers()
        self.wfile.write(scripted.body)

    def do_GET(self) -> None:  # a redirect that is followed would come so
        self.do_POST()

    def log_message(self, *_: object) -> None:
        """Say nothing on stderr."""
