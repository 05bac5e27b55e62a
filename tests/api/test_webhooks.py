"""Webhook endpoints over the platform API: made, shown, changed, deleted, their secrets and their limits."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.config_file import ConfigProblem
from tests.api.hooked import END, OF_FILE, OTHER, PATH, URL, WITH_FILE, ask, make, refused
from tests.server.running import (
    CONFIG,
    PLATFORM,
    TestServer,
    in_process,
    write_config,
)

pytestmark = pytest.mark.anyio
SECRET = "whsec_" + base64.b64encode(b"k" * 24).decode()


@pytest.fixture
async def filed(tmp_path: Path, anyio_backend: str) -> AsyncIterator[TestServer]:
    """A server with an endpoint in its configuration file."""
    async with in_process(write_config(tmp_path, WITH_FILE)) as running:
        yield running


async def test_an_endpoint_is_made_and_its_secret_is_shown_this_once(server: TestServer) -> None:
    made = await make(server, events=["chat.started", "custom.won"], description="CRM")
    shown = (await ask(server, "GET", f"/{made['webhook_id']}")).json["data"]
    listed = (await ask(server, "GET", "")).json
    assert made["webhook_id"].startswith("whk_")
    assert (made["url"], made["status"], made["description"]) == (URL, "enabled", "CRM")
    assert made["events"] == ["chat.started", "custom.won"]
    assert len(base64.b64decode(made["secret"].removeprefix("whsec_"))) == 32
    assert made["created_at"] == "2025-06-15T15:06:40Z"
    assert shown == {key: made[key] for key in made if key not in ("secret", "former_until")}
    assert (shown["failing_since"], shown["last_status"]) == (None, None)
    assert (listed["data"], listed["meta"]["has_more"]) == ([shown], False)


async def test_a_secret_may_be_brought_along(server: TestServer) -> None:
    assert (await make(server, secret=SECRET))["secret"] == SECRET


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"url": None}, "url", "required"),
        ({"url": 5}, "url", "invalid_type"),
        ({"url": "shop"}, "url", "invalid_url"),
        ({"url": "http://shop.example/"}, "url", "invalid_url"),
        ({"url": "https://user@shop.example/"}, "url", "invalid_url"),
        ({"url": "https://shop.example/" + "x" * 2_048}, "url", "too_long"),
        ({"url": "https://127.0.0.1/"}, "url", "private_address"),
        ({"url": "https://[::1]/"}, "url", "private_address"),
        ({"url": "https://localhost/"}, "url", "private_address"),
        ({"url": "https://2130706433/"}, "url", "private_address"),
        ({"url": "https://169.254.169.254/latest"}, "url", "private_address"),
        ({"events": None}, "events", "required"),
        ({"events": []}, "events", "too_short"),
        ({"events": ["chat.started"] * 51}, "events", "too_many"),
        ({"events": ["chat.started", "chat.begun"]}, "events[1]", "unknown_event"),
        ({"events": ["custom."]}, "events[0]", "unknown_event"),
        ({"events": "*"}, "events", "invalid_type"),
        ({"description": "x" * 201}, "description", "too_long"),
        ({"secret": "short"}, "secret", "invalid_value"),
        ({"secret": "whsec_" + "A" * 200}, "secret", "too_long"),
        ({"secret": "whsec_c2hvcnQ="}, "secret", "invalid_value"),
    ],
)
async def test_what_an_endpoint_cannot_be_is_refused_by_name(
    server: TestServer, change: dict, field: str, reason: str
) -> None:
    body = {"url": URL, "events": ["*"], **change}
    sent = {key: value for key, value in body.items() if value is not None}
    assert refused(await ask(server, "POST", "", sent)) == (400, field, reason)
    assert (await ask(server, "GET", "")).json["data"] == []


async def test_a_name_that_cannot_be_resolved_yet_is_taken(server: TestServer) -> None:
    await make(server, url="https://hooks.invalid/later")


async def test_a_workspace_has_twenty_webhooks(filed: TestServer) -> None:
    for _ in range(19):
        await make(filed)
    answered = await ask(filed, "POST", "", {"url": URL, "events": ["*"]})
    assert refused(answered) == (400, None, "too_many_webhooks")
    listed = (await ask(filed, "GET", "")).json["data"]
    assert len(listed) == 20
    await ask(filed, "DELETE", f"/{listed[-1]['webhook_id']}")
    await make(filed)


async def test_an_endpoint_is_changed(server: TestServer) -> None:
    made = await make(server)
    path = f"/{made['webhook_id']}"
    changes = {
        "url": "https://93.184.216.34/other",
        "events": ["chat.ended"],
        "description": "",
        "status": "disabled",
    }
    changed = (await ask(server, "PATCH", path, changes)).json["data"]
    assert {key: changed[key] for key in changes} == changes
    assert (await ask(server, "GET", path)).json["data"] == changed
    again = (await ask(server, "PATCH", path, {"status": "enabled"})).json["data"]
    assert (again["status"], again["url"]) == ("enabled", changes["url"])


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"url": "https://10.0.0.1/"}, "url", "private_address"),
        ({"events": ["nothing"]}, "events[0]", "unknown_event"),
        ({"events": []}, "events", "too_short"),
        ({"status": "paused"}, "status", "invalid_value"),
        ([], None, "not_an_object"),
    ],
)
async def test_a_change_that_cannot_be_changes_nothing(
    server: TestServer, change: object, field: str | None, reason: str
) -> None:
    made = await make(server)
    path = f"/{made['webhook_id']}"
    before = (await ask(server, "GET", path)).json["data"]
    assert refused(await ask(server, "PATCH", path, change)) == (400, field, reason)
    assert (await ask(server, "GET", path)).json["data"] == before


async def test_a_deleted_endpoint_is_gone(server: TestServer) -> None:
    made = await make(server)
    path = f"/{made['webhook_id']}"
    deleted = await ask(server, "DELETE", path)
    assert deleted.json["data"] == {"webhook_id": made["webhook_id"], "deleted": True}
    for method, rest in (
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("POST", "/rotate-secret"),
        ("POST", "/test"),
        ("GET", "/deliveries"),
        ("POST", "/deliveries/dlv_1/replay"),
    ):
        body = {} if method == "PATCH" else None
        answered = await ask(server, method, path + rest, body)
        assert refused(answered) == (404, None, "webhook_not_found"), (method, rest)
    answered = await ask(server, "POST", f"{path}/replay", {"since": "2025-01-01T00:00:00Z"})
    assert refused(answered) == (404, None, "webhook_not_found")


async def test_a_rotation_gives_a_new_secret_and_says_until_when_the_old_one_signs(
    server: TestServer,
) -> None:
    made = await make(server)
    rotated = (await ask(server, "POST", f"/{made['webhook_id']}/rotate-secret")).json["data"]
    assert rotated["secret"] != made["secret"]
    assert rotated["former_until"] == "2025-06-16T15:06:40Z"
    endpoints = server.parts.app.services.webhooks.endpoints
    known = await endpoints.find("ws_dev", made["webhook_id"])
    assert known is not None
    now_ms = server.clock.now_ms()
    assert known.endpoint.secrets(now_ms) == (rotated["secret"], made["secret"])
    assert known.endpoint.secrets(now_ms + 86_400_000) == (rotated["secret"],)


async def test_a_repeated_request_makes_and_rotates_once(server: TestServer) -> None:
    body = {"url": URL, "events": ["*"]}
    key = {"idempotency-key": "one"}
    first, again = [await ask(server, "POST", "", body, **key) for _ in range(2)]
    assert first.body == again.body
    path = f"/{first.json['data']['webhook_id']}/rotate-secret"
    first, again = [await ask(server, "POST", path, **key) for _ in range(2)]
    assert first.json["data"] == again.json["data"]
    assert len((await ask(server, "GET", "")).json["data"]) == 1


async def test_a_request_whose_answer_was_lost_makes_and_rotates_once(
    server: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forget(*_: object) -> None:
        """Keep no answer, as when the process ends before it is kept."""

    monkeypatch.setattr(server.parts.store, "idem_end", forget)
    body = {"url": URL, "events": ["*"]}
    first = await ask(server, "POST", "", body, **{"idempotency-key": "one"})
    server.clock.advance(120_001)
    again = await ask(server, "POST", "", body, **{"idempotency-key": "one"})
    assert first.json["data"] == again.json["data"]
    path = f"/{first.json['data']['webhook_id']}/rotate-secret"
    first = await ask(server, "POST", path, **{"idempotency-key": "two"})
    server.clock.advance(120_001)
    again = await ask(server, "POST", path, **{"idempotency-key": "two"})
    assert first.json["data"] == again.json["data"]


async def test_an_endpoint_of_the_file_is_shown_and_not_changed(filed: TestServer) -> None:
    (listed,) = (await ask(filed, "GET", "")).json["data"]
    assert (listed["webhook_id"], listed["origin"]) == ("whk_crm", "file")
    assert (listed["created_at"], listed["events"]) == (None, ["chat.started"])
    for method, rest in (("PATCH", ""), ("DELETE", ""), ("POST", "/rotate-secret")):
        body = {"status": "disabled"} if method == "PATCH" else None
        answered = await ask(filed, method, f"/whk_crm{rest}", body)
        assert refused(answered) == (400, "webhook_id", "invalid_value")


async def test_a_foreign_endpoint_is_an_unknown_one(server: TestServer) -> None:
    made = await make(server)
    answered = await server.send("GET", f"{PATH}/{made['webhook_id']}", headers=OTHER)
    unknown = await server.send("GET", f"{PATH}/whk_none", headers=OTHER)
    assert refused(answered) == refused(unknown) == (404, None, "webhook_not_found")
    assert (await server.send("GET", PATH, headers=OTHER)).json["data"] == []


async def test_a_key_without_the_scope_is_refused(server: TestServer) -> None:
    reader = {**PLATFORM, "authorization": "Bearer dev_key_reader_0123456"}
    answered = await server.send("GET", PATH, headers=reader)
    assert answered.json["error"]["details"] == {
        "reason": "missing_scope",
        "scope": "webhooks:manage",
    }


async def test_an_integration_event_counts_endpoints_of_the_file_and_of_the_api(
    filed: TestServer,
) -> None:
    await make(filed, events=["call.completed"])
    off = await make(filed)
    await ask(filed, "PATCH", f"/{off['webhook_id']}", {"status": "disabled"})
    await make(filed)
    body = {"event": "call.completed", "data": {}}
    answered = await filed.send("POST", "/v1/integration-events", body, PLATFORM)
    assert answered.json["data"]["subscribers"] == 2


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (("https://crm.example.com/hooks", "crm.example.com"), "url"),
        (("https://crm", "https://me@crm"), "user information"),
        (("https://crm", "http://crm"), "allow_private"),
        (('"chat.started"', '"chat.begun"'), "chat.begun"),
        (('["chat.started"]', "[]"), "events"),
        (("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz", "c2hvcnQ="), "24 to 64 bytes"),
    ],
)
async def test_an_endpoint_of_the_file_that_cannot_be_is_refused_at_the_start(
    tmp_path: Path, wrong: tuple[str, str], words: str
) -> None:
    text = CONFIG.replace(END, OF_FILE.replace(*wrong) + END)
    with pytest.raises(ConfigProblem, match=words):
        write_config(tmp_path, text)
