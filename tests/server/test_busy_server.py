"""A server that has more to commit than it can: what it refuses over HTTP and sockets, and what it takes."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from server import admission
from server.admission import Rank
from server.services import Services
from tests.server.running import (
    PLATFORM,
    ListeningServer,
    TestServer,
    authenticated,
    next_frame,
    say,
)

pytestmark = pytest.mark.anyio
EVENT = {"sessionId": "s1", "event": "click"}


def services_of(server: TestServer) -> Services:
    return server.parts.app.services


@contextmanager
def overloaded(server: TestServer) -> Iterator[None]:
    """Let three writes wait that the store does not end, for a second and a half."""
    room = services_of(server).admission
    places = [room.enter(Rank.ENGAGEMENT, 1, 1) for _ in range(3)]
    for _ in range(3):
        room.tick(0.5)
    yield
    for place in places:
        room.leave(place)


async def test_writes_are_refused_and_the_server_still_says_how_it_is(server: TestServer) -> None:
    with overloaded(server):
        tracked = await server.track(EVENT)
        assert (tracked.status, tracked.json["reason"]) == (503, "queue_full")
        opened = await server.send("POST", "/v1/live-chat/sessions", {}, PLATFORM)
        assert opened.json["error"]["details"]["reason"] == "queue_full"
        assert 1 <= int(opened.headers["retry-after"]) <= 5
        assert (await server.send("GET", "/healthz")).status == 200
        assert (await server.send("GET", "/readyz")).status == 200
        assert (await server.send("GET", "/v1/workspace", headers=PLATFORM)).status == 200
    assert (await server.track(EVENT)).status == 200


async def test_what_a_visitor_does_with_us_is_taken_all_the_same(server: TestServer) -> None:
    with overloaded(server):
        dismissed = await server.track({"sessionId": "s1", "event": "proactive_dismissed"})
        assert dismissed.status == 200


async def test_a_session_without_a_socket_is_refused_before_one_with_a_socket(
    server: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        admission,
        "REFUSED_BEYOND_S",
        {**dict.fromkeys(Rank, 60.0), Rank.HEARTBEAT: 1.0, Rank.UNHEARD: 1.0},
    )
    assert (await server.track(EVENT)).status == 200
    with overloaded(server):
        assert (await server.track(EVENT)).status == 503
        monkeypatch.setattr(services_of(server).sockets, "has", lambda _: True)
        assert (await server.track(EVENT)).status == 200


async def test_a_socket_s_words_and_events_are_refused_with_an_error_and_its_pings_answered(
    live: ListeningServer,
) -> None:
    session = await live.server.open_session()
    async with live.socket(session["session_id"]) as socket:
        await authenticated(socket)
        with overloaded(live.server):
            for frame in (
                {"type": "message", "text": "hello", "client_id": "c1"},
                {"type": "track", "events": [{"event": "click"}]},
            ):
                await say(socket, **frame)
                error = await next_frame(socket, "error")
                assert error["code"] == "SERVICE_UNAVAILABLE"
            await say(socket, type="ping", id=1)
            assert (await next_frame(socket, "pong"))["id"] == 1
        await say(socket, type="message", text="hello", client_id="c1")
        assert (await next_frame(socket, "message_ack"))["offset"] == 1


async def test_handshakes_beyond_the_limit_are_refused_before_the_upgrade(
    live: ListeningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "HANDSHAKES_PER_S", 0)
    session = await live.server.open_session()
    with pytest.raises(Exception, match="HTTP 503"):
        async with live.socket(session["session_id"]):
            pass
