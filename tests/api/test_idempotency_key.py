"""Idempotency-Key: one effect and one answer, however often and however fast a request comes."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.config import load_config
from server.limits.idempotency import is_kept
from tests.api.credentialed import OTHER, READER, as_person, write_credentialed
from tests.server.running import PLATFORM, Answered, TestServer, in_process, listening

pytestmark = pytest.mark.anyio
SESSIONS = "/v1/live-chat/sessions"
MESSAGE = "/v1/outbound/live-chat/message"
BODY = {"source_id": "site_dev", "visitor": {"first_name": "Ann"}}


@pytest.fixture
async def server(tmp_path: Path, anyio_backend: str) -> AsyncIterator[TestServer]:
    async with in_process(write_credentialed(tmp_path)) as running:
        yield running


def keyed(key: str, headers: dict[str, str] = PLATFORM) -> dict[str, str]:
    return {**headers, "idempotency-key": key}


async def sessions_of(server: TestServer) -> int:
    return len(await server.parts.store.list_sessions("ws_dev", None, 500))


def refused(answered: Answered) -> tuple[int, str, str | None]:
    details = answered.json["error"]["details"]
    return answered.status, details["reason"], details.get("field")


async def test_a_repeat_has_the_same_body_and_no_second_effect(server: TestServer) -> None:
    first = await server.send("POST", SESSIONS, BODY, keyed("once"))
    server.clock.advance(5_000)
    again = await server.send("POST", SESSIONS, BODY, keyed("once"))
    assert (again.status, again.body) == (200, first.body)
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert again.headers["content-type"] == "application/json"
    assert int(again.headers["x-ratelimit-remaining"]) == 998
    assert await sessions_of(server) == 1


async def test_without_the_header_nothing_is_a_repeat(server: TestServer) -> None:
    for _ in range(2):
        assert (await server.send("POST", SESSIONS, BODY, PLATFORM)).status == 200
    assert await sessions_of(server) == 2


async def test_another_body_under_the_same_key_is_refused(server: TestServer) -> None:
    await server.send("POST", SESSIONS, BODY, keyed("once"))
    other = {**BODY, "initial_message": "Hello"}
    answered = await server.send("POST", SESSIONS, other, keyed("once"))
    assert refused(answered) == (400, "idempotency_key_reused", "Idempotency-Key")
    assert answered.headers["x-should-retry"] == "false"
    assert await sessions_of(server) == 1


async def test_a_key_is_of_one_workspace_and_one_path(server: TestServer) -> None:
    await server.send("POST", SESSIONS, BODY, keyed("once"))
    elsewhere = {"source_id": "site_other", "visitor": {}}
    other = await server.send("POST", SESSIONS, elsewhere, keyed("once", OTHER))
    assert other.status == 200
    body = {"visitor_id": "vis_9", "message": "Hello"}
    assert (await server.send("POST", MESSAGE, body, keyed("once"))).status == 200


async def test_whoever_sends_it_the_key_is_the_workspaces(server: TestServer) -> None:
    person = as_person(server.parts.app.services.config, server.clock)
    first = await server.send("POST", SESSIONS, BODY, keyed("once"))
    again = await server.send("POST", SESSIONS, BODY, keyed("once", person))
    assert again.body == first.body


async def test_a_key_is_forgotten_after_a_day(server: TestServer) -> None:
    first = await server.send("POST", SESSIONS, BODY, keyed("once"))
    server.clock.advance(24 * 3_600_000 + 60_000)
    again = await server.send("POST", SESSIONS, BODY, keyed("once"))
    assert "idempotency-replayed" not in again.headers
    assert again.status == first.status == 200


@pytest.mark.parametrize("key", [b"", b"k" * 256, b"\xc3\xa9", b"a\tb"])
async def test_a_key_is_1_to_255_printable_characters(server: TestServer, key: bytes) -> None:
    response = await server.http.post(
        SESSIONS,
        json=BODY,
        headers=[
            *((n.encode(), v.encode()) for n, v in PLATFORM.items()),
            (b"idempotency-key", key),
        ],
    )
    assert response.status_code == 400
    details = response.json()["error"]["details"]
    assert details == {"field": "Idempotency-Key", "reason": "idempotency_key_invalid"}
    assert await sessions_of(server) == 0


@pytest.mark.parametrize("key", ["k", "k" * 255, "a key with spaces ~!"])
async def test_the_ends_of_a_keys_length_are_inside(server: TestServer, key: str) -> None:
    assert (await server.send("POST", SESSIONS, BODY, keyed(key))).status == 200


# ---- what is not kept


async def test_a_request_that_was_never_understood_leaves_its_key_free(server: TestServer) -> None:
    for body in (b"{", {"visitor": {}}, {**BODY, "initial_message": " "}):
        answered = await server.send("POST", SESSIONS, body, keyed("once"))
        assert answered.status == 400
    assert (await server.send("POST", SESSIONS, BODY, keyed("once"))).status == 200


async def test_a_refused_caller_leaves_its_key_free(server: TestServer) -> None:
    assert (await server.send("POST", SESSIONS, BODY, keyed("once", READER))).status == 403
    assert (await server.send("POST", SESSIONS, BODY, keyed("once"))).status == 200


async def test_a_policys_refusal_leaves_its_key_free(server: TestServer) -> None:
    visitor = (await server.open_session(id="vis_1"))["visitor_id"]
    body = {"visitor_id": visitor, "message": "Can I help?"}
    await server.send("POST", MESSAGE, body, PLATFORM)
    for _ in range(2):
        answered = await server.send("POST", MESSAGE, body, keyed("once"))
        assert refused(answered)[:2] == (429, "frequency_cap")
        assert "idempotency-replayed" not in answered.headers


async def test_a_thing_that_does_not_exist_is_a_kept_answer(server: TestServer) -> None:
    body = {"source_id": "site_nowhere", "visitor": {}}
    first = await server.send("POST", SESSIONS, body, keyed("once"))
    again = await server.send("POST", SESSIONS, body, keyed("once"))
    assert first.status == again.status == 404
    assert again.body == first.body
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["x-should-retry"] == "false"


@pytest.mark.parametrize(
    ("status", "reason", "kept"),
    [
        (200, "", True),
        (400, "session_closed", True),
        (400, "required", False),
        (401, "invalid_credentials", False),
        (403, "no_consent", False),
        (404, "session_not_found", True),
        (412, "etag_mismatch", True),
        (429, "frequency_cap", False),
        (500, "internal", False),
        (503, "store_unavailable", False),
    ],
)
def test_answers_that_may_differ_next_time_are_not_kept(
    status: int, reason: str, *, kept: bool
) -> None:
    assert is_kept(status, reason) is kept


# ---- many at once


async def test_fifty_sends_at_once_with_one_key_are_one_message(server: TestServer) -> None:
    await server.open_session(id="vis_1")
    server.clock.advance(60_000)
    body = {"visitor_id": "vis_1", "message": "Can I help?"}
    answers = await asyncio.gather(
        *(server.send("POST", MESSAGE, body, keyed("once")) for _ in range(50))
    )
    await check_one_effect(answers)


async def test_fifty_sends_at_once_through_sockets_and_a_file_are_one_session(
    tmp_path: Path, anyio_backend: str
) -> None:
    config = write_credentialed(tmp_path)
    text = config.path.read_text().replace("memory:", "sqlite:///kept.db")
    config.path.write_text(text)
    async with listening(load_config(config.path, {})) as live:
        answers = await asyncio.gather(
            *(live.server.send("POST", SESSIONS, BODY, keyed("once")) for _ in range(50))
        )
        await check_one_effect(answers)
        assert await sessions_of(live.server) == 1
        replayed = await live.server.send("POST", SESSIONS, BODY, keyed("once"))
        assert replayed.headers["idempotency-replayed"] == "true"


async def check_one_effect(answers: list[Answered]) -> None:
    """Every answer is the one answer, or says that it is still being made."""
    bodies = {answered.body for answered in answers if answered.status == 200}
    assert len(bodies) == 1
    others = [answered for answered in answers if answered.status != 200]
    for answered in others:
        assert refused(answered) == (409, "idempotency_in_progress", None)
        assert answered.headers["retry-after"] == "1"
        assert answered.headers["x-should-retry"] == "true"
    made = [
        answered
        for answered in answers
        if answered.status == 200 and "idempotency-replayed" not in answered.headers
    ]
    assert len(made) == 1


async def test_a_repeat_whose_answer_was_lost_makes_the_same_ids(server: TestServer) -> None:
    """As when the server dies after the effect: the key is free, the effect is there."""
    first = await server.send("POST", SESSIONS, BODY, keyed("once"))
    server.parts.store._state.answers._kept.clear()
    again = await server.send("POST", SESSIONS, BODY, keyed("once"))
    assert "idempotency-replayed" not in again.headers
    assert again.json["data"]["session_id"] == first.json["data"]["session_id"]
    assert await sessions_of(server) == 1
