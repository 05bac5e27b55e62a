"""A conversation over the socket with a language model: it streams, books, hands over, and may die."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection

from server.config import load_config
from tests.engine.conversations.completions import call, called, chunk, sse
from tests.server.model_server import (
    Behaviour,
    Exchange,
    ModelServer,
    dies,
    drips,
    is_silent,
    model_server,
    refuses,
    sends,
    words,
)
from tests.server.running import (
    CONFIG,
    PLATFORM,
    WIDGET,
    ListeningServer,
    authenticated,
    frames_until,
    listening,
    next_frame,
    say,
)

pytestmark = pytest.mark.anyio

RULES = """
site "dev" timezone "America/Chicago"
rule help "Help" {
  on page "/services/**"
  when time_on_page >= 45s
  say "Need help with your AC?"
    reply "No" -> dismiss
}
answer zip "Where do you come?" {
  asked "which zip codes do you serve"
  say "We serve 606 and 607."
}
"""
KEY = "sk-a-secret-of-the-model-server"
FALLBACK = "I don't know that yet. Shall I connect you with a person?"
SECRETS = ("ada@example.com", "furnace", KEY, "Wonderful")


def config(url: str, more: str = "") -> str:
    model = (
        f'  kind = "openai"\n  base_url = "{url}"\n  model = "small-1"\n  api_key = "{KEY}"\n'
        f'  system_prompt = "You answer for Dev, briefly."\n{more}'
    )
    visits = (
        "  [[workspaces.calendars]]\n"
        '  id = "visits"\n'
        '  hours = { mon = ["08:00-18:00"], tue = ["08:00-18:00"], wed = ["08:00-18:00"],'
        ' thu = ["08:00-18:00"], fri = ["08:00-18:00"], sat = ["08:00-18:00"] }\n'
    )
    own = '  id = "asst_dev"\n  name = "Helper"\n'
    text = CONFIG.replace(own, own + model + visits)
    return text.replace('name = "Dev"\n', 'name = "Dev"\nteams = ["service", "sales"]\n')


@asynccontextmanager
async def desk(folder: Path, model: ModelServer, more: str = "") -> AsyncIterator[ListeningServer]:
    (folder / "rules").mkdir()
    (folder / "rules" / "main.rules").write_text(RULES)
    (folder / "opportune.toml").write_text(config(model.url, more))
    async with listening(load_config(folder / "opportune.toml", {})) as server:
        yield server


@asynccontextmanager
async def talk(dev: ListeningServer) -> AsyncIterator[ClientConnection]:
    session = await dev.server.open_session()
    async with dev.socket(session["session_id"]) as socket:
        await authenticated(socket)
        yield socket


async def ask(socket: ClientConnection, text: str, client_id: str = "c1") -> list[dict]:
    """Say something; returns what comes before the answer, and the answer last."""
    await say(socket, type="message", text=text, client_id=client_id)
    await next_frame(socket, "message_ack")
    frames: list[dict] = []
    async with asyncio.timeout(10):
        while not frames or frames[-1]["type"] != "message":
            frames.append(msgspec.json.decode(await socket.recv()))
    return frames


async def next_event(socket: ClientConnection, name: str) -> dict:
    while True:
        frame = await next_frame(socket, "event")
        if frame["event"] == name:
            return frame["data"]


def books_first(**customer: str) -> Behaviour:
    """Call `book` for the first slot that the latest tool message listed."""

    async def behave(exchange: Exchange) -> None:
        listed = msgspec.json.decode(exchange.json["messages"][-1]["content"])
        arguments = {"appointment_slot": listed["slots"][0]["appointment_slot"], **customer}
        await sends(called(call("book", arguments, call_id="call_b")))(exchange)

    return behave


LOOKS_AND_BOOKS = (
    sends(called(call("find_slots", {}), before="Let me look.")),
    books_first(name="Ada", email="ada@example.com"),
)
REQUEST = "Please book the first slot. I am Ada, ada@example.com, about my furnace."


# ---- it answers


async def test_the_words_stream_and_the_message_replaces_them(tmp_path: Path) -> None:
    async with (
        model_server(words("We ", "ope", "n at 8.")) as model,
        desk(tmp_path, model) as dev,
        talk(dev) as socket,
    ):
        *before, answer = await ask(socket, "When do you open?")
        assert answer["text"] == "We open at 8."
        deltas = [frame for frame in before if frame["type"] == "delta"]
        assert [frame["text"] for frame in deltas] == ["We ", "ope", "n at 8."]
        assert {frame["id"] for frame in deltas} == {answer["id"]}
        typing = [frame["state"] for frame in before if frame["type"] == "typing"]
        assert typing == [True, False]
        assert model.headers[0]["authorization"] == f"Bearer {KEY}"


async def test_the_message_that_opened_the_conversation_is_what_the_assistant_said(
    tmp_path: Path,
) -> None:
    async with model_server() as model, desk(tmp_path, model) as dev, talk(dev) as socket:
        await say(socket, type="page", url="https://shop.example/services/ac")
        await say(socket, type="ping")
        await next_frame(socket, "pong")
        await dev.server.pass_time(46_000)
        assert (await next_frame(socket, "message"))["text"] == "Need help with your AC?"
        await ask(socket, "Yes, it is broken.")
        assert model.said[-3:] == [
            "user: (The visitor is on the page and has not written yet.)",
            "assistant: Need help with your AC?",
            "user: Yes, it is broken.",
        ]
        assert model.asked[-1]["stream"] is True


async def test_a_block_that_fits_answers_and_nobody_asks_the_model(tmp_path: Path) -> None:
    async with model_server() as model, desk(tmp_path, model) as dev, talk(dev) as socket:
        answer = (await ask(socket, "Which zip codes do you serve?"))[-1]
        assert (answer["text"], model.asked) == ("We serve 606 and 607.", [])


async def test_over_http_the_answer_names_the_model_and_its_tokens(tmp_path: Path) -> None:
    async with model_server(words("At 8.", cost=(90, 10))) as model, desk(tmp_path, model) as dev:
        body = {"sessionId": "s1", "message": "When do you open?"}
        answered = await dev.server.send("POST", "/api/widgets/ws_dev/chat", body, WIDGET)
        assert answered.json["message"] == "At 8."
        assert answered.json["metadata"] == {"model": "small-1", "tokens": 100}
        model.now(dies(sse(chunk(content="Wonder"), done=False)))
        body["message"] = "And on Sunday?"
        answered = await dev.server.send("POST", "/api/widgets/ws_dev/chat", body, WIDGET)
        assert answered.status == 200
        assert answered.json["message"] == FALLBACK
        assert answered.json["metadata"]["error"] == "model_unavailable"


# ---- it does something


async def test_an_appointment_is_booked_by_a_tool_call(tmp_path: Path) -> None:
    async with (
        model_server(*LOOKS_AND_BOOKS, words("Booked, see you then.")) as model,
        desk(tmp_path, model) as dev,
        talk(dev) as socket,
    ):
        *before, answer = await ask(socket, REQUEST)
        assert answer["text"] == "Let me look.\n\nBooked, see you then."
        deltas = [frame["text"] for frame in before if frame["type"] == "delta"]
        assert "".join(deltas) == answer["text"]
        events = [frame for frame in before if frame["type"] == "event"]
        (told,) = [one["data"] for one in events if one["event"] == "appointment_scheduled"]
        listed = await dev.server.send("GET", "/v1/appointments", headers=PLATFORM)
        (appointment,) = listed.json["data"]
        assert appointment["appointment_id"] == told["appointment_id"]
        customer = appointment["customer"]
        assert (customer["name"], customer["email"]) == ("Ada", "ada@example.com")
        slots = msgspec.json.decode(model.asked[1]["messages"][-1]["content"])["slots"]
        assert appointment["appointment_slot"] == slots[0]["appointment_slot"]
        told_back = msgspec.json.decode(model.asked[2]["messages"][-1]["content"])
        assert (told_back["booked"], told_back["date"]) == (True, told["date"])


async def test_a_model_that_dies_once_it_has_booked_leaves_what_was_booked(tmp_path: Path) -> None:
    dead = dies(sse(chunk(content="Wonderful, y"), done=False))
    async with (
        model_server(*LOOKS_AND_BOOKS, dead) as model,
        desk(tmp_path, model) as dev,
        talk(dev) as socket,
    ):
        *before, answer = await ask(socket, REQUEST)
        (told,) = [f["data"] for f in before if f.get("event") == "appointment_scheduled"]
        assert answer["text"] == f"Your appointment is booked: {told['date']}, {told['time']}."
        listed = await dev.server.send("GET", "/v1/appointments", headers=PLATFORM)
        assert len(listed.json["data"]) == 1
        assert len(model.asked) == 3


async def test_a_person_takes_over_after_the_model_s_last_words(tmp_path: Path) -> None:
    hands_over = sends(called(call("hand_over", {"team": "Sales"})))
    async with (
        model_server(hands_over, words("A colleague will be with you.")) as model,
        desk(tmp_path, model) as dev,
        talk(dev) as socket,
    ):
        answer = (await ask(socket, "I want a person."))[-1]
        assert answer["text"] == "A colleague will be with you."
        assert (await next_event(socket, "handoff"))["team"] == "sales"
        await say(socket, type="message", text="Hello?", client_id="c2")
        await next_frame(socket, "message_ack")
        await say(socket, type="ping", id="end")
        frames = await frames_until(socket, "pong")
        assert [frame for frame in frames if frame["type"] == "message"] == []
        assert len(model.asked) == 2


async def test_from_the_message_that_came_unasked_to_an_appointment_and_on(tmp_path: Path) -> None:
    offers = words("Tomorrow ", "at 8? I need your name and e-mail.")
    dead = dies(sse(chunk(content="You are wel"), done=False))
    async with (
        model_server(
            sends(called(call("find_slots", {}))),
            offers,
            *LOOKS_AND_BOOKS,
            words("Done."),
            dead,
            words("Bye."),
        ) as model,
        desk(tmp_path, model) as dev,
        talk(dev) as socket,
    ):
        await say(socket, type="page", url="https://shop.example/services/ac")
        await say(socket, type="ping")
        await next_frame(socket, "pong")
        await dev.server.pass_time(46_000)
        assert (await next_frame(socket, "message"))["kind"] == "proactive"
        offered = await ask(socket, "Yes, my furnace is broken.")
        assert offered[-1]["text"] == "Tomorrow at 8? I need your name and e-mail."
        *before, booked = await ask(socket, "Fine: Ada, ada@example.com.", "c2")
        assert [frame["event"] for frame in before if frame["type"] == "event"] == [
            "appointment_scheduled"
        ]
        assert booked["text"].endswith("Done.")
        *before, thanked = await ask(socket, "Thank you!", "c3")
        assert [frame["text"] for frame in before if frame["type"] == "delta"] == ["You are wel"]
        assert thanked["text"] == FALLBACK
        assert (await ask(socket, "Bye!", "c4"))[-1]["text"] == "Bye."
        roles = [one["role"] for one in model.asked[-1]["messages"]]
        assert roles == ["system", "user", *["assistant", "user"] * 5]
        assert model.said[-2] == f"assistant: {FALLBACK}"


# ---- it fails


FAILURES: dict[str, Behaviour] = {
    "mid-sentence": dies(sse(chunk(content="Wonderful, my furnace fr"), done=False)),
    "error in the stream": sends(
        sse(chunk(content="Wonderful"), {"error": {"message": "furnace"}})
    ),
    "malformed": sends(sse(chunk(content="Wonderful"), '{"choices": [furnace')),
    "empty": sends(b""),
    "unauthorized": refuses(401, b'{"error": "furnace sk-a-secret-of-the-model-server"}'),
    "too many requests": refuses(429, b"furnace", retry_after="20"),
    "broken": refuses(500, b"furnace"),
    "silent": is_silent(),
    "a sign of life now and then": drips(b": keep-alive\n\n"),
    "silent mid-sentence": is_silent(sse(chunk(content="Wonderful"), done=False)),
}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES.keys())
async def test_a_model_that_fails_leaves_the_fallback_and_the_conversation_goes_on(
    failure: Behaviour, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with (
        model_server(failure) as model,
        desk(tmp_path, model, '  timeout = "400ms"\n') as dev,
        talk(dev) as socket,
    ):
        answer = (await ask(socket, "My furnace is cold, I am ada@example.com."))[-1]
        assert (answer["text"], answer["from"]) == (FALLBACK, "assistant")
        assert [one["action"] for one in answer["quick_replies"]] == ["handoff"]
        model.now(words("It is warm again."))
        dev.server.clock.advance(60_000)
        again = (await ask(socket, "And now?", "c2"))[-1]
        assert again["text"] == "It is warm again."
    ours = [one for one in caplog.records if one.name.startswith(("opportune", "httpcore2"))]
    logged = "\n".join(f"{one.name}: {one.getMessage()} {one.exc_info or ''}" for one in ours)
    assert "asst_dev did not answer msg_" in logged
    assert [secret for secret in SECRETS if secret in logged] == []


async def test_a_day_s_tokens_are_counted_with_the_answers_and_end(tmp_path: Path) -> None:
    async with (
        model_server(words("Yes.", cost=(90, 10))) as model,
        desk(tmp_path, model, "  tokens_per_day = 150\n") as dev,
        talk(dev) as socket,
    ):
        texts = [(await ask(socket, "Are you open?", f"c{n}"))[-1]["text"] for n in range(3)]
        assert (texts, len(model.asked)) == (["Yes.", "Yes.", FALLBACK], 2)
        store = dev.server.parts.store
        counts = await store.counts("ws_dev", ["2025-06-15"], "u|tokens|")
        assert counts == {"u|tokens|asst_dev": 200}
        block = (await ask(socket, "Which zip codes do you serve?", "c9"))[-1]
        assert block["text"] == "We serve 606 and 607."
