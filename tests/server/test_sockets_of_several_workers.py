"""Sockets at two servers over one store: whoever takes a request, every client hears of it, once and in order."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection

from engine.conversations.orders import Post
from engine.conversations.writing import Delta, Typing
from engine.errors import StoreUnavailable
from engine.stores.base import SessionRef
from engine.stores.open import open_store
from engine.testing.manual_clock import ManualClock
from engine.testing.shared_store import SharedMemory
from server.routes import outbound
from server.sockets import delivery, registry
from server.sockets.connection import Rejected
from server.sockets.delivery import Delivery
from server.wire.server_frames import SocketFrame
from tests.faults.server import Single
from tests.server.dashboards import QUIET, dashboard_config, frames, signed_in, tenant, token
from tests.server.running import (
    AC_PAGE,
    PLATFORM,
    ListeningServer,
    authenticated,
    close_code,
    frames_until,
    listening,
    next_frame,
    say,
    write_config,
)

pytestmark = pytest.mark.anyio

Pair = tuple[ListeningServer, ListeningServer]


@asynccontextmanager
async def _pair(folder: Path) -> AsyncIterator[Pair]:
    clock = ManualClock()
    shared = SharedMemory(clock.now_ms)
    config = write_config(folder, dashboard_config())
    async with AsyncExitStack() as stack:
        opened = [
            await stack.enter_async_context(listening(config, clock, shared.view()))
            for _ in range(2)
        ]
        yield opened[0], opened[1]


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    async with _pair(tmp_path) as both:
        yield both


async def ref_of(live: ListeningServer, session: dict) -> SessionRef:
    found = await live.server.parts.runtime.find("ws_dev", session["session_id"])
    assert found is not None
    return found


async def test_a_message_decided_anywhere_reaches_the_socket_once(pair: Pair) -> None:
    front, back = pair
    session = await front.server.open_session()
    async with back.socket(session["session_id"]) as socket:
        await authenticated(socket)
        body = {"sessionId": session["session_id"], "event": "page_view", "page": {"url": AC_PAGE}}
        assert (await front.server.track(body)).status == 200
        front.server.clock.advance(45_000)
        for live in pair:
            await live.server.parts.runtime.take_due()
        frame = await next_frame(socket, "message")
        assert (frame["text"], frame["offset"]) == ("Need help with your AC?", 1)
        await say(socket, type="ping", id="p")
        assert not [f for f in await frames_until(socket, "pong") if f["type"] == "message"]


async def test_words_of_two_sockets_come_to_both_in_one_order(pair: Pair) -> None:
    session = await pair[0].server.open_session()
    async with (
        pair[0].socket(session["session_id"]) as here,
        pair[1].socket(session["session_id"]) as there,
    ):
        for socket in (here, there):
            await authenticated(socket)
        for number, socket in enumerate((here, there, here, there)):
            await say(socket, type="message", text=f"word {number}", client_id=f"c{number}")
        runtime, ref = pair[0].server.parts.runtime, await ref_of(pair[0], session)
        async with asyncio.timeout(5):
            while len(said := await runtime.messages(ref, 0, 100)) < 8:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        offsets = [message.offset for message in said]
        assert offsets == list(range(1, 9))
        assert sorted(m.text for m in said if m.author == "visitor") == [
            f"word {number}" for number in range(4)
        ]
        for socket in (here, there):
            assert await offsets_of(socket, 8) == offsets


async def offsets_of(socket: ClientConnection, count: int) -> list[int]:
    """Read frames until so many have a place in the sequence; their places."""
    found: list[int] = []
    async with asyncio.timeout(5):
        while len(found) < count:
            frame = msgspec.json.decode(await socket.recv())
            if frame["type"] in ("message", "message_ack"):
                found.append(frame["offset"])
    return found


async def test_dashboards_at_both_servers_see_the_same_events(pair: Pair) -> None:
    async with tenant(pair[0]) as here, tenant(pair[1]) as there:
        for board, live in ((here, pair[0]), (there, pair[1])):
            await signed_in(board, token(live), topics=QUIET)
        for number in range(2):
            await pair[number].server.open_session(id=f"vis_{number}")
        async with asyncio.timeout(10):
            seen = [await frames(board, 2) for board in (here, there)]
    assert seen[0] == seen[1]
    first, second = (frame["offset"] for frame in seen[0])
    assert second == first + 1


async def test_people_at_dashboards_count_at_every_server(pair: Pair) -> None:
    first, second = pair
    async with tenant(second) as board:
        await signed_in(board, token(second, role="editor"), topics=["x"])
        await second.server.parts.runtime.ownership.exchange()
        await first.server.parts.runtime.ownership.exchange()
        for live in pair:
            assert live.server.parts.runtime.agents_online("ws_dev") == 1


@pytest.mark.parametrize("is_hint_lost", [False, True])
async def test_sockets_of_an_erased_visitor_close_4410_at_every_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_hint_lost: bool
) -> None:
    if is_hint_lost:
        monkeypatch.setattr(delivery, "LOOK_AGAIN_S", 0.05)
        monkeypatch.setattr(delivery, "LOOK_AGAIN_SPREAD_S", 1)
    async with _pair(tmp_path) as pair:
        if is_hint_lost:
            await pair[1].server.parts.runtime._hearing.stop()
        session = await pair[0].server.open_session()
        ref = await ref_of(pair[0], session)
        async with (
            pair[0].socket(session["session_id"]) as here,
            pair[1].socket(session["session_id"]) as there,
        ):
            for socket in (here, there):
                await authenticated(socket)
            erased = await pair[0].server.send(
                "DELETE", f"/v1/visitors/{ref.visitor}", headers=PLATFORM
            )
            assert erased.status == 200, erased.body
            assert await close_code(here) == 4410
            assert await close_code(there) == 4410


async def test_a_socket_that_attaches_after_the_erasure_is_closed_4410(pair: Pair) -> None:
    services = pair[1].server.parts.app.services
    session = await pair[0].server.open_session()
    ref = await ref_of(pair[1], session)
    await pair[0].server.parts.store.erase(ref.workspace, ref.visitor)

    async def write(_: SocketFrame) -> None:
        """Take it."""

    reading = Delivery(services, ref, write)
    with pytest.raises(Rejected) as refused:
        await reading.begin(None)
    assert refused.value.code == 4410
    await reading.end([])
    assert await services.runtime.sockets(ref) == 0


async def test_what_is_being_written_reaches_sockets_at_both_servers(pair: Pair) -> None:
    session = await pair[0].server.open_session()
    ref = await ref_of(pair[0], session)
    async with (
        pair[0].socket(session["session_id"]) as here,
        pair[1].socket(session["session_id"]) as there,
    ):
        for socket in (here, there):
            await authenticated(socket)
        writing = pair[0].server.parts.app.services.answering.writing
        for what in (Typing(True), Delta("msg_1", "A vi"), Delta("msg_1", "sit"), Typing(False)):
            writing.tell(ref, what)
        for socket in (here, there):
            assert (await next_frame(socket, "typing"))["state"] is True
            text = ""
            while text != "A visit":
                text += (await next_frame(socket, "delta"))["text"]
            assert (await next_frame(socket, "typing"))["state"] is False


async def test_over_redis_pieces_and_erasures_reach_the_other_server_at_once(
    tmp_path: Path, valkey: Single
) -> None:
    valkey.flush()
    clock, config = ManualClock(), write_config(tmp_path)
    async with AsyncExitStack() as stack:
        front, back = [
            await stack.enter_async_context(
                listening(
                    config, clock, await open_store(valkey.url, clock=clock.now_ms, partitions=16)
                )
            )
            for _ in range(2)
        ]
        session = await front.server.open_session()
        ref = await ref_of(front, session)
        async with back.socket(session["session_id"]) as socket:
            await authenticated(socket)
            writing = front.server.parts.app.services.answering.writing
            writing.tell(ref, Delta("msg_1", "A visit"))
            assert (await next_frame(socket, "delta"))["text"] == "A visit"
            path = f"/v1/visitors/{ref.visitor}"
            assert (await front.server.send("DELETE", path, headers=PLATFORM)).status == 200
            assert await close_code(socket) == 4410


async def test_no_piece_comes_after_its_whole_message(pair: Pair) -> None:
    live = pair[0]
    session = await live.server.open_session()
    ref, services = await ref_of(live, session), live.server.parts.app.services
    async with live.socket(session["session_id"]) as socket:
        await authenticated(socket)
        assert await services.runtime.post(ref, Post("msg_1", "assistant", "A visit."))
        await next_frame(socket, "message")
        writing = services.answering.writing
        for piece in (Delta("msg_1", "late"), Delta("msg_2", "timely")):
            writing.tell(ref, piece)
        assert (await next_frame(socket, "delta"))["text"] == "timely"


async def test_a_message_that_another_server_s_socket_took_is_answered_delivered(
    pair: Pair,
) -> None:
    front, back = pair
    session = await front.server.open_session()
    ref = await ref_of(front, session)
    front.server.clock.advance(60_000)
    body = {"session_id": session["session_id"], "message": "Hello?", "trigger": {"type": "time"}}
    path = "/v1/outbound/live-chat/message"
    async with back.socket(session["session_id"]) as socket:
        await authenticated(socket)
        await _counted(front, ref)
        sent = await front.server.send("POST", path, body, PLATFORM)
        assert sent.status == 200, sent.body
        assert sent.json["data"]["status"] == "delivered"
        assert (await next_frame(socket, "message"))["text"] == "Hello?"


async def _counted(live: ListeningServer, ref: SessionRef) -> None:
    """Wait until the other server, for which time has passed too, is known to live."""
    async with asyncio.timeout(5):
        while await live.server.parts.runtime.sockets(ref) != 1:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_message_that_no_socket_took_is_answered_sent(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    front, back = pair
    monkeypatch.setattr(outbound, "DELIVERY_WAIT_S", 0.1)
    session = await front.server.open_session()
    front.server.clock.advance(60_000)
    ref = await ref_of(front, session)
    body = {"session_id": session["session_id"], "message": "Hello?", "trigger": {"type": "time"}}
    # A socket whose client takes nothing.
    attachment = await back.server.parts.runtime.attach(ref, lambda: None)
    await _counted(front, ref)
    sent = await front.server.send("POST", "/v1/outbound/live-chat/message", body, PLATFORM)
    assert sent.json["data"]["status"] == "sent"
    await back.server.parts.runtime.detach(ref, attachment)


async def test_a_store_that_leaves_after_the_message_was_kept_does_not_unsend_it(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    front, back = pair
    session = await front.server.open_session()
    front.server.clock.advance(60_000)
    ref = await ref_of(front, session)
    attachment = await back.server.parts.runtime.attach(ref, lambda: None)
    await _counted(front, ref)

    async def refuse(*_: object) -> None:
        raise StoreUnavailable("none", 1_000)

    monkeypatch.setattr(front.server.parts.runtime, "message", refuse)
    body = {"session_id": session["session_id"], "message": "Hello?", "trigger": {"type": "time"}}
    sent = await front.server.send("POST", "/v1/outbound/live-chat/message", body, PLATFORM)
    assert (sent.status, sent.json["data"]["status"]) == (200, "sent")
    await back.server.parts.runtime.detach(ref, attachment)


async def test_one_socket_too_many_of_all_servers_closes_the_oldest_where_it_came(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "SOCKETS_PER_SESSION_MAX", 3)
    front, back = pair
    session = await front.server.open_session()
    name = session["session_id"]
    async with (
        front.socket(name) as first,
        back.socket(name) as second,
        front.socket(name) as third,
    ):
        for socket in (first, second, third):
            await authenticated(socket)
        async with front.socket(name) as fourth:
            await authenticated(fourth)
            assert await close_code(first) == 4409
            for socket in (second, third, fourth):
                await say(socket, type="ping", id="p")
                await next_frame(socket, "pong")


async def test_the_newest_socket_stays_however_many_are_elsewhere(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "SOCKETS_PER_SESSION_MAX", 1)
    session = await pair[0].server.open_session()
    name = session["session_id"]
    async with pair[0].socket(name) as here, pair[1].socket(name) as there:
        for socket in (here, there):
            await authenticated(socket)
            await say(socket, type="ping", id="p")
            await next_frame(socket, "pong")


async def test_a_socket_starts_over_when_the_store_went_back(pair: Pair) -> None:
    live = pair[0]
    session = await live.server.open_session()
    runtime, ref = live.server.parts.runtime, await ref_of(live, session)
    async with live.socket(session["session_id"]) as socket:
        await authenticated(socket)
        await runtime.say(ref, "before", "c1")
        first = await next_frame(socket, "message")
        hot = runtime._stepper._hot.get(ref)
        assert hot is not None
        hot.is_rolled_back = True
        await runtime.say(ref, "after", "c2")
        read = []
        while not read or read[-1]["text"] != "after":
            read.append(await next_frame(socket, "message"))
        fresh = [frame for frame in read if frame["epoch"] != first["epoch"]]
        assert (fresh[0]["id"], fresh[0]["offset"]) == (first["id"], first["offset"])
        assert [frame["offset"] for frame in fresh] == list(range(1, len(fresh) + 1))
        assert len({frame["epoch"] for frame in fresh}) == 1


async def test_only_the_newest_whole_messages_are_remembered(pair: Pair) -> None:
    services = pair[0].server.parts.app.services
    session = await pair[0].server.open_session()
    ref = await ref_of(pair[0], session)

    async def write(_: SocketFrame) -> None:
        """Take it."""

    reading = Delivery(services, ref, write)
    await reading.begin(None)
    for number in range(delivery.SENT_KEPT_MAX + 1):
        assert await services.runtime.post(ref, Post(f"msg_{number}", "agent", "word"))
    await reading.push()
    known = [reading.has_sent(f"msg_{number}") for number in range(delivery.SENT_KEPT_MAX + 1)]
    assert known == [False, *[True] * delivery.SENT_KEPT_MAX]
    await reading.end([])


async def test_after_a_new_beginning_offsets_count_from_there(pair: Pair) -> None:
    live = pair[0]
    services, sent = live.server.parts.app.services, list[str]()
    session = await live.server.open_session()
    ref = await ref_of(live, session)

    async def write(frame: SocketFrame) -> None:
        sent.append(msgspec.json.decode(msgspec.json.encode(frame)).get("text", ""))

    reading = Delivery(services, ref, write)
    await reading.begin(None)
    reading.epoch, reading.offset = "before", 9
    for number in range(2):
        post = Post(f"msg_{number}", "agent", f"word {number}")
        assert await services.runtime.post(ref, post)
        await reading.push()
    assert [text for text in sent if text] == ["word 0", "word 1"]
    await reading.end([])
