"""A tenant socket's bounds: a dashboard that does not read, and a store that is away."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from engine.causes import Said
from engine.errors import StoreUnavailable
from engine.message import Message
from engine.outbox.contents import VisitorUpdated
from server.access.jwt_tokens import make_dashboard_token
from server.sockets import connection, feed, tenant_socket
from server.sockets.tenant_socket import TenantSocket
from tests.engine.outbox.causes import CARD, cause
from tests.server.dashboards import dashboard_config
from tests.server.running import TestServer, in_process, write_config
from tests.server.wires import Wire

pytestmark = pytest.mark.anyio


@pytest.fixture
async def server(tmp_path: Path, anyio_backend: str) -> AsyncIterator[TestServer]:
    async with in_process(write_config(tmp_path, dashboard_config())) as running:
        yield running


def serve(server: TestServer, wire: Wire, **more: object) -> asyncio.Task[None]:
    """Serve a dashboard that authenticates at once."""
    services = server.parts.app.services
    workspace = services.config.workspace("ws_dev")
    assert workspace is not None
    text = make_dashboard_token(
        workspace, "maria", "viewer", now_ms=services.clock.now_ms(), valid_ms=600_000
    )
    wire.put(type="auth", token=text, **more)
    scope = {
        "type": "websocket",
        "path": "/api/ws/tenant",
        "query_string": b"",
        "headers": [],
        "scheme": "ws",
    }
    return asyncio.create_task(TenantSocket(services, scope, wire.receive, wire.send).serve())


async def welcomed(wire: Wire) -> None:
    await wire.until(lambda message: "auth:ok" in message.get("text", ""))


async def tell(server: TestServer, number: int, chars: int = 4_000) -> None:
    """Tell of a message of so many characters."""
    message = Message(f"msg_{number}", "x" * chars, 0, author="visitor", kind="chat")
    told = msgspec.structs.replace(cause(f"evt_{number}", Said(CARD, message)), workspace="ws_dev")
    await server.parts.app.services.feed.publish(told)


def sent(wire: Wire, kind: str) -> list[dict]:
    """Return the frames of a type that the client was sent."""
    read = [msgspec.json.decode(one["text"]) for one in wire.sent if "text" in one]
    return [frame for frame in read if frame["type"] == kind]


async def turns(count: int = 20) -> None:
    """Let the loop turn, so that everybody does what they can."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_with_more_than_256_kb_waiting_a_dashboard_is_closed_4413(server: TestServer) -> None:
    wire = Wire()
    serving = serve(server, wire)
    await welcomed(wire)
    wire.reads.clear()
    number = 0
    async with asyncio.timeout(5):
        while not serving.done():
            await tell(server, number)
            await turns()
            number += 1
    assert wire.sent[-1] == {"type": "websocket.close", "code": 4413}
    assert 256 * 1024 // 4_600 <= number <= 256 * 1024 // 4_000 + 2


async def test_what_waits_up_to_256_kb_is_all_sent_in_order(server: TestServer) -> None:
    wire = Wire()
    serving = serve(server, wire)
    await welcomed(wire)
    for round_number in range(3):
        wire.reads.clear()
        for number in range(50):
            await tell(server, 50 * round_number + number)
        await turns()
        wire.reads.set()
        last = f"msg_{50 * round_number + 49}"
        await wire.until(lambda message, last=last: last in message.get("text", ""))
    told = [frame["data"]["message_id"] for frame in sent(wire, "message:new")]
    assert told == [f"msg_{number}" for number in range(150)]
    serving.cancel()


async def test_events_that_are_not_wanted_do_not_wait(server: TestServer) -> None:
    wire = Wire()
    serving = serve(server, wire, topics=["conversation:*"])
    await welcomed(wire)
    wire.reads.clear()
    for number in range(100):
        await tell(server, number)
        await turns(2)
    assert not serving.done()
    serving.cancel()


async def test_a_dashboard_that_takes_nothing_for_long_is_closed_4413(
    server: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tenant_socket, "SEND_WAIT_S", 0.02)
    monkeypatch.setattr(connection, "SEND_WAIT_S", 0.02)
    wire = Wire()
    serving = serve(server, wire)
    await welcomed(wire)
    wire.reads.clear()
    await tell(server, 1)
    async with asyncio.timeout(5):
        await serving
    assert wire.sent[-1] == {"type": "websocket.close", "code": 4413}
    services = server.parts.app.services
    assert "ws_dev" not in services.feed.workspaces
    assert services.metrics.sockets == 0


async def test_of_what_passes_a_slow_dashboard_gets_the_newest_of_each(server: TestServer) -> None:
    services = server.parts.app.services
    wire = Wire()
    serving = serve(server, wire, topics=["visitor:*", "message:*"])
    await welcomed(wire)
    await turns()
    wire.reads.clear()
    await tell(server, 1)
    await turns()
    for score in range(100):
        for visitor in ("vis_1", "vis_2"):
            content = VisitorUpdated(visitor, "online", score)
            services.feed.show("ws_dev", "visitor:updated", visitor, content, 0)
        await turns(1)
    wire.reads.set()
    await wire.until(lambda message: "vis_2" in message.get("text", ""))
    shown = [frame["data"] for frame in sent(wire, "visitor:updated")]
    assert [(one["visitor_id"], one["engagement_score"]) for one in shown] == [
        ("vis_1", 99),
        ("vis_2", 99),
    ]
    serving.cancel()


async def test_no_more_keys_wait_than_there_is_room_for(
    server: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "PASSING_LEN_MAX", 2)
    services = server.parts.app.services
    wire = Wire()
    serving = serve(server, wire, topics=["visitor:*"])
    await welcomed(wire)
    await turns()
    for number in range(4):
        visitor = f"vis_{number}"
        content = VisitorUpdated(visitor, "online")
        services.feed.show("ws_dev", "visitor:updated", visitor, content, 0)
    await wire.until(lambda message: "vis_3" in message.get("text", ""))
    shown = [frame["data"]["visitor_id"] for frame in sent(wire, "visitor:updated")]
    assert shown == ["vis_2", "vis_3"]
    serving.cancel()


async def test_a_lost_hint_costs_time_only(
    server: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "LOOK_AGAIN_S", 0.01)
    wire = Wire()
    serving = serve(server, wire)
    await welcomed(wire)
    body = b'{"type":"message:new","at_ms":0,"data":{"message_id":"msg_x"}}'
    await server.parts.store.feed_add("ws_dev", "evt_x", body)
    await wire.until(lambda message: "msg_x" in message.get("text", ""))
    serving.cancel()


async def test_an_absent_store_closes_4503(
    server: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise StoreUnavailable("none", 1_000)

    monkeypatch.setattr(server.parts.store, "feed_after", refuse)
    wire = Wire()
    async with asyncio.timeout(5):
        await serve(server, wire)
    assert wire.sent[-1] == {"type": "websocket.close", "code": 4503}
