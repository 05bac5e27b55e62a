"""T11: addresses that must not be called are not called, however they are written and whoever answers for them."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpcore2
import pytest

from engine.outbox.network_guard import NOT_PUBLIC, NotPublic
from engine.outbox.posting import Poster, Resolver
from tests.engine.outbox.addresses import MALFORMED, PRIVATE, URLS
from tests.faults.certificates import contexts_for
from tests.faults.receiver import Scripted, receiving
from tests.faults.runs import Outcome

pytestmark = pytest.mark.anyio

NAME = "hooks.example"
PUBLIC = "93.184.216.34"


class Canary:
    """Counts the connections to a port of both loopback addresses."""

    def __init__(self) -> None:
        self.connections = 0
        self.port = 0

    async def met(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


@asynccontextmanager
async def listening_canary() -> AsyncIterator[Canary]:
    canary = Canary()
    server = await asyncio.start_server(canary.met, "127.0.0.1", 0)
    canary.port = server.sockets[0].getsockname()[1]
    servers = [server]
    with suppress(OSError):  # a machine without IPv6
        servers.append(await asyncio.start_server(canary.met, "::1", canary.port))
    try:
        yield canary
    finally:
        for one in servers:
            one.close()
            await one.wait_closed()


class Names:
    """A resolver whose answers follow each other; the last one stays."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, name: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Wires(httpcore2.AsyncNetworkBackend):
    """Connects to loopback in truth; the one public address leads to a port there, all others nowhere."""

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self.called: list[str] = []
        self._network = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # the signature is the library's
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        self.called.append(host)
        if host == PUBLIC and self.port:
            return await self._network.connect_tcp("127.0.0.1", self.port)
        if not host.startswith("127.") and host != "::1":
            raise httpcore2.ConnectError("no way there")
        return await self._network.connect_tcp(host, port)


@pytest.fixture
async def canary(anyio_backend: str) -> AsyncIterator[Canary]:
    async with listening_canary() as found:
        yield found


@pytest.fixture
async def resolver(anyio_backend: str) -> AsyncIterator[Resolver]:
    made = Resolver()
    yield made
    made.close()


def at_port(url: str, port: int) -> str:
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host}:{port}{slash}{path}"


async def post(poster: Poster, url: str) -> str:
    answer = await poster.post(url, (), b"{}", 2.0)
    assert answer.status == 0
    return answer.error


async def test_no_spelling_of_a_private_address_is_called(
    canary: Canary, resolver: Resolver, outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{canary.port}")
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{canary.port}")
    assert len(URLS) + len(MALFORMED) >= 80
    poster = Poster(allow_private=False, resolve=resolver)
    errors = {await post(poster, at_port(url, canary.port)) for url in URLS}
    for url in MALFORMED:
        await post(poster, url)
    await poster.close()
    assert errors == {NOT_PUBLIC}
    assert canary.connections == 0
    outcome.acked, outcome.lost = len(URLS) + len(MALFORMED), canary.connections


async def test_a_private_address_is_refused_when_the_endpoint_is_made(resolver: Resolver) -> None:
    poster = Poster(allow_private=False, resolve=resolver)
    for url in URLS:
        with pytest.raises(NotPublic):
            await poster.check(url)


@pytest.mark.parametrize("private", [one for one in PRIVATE if "%" not in one][::4])
async def test_a_name_with_one_private_address_is_not_called(private: str) -> None:
    wires = Wires()
    for addresses in ((private,), (PUBLIC, private), (private, PUBLIC)):
        poster = Poster(allow_private=False, resolve=Names(addresses), network=wires)
        assert await post(poster, f"https://{NAME}/") == NOT_PUBLIC
        with pytest.raises(NotPublic):
            await poster.check(f"https://{NAME}/")
        await poster.close()
    assert wires.called == []


async def test_a_resolver_that_changes_its_answer_leads_nowhere(canary: Canary) -> None:
    wires = Wires()
    names = Names((PUBLIC,), ("127.0.0.1",), (PUBLIC,), ("127.0.0.1",))
    poster = Poster(allow_private=False, resolve=names, network=wires)
    url = f"https://{NAME}:{canary.port}/"
    await poster.check(url)
    errors = [await post(poster, url) for _ in range(4)]
    await poster.close()
    assert errors == [NOT_PUBLIC, "no connection", NOT_PUBLIC, NOT_PUBLIC]
    assert wires.called == [PUBLIC]
    assert (canary.connections, names.asked) == (0, 5)


async def test_control_checking_the_name_and_connecting_by_name_reaches_the_canary(
    canary: Canary, outcome: Outcome
) -> None:
    names = Names((PUBLIC,), ("127.0.0.1",))
    url = f"https://{NAME}:{canary.port}/"
    await Poster(allow_private=False, resolve=names).check(url)
    unguarded = Poster(allow_private=True, resolve=names)
    await post(unguarded, url)
    await unguarded.close()
    assert canary.connections >= 1
    outcome.control = f"{canary.connections} connection"


async def test_a_redirect_to_a_private_address_is_not_followed_and_its_body_is_not_shown(
    canary: Canary, tmp_path: Path
) -> None:
    server, client = contexts_for(NAME, tmp_path)
    moved = Scripted(302, {"location": f"http://127.0.0.1:{canary.port}/"}, b"inner secret")
    with receiving(lambda _: moved, tls=server) as receiver:
        wires = Wires(receiver.port)
        poster = Poster(allow_private=False, resolve=Names((PUBLIC,)), tls=client, network=wires)
        answer = await poster.post(f"https://{NAME}/", (), b"{}", 2.0)
        await poster.close()
    assert (answer.status, answer.error) == (302, "answered 302: redirects are not followed")
    assert canary.connections == 0


async def test_the_checked_address_is_called_with_the_name_of_the_url(tmp_path: Path) -> None:
    server, client = contexts_for(NAME, tmp_path)
    with receiving(tls=server) as receiver:
        wires = Wires(receiver.port)
        poster = Poster(allow_private=False, resolve=Names((PUBLIC,)), tls=client, network=wires)
        for url in (f"https://{NAME}/", f"https://{NAME}./"):
            answer = await poster.post(url, (), b"{}", 2.0)
            assert (answer.status, answer.error) == (200, "")
        answer = await poster.post("https://other.example/", (), b"{}", 2.0)
        assert answer.error == "the TLS handshake failed"
        await poster.close()
    assert receiver.received[0].headers["host"] == NAME
    assert set(wires.called) == {PUBLIC}


async def test_a_name_that_takes_long_to_resolve_fails(anyio_backend: str) -> None:
    async def never(name: str, port: int) -> Sequence[str]:
        await asyncio.sleep(60)
        return ()

    poster = Poster(allow_private=False, resolve=never)
    answer = await poster.post(f"https://{NAME}/", (), b"{}", 0.05)
    await poster.close()
    assert answer.error == "no answer within 0.05 s"


async def test_a_name_that_cannot_be_resolved_may_be_kept_and_is_no_delivery() -> None:
    async def nobody(name: str, port: int) -> Sequence[str]:
        raise socket.gaierror

    poster = Poster(allow_private=False, resolve=nobody)
    await poster.check(f"https://{NAME}/")
    assert await post(poster, f"https://{NAME}/") == "the name cannot be resolved"
    await poster.close()


async def test_a_long_answer_is_not_read_to_its_end(resolver: Resolver) -> None:
    long = Scripted(400, {"content-type": "text/plain"}, b"x" * 4_000_000)
    with receiving(lambda _: long) as receiver:
        poster = Poster(allow_private=True, resolve=resolver)
        answer = await poster.post(receiver.url(), (), b"{}", 2.0)
        await poster.close()
    assert answer.error == "answered 400: " + "x" * 200
