"""A whole conversation over the chat socket: what a clicked reply asks, slots, typing, the end."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from server.config import load_config
from tests.server.running import (
    CONFIG,
    PLATFORM,
    ListeningServer,
    authenticated,
    close_code,
    frames_until,
    listening,
    next_frame,
    say,
)

pytestmark = pytest.mark.anyio

DESK = CONFIG.replace(
    '  id = "asst_dev"\n  name = "Helper"\n',
    '  id = "asst_dev"\n  name = "Helper"\n'
    '  [workspaces.voice]\n  numbers = ["+14165559999"]\n'
    "  [[workspaces.calendars]]\n"
    '  id = "visits"\n'
    '  hours = { mon = ["08:00-18:00"], tue = ["08:00-18:00"], wed = ["08:00-18:00"],'
    ' thu = ["08:00-18:00"], fri = ["08:00-18:00"], sat = ["08:00-18:00"] }\n',
)
RULES = """
site "dev" timezone "America/Chicago"
rule help "Help" {
  on page "/services/**"
  when time_on_page >= 45s
  say "Need help with your AC?"
    reply "Schedule" -> schedule as schedule_service
    reply "Call"     -> call     as call_request
    reply "A person" -> handoff "service" as person
}
answer zip "Where do you come?" {
  asked "which zip codes do you serve"
  say "We serve 606 and 607."
}
"""
PAGE = "https://shop.example/services/ac"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[ListeningServer]:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "main.rules").write_text(RULES)
    (tmp_path / "opportune.toml").write_text(DESK)
    async with listening(load_config(tmp_path / "opportune.toml", {})) as server:
        yield server


async def approached(desk: ListeningServer, socket: object, session: str) -> dict:
    """Let the proactive message come."""
    await say(socket, type="page", url=PAGE)  # type: ignore[arg-type]  # a socket of websockets
    await say(socket, type="ping")  # type: ignore[arg-type]
    await next_frame(socket, "pong")  # type: ignore[arg-type]
    await desk.server.pass_time(46_000)
    return await next_frame(socket, "message")  # type: ignore[arg-type]


async def next_event(socket: object, name: str) -> dict:
    """Read frames until an event of a name comes."""
    while True:
        frame = await next_frame(socket, "event")  # type: ignore[arg-type]
        if frame["event"] == name:
            return frame["data"]


async def test_the_assistant_answers_from_the_answer_blocks(desk: ListeningServer) -> None:
    session = await desk.server.open_session()
    async with desk.socket(session["session_id"]) as socket:
        await authenticated(socket)
        await say(socket, type="message", text="Which zip codes do you serve?", client_id="c1")
        ack = await next_frame(socket, "message_ack")
        answer = await next_frame(socket, "message")
        assert (answer["from"], answer["text"]) == ("assistant", "We serve 606 and 607.")
        assert answer["offset"] == ack["offset"] + 1


async def test_schedule_shows_slots_and_a_choice_books_one(desk: ListeningServer) -> None:
    session = await desk.server.open_session()
    async with desk.socket(session["session_id"]) as socket:
        await authenticated(socket)
        message = await approached(desk, socket, session["session_id"])
        await say(socket, type="reply_clicked", message_id=message["id"], value="schedule_service")
        asked = await next_event(socket, "action")
        assert (asked["action"], asked["message_id"], len(asked["slots"])) == (
            "schedule",
            message["id"],
            6,
        )
        slot = asked["slots"][0]["appointment_slot"]
        book = {"type": "book", "appointment_slot": slot, "customer": {"name": "Ada"}}
        await say(socket, **book)
        booked = await next_event(socket, "appointment_scheduled")
        assert booked["appointment_id"].startswith("appt_")
        assert (booked["date"], booked["time"]) == (
            asked["slots"][0]["date"],
            asked["slots"][0]["time"],
        )
        await say(socket, **book, client_id="again")
        error = await next_frame(socket, "error")
        assert (error["details"]["reason"], error["ref"]) == ("slot_taken", "again")


async def test_call_lends_a_number(desk: ListeningServer) -> None:
    session = await desk.server.open_session()
    async with desk.socket(session["session_id"]) as socket:
        await authenticated(socket)
        message = await approached(desk, socket, session["session_id"])
        await say(socket, type="reply_clicked", message_id=message["id"], value="call_request")
        asked = await next_event(socket, "action")
        assert (asked["action"], asked["phone_number"]) == ("call", "+14165559999")


async def test_a_handoff_names_the_team_and_the_assistant_stays_silent(
    desk: ListeningServer,
) -> None:
    session = await desk.server.open_session()
    async with desk.socket(session["session_id"]) as socket:
        await authenticated(socket)
        message = await approached(desk, socket, session["session_id"])
        await say(socket, type="reply_clicked", message_id=message["id"], value="person")
        assert (await next_event(socket, "handoff"))["team"] == "service"
        await say(socket, type="message", text="Which zip codes do you serve?", client_id="c")
        await next_frame(socket, "message_ack")
        await say(socket, type="ping", id="end")
        frames = await frames_until(socket, "pong")
        assert [f for f in frames if f["type"] == "message" and f["from"] == "assistant"] == []


async def test_a_closed_session_says_so_and_closes_4410(desk: ListeningServer) -> None:
    session = await desk.server.open_session()
    path = f"/v1/live-chat/sessions/{session['session_id']}/close"
    async with desk.socket(session["session_id"]) as socket:
        await authenticated(socket)
        headers = {"authorization": "Bearer dev_key_0123456789abcdef", "x-workspace-id": "ws_dev"}
        assert (await desk.server.send("POST", path, {}, headers)).status == 200
        assert (await next_event(socket, "session_status"))["status"] == "closed"
        assert await close_code(socket) == 4410


async def test_the_twenty_first_message_of_a_minute_is_an_error_frame(
    desk: ListeningServer,
) -> None:
    session = await desk.server.open_session()
    async with desk.socket(session["session_id"]) as socket:
        await authenticated(socket)
        for number in range(21):
            await say(socket, type="message", text="hello", client_id=f"c{number}")
        error = await next_frame(socket, "error")
        assert (error["code"], error["details"]["reason"], error["ref"]) == (
            "RATE_LIMIT_EXCEEDED",
            "chat_session_minute",
            "c20",
        )
        desk.server.clock.advance(60_000)
        await say(socket, type="message", text="hello", client_id="later")
        assert (await next_frame(socket, "message_ack"))["client_id"] == "later"


async def test_another_tab_hears_what_became_of_a_message(desk: ListeningServer) -> None:
    session = await desk.server.open_session()
    async with desk.socket(session["session_id"]) as one, desk.socket(session["session_id"]) as two:
        await authenticated(one)
        await authenticated(two)
        message = await approached(desk, one, session["session_id"])
        await say(one, type="displayed", message_id=message["id"])
        told = await next_event(two, "message_status")
        assert told == {"message_id": message["id"], "status": "displayed", "outcome": None}


async def test_a_page_that_loads_anew_is_shown_what_became_of_its_messages(
    desk: ListeningServer,
) -> None:
    session = await desk.server.open_session()
    async with desk.socket(session["session_id"]) as socket:
        await authenticated(socket)
        message = await approached(desk, socket, session["session_id"])
        assert (message["status"], message["outcome"]) == ("sent", None)
        await say(socket, type="displayed", message_id=message["id"])
        await next_event(socket, "message_status")
    async with desk.socket(session["session_id"]) as socket:
        await authenticated(socket)
        again = await next_frame(socket, "message")
        assert (again["id"], again["status"]) == (message["id"], "displayed")
        await say(socket, type="reply_clicked", message_id=message["id"], value="person")
        await next_event(socket, "handoff")
    async with desk.socket(session["session_id"]) as socket:
        await authenticated(socket)
        again = await next_frame(socket, "message")
        assert (again["status"], again["outcome"]) == ("read", "replied")
        assert again["clicked"] == "person"


async def test_a_book_frame_that_says_too_little_is_an_error(desk: ListeningServer) -> None:
    session = await desk.server.open_session()
    async with desk.socket(session["session_id"]) as socket:
        await authenticated(socket)
        await say(socket, type="book", appointment_slot="tomorrow", customer={"name": "Ada"})
        error = await next_frame(socket, "error")
        assert (error["details"]["field"], error["details"]["reason"]) == (
            "appointment_slot",
            "invalid_timestamp",
        )
        await socket.send(msgspec.json.encode({"type": "book", "customer": {}}).decode())
        assert (await next_frame(socket, "error"))["details"]["reason"] == "required"


async def test_a_browser_with_a_privacy_signal_says_nothing_before_it_consents(
    desk: ListeningServer,
) -> None:
    session = await desk.server.open_session(consent="pending")
    path = session["session_id"]
    async with desk.socket(path, additional_headers={"Sec-GPC": "1"}) as socket:
        await authenticated(socket)
        await say(socket, type="message", text="hello", client_id="c1")
        error = await next_frame(socket, "error")
        assert (error["details"]["reason"], error["ref"]) == ("no_consent", "c1")
        await say(socket, type="page", url=PAGE)
        consent = {"event": "consent", "metadata": {"state": "granted"}}
        await say(socket, type="track", events=[consent])
        await next_frame(socket, "track_ack")
        await say(socket, type="message", text="hello", client_id="c2")
        assert (await next_frame(socket, "message_ack"))["client_id"] == "c2"
    ref = await desk.server.parts.runtime.find("ws_dev", path)
    assert ref is not None
    view = await desk.server.parts.runtime.view(ref)
    assert view is not None
    assert view.page_url is None


async def test_a_failed_token_counts_against_its_address(desk: ListeningServer) -> None:
    services = desk.server.parts.app.services
    before = (await services.rate_limits.look_at_failures("127.0.0.1")).windows[0].state.remaining
    session = await desk.server.open_session()
    async with desk.socket(session["session_id"]) as socket:
        await say(socket, type="auth", token="wk_unknown")
        assert await close_code(socket) == 4401
    after = (await services.rate_limits.look_at_failures("127.0.0.1")).windows[0].state.remaining
    assert after == before - 1


async def test_words_of_a_full_assistant_wait_for_a_place(tmp_path: Path) -> None:
    text = DESK.replace('  name = "Helper"\n', '  name = "Helper"\n  max_active_sessions = 1\n', 1)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "main.rules").write_text(RULES)
    (tmp_path / "opportune.toml").write_text(text)
    async with listening(load_config(tmp_path / "opportune.toml", {})) as desk:
        first = await desk.server.open_session()
        body = {"sessionId": "browser-2"}
        path = "/api/widgets/ws_dev/session"
        made = (await desk.server.send("POST", path, body, {"authorization": "Bearer wk_dev"})).json
        async with desk.socket(made["chatSessionId"]) as socket:
            await say(socket, type="auth", token="wk_dev", visitor_token=made["visitorToken"])
            await next_frame(socket, "hello")
            await say(socket, type="message", text="Which zip codes do you serve?")
            assert (await next_event(socket, "session_status"))["status"] == "queued"
            close = f"/v1/live-chat/sessions/{first['session_id']}/close"
            await desk.server.send("POST", close, {}, PLATFORM)
            assert (await next_event(socket, "session_status"))["status"] == "active"
            answer = await next_frame(socket, "message")
            assert answer["text"] == "We serve 606 and 607."


async def test_the_workspace_says_from_which_score_a_conversation_qualifies(tmp_path: Path) -> None:
    text = DESK.replace('name = "Dev"\n', 'name = "Dev"\nqualify_score = 0\n', 1)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "main.rules").write_text(RULES)
    (tmp_path / "opportune.toml").write_text(text)
    async with listening(load_config(tmp_path / "opportune.toml", {})) as desk:
        session = await desk.server.open_session()
        async with desk.socket(session["session_id"]) as socket:
            await authenticated(socket)
            await say(socket, type="message", text="Hello")
            await next_frame(socket, "message_ack")
        ref = await desk.server.parts.runtime.find("ws_dev", session["session_id"])
        assert ref is not None
        view = await desk.server.parts.runtime.view(ref)
        assert view is not None
        assert view.qualified == "score"
