"""Numbers of agent sessions: each once, the same on a repeat, and so many kept."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from engine.conversations.agent_sessions import (
    CHANNELS,
    REPEATS_KEPT,
    AgentSession,
    AgentSessions,
)
from engine.stores.base import Store
from engine.stores.open import open_store
from engine.testing.manual_clock import ManualClock

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["memory:", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    url = request.param if request.param == "memory:" else f"sqlite:///{tmp_path}/agents.db"
    opened = await open_store(url, clock=ManualClock().now_ms)
    yield opened
    await opened.close()


def session(number: int, chat: str = "chat_1") -> AgentSession:
    return AgentSession(number, chat, "vis_1", 123, "asst", "agent_voice", 1_000)


async def test_a_number_is_taken_once_and_the_same_again_for_its_chat_session(store: Store) -> None:
    sessions = AgentSessions(store)
    assert await sessions.take_number("w", "chat_1") == 1
    assert await sessions.take_number("w", "chat_2") == 2
    assert await AgentSessions(store).take_number("w", "chat_1") == 1
    assert await sessions.take_number("other", "chat_3") == 1


async def test_two_servers_take_different_numbers(store: Store) -> None:
    servers = [AgentSessions(store), AgentSessions(store)]
    numbers = await asyncio.gather(
        *(servers[n % 2].take_number("w", f"chat_{n}") for n in range(20))
    )
    assert sorted(numbers) == list(range(1, 21))


async def test_only_the_newest_numbers_are_known_again_for_a_repeat(store: Store) -> None:
    sessions = AgentSessions(store)
    for number in range(REPEATS_KEPT + 1):
        await sessions.take_number("w", f"chat_{number}")
    assert await sessions.take_number("w", "chat_1") == 2
    assert await sessions.take_number("w", "chat_0") == REPEATS_KEPT + 2


async def test_what_is_kept_under_a_number_stays(store: Store) -> None:
    sessions = AgentSessions(store)
    first = await sessions.keep("w", session(1))
    again = await sessions.keep("w", msgspec.structs.replace(first, started_ms=9_000))
    assert again == first
    assert await sessions.find("w", 1) == first
    assert await sessions.find("other", 1) is None


async def test_a_repeat_after_a_crash_in_between_is_the_same_session(store: Store) -> None:
    sessions = AgentSessions(store)
    await sessions.take_number("w", "chat_1")
    first = await sessions.begin("w", session(0))
    again = await AgentSessions(store).begin("w", session(0))
    assert (first.number, again) == (1, first)
    assert (await sessions.begin("w", session(0, "chat_2"))).number == 2


async def test_the_end_is_noted_once(store: Store) -> None:
    sessions = AgentSessions(store)
    await sessions.keep("w", session(1))
    ended = await sessions.end("w", 1, 5_000)
    again = await sessions.end("w", 1, 9_000)
    assert ended is not None
    assert (ended.ended_ms, again) == (5_000, ended)
    assert await sessions.end("w", 2, 5_000) is None


async def test_two_who_end_it_at_once_agree_on_the_instant(store: Store) -> None:
    sessions = AgentSessions(store)
    await sessions.keep("w", session(1))
    ends = await asyncio.gather(*(sessions.end("w", 1, at_ms) for at_ms in range(10)))
    assert len({ended.ended_ms for ended in ends if ended is not None}) == 1


async def test_so_many_sessions_are_kept_and_the_oldest_leave(store: Store) -> None:
    sessions = AgentSessions(store, kept_max=2)
    for number in (1, 2, 3):
        await sessions.keep("w", session(number))
    found = [await sessions.find("w", number) for number in (1, 2, 3)]
    assert [one is not None for one in found] == [False, True, True]


def test_each_type_has_a_channel() -> None:
    assert set(CHANNELS.values()) == {"voice", "video", "chat"}
