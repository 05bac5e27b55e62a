"""`opportune doctor --verify`: what is stored of a session is what its journal says."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from engine.stores.codec import decode_session, encode_session
from server.rulebook.past_programs import PastPrograms, at_once
from server.rulebook.verification import Verified, verify_sessions
from tests.server.running import AC_PAGE, PLATFORM, WIDGET, TestServer, in_process, write_config

pytestmark = pytest.mark.anyio


@pytest.fixture
async def server(tmp_path: Path, anyio_backend: str) -> AsyncIterator[TestServer]:
    async with in_process(write_config(tmp_path)) as running:
        yield running


async def visit(server: TestServer, alias: str) -> None:
    """Read, be approached, answer, write, and read on."""
    view = {"sessionId": alias, "event": "page_view", "page": {"url": AC_PAGE}}
    await server.track(view)
    await server.pass_time(45_000)
    session = (await server.send("GET", "/v1/live-chat/sessions", headers=PLATFORM)).json["data"][0]
    path = f"/v1/live-chat/sessions/{session['session_id']}/messages"
    await server.send("GET", path, headers=PLATFORM)
    body = {"sessionId": alias, "message": "how much is it?"}
    await server.send("POST", "/api/widgets/ws_dev/chat", body, WIDGET)
    await server.track({"sessionId": alias, "event": "scroll", "metadata": {"percent": 50}})


async def verified(server: TestServer) -> Verified:
    services = server.parts.app.services
    programs = PastPrograms(services.rules)
    store = server.parts.store
    return await verify_sessions(store, programs, services.secret, "ws_dev", at_once)


async def test_every_session_is_as_its_journal_says(server: TestServer) -> None:
    for alias in ("s1", "s2", "s3"):
        await visit(server, alias)
    told = await verified(server)
    assert (told.equal, told.differing, told.named) == (3, 0, ())


async def test_a_session_that_was_changed_behind_its_journal_is_named(server: TestServer) -> None:
    await visit(server, "s1")
    store = server.parts.store
    (ref,) = await store.list_sessions("ws_dev", None, 10)
    loaded = await store.load(ref)
    assert loaded.state is not None
    session = decode_session(loaded.state)
    changed = encode_session(msgspec.structs.replace(session, grants_total=7))
    store._tables.sessions["ws_dev"][ref.session].state = changed
    told = await verified(server)
    assert told.named == (ref.session,)
