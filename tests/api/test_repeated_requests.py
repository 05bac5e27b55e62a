"""A request whose answer was lost comes again with its Idempotency-Key: its effect happens once."""

import pytest

from tests.server.running import AC_PAGE, PLATFORM, Answered, TestServer

pytestmark = pytest.mark.anyio
SESSIONS = "/v1/live-chat/sessions"
OUTBOUND = "/v1/outbound/live-chat/message"


@pytest.fixture
async def forgetful(server: TestServer, monkeypatch: pytest.MonkeyPatch) -> TestServer:
    """A server that dies, as far as its answers go, before it keeps them: each repeat runs again."""
    store = server.parts.store
    keep = store.idem_end

    async def release(key: bytes, body_sha256: bytes, answer: object) -> None:
        assert answer is None or isinstance(answer, tuple)
        await keep(key, body_sha256, None)

    monkeypatch.setattr(store, "idem_end", release)
    return server


async def post(server: TestServer, path: str, body: object, key: str = "k1") -> Answered:
    answered = await server.send("POST", path, body, {**PLATFORM, "idempotency-key": key})
    assert "idempotency-replayed" not in answered.headers
    return answered


async def texts(server: TestServer, session_id: str, author: str) -> list[str]:
    path = f"{SESSIONS}/{session_id}/messages"
    rows = (await server.send("GET", path, headers=PLATFORM)).json["data"]
    return [row["text"] for row in rows if row["from"] == author]


async def sessions(server: TestServer) -> list[str]:
    rows = (await server.send("GET", SESSIONS, headers=PLATFORM)).json["data"]
    return [row["session_id"] for row in rows]


@pytest.mark.parametrize("visitor", [{}, {"id": "visitor_1"}])
async def test_a_session_is_made_once_with_its_first_words(
    forgetful: TestServer, visitor: dict
) -> None:
    body = {"source_id": "site_dev", "visitor": visitor, "initial_message": "Hi"}
    first = await post(forgetful, SESSIONS, body)
    again = await post(forgetful, SESSIONS, body)
    assert first.status == 200, first.body
    for field in ("session_id", "visitor_id", "conversation_id", "created"):
        assert again.json["data"][field] == first.json["data"][field]
    assert await sessions(forgetful) == [first.json["data"]["session_id"]]
    assert await texts(forgetful, first.json["data"]["session_id"], "visitor") == ["Hi"]


async def test_words_to_a_known_session_are_stored_once(forgetful: TestServer) -> None:
    known = await forgetful.open_session(id="visitor_1")
    body = {"source_id": "site_dev", "visitor": {"id": "visitor_1"}, "initial_message": "Hi"}
    for _ in range(2):
        data = (await post(forgetful, SESSIONS, body)).json["data"]
        assert (data["session_id"], data["created"]) == (known["session_id"], False)
    assert await texts(forgetful, known["session_id"], "visitor") == ["Hi"]


@pytest.mark.parametrize("author", ["agent", "assistant", "visitor"])
async def test_a_message_is_posted_once(forgetful: TestServer, author: str) -> None:
    made = await forgetful.open_session()
    path = f"{SESSIONS}/{made['session_id']}/messages"
    first, again = [
        (await post(forgetful, path, {"from": author, "text": "Hello"})).json["data"]
        for _ in range(2)
    ]
    assert first["message_id"] == again["message_id"]
    assert (await texts(forgetful, made["session_id"], author)).count("Hello") == 1


@pytest.mark.parametrize("engaged", [False, True])
async def test_a_proactive_message_is_sent_once(forgetful: TestServer, engaged: bool) -> None:
    made = await forgetful.open_session(id="visitor_1", page_url=AC_PAGE)
    if engaged:
        said = {"from": "visitor", "text": "Hello"}
        await post(forgetful, f"{SESSIONS}/{made['session_id']}/messages", said)
    body = {"visitor_id": "visitor_1", "message": "Offer", "trigger": {"time_on_page": 60}}
    first = await post(forgetful, OUTBOUND, body)
    again = await post(forgetful, OUTBOUND, body)
    assert (first.status, again.status) == (200, 200), again.body
    assert first.json["data"]["message_id"] == again.json["data"]["message_id"]
    assert (await texts(forgetful, made["session_id"], "assistant")).count("Offer") == 1


async def test_a_visitor_never_seen_gets_one_session(forgetful: TestServer) -> None:
    body = {"visitor_id": "visitor_9", "message": "Offer", "trigger": {"time_on_page": 60}}
    first = await post(forgetful, OUTBOUND, body)
    again = await post(forgetful, OUTBOUND, body)
    assert first.json["data"]["session_id"] == again.json["data"]["session_id"]
    assert await sessions(forgetful) == [first.json["data"]["session_id"]]


async def test_a_refused_message_may_be_asked_for_again_later(server: TestServer) -> None:
    made = await server.open_session(page_url=AC_PAGE)
    body = {
        "session_id": made["session_id"],
        "message": "Offer",
        "options": {"deliver": "now_or_fail"},
    }
    refused = await post(server, OUTBOUND, body, "k1")
    assert refused.json["error"]["details"]["reason"] == "too_early"
    capped = {**body, "options": {}, "trigger": {"time_on_page": 60}}
    assert (await post(server, OUTBOUND, capped, "k2")).status == 200
    assert (await post(server, OUTBOUND, capped, "k3")).status == 429
    again = await post(server, OUTBOUND, capped, "k3")
    assert again.status == 429, again.body


async def test_events_without_ids_count_once(forgetful: TestServer) -> None:
    body = {"events": [{"event": "spring_sale_seen", "visitor_id": "visitor_1"}] * 2}
    first = await post(forgetful, "/v1/events", body)
    again = await post(forgetful, "/v1/events", body)
    assert first.json["data"] == {"accepted": 2, "duplicates": 0, "rejected": []}
    assert again.json["data"] == {"accepted": 0, "duplicates": 2, "rejected": []}


async def test_an_integration_event_keeps_its_id(forgetful: TestServer) -> None:
    body = {"event": "call.completed", "data": {}}
    first = await post(forgetful, "/v1/integration-events", body)
    again = await post(forgetful, "/v1/integration-events", body)
    assert first.json["data"] == again.json["data"]
