"""A worker that ends refuses what is new, finishes what is under way, and sends its sockets away in turn."""

import asyncio

import pytest

from server.drain import CLOSES_PER_S_MIN, drain
from server.services import Services
from tests.server.running import (
    PLATFORM,
    ListeningServer,
    TestServer,
    authenticated,
    close_code,
)

pytestmark = pytest.mark.anyio
EVENT = {"sessionId": "s1", "event": "click"}


def services_of(server: TestServer) -> Services:
    return server.parts.app.services


class Socket:
    """An open socket that goes as soon as it is told to, and notes when that was."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.told: list[int] = []
        services.connections[self] = None

    def close_soon(self, code: int) -> None:
        self.told.append(code)
        del self._services.connections[self]


async def test_new_work_is_refused_from_the_first_instant_and_the_server_says_so(
    server: TestServer,
) -> None:
    await drain(services_of(server), 1)
    tracked = await server.track(EVENT)
    assert (tracked.status, tracked.json["reason"]) == (503, "shutting_down")
    assert (tracked.headers["connection"], tracked.headers["retry-after"]) == ("close", "1")
    for method, path in (("POST", "/v1/live-chat/sessions"), ("GET", "/v1/workspace")):
        answered = await server.send(method, path, headers=PLATFORM)
        assert answered.status == 503
        assert answered.json["error"]["details"]["reason"] == "shutting_down"
        assert answered.headers["connection"] == "close"
    assert (await server.send("GET", "/readyz")).status == 503
    assert (await server.send("GET", "/readyz")).json["status"] == "stopping"
    assert (await server.send("GET", "/healthz")).status == 200
    assert (await server.send("GET", "/nowhere")).status == 404


async def test_what_is_under_way_ends_before_the_drain_does(server: TestServer) -> None:
    services = services_of(server)
    services.requests_under_way += 1
    draining = asyncio.create_task(drain(services, 20))
    await asyncio.sleep(0.05)
    assert not draining.done()
    assert services.is_stopping
    services.requests_under_way -= 1
    async with asyncio.timeout(2):
        await draining


async def test_what_never_ends_is_waited_for_within_the_grace(server: TestServer) -> None:
    services = services_of(server)
    services.requests_under_way += 1
    async with asyncio.timeout(2):
        await drain(services, 0.1)
    services.requests_under_way -= 1


async def test_few_sockets_go_at_once_and_one_after_the_other(server: TestServer) -> None:
    services = services_of(server)
    sockets = [Socket(services) for _ in range(5)]
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    draining = asyncio.create_task(drain(services, 10))
    await asyncio.sleep(0)
    assert [socket.told for socket in sockets] != [[1012]] * 5
    await draining
    assert [socket.told for socket in sockets] == [[1012]] * 5
    assert loop.time() - began_s >= 4 / CLOSES_PER_S_MIN


async def test_many_sockets_are_spread_over_no_more_than_half_of_the_grace(
    server: TestServer,
) -> None:
    services = services_of(server)
    sockets = [Socket(services) for _ in range(400)]
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    await drain(services, 0.6)
    assert loop.time() - began_s < 0.6
    assert [socket.told for socket in sockets] == [[1012]] * 400


async def test_a_socket_is_closed_1012_and_a_new_one_refused(live: ListeningServer) -> None:
    session = await live.server.open_session()
    async with live.socket(session["session_id"]) as socket:
        await authenticated(socket)
        await drain(services_of(live.server), 2)
        assert await close_code(socket) == 1012
    with pytest.raises(Exception, match="HTTP 503"):
        async with live.socket(session["session_id"]):
            pass


async def test_a_socket_that_has_not_authenticated_yet_goes_too(live: ListeningServer) -> None:
    session = await live.server.open_session()
    async with live.socket(session["session_id"]) as socket:
        services = services_of(live.server)
        async with asyncio.timeout(5):
            while not services.connections:  # noqa: ASYNC110  # nobody sets an event
                await asyncio.sleep(0)
        await drain(services, 2)
        assert await close_code(socket) == 1012
