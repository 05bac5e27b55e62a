"""An assistant with one place: who comes second waits, and is called when the first has gone."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.limits import SESSION_IDLE_MS
from server.hearers import chores_of
from tests.server.running import (
    CONFIG,
    PLATFORM,
    TestServer,
    in_process,
    write_config,
)

pytestmark = pytest.mark.anyio

SESSIONS = "/v1/live-chat/sessions"


@pytest.fixture
async def server(tmp_path: Path, anyio_backend: str) -> AsyncIterator[TestServer]:
    one = '\n  name = "Helper"\n'
    assert one in CONFIG
    text = CONFIG.replace(one, f"{one}  max_active_sessions = 1\n")
    async with in_process(write_config(tmp_path, text)) as running:
        yield running


async def status(server: TestServer, session: dict) -> tuple[str, int]:
    path = f"{SESSIONS}/{session['session_id']}"
    shown = (await server.send("GET", path, headers=PLATFORM)).json["data"]
    return shown["status"], shown["estimated_wait"]


async def close(server: TestServer, session: dict) -> None:
    path = f"{SESSIONS}/{session['session_id']}/close"
    assert (await server.send("POST", path, {}, PLATFORM)).status == 200
    await server.parts.app.services.outbox.drain()


async def test_the_second_session_is_queued_with_an_estimate(server: TestServer) -> None:
    first, second, third = [await server.open_session() for _ in range(3)]
    assert (first["status"], first["estimated_wait"]) == ("active", 0)
    assert (second["status"], second["estimated_wait"]) == ("queued", 120)
    assert (third["status"], third["estimated_wait"]) == ("queued", 240)


async def test_closing_the_first_calls_the_second_and_then_the_third(server: TestServer) -> None:
    first, second, third = [await server.open_session() for _ in range(3)]
    await close(server, first)
    assert await status(server, second) == ("active", 0)
    assert (await status(server, third))[0] == "queued"
    await close(server, second)
    assert await status(server, third) == ("active", 0)


async def test_words_of_who_waits_are_answered_when_it_is_their_turn(server: TestServer) -> None:
    first = await server.open_session()
    body = {"source_id": "site_dev", "visitor": {}, "initial_message": "Is anybody there?"}
    second = (await server.send("POST", SESSIONS, body, PLATFORM)).json["data"]
    assert second["status"] == "queued"
    assert await authors(server, second) == ["visitor"]
    await close(server, first)
    assert await authors(server, second) == ["visitor", "assistant"]


async def test_who_ended_in_silence_makes_room_without_anybody_s_word(server: TestServer) -> None:
    await server.open_session()
    server.clock.advance(SESSION_IDLE_MS - 1)
    second = await server.open_session()
    assert second["status"] == "queued"
    server.clock.advance(1)
    for chore in chores_of(server.parts.app.services):
        await chore()
    assert await status(server, second) == ("active", 0)


async def authors(server: TestServer, session: dict) -> list[str]:
    await server.parts.app.services.outbox.drain()
    path = f"{SESSIONS}/{session['session_id']}/messages"
    rows = (await server.send("GET", path, headers=PLATFORM)).json["data"]
    return [row["from"] for row in rows]
