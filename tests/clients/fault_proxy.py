"""A proxy in front of a server that fails now and then, as gateways and networks do, and keeps what passes."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from tests.clients.listening import Answered, Asked, listening

Fault = Literal["503", "429", "cut"]
"""`cut`: the request is passed on, and the connection is reset in place of the answer."""

UPSTREAM_S = 10
NO_EVENTS = ("/flags", "/decide", "/settings", "/config", "/sourceConfig")
_OWN_HEADERS = ("connection", "content-length", "transfer-encoding", "keep-alive")


@dataclass(slots=True)
class FaultProxy:
    """Passes everything on to a port; `faults` befall the next requests that bring events, in this order."""

    upstream: int
    address: str = ""
    faults: list[Fault] = field(default_factory=list)
    befallen: list[Fault] = field(default_factory=list)
    passed: list[tuple[Asked, Answered]] = field(default_factory=list)
    """Every request that the server has answered, also where its answer was cut off."""
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def clear(self) -> None:
        """Forget what was, and make no faults."""
        for kept in (self.faults, self.befallen, self.passed):
            kept.clear()

    def answer(self, asked: Asked) -> Answered | None:
        """Do to one request what is its turn; None cuts."""
        fault = self._fault(asked)
        if fault == "503":
            return Answered(503, b"upstream is away", _cors(asked))
        if fault == "429":
            return Answered(429, b"slow down", (*_cors(asked), ("Retry-After", "1")))
        answered = self.pass_on(asked)
        self.passed.append((asked, answered))
        return None if fault == "cut" else answered

    def pass_on(self, asked: Asked) -> Answered:
        """Ask the server; also what was asked before may be asked again."""
        connection = http.client.HTTPConnection("127.0.0.1", self.upstream, timeout=UPSTREAM_S)
        try:
            headers = {name: value for name, value in asked.headers if _is_passed(name)}
            connection.request(asked.method, asked.target, asked.body, headers)
            response = connection.getresponse()
            body = response.read()
            kept = tuple((name, value) for name, value in response.getheaders() if _is_passed(name))
            return Answered(response.status, body, kept)
        finally:
            connection.close()

    def events(self) -> list[tuple[Asked, Answered]]:
        """Return the requests that brought events to the server."""
        return [(asked, answered) for asked, answered in self.passed if brings_events(asked)]

    def _fault(self, asked: Asked) -> Fault | None:
        with self._turn:
            if not self.faults or not brings_events(asked):
                return None
            self.befallen.append(self.faults[0])
            return self.faults.pop(0)


def brings_events(asked: Asked) -> bool:
    """Tell a request with events from one for settings or flags."""
    ends = asked.path.rstrip("/")
    return asked.method == "POST" and not ends.endswith(NO_EVENTS)


def _is_passed(name: str) -> bool:
    return name.lower() not in _OWN_HEADERS


def _cors(asked: Asked) -> tuple[tuple[str, str], ...]:
    """Say what a gateway must say, so that a page may see the failure for what it is."""
    origin = asked.header("Origin")
    allowed = ("Access-Control-Allow-Origin", origin)
    exposed = ("Access-Control-Expose-Headers", "retry-after")
    return (allowed, exposed) if origin else ()


@contextmanager
def failing(upstream: int, *faults: Fault) -> Iterator[FaultProxy]:
    """Stand in front of a port of this machine."""
    proxy = FaultProxy(upstream, faults=list(faults))
    with listening(proxy.answer) as port:
        proxy.address = f"http://127.0.0.1:{port}"
        yield proxy
