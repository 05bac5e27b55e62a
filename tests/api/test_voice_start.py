"""`POST /api/widgets/:widgetId/voice/start`: a number is lent, and the visitor counts as engaged (API.md 4.1)."""

import asyncio
import gzip
import re
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from engine.causes import Cause, VoiceStarted
from tests.api.offices import OFFICE, office
from tests.server.running import ORIGIN, WIDGET, Answered, TestServer

pytestmark = pytest.mark.anyio

PATH = "/api/widgets/ws_dev/voice/start"
SEED = {"sessionId": "session_abc123", "assistantId": "asst_dev"}
NUMBERS = {"+14165559999", "+14165550000"}
TEN = [f"+1416555{number:04}" for number in range(100, 110)]


@pytest.fixture
async def server(tmp_path: Path, anyio_backend: str) -> AsyncIterator[TestServer]:
    async with office(tmp_path) as running:
        yield running


async def start(server: TestServer, body: object = None, **headers: str) -> Answered:
    return await server.send("POST", PATH, SEED if body is None else body, {**WIDGET, **headers})


def heard(server: TestServer) -> list[Cause]:
    causes: list[Cause] = []
    server.parts.runtime.on_cause(causes.append)
    return causes


async def test_the_seed_s_example_answers_the_seed_s_fields(server: TestServer) -> None:
    answered = await start(server)
    assert answered.status == 200
    body = answered.json
    assert list(body) == ["success", "conversationId", "assistantId", "phoneNumber"]
    assert body["success"] is True
    assert body["conversationId"].startswith("conv_")
    assert body["assistantId"] == "asst_dev"
    assert body["phoneNumber"] in NUMBERS


async def test_starting_again_gives_the_same_number_and_is_one_call(server: TestServer) -> None:
    causes = heard(server)
    first = await start(server)
    again = await start(server)
    assert again.json == first.json
    started = [cause.body for cause in causes if isinstance(cause.body, VoiceStarted)]
    assert [body.number for body in started] == [first.json["phoneNumber"]]
    assert started[0].card.channel == "voice"


async def test_who_starts_a_call_is_engaged_in_a_conversation_by_voice(server: TestServer) -> None:
    answered = await start(server)
    runtime = server.parts.runtime
    ref = await runtime.find("ws_dev", "session_abc123")
    assert ref is not None
    view = await runtime.view(ref)
    assert view is not None
    assert (view.engaged, view.channel) == (True, "voice")
    assert view.conversation == answered.json["conversationId"]
    services = server.parts.app.services
    assert await services.voice.holder("ws_dev", answered.json["phoneNumber"]) == ref


async def test_the_number_of_a_running_chat_is_of_its_conversation(server: TestServer) -> None:
    session = await server.open_session()
    answered = await start(server, {"sessionId": session["session_id"]})
    assert answered.json["conversationId"] == session["conversation_id"]


async def test_a_number_comes_back_after_its_hold(server: TestServer) -> None:
    await start(server)
    voice = server.parts.app.services.voice
    server.clock.advance(599_999)
    assert len(await voice.lent("ws_dev")) == 1
    server.clock.advance(1)
    assert await voice.lent("ws_dev") == ()


async def test_fifty_at_once_on_a_pool_of_ten_all_get_a_number(tmp_path: Path) -> None:
    pool = re.sub(r"numbers = \[.*\]", f"numbers = {TEN}", OFFICE).replace("'", '"')
    async with office(tmp_path, pool) as server:
        answers = await asyncio.gather(
            *(start(server, {"sessionId": f"session-{number}"}) for number in range(50))
        )
        assert {answered.status for answered in answers} == {200}
        assert {answered.json["phoneNumber"] for answered in answers} == set(TEN)
        voice = server.parts.app.services.voice
        assert len(await voice.lent("ws_dev")) == 10
        server.clock.advance(600_000)
        assert await voice.lent("ws_dev") == ()


# ---- refusals


@pytest.mark.parametrize(
    ("body", "reason", "field"),
    [
        ({}, "required", "sessionId"),
        ({"sessionId": 5}, "invalid_type", "sessionId"),
        ({"sessionId": ""}, "required", "sessionId"),
        ({"sessionId": "a\x00"}, "invalid_id", "sessionId"),
        ({"sessionId": "x" * 257}, "too_long", "sessionId"),
        ({"sessionId": "s", "assistantId": "no"}, "assistant_not_found", "assistantId"),
        ({"sessionId": "s", "assistantId": "x" * 65}, "too_long", "assistantId"),
        (b"{", "malformed_json", None),
        (b"[]", "not_an_object", None),
    ],
)
async def test_a_wrong_field_is_named_and_no_number_is_lent(
    server: TestServer, body: object, reason: str, field: str | None
) -> None:
    answered = await start(server, body)
    assert (answered.status, answered.json["reason"]) == (400, reason)
    assert answered.json["success"] is False
    assert answered.json.get("field") == field
    assert await server.parts.app.services.voice.lent("ws_dev") == ()


async def test_without_numbers_voice_is_not_configured(tmp_path: Path) -> None:
    async with office(tmp_path, '\n  greeting = "Hello there"\n') as server:
        answered = await start(server)
        assert (answered.status, answered.json["reason"]) == (400, "voice_not_configured")
        assert await server.parts.runtime.find("ws_dev", "session_abc123") is None


async def test_without_an_assistant_there_is_nobody_to_call(server: TestServer) -> None:
    path = "/api/widgets/ws_empty/voice/start"
    headers = {"authorization": "Bearer wk_empty"}
    answered = await server.send("POST", path, {"sessionId": "s"}, headers)
    assert (answered.status, answered.json["reason"]) == (400, "no_assistant")
    assert answered.json["error"] == "No assistant configured"


@pytest.mark.parametrize(
    ("path", "headers", "status", "reason"),
    [
        ("/api/widgets/ws_no/voice/start", {}, 404, "widget_not_found"),
        (PATH, {"authorization": ""}, 401, "missing_credentials"),
        (PATH, {"authorization": "Bearer wk_no"}, 401, "invalid_credentials"),
        (PATH, {"authorization": "Bearer wk_other"}, 401, "invalid_credentials"),
        (PATH, {"origin": "https://evil.example"}, 403, "origin_not_allowed"),
        (PATH, {"authorization": "Bearer wk_strict"}, 403, "origin_not_allowed"),
    ],
)
async def test_the_widget_then_the_token_then_the_origin(
    server: TestServer, path: str, headers: dict[str, str], status: int, reason: str
) -> None:
    answered = await server.send("POST", path, SEED, {**WIDGET, **headers})
    assert (answered.status, answered.json["reason"]) == (status, reason)
    assert ("www-authenticate" in answered.headers) is (status == 401)


async def test_the_token_may_come_in_the_body_as_any_content_type_and_packed(
    server: TestServer,
) -> None:
    body = gzip.compress(msgspec.json.encode({**SEED, "token": "wk_dev"}))
    headers = {"content-type": "text/plain", "content-encoding": "gzip", "origin": ORIGIN}
    answered = await server.send("POST", PATH, body, headers)
    assert answered.status == 200
    assert answered.headers["access-control-allow-origin"] == ORIGIN


async def test_who_denied_consent_is_lent_no_number(server: TestServer) -> None:
    await server.track({"sessionId": "session_abc123", "event": "page_view", "consent": "denied"})
    answered = await start(server)
    assert (answered.status, answered.json["reason"]) == (403, "no_consent")
    assert await server.parts.app.services.voice.lent("ws_dev") == ()


async def test_a_body_over_its_limit_is_refused(server: TestServer) -> None:
    answered = await start(server, b" " * 65_537)
    assert answered.status == 413
    packed = gzip.compress(b" " * 524_289)
    answered = await start(server, packed, **{"content-encoding": "gzip"})
    assert answered.status == 413
