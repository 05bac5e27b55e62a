"""What follows a call by itself on a running server: the assistant's answer, the next in the line."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from tests.server.running import CONFIG, PLATFORM, TestServer, listening, write_config

pytestmark = pytest.mark.anyio
PATH = "/v1/live-chat/sessions"
ONE_PLACE = CONFIG.replace('name = "Helper"', 'name = "Helper"\n  max_active_sessions = 1', 1)
HELLO = {"source_id": "site_dev", "visitor": {}, "initial_message": "Hello?"}


@pytest.fixture
async def running(tmp_path: Path, anyio_backend: str) -> AsyncIterator[TestServer]:
    """A whole server whose assistant serves one session at a time."""
    async with listening(write_config(tmp_path, ONE_PLACE)) as served:
        yield served.server


async def create(server: TestServer) -> dict:
    answered = await server.send("POST", PATH, HELLO, PLATFORM)
    assert answered.status == 200, answered.body
    return answered.json["data"]


async def authors(server: TestServer, session_id: str) -> list[str]:
    answered = await server.send("GET", f"{PATH}/{session_id}/messages", headers=PLATFORM)
    return [row["from"] for row in answered.json["data"]]


async def soon(look: Callable[[], Awaitable[bool]]) -> bool:
    """Look again and again for a bounded time."""
    for _ in range(200):
        if await look():
            return True
        await asyncio.sleep(0.02)
    return False


async def test_the_initial_message_is_answered(running: TestServer) -> None:
    made = await create(running)

    async def is_answered() -> bool:
        return await authors(running, made["session_id"]) == ["visitor", "assistant"]

    assert await soon(is_answered)


async def test_who_waits_is_answered_once_a_place_is_free(running: TestServer) -> None:
    first, second = await create(running), await create(running)
    assert (first["status"], second["status"]) == ("active", "queued")
    assert await authors(running, second["session_id"]) == ["visitor"]
    await running.send("POST", f"{PATH}/{first['session_id']}/close", None, PLATFORM)

    async def is_served() -> bool:
        path = f"{PATH}/{second['session_id']}"
        shown = (await running.send("GET", path, headers=PLATFORM)).json["data"]
        said = await authors(running, second["session_id"])
        return (shown["status"], shown["estimated_wait"], said) == (
            "active",
            0,
            ["visitor", "assistant"],
        )

    assert await soon(is_served)
