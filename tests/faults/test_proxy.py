"""The chaos proxy makes the faults that it says, counts them, and otherwise passes everything on."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from time import monotonic
from typing import Self

import pytest

from tests.faults.proxy import LOOPBACK, Proxy


class Echo:
    """A server that answers each line with a number and the line."""

    def __init__(self, number: int) -> None:
        self.heard: list[bytes] = []
        self._number = number
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with suppress(OSError), connection, connection.makefile("rb") as lines:
            for line in lines:
                self.heard.append(line)
                connection.sendall(b"%d %b" % (self._number, line))


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo(1)
    yield server
    server.close()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[Proxy]:
    with Proxy(echo.port, seed=3) as running:
        yield running


class Client:
    """A connection through the proxy."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection((LOOPBACK, port), timeout=5)
        self._lines = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()
        self._socket.close()

    def ask(self, line: bytes, within_s: float = 5.0) -> bytes:
        """Answers b"" when the connection was closed.

        Raises:
            ConnectionResetError: it was reset.
            TimeoutError: nothing came.
        """
        self._socket.settimeout(within_s)
        self._socket.sendall(line)
        return self._lines.readline()


def test_without_faults_everything_passes(proxy: Proxy) -> None:
    with Client(proxy.port) as one, Client(proxy.port) as other:
        assert one.ask(b"hello\n") == b"1 hello\n"
        assert other.ask(b"there\n") == b"1 there\n"
        assert one.ask(b"again\n") == b"1 again\n"
    assert proxy.acts["forward"] == 6


def test_a_blackhole_of_answers_lets_the_request_through(proxy: Proxy, echo: Echo) -> None:
    with Client(proxy.port) as client:
        assert client.ask(b"a\n") == b"1 a\n"
        proxy.set(blackhole=frozenset({"down"}))
        with pytest.raises(TimeoutError):
            client.ask(b"b\n", within_s=0.3)
    assert echo.heard == [b"a\n", b"b\n"]
    assert proxy.acts["blackhole"] == 1


def test_a_blackhole_of_requests_lets_nothing_through(proxy: Proxy, echo: Echo) -> None:
    proxy.set(blackhole=frozenset({"up"}))
    with Client(proxy.port) as client, pytest.raises(TimeoutError):
        client.ask(b"a\n", within_s=0.3)
    assert echo.heard == []


def test_a_dropped_reply_resets_the_client_after_the_server_heard_it(
    proxy: Proxy, echo: Echo
) -> None:
    proxy.set(drop_reply=1.0)
    with Client(proxy.port) as client, pytest.raises(ConnectionResetError):
        client.ask(b"a\n")
    assert echo.heard == [b"a\n"]
    assert proxy.acts["drop_reply"] == 1


def test_replies_are_dropped_as_often_as_asked(proxy: Proxy) -> None:
    proxy.set(drop_reply=0.3)
    for _ in range(100):
        with Client(proxy.port) as client, suppress(ConnectionResetError):
            client.ask(b"a\n")
    assert 15 <= proxy.acts["drop_reply"] <= 45


def test_a_delay_makes_a_piece_wait(proxy: Proxy) -> None:
    proxy.set(delay=1.0, delay_ms=60)
    began = monotonic()
    with Client(proxy.port) as client:
        assert client.ask(b"a\n") == b"1 a\n"
    assert monotonic() - began >= 0.12
    assert proxy.acts["delay"] == 2


def test_a_slow_line_takes_its_time(proxy: Proxy) -> None:
    proxy.set(bytes_per_s=1_000)
    began = monotonic()
    with Client(proxy.port) as client:
        client.ask(b"a" * 99 + b"\n")
    assert monotonic() - began >= 0.2


def test_a_reset_ends_all_connections_and_new_ones_work(proxy: Proxy) -> None:
    with Client(proxy.port) as client:
        client.ask(b"a\n")
        assert proxy.reset() == 1
        with pytest.raises(ConnectionResetError):
            client.ask(b"b\n")
    with Client(proxy.port) as client:
        assert client.ask(b"c\n") == b"1 c\n"


def test_a_retargeted_proxy_passes_on_to_the_other_server(proxy: Proxy) -> None:
    other = Echo(2)
    try:
        with Client(proxy.port) as client:
            client.ask(b"a\n")
            proxy.retarget(other.port)
            with pytest.raises(ConnectionResetError):
                client.ask(b"b\n")
        with Client(proxy.port) as client:
            assert client.ask(b"c\n") == b"2 c\n"
    finally:
        other.close()


def test_without_a_server_the_client_is_reset(proxy: Proxy, echo: Echo) -> None:
    echo.close()
    proxy.retarget(1)
    with pytest.raises(ConnectionError), Client(proxy.port) as client:
        client.ask(b"a\n")
