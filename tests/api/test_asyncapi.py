"""The AsyncAPI document: every frame and close code of both sockets, and nothing that is not there."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import jsonschema_rs
import msgspec
import pytest
from websockets.asyncio.client import connect

from engine.causes import Said
from engine.message import Message, NoticeName
from engine.outbox.contents import KEPT, PASSING
from engine.outbox.webhooks import TOLD, body_bytes, webhook_bodies
from server.access.jwt_tokens import make_dashboard_token
from server.contract.asyncapi import asyncapi_document
from server.contract.asyncapi_texts import CLOSE_CODES, EVENTS, FRAMES
from server.wire import sockets, tenant
from server.wire.server_frames import SocketFrame
from tests.api.whole import A, whole_config
from tests.engine.outbox.causes import AT_MS, CARD, cause
from tests.golden.golden import assert_golden
from tests.server.running import ListeningServer, listening, next_frame, say, write_config

WORDS = Message("msg_1", "Yes, please", AT_MS, author="visitor", kind="chat")
GOLDEN = Path(__file__).parents[1] / "golden" / "openapi"
DOCUMENT = msgspec.json.decode(msgspec.json.encode(asyncapi_document()))
SERVER_SOURCES = Path(__file__).parents[2] / "server" / "sockets"


def references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for part in value.values():
            yield from references(part)
    elif isinstance(value, list):
        for part in value:
            yield from references(part)


def names(socket: str, side: str) -> set[str]:
    """Return the types of frames of one side of a socket."""
    start = f"{socket}.{side}."
    shown = DOCUMENT["components"]["messages"]
    return {message["name"] for name, message in shown.items() if name.startswith(start)}


def frame_fits(name: str, frame: object) -> None:
    """Check a frame against its message's schema."""
    payload = DOCUMENT["components"]["messages"][name]["payload"]
    jsonschema_rs.validator_for({**payload, "components": DOCUMENT["components"]}).validate(frame)


def test_the_document_is_as_expected() -> None:
    text = msgspec.json.format(msgspec.json.encode(DOCUMENT), indent=1).decode()
    assert_golden(GOLDEN / "asyncapi.json", text + "\n")


def test_every_reference_leads_somewhere() -> None:
    for target in set(references(DOCUMENT)):
        found = DOCUMENT
        for part in target.removeprefix("#/").split("/"):
            found = found[part]
        assert found


def test_every_frame_that_is_read_is_described() -> None:
    assert names("chat", "client") == set(sockets.READERS)
    assert names("tenant", "client") == set(tenant.READERS)


def test_every_frame_that_is_written_is_described() -> None:
    chat = {frame.__struct_config__.tag for frame in get_args(SocketFrame)}
    assert names("chat", "server") == chat
    plain = {frame.__struct_config__.tag for frame in get_args(tenant.TenantFrame)} - {None}
    assert names("tenant", "server") == plain | set(KEPT) | set(PASSING)


def test_a_word_is_said_of_every_frame_and_of_no_other() -> None:
    shown = {message["name"] for message in DOCUMENT["components"]["messages"].values()}
    assert shown == set(FRAMES) | set(EVENTS) | set(TOLD)


def test_the_body_of_every_webhook_is_shown() -> None:
    assert names("webhooks", "server") == set(TOLD)
    (_, responded) = webhook_bodies(cause("evt_1", Said(CARD, WORDS, after_proactive=True)))
    sent = msgspec.json.decode(body_bytes(responded))
    frame_fits("webhooks.server.live_chat.visitor_responded", sent)


def test_every_notice_is_shown_with_what_it_holds() -> None:
    event = DOCUMENT["components"]["messages"]["chat.server.event"]["payload"]
    shown = {option["properties"]["event"]["const"] for option in event["allOf"][1]["anyOf"]}
    assert shown == set(get_args(NoticeName))


def test_every_close_code_of_the_sockets_is_described() -> None:
    written = {
        int(number)
        for source in SERVER_SOURCES.glob("*.py")
        for number in re.findall(r"(?<![\d_.])(?:10\d\d|4[45]\d\d)(?![\d_])", source.read_text())
    }
    assert written - {1024} <= set(CLOSE_CODES)
    for channel in (DOCUMENT["channels"]["chat"], DOCUMENT["channels"]["tenant"]):
        assert set(channel["x-close-codes"]) == {str(code) for code in CLOSE_CODES}


def test_an_operation_is_told_from_the_server_s_side() -> None:
    for name, operation in DOCUMENT["operations"].items():
        wanted = "receive" if ".client." in name else "send"
        assert operation["action"] == wanted


@pytest.mark.parametrize(
    ("name", "frame"),
    [
        ("chat.client.message", {"type": "message", "text": "I need to schedule AC maintenance"}),
        ("chat.client.auth", {"type": "auth", "token": "wk_demo"}),
        ("tenant.client.auth", {"type": "auth", "token": "jwt-token"}),
        ("chat.client.ping", {"type": "ping"}),
        ("tenant.client.subscribe", {"type": "subscribe", "topics": ["message:*"], "filter": {}}),
    ],
)
def test_a_client_s_frame_fits_its_message(name: str, frame: object) -> None:
    frame_fits(name, frame)


def test_a_frame_of_another_type_does_not_fit() -> None:
    with pytest.raises(jsonschema_rs.ValidationError):
        frame_fits("chat.client.message", {"type": "message", "text": 5})
    with pytest.raises(jsonschema_rs.ValidationError):
        frame_fits("chat.client.message", {"type": "ping", "text": "hello"})


@pytest.mark.anyio
async def test_what_the_chat_socket_sends_fits_its_messages(live: ListeningServer) -> None:
    session = await live.server.open_session()
    async with live.socket(session["session_id"]) as socket:
        await say(socket, type="auth", token="wk_dev", page={"url": "https://shop.example/"})
        frame_fits("chat.server.hello", await next_frame(socket, "hello"))
        await say(socket, type="message", text="Is anybody there?", client_id="c1")
        frame_fits("chat.server.message_ack", await next_frame(socket, "message_ack"))
        frame_fits("chat.server.message", await next_frame(socket, "message"))
        await say(socket, type="track", events=[{"event": "click"}, {"event": ""}])
        frame_fits("chat.server.track_ack", await next_frame(socket, "track_ack"))
        await say(socket, type="ping", id=7)
        frame_fits("chat.server.pong", await next_frame(socket, "pong"))
        await say(socket, type="message")
        frame_fits("chat.server.error", await next_frame(socket, "error"))


@pytest.mark.anyio
async def test_what_the_tenant_socket_sends_fits_its_messages(tmp_path: Path) -> None:
    async with listening(write_config(tmp_path, whole_config())) as whole:
        services = whole.server.parts.app.services
        workspace = services.config.workspace(A.workspace)
        token = make_dashboard_token(
            workspace, "maria", "admin", now_ms=services.clock.now_ms(), valid_ms=3_600_000
        )
        send = whole.server.send
        async with connect(f"ws://127.0.0.1:{whole.port}/api/ws/tenant") as socket:
            await say(socket, type="auth", token=token)
            await say(socket, type="subscribe", topics=["*"])
            visitor = {"email": "john@shop.example", "page_url": "https://shop.example/"}
            opening = {"source_id": A.site, "visitor": visitor, "initial_message": "Hello"}
            opened = await send("POST", "/v1/live-chat/sessions", opening, A.headers)
            session = opened.json["data"]["session_id"]
            free = await send("GET", "/v1/appointments/availability", headers=A.headers)
            slot = free.json["data"]["slots"][0]["appointment_slot"]
            wish = {
                "appointment_slot": slot,
                "customer": {"name": "John"},
                "session_id": session,
            }
            await send("POST", "/v1/appointments", wish, A.headers)
            offer = {"visitor_id": "another", "message": "Hi", "options": {"campaign_id": "spring"}}
            await send("POST", "/v1/outbound/live-chat/message", offer, A.headers)
            await say(socket, type="ping", id="p")
            await say(socket, type="subscribe", topics=[])
            seen = set()
            while not {"campaign:progress", "error", "appointment:new"} <= seen:
                frame = msgspec.json.decode(await socket.recv())
                frame_fits(f"tenant.server.{frame['type'].replace(':', '_')}", frame)
                seen.add(frame["type"])
    assert {"auth:ok", "subscribe:ok", "pong", "conversation:new", "message:new"} <= seen
    assert {"conversation:updated", "conversation:qualified", "decision:new"} <= seen
