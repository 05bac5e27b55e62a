"""The seed documents' own examples, as they stand there."""

import pytest

from tests.server.running import PLATFORM, WIDGET, TestServer

pytestmark = pytest.mark.anyio
TRACK = b"""{
"sessionId": "session_abc123",
"event": "widget_opened",
"timestamp": "2024-01-15T10:00:00Z",
"metadata": {
"source": "landing_page"
}
}"""


async def test_track_widget_event(server: TestServer) -> None:
    answered = await server.track(TRACK)
    assert (answered.status, answered.json) == (200, {"success": True})


async def test_get_widget_config(server: TestServer) -> None:
    answered = await server.send("GET", "/api/widgets/ws_dev/config", headers=WIDGET)
    config = answered.json["config"]
    assert set(answered.json) == {"success", "config"}
    assert {"name", "assistantId", "widget", "branding"} <= set(config)
    assert {"primaryColor", "position"} <= set(config["widget"])
    assert set(config["branding"]) == {"logo"}


async def test_a_success_is_data_and_meta(server: TestServer) -> None:
    body = {"source_id": "site_dev", "visitor": {}}
    answered = await server.send("POST", "/v1/live-chat/sessions", body, PLATFORM)
    assert set(answered.json) == {"data", "meta"}
    assert set(answered.json["meta"]) == {"request_id", "timestamp"}


async def test_an_error_is_code_message_details_and_meta(server: TestServer) -> None:
    answered = await server.send("POST", "/v1/live-chat/sessions", {}, PLATFORM)
    assert set(answered.json) == {"error", "meta"}
    assert set(answered.json["error"]) == {"code", "message", "details"}
    assert set(answered.json["error"]["details"]) == {"field", "reason"}
    assert answered.json["error"]["code"] == "INVALID_REQUEST"


async def test_a_widget_s_error_has_success_false_and_a_text(server: TestServer) -> None:
    answered = await server.track(TRACK, {"authorization": "Bearer wk_wrong"})
    assert answered.status == 401
    assert answered.json["success"] is False
    assert answered.json["error"] == "Invalid widget token"
