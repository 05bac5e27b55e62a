"""The widget's conversation over real sockets and a file, with everybody listening who does in production."""

import asyncio
from pathlib import Path

import pytest

from engine.identity import known_visitor
from engine.stores.codec import decode_profile
from tests.api.widget_shop import RULES, SHOP, chat, meet_card, proof, start
from tests.server.running import (
    SECRET,
    authenticated,
    close_code,
    listening,
    say,
    write_config,
)

pytestmark = pytest.mark.anyio


def on_file(folder: Path, text: str = SHOP) -> str:
    return text.replace('url = "memory:"', f'url = "sqlite:///{folder}/opportune.db"')


async def test_words_are_answered_once_though_the_outbox_asks_for_the_answer_too(
    tmp_path: Path, anyio_backend: str
) -> None:
    async with listening(write_config(tmp_path, on_file(tmp_path), RULES)) as running:
        server = running.server
        sessions = [f"s{number}" for number in range(5)]
        answers = await asyncio.gather(*(chat(server, sessionId=name) for name in sessions))
        assert {answer.json["message"] for answer in answers} == {
            "I'd be happy to help with pricing!"
        }
        await asyncio.sleep(0.1)  # the outbox has asked by then
        for name in sessions:
            ref = await server.parts.runtime.find("ws_dev", name)
            assert ref is not None
            assert len(await server.parts.runtime.messages(ref, 0, 10)) == 2


async def test_a_spend_of_a_merged_visitor_reaches_the_known_one_by_itself(
    tmp_path: Path, anyio_backend: str
) -> None:
    async with listening(write_config(tmp_path, on_file(tmp_path), RULES)) as running:
        server = running.server
        await start(server, sessionId="s1", visitorId="v1")
        await start(server, sessionId="s1", identity=proof("u1"))
        await meet_card(server)
        known = known_visitor(SECRET.encode(), "ws_dev", "u1")
        async with asyncio.timeout(5):
            while True:
                record = await server.parts.store.visitor("ws_dev", known)
                assert record is not None
                if decode_profile(record.profile).grants:
                    break
                await asyncio.sleep(0.01)  # what the outbox does has no event to wait for


async def test_a_waiting_conversation_is_answered_when_its_place_is_free(
    tmp_path: Path, anyio_backend: str
) -> None:
    text = SHOP.replace('name = "Helper"\n', 'name = "Helper"\n  max_active_sessions = 1\n')
    async with listening(write_config(tmp_path, on_file(tmp_path, text), RULES)) as running:
        server, runtime = running.server, running.server.parts.runtime
        assert (await chat(server)).json["metadata"]["model"] == "answers"
        waiting = await chat(server, sessionId="s2")
        assert waiting.json["metadata"]["model"] == "none"
        first, second = [await runtime.find("ws_dev", name) for name in ("s1", "s2")]
        assert first is not None
        assert second is not None
        await asyncio.sleep(0.1)  # the outbox has asked by then
        assert len(await runtime.messages(second, 0, 10)) == 1
        await runtime.close_session(first, "api")
        async with asyncio.timeout(5):
            while len(await runtime.messages(second, 0, 10)) < 2:  # noqa: ASYNC110  # as above
                await asyncio.sleep(0.01)


async def test_a_known_user_s_session_opens_with_its_visitor_token_only(
    tmp_path: Path, anyio_backend: str
) -> None:
    async with listening(write_config(tmp_path, on_file(tmp_path), RULES)) as running:
        made = await running.server.open_session()
        session_id = made["session_id"]
        started = await start(running.server, sessionId=session_id, identity=proof("u1"))
        async with running.socket(session_id) as socket:
            await say(socket, type="auth", token="wk_dev")
            assert await close_code(socket) == 4401
        async with running.socket(session_id) as socket:
            hello = await authenticated(socket, visitor_token=started.json["visitorToken"])
            assert hello["session_id"] == session_id
