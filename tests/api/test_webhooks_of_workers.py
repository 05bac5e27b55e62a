"""Webhooks where two workers share one Redis: an endpoint made at one is served by both, each event once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from engine.clock import SystemClock
from server.config import Config
from tests.api.hooked import LOCAL, ask, make, refused
from tests.faults.receiver import SECRET, receiving
from tests.faults.server import Single
from tests.server.running import PLATFORM, TestServer, listening, write_config

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]
IN_FORCE_S = 1.0
"""Within this time every worker knows of what another one changed."""


@pytest.fixture
async def workers(
    tmp_path: Path, valkey: Single, anyio_backend: str
) -> AsyncIterator[tuple[TestServer, TestServer]]:
    valkey.flush()
    async with AsyncExitStack() as stack:
        made = [
            await stack.enter_async_context(
                listening(_config(tmp_path / name, valkey), SystemClock())
            )
            for name in ("one", "two")
        ]
        yield made[0].server, made[1].server


def _config(folder: Path, valkey: Single) -> Config:
    folder.mkdir()
    store = f'url = "{valkey.url}"\ndurability = "D1"\npartitions = 8'
    return write_config(folder, LOCAL.replace('url = "memory:"', store))


async def begin(server: TestServer) -> str:
    body = {"source_id": "site_dev", "visitor": {}, "initial_message": "Hello?"}
    answered = await server.send("POST", "/v1/live-chat/sessions", body, PLATFORM)
    assert answered.status == 200, answered.body
    return str(answered.json["data"]["session_id"])


async def test_an_endpoint_of_one_worker_hears_of_events_at_both_once(
    workers: tuple[TestServer, TestServer],
) -> None:
    one, two = workers
    with receiving() as receiver:
        hook = {"url": receiver.url(), "secret": SECRET}
        made = await make(one, **hook, events=["chat.started", "message.received"])
        await asyncio.sleep(IN_FORCE_S)
        sessions = [await begin(server) for server in (one, two) * 5]
        came = await receiver.wait_for(2 * len(sessions), 10)
        await asyncio.sleep(0.5)
        assert len(receiver.received) == len(came)
        path = f"/{made['webhook_id']}"
        rows = (await ask(two, "GET", f"{path}/deliveries")).json["data"]
        await ask(two, "DELETE", path)
        await asyncio.sleep(IN_FORCE_S)
        gone = await ask(one, "GET", path)
        await begin(one)
        await asyncio.sleep(0.5)
        assert len(receiver.received) == len(came)
    assert {(one.json["session_id"], one.sequence) for one in came} == {
        (session, number) for session in sessions for number in (1, 2)
    }
    assert all(one.is_signed for one in came)
    assert [row["status"] for row in rows] == ["delivered"] * len(came)
    assert refused(gone) == (404, None, "webhook_not_found")
