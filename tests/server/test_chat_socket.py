"""The chat socket over real connections: who gets in, what is delivered, and how it ends."""

import asyncio
from datetime import UTC, datetime

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

import server.sockets.connection
from server.sockets.registry import SOCKETS_PER_SESSION_MAX
from tests.server.running import (
    AC_PAGE,
    ORIGIN,
    PLATFORM,
    ListeningServer,
    authenticated,
    close_code,
    frames_until,
    next_frame,
    say,
)

pytestmark = pytest.mark.anyio


async def reach_the_message(live: ListeningServer, session_id: str) -> None:
    """Let the visitor read the page until the rule speaks."""
    body = {"sessionId": session_id, "event": "page_view", "page": {"url": AC_PAGE}}
    assert (await live.server.track(body)).status == 200
    await live.server.pass_time(45_000)


async def test_the_proactive_message_reaches_the_open_socket(live: ListeningServer) -> None:
    session = await live.server.open_session()
    async with live.socket(session["session_id"]) as socket:
        hello = await authenticated(socket)
        assert hello["session_id"] == session["session_id"]
        assert (hello["protocol"], hello["offset"], hello["recovered"]) == (1, 0, False)
        await reach_the_message(live, session["session_id"])
        frame = await next_frame(socket, "message")
        assert frame["text"] == "Need help with your AC?"
        assert (frame["kind"], frame["from"], frame["offset"]) == ("proactive", "assistant", 1)
        assert frame["quick_replies"][0] == {
            "text": "Get a Quote",
            "value": "quote_request",
            "action": "quote",
        }
        assert "payload" not in msgspec.json.encode(frame).decode()


async def test_a_message_sent_before_the_socket_opened_follows_the_hello(
    live: ListeningServer,
) -> None:
    session = await live.server.open_session()
    await reach_the_message(live, session["session_id"])
    async with live.socket(session["session_id"]) as socket:
        hello = await authenticated(socket)
        assert (hello["offset"], hello["recovered"]) == (1, False)
        assert (await next_frame(socket, "message"))["offset"] == 1


async def test_a_page_that_was_just_loaded_is_shown_what_happened_too(
    live: ListeningServer,
) -> None:
    """Slots, a number, a person who took over: they stand beside the newest messages."""
    session = await live.server.open_session()
    await reach_the_message(live, session["session_id"])
    runtime = live.server.parts.runtime
    ref = await runtime.find("ws_dev", session["session_id"])
    assert ref is not None
    await runtime.notify(ref, "handoff", "handoff:1", {"team": "sales"})
    async with live.socket(session["session_id"]) as socket:
        await authenticated(socket)
        assert (await next_frame(socket, "message"))["offset"] == 1
        notice = await next_frame(socket, "event")
    assert (notice["offset"], notice["data"]) == (2, {"team": "sales"})


async def test_the_handshake_s_header_authenticates_without_a_frame(live: ListeningServer) -> None:
    session = await live.server.open_session()
    token = session["visitor_token"]
    for credential in ("wk_dev", token):
        headers = {"Authorization": f"Bearer {credential}"}
        async with live.socket(session["session_id"], additional_headers=headers) as socket:
            hello = await next_frame(socket, "hello")
            assert hello["visitor_id"] == session["visitor_id"]


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ('{"type":"auth","token":"wk_unknown"}', 4401),
        ('{"type":"auth","token":"vt1.e30.e30"}', 4401),
        ('{"type":"auth","token":"dev_key_0123456789abcdef"}', 4401),
        ('{"type":"auth","token":"wk_dev","visitor_token":"vt1.x.y"}', 4401),
        ('{"type":"auth"}', 4401),
        ('{"type":"message","text":"hi"}', 4401),
        ('{"type":"auth","token":"wk_strict"}', 4403),
        ('{"type":"auth","token":"wk_other"}', 4404),
        ("{", 4400),
        ("[]", 4400),
        (b"\x00", 4400),
        ('{"type":"auth","token":"wk_dev","resume":{"epoch":1,"offset":1}}', 4400),
    ],
)
async def test_a_first_frame_that_does_not_authenticate_closes(
    live: ListeningServer, first: str | bytes, code: int
) -> None:
    session = await live.server.open_session()
    async with live.socket(session["session_id"]) as socket:
        await socket.send(first)
        assert await close_code(socket) == code


async def test_an_unknown_session_closes_4404(live: ListeningServer) -> None:
    async with live.socket("chat_nobody") as socket:
        await say(socket, type="auth", token="wk_dev")
        assert await close_code(socket) == 4404


async def test_silence_closes_4401(live: ListeningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server.sockets.connection, "AUTH_WAIT_S", 0.05)
    session = await live.server.open_session()
    async with live.socket(session["session_id"]) as socket:
        assert await close_code(socket) == 4401


async def test_a_foreign_origin_is_refused_before_the_upgrade(live: ListeningServer) -> None:
    session = await live.server.open_session()
    with pytest.raises(InvalidStatus) as refused:
        async with live.socket(session["session_id"], origin="https://evil.example"):
            pass
    assert refused.value.response.status_code == 403


async def test_the_origin_of_another_site_closes_4403(live: ListeningServer) -> None:
    session = await live.server.open_session()
    async with live.socket(session["session_id"], origin="https://other.example") as socket:
        await say(socket, type="auth", token="wk_dev")
        assert await close_code(socket) == 4403
    async with live.socket(session["session_id"], origin="https://other.example") as socket:
        await say(socket, type="auth", token=session["visitor_token"])
        assert await close_code(socket) == 4403
    async with live.socket(session["session_id"], origin=ORIGIN) as socket:
        await authenticated(socket)


async def test_a_widget_s_session_needs_the_visitor_token(live: ListeningServer) -> None:
    await live.server.track({"sessionId": "tab-1", "event": "click"})
    async with live.socket("tab-1") as socket:
        await say(socket, type="auth", token="wk_dev")
        assert await close_code(socket) == 4401
    ref = await live.server.parts.runtime.find("ws_dev", "tab-1")
    assert ref is not None
    credentials = live.server.parts.app.services.credentials
    token = credentials.visitor_token(ref, live.server.clock.now_ms())
    async with live.socket("tab-1") as socket:
        await say(socket, type="auth", token="wk_dev", visitor_token=token)
        assert (await next_frame(socket, "hello"))["visitor_id"] == ref.visitor


async def test_a_token_of_another_session_does_not_open_this_one(live: ListeningServer) -> None:
    mine = await live.server.open_session()
    theirs = await live.server.open_session()
    async with live.socket(mine["session_id"]) as socket:
        await say(socket, type="auth", token=theirs["visitor_token"])
        assert await close_code(socket) == 4401


async def test_words_are_stored_acknowledged_and_shown_to_other_tabs(live: ListeningServer) -> None:
    session = await live.server.open_session()
    async with live.socket(session["session_id"]) as one, live.socket(session["session_id"]) as two:
        await authenticated(one)
        await authenticated(two)
        await say(one, type="message", text="  I need AC maintenance  ", client_id="c1")
        ack = await next_frame(one, "message_ack")
        assert (ack["client_id"], ack["offset"]) == ("c1", 1)
        seen = await next_frame(two, "message")
        assert (seen["from"], seen["text"]) == ("visitor", "I need AC maintenance")
        assert (seen["id"], seen["offset"]) == (ack["message_id"], 1)


async def test_a_repeated_client_id_is_acknowledged_again_and_stored_once(
    live: ListeningServer,
) -> None:
    session = await live.server.open_session()
    async with live.socket(session["session_id"]) as socket:
        await authenticated(socket)
        acks = []
        for _ in range(2):
            await say(socket, type="message", text="once", client_id="c1")
            acks.append(await next_frame(socket, "message_ack"))
        assert acks[0] == acks[1]
    async with live.socket(session["session_id"]) as again:
        await authenticated(again)
        await say(again, type="ping", id="end")
        frames = await frames_until(again, "pong")
        assert [frame["text"] for frame in frames if frame["from"] == "visitor"] == ["once"]


async def test_a_long_conversation_of_long_words_goes_on(live: ListeningServer) -> None:
    """Forty messages of 12 KB each: more than a session's state may hold."""
    session = await live.server.open_session()
    async with live.socket(session["session_id"]) as socket:
        await authenticated(socket)
        for number in range(40):
            if number % 20 == 0:
                live.server.clock.advance(60_000)  # twenty messages a minute are allowed
            await say(socket, type="message", text="✓" * 4_000, client_id=f"c{number}")
            assert (await next_frame(socket, "message_ack"))["client_id"] == f"c{number}"
    answered = await live.server.track({"sessionId": session["session_id"], "event": "click"})
    assert answered.status == 200


async def test_a_client_resumes_where_it_stopped(live: ListeningServer) -> None:
    session = await live.server.open_session()
    async with live.socket(session["session_id"]) as socket:
        hello = await authenticated(socket)
        for number in (1, 2, 3):
            await say(socket, type="message", text=f"word {number}")
            await next_frame(socket, "message")  # the assistant's answer
    resume = {"epoch": hello["epoch"], "offset": 2}
    async with live.socket(session["session_id"]) as socket:
        hello = await authenticated(socket, resume=resume)
        assert (hello["recovered"], hello["offset"]) == (True, 6)
        missed = [await next_frame(socket, "message") for _ in range(4)]
        assert [frame["offset"] for frame in missed] == [3, 4, 5, 6]
        assert [missed[0]["text"], missed[2]["text"]] == ["word 2", "word 3"]


async def test_a_client_of_another_epoch_starts_over(live: ListeningServer) -> None:
    session = await live.server.open_session()
    async with live.socket(session["session_id"]) as socket:
        await authenticated(socket)
        await say(socket, type="message", text="kept")
        await next_frame(socket, "message_ack")
    async with live.socket(session["session_id"]) as socket:
        hello = await authenticated(socket, resume={"epoch": "another", "offset": 9})
        assert hello["recovered"] is False
        assert (await next_frame(socket, "message"))["text"] == "kept"


async def test_a_click_becomes_the_visitor_s_words_and_a_second_one_nothing(
    live: ListeningServer,
) -> None:
    session = await live.server.open_session()
    async with live.socket(session["session_id"]) as socket:
        await authenticated(socket)
        await reach_the_message(live, session["session_id"])
        message = await next_frame(socket, "message")
        click = {"message_id": message["id"], "value": "quote_request"}
        await say(socket, type="displayed", message_id=message["id"])
        await say(socket, type="reply_clicked", **click)
        ack = await next_frame(socket, "message_ack")
        assert (ack["client_id"], ack["offset"]) == (None, 4)  # 2 and 3 told: displayed, replied
        await say(socket, type="reply_clicked", **click)
        await say(socket, type="ping", id="end")
        after = await frames_until(socket, "pong")
        assert [frame["type"] for frame in after if frame["type"] == "message_ack"] == []
    ref = await live.server.parts.runtime.find("ws_dev", session["session_id"])
    assert ref is not None
    view = await live.server.parts.runtime.view(ref)
    assert view is not None
    assert view.engaged


async def test_displayed_read_and_dismissed_reach_the_engine(live: ListeningServer) -> None:
    session = await live.server.open_session()
    async with live.socket(session["session_id"]) as socket:
        await authenticated(socket)
        await reach_the_message(live, session["session_id"])
        message = await next_frame(socket, "message")
        for kind in ("displayed", "read", "dismissed"):
            await say(socket, type=kind, message_id=message["id"])
        await say(socket, type="ping")
        await next_frame(socket, "pong")
    ref = await live.server.parts.runtime.find("ws_dev", session["session_id"])
    assert ref is not None
    pulled = await live.server.parts.runtime.pull(ref, None, 0)
    (kept,) = pulled.messages
    assert (kept.status, kept.outcome) == ("read", "dismissed")
    assert kept.displayed_ms >= 0


async def test_events_of_a_track_frame_are_counted_and_answered(live: ListeningServer) -> None:
    session = await live.server.open_session()
    events = [
        {"event": "page_view", "page": {"url": AC_PAGE}, "messageId": "aaaaaaaa-1"},
        {"event": "page_view", "page": {"url": AC_PAGE}, "messageId": "aaaaaaaa-1"},
        {"event": ""},
    ]
    async with live.socket(session["session_id"]) as socket:
        await authenticated(socket, load="aaaaaaaa", visible=True)
        await say(socket, type="track", events=events)
        ack = await next_frame(socket, "track_ack")
        assert (ack["accepted"], ack["duplicates"]) == (1, 1)
        assert ack["rejected"] == [{"index": 2, "field": "event", "reason": "too_short"}]


@pytest.mark.parametrize(
    ("ahead_ms", "ago_ms"), [(3_600_000, 5_000), (-3_600_000, 5_000), (-1_500, 6_500)]
)
async def test_a_clock_that_is_far_off_is_corrected_in_all_that_a_socket_tells(
    live: ListeningServer, ahead_ms: int, ago_ms: int
) -> None:
    session = await live.server.open_session(id="v_late")
    now_ms = live.server.clock.now_ms()
    their_ms = now_ms + ahead_ms
    async with live.socket(session["session_id"]) as socket:
        await authenticated(socket, sent_at=iso_time(their_ms))
        event = {"event": "click", "timestamp": iso_time(their_ms - 5_000)}
        await say(socket, type="track", events=[event])
        await next_frame(socket, "track_ack")
    path = f"/v1/visitors/{session['visitor_id']}/export"
    exported = await live.server.send("GET", path, headers=PLATFORM)
    lines = [msgspec.json.decode(line) for line in exported.body.splitlines()]
    (click,) = [line for line in lines if line.get("name") == "click"]
    assert click["at_ms"] == now_ms - ago_ms


def iso_time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat()


async def test_page_and_visibility_frames_move_the_visitor(live: ListeningServer) -> None:
    session = await live.server.open_session()
    async with live.socket(session["session_id"]) as socket:
        await authenticated(socket, page={"url": "https://shop.example/"}, visible=True)
        await say(socket, type="page", url=AC_PAGE, title="AC repair")
        await say(socket, type="ping")
        await next_frame(socket, "pong")
        await live.server.pass_time(45_000)
        assert (await next_frame(socket, "message"))["text"] == "Need help with your AC?"


async def test_a_hidden_tab_is_not_spoken_to(live: ListeningServer) -> None:
    session = await live.server.open_session()
    async with live.socket(session["session_id"]) as socket:
        await authenticated(socket, page={"url": AC_PAGE}, visible=True)
        await say(socket, type="visibility", visible=False)
        await say(socket, type="ping")
        await next_frame(socket, "pong")
        await live.server.pass_time(60_000)
        await say(socket, type="ping", id=1)
        assert msgspec.json.decode(await socket.recv())["type"] == "pong"


@pytest.mark.parametrize(
    ("frame", "field", "reason"),
    [
        ({"type": "message", "text": ""}, "text", "too_short"),
        ({"type": "message", "text": "x" * 4_001}, "text", "too_long"),
        ({"type": "message"}, "text", "required"),
        ({"type": "displayed"}, "message_id", "required"),
        ({"type": "reply_clicked", "message_id": "m"}, "value", "required"),
        ({"type": "track", "events": [{}] * 51}, "events", "too_many"),
        ({"type": "visibility", "visible": "yes"}, "visible", "invalid_type"),
    ],
)
async def test_a_frame_that_does_not_fit_gets_an_error_and_the_socket_stays(
    live: ListeningServer, frame: dict, field: str, reason: str
) -> None:
    session = await live.server.open_session()
    async with live.socket(session["session_id"]) as socket:
        await authenticated(socket)
        await say(socket, **frame, client_id="c9")
        error = await next_frame(socket, "error")
        assert error["code"] == "INVALID_REQUEST"
        assert error["details"] == {"field": field, "reason": reason}
        assert error["ref"] == "c9"
        await say(socket, type="ping")
        await next_frame(socket, "pong")


async def test_unknown_frames_are_ignored(live: ListeningServer) -> None:
    session = await live.server.open_session()
    async with live.socket(session["session_id"]) as socket:
        await authenticated(socket)
        for frame in ({"type": "dance"}, {"type": "typing", "state": True}):
            await say(socket, **frame)
        await say(socket, type="ping", id=7)
        assert await socket.recv() == '{"type":"pong","id":7}'


@pytest.mark.parametrize(
    "raw", ["{", "7", '{"no":"type"}', b"bytes", '{"type":' + "[" * 50 + "]" * 50 + "}"]
)
async def test_a_malformed_frame_closes_4400(live: ListeningServer, raw: str | bytes) -> None:
    session = await live.server.open_session()
    async with live.socket(session["session_id"]) as socket:
        await authenticated(socket)
        await socket.send(raw)
        assert await close_code(socket) == 4400


async def test_the_twenty_first_socket_closes_the_oldest(live: ListeningServer) -> None:
    session = await live.server.open_session()
    sockets = []
    try:
        for _ in range(SOCKETS_PER_SESSION_MAX + 1):
            socket = await live.socket(session["session_id"])
            await authenticated(socket)
            sockets.append(socket)
        assert await close_code(sockets[0]) == 4409
        await say(sockets[1], type="ping")
        await next_frame(sockets[1], "pong")
    finally:
        await asyncio.gather(*(socket.close() for socket in sockets))


async def test_the_reserved_address_is_no_socket(live: ListeningServer) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with connect(f"ws://127.0.0.1:{live.port}/ws/chat"):
            pass
    assert refused.value.response.status_code == 404
    assert b"unknown_path" in refused.value.response.body


async def test_an_offered_protocol_is_echoed(live: ListeningServer) -> None:
    session = await live.server.open_session()
    offered = ["other", "opportune.v1"]
    async with live.socket(session["session_id"], subprotocols=offered) as socket:
        assert socket.subprotocol == "opportune.v1"


async def test_an_api_message_is_delivered_while_the_caller_waits(live: ListeningServer) -> None:
    session = await live.server.open_session(page_url=AC_PAGE)
    await live.server.pass_time(31_000)
    async with live.socket(session["session_id"]) as socket:
        await authenticated(socket)
        body = {"session_id": session["session_id"], "message": "May I help?"}
        sent = await live.server.send("POST", "/v1/outbound/live-chat/message", body, PLATFORM)
        assert sent.status == 200
        assert sent.json["data"]["status"] == "delivered"
        assert (await next_frame(socket, "message"))["text"] == "May I help?"


async def test_no_proactive_message_comes_twice_in_a_session(live: ListeningServer) -> None:
    session = await live.server.open_session()
    async with live.socket(session["session_id"]) as socket:
        await authenticated(socket)
        await reach_the_message(live, session["session_id"])
        message = await next_frame(socket, "message")
        await say(socket, type="displayed", message_id=message["id"])
        await say(socket, type="page", url="https://shop.example/")
        await say(socket, type="page", url=AC_PAGE)
        await say(socket, type="ping")
        await next_frame(socket, "pong")
        await live.server.pass_time(300_000)
        await say(socket, type="ping", id="last")
        frames = await frames_until(socket, "pong")
        assert [frame for frame in frames if frame["type"] == "message"] == []
