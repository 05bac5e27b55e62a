"""The document "Live Chat API Reference": its requests as they stand there, and the fields it answers."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api.widget_shop import SHOP, shop
from tests.server.running import WIDGET, Answered, TestServer

pytestmark = pytest.mark.anyio
CHAT = b"""{
"sessionId": "session_abc123",
"message": "Hello, I need help with pricing",
"assistantId": "asst-123",
"conversationId": "conv-456"
}"""
TRACK = b"""{
"sessionId": "session_abc123",
"event": "widget_opened",
"timestamp": "2024-01-15T10:00:00Z",
"metadata": {
"source": "landing_page"
}
}"""
COMPANY = SHOP.replace(
    '  [workspaces.widget]\n  greeting = "Hello there"\n',
    '  [workspaces.widget]\n  name = "Your Company"\n  theme_color = "#3B82F6"\n'
    '  logo = "https://acme.example/logo.svg"\n',
).replace('id = "asst-123"\n', 'id = "asst-123"\n  primary = true\n')


@pytest.fixture
async def server(tmp_path: Path, anyio_backend: str) -> AsyncIterator[TestServer]:
    async with shop(tmp_path, COMPANY) as running:
        yield running


async def send(server: TestServer, path: str, body: bytes, token: str = "wk_dev") -> Answered:
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    return await server.send("POST", f"/api/widgets/{path}", body, headers)


async def test_send_chat_message(server: TestServer) -> None:
    answered = await send(server, "ws_dev/chat", CHAT)
    assert answered.status == 200
    body = answered.json
    assert list(body)[:4] == ["success", "conversationId", "message", "metadata"]
    assert (body["success"], body["conversationId"]) == (True, "conv-456")
    assert body["message"] == "I'd be happy to help with pricing!"
    assert body["metadata"] == {"model": "answers", "tokens": 0}
    assert body["messageId"].startswith("msg_")
    assert body["quickReplies"] == [
        {"text": "Get a quote", "value": "get_a_quote", "action": "quote"}
    ]


async def test_track_widget_event(server: TestServer) -> None:
    answered = await send(server, "ws_dev/track", TRACK)
    assert (answered.status, answered.json) == (200, {"success": True})


async def test_get_widget_config(server: TestServer) -> None:
    answered = await server.send("GET", "/api/widgets/ws_dev/config", headers=WIDGET)
    assert answered.status == 200
    assert answered.json["success"] is True
    config = answered.json["config"]
    assert (config["name"], config["assistantId"]) == ("Your Company", "asst-123")
    assert config["widget"]["primaryColor"] == "#3B82F6"
    assert config["widget"]["position"] == "bottom-right"
    assert config["branding"] == {"logo": "https://acme.example/logo.svg"}


async def test_400_missing_session_id_or_message(server: TestServer) -> None:
    for body in (b'{"message": "Hello"}', b'{"sessionId": "session_abc123"}'):
        answered = await send(server, "ws_dev/chat", body)
        assert (answered.status, answered.json["success"]) == (400, False)
        assert answered.json["error"] == "Missing sessionId or message"


async def test_401_invalid_widget_token(server: TestServer) -> None:
    for path, body in (("ws_dev/chat", CHAT), ("ws_dev/track", TRACK)):
        answered = await send(server, path, body, "wk_wrong")
        assert (answered.status, answered.json["error"]) == (401, "Invalid widget token")


async def test_404_widget_not_found(server: TestServer) -> None:
    for path, body in (("nobody/chat", CHAT), ("nobody/track", TRACK)):
        answered = await send(server, path, body)
        assert (answered.status, answered.json["error"]) == (404, "Widget not found")


async def test_429_usage_limit_exceeded_for_chat_and_never_for_tracking(
    server: TestServer,
) -> None:
    statuses = [(await send(server, "ws_dev/chat", CHAT)).status for _ in range(22)]
    assert statuses[:20] == [200] * 20
    answered = await send(server, "ws_dev/chat", CHAT)
    assert (answered.status, answered.json["error"]) == (429, "Usage limit exceeded")
    for _ in range(150):
        assert (await send(server, "ws_dev/track", TRACK)).status == 200


async def test_500_server_error_tells_nothing_of_its_cause(
    server: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        message = "the secret cause"
        raise RuntimeError(message)

    monkeypatch.setattr(server.parts.runtime, "say", fail)
    answered = await send(server, "ws_dev/chat", CHAT)
    assert (answered.status, answered.json["error"]) == (500, "Server error")
    assert b"secret" not in answered.body


async def test_ws_chat_is_reserved(server: TestServer) -> None:
    assert (await server.send("GET", "/ws/chat")).status == 404
