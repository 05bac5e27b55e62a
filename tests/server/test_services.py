"""Service endpoints, widget configuration, and what every answer carries."""

from pathlib import Path

import msgspec
import pytest

from engine.stores.base import Health
from tests.server.running import (
    CONFIG,
    ORIGIN,
    PLATFORM,
    WIDGET,
    TestServer,
    in_process,
    write_config,
)

pytestmark = pytest.mark.anyio
CONFIG_PATH = "/api/widgets/ws_dev/config"


async def test_the_loop_says_that_it_runs(server: TestServer) -> None:
    answered = await server.send("GET", "/healthz")
    assert (answered.status, answered.json) == (200, {"status": "ok"})


async def test_readiness_names_store_durability_and_rule_versions(server: TestServer) -> None:
    answered = await server.send("GET", "/readyz")
    assert answered.status == 200
    body = answered.json
    assert (body["status"], body["store"], body["durability"]) == ("ready", "memory", "D0")
    assert body["rules"] == {"ws_dev": 1, "ws_other": 1}
    assert {"loop_lag_ms", "queue"} <= set(body)


async def test_readiness_ends_with_the_store(server: TestServer) -> None:
    server.parts.app.services.is_stopping = True
    assert (await server.send("GET", "/readyz")).status == 503


async def test_readiness_tells_of_a_full_disk_and_of_servers_that_are_down(
    server: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = server.parts.app.services
    health = await services.health()

    def answer(**fields: object) -> None:
        async def told() -> Health:
            return msgspec.structs.replace(health, **fields)

        monkeypatch.setattr(services, "health", told)

    answer(ok=False, reason="disk_full")
    full = await server.send("GET", "/readyz")
    assert (full.status, full.json["status"]) == (503, "disk_full")
    assert "primaries_down" not in full.json
    answer(primaries_down=2)
    partly = await server.send("GET", "/readyz")
    assert (partly.status, partly.json["primaries_down"]) == (200, 2)


async def test_the_version_names_protocol_and_language(server: TestServer) -> None:
    answered = await server.send("GET", "/version")
    assert set(answered.json) == {"version", "protocol", "rules_language"}


async def test_metrics_count_requests_events_and_messages(server: TestServer) -> None:
    await server.track({"sessionId": "s1", "event": "click"})
    await server.track(b"{")
    answered = await server.send("GET", "/metrics")
    lines = answered.body.decode().splitlines()
    assert 'opportune_http_requests_total{operation="track",status="200"} 1.0' in lines
    assert 'opportune_http_requests_total{operation="track",status="400"} 1.0' in lines
    assert 'opportune_events_total{result="accepted"} 1.0' in lines
    assert any(line.startswith("opportune_runtime_events") for line in lines)


_GOOD, _BAD = {"visitor_id": "v1", "event": "click"}, {"visitor_id": "v1"}
_HUMAN = {"distinct_id": "v1"}


@pytest.mark.parametrize(
    ("path", "body", "headers"),
    [
        (
            "/api/widgets/ws_dev/track",
            {"sessionId": "s1", "batch": [{"event": "click"}, {}], "token": "wk_dev"},
            {},
        ),
        (
            "/v1/batch",
            {
                "writeKey": "wk_dev",
                "batch": [{"type": "track", "anonymousId": "v1", "event": "click"}, {}],
            },
            {},
        ),
        ("/batch/", {"api_key": "wk_dev", "batch": [{"event": "click", **_HUMAN}, _HUMAN]}, {}),
        ("/v1/events", {"events": [_GOOD, _BAD]}, PLATFORM),
    ],
)
async def test_metrics_count_the_events_that_no_door_lets_in(
    server: TestServer, path: str, body: dict[str, object], headers: dict[str, str]
) -> None:
    answered = await server.send("POST", path, body, headers)
    assert answered.status in (200, 202), answered.body
    lines = (await server.send("GET", "/metrics")).body.decode().splitlines()
    assert 'opportune_events_total{result="accepted"} 1.0' in lines
    assert 'opportune_events_total{result="rejected"} 1.0' in lines


async def test_metrics_tell_what_waits_where_and_what_was_refused_for_it(
    server: TestServer,
) -> None:
    lines = (await server.send("GET", "/metrics")).body.decode().splitlines()
    for name in (
        "store_queued",
        "store_available",
        "admission_events_waiting",
        "admission_wait_seconds",
        "outbox_waiting",
        "webhooks_in_hand",
        "runtime_partitions",
        "runtime_conflicts",
    ):
        assert any(line.startswith(f"opportune_{name} ") for line in lines), name
    assert 'opportune_refused_total{rank="heartbeat"} 0.0' in lines


async def test_metrics_name_the_worker_where_there_are_several(server: TestServer) -> None:
    server.parts.app.services.metrics.worker = "2"
    lines = (await server.send("GET", "/metrics")).body.decode().splitlines()
    numbers = [line for line in lines if line and not line.startswith("#")]
    assert numbers
    assert all('worker="2"' in line for line in numbers)


async def test_metrics_may_need_a_token(tmp_path: Path, anyio_backend: str) -> None:
    text = CONFIG.replace("[server]", '[server]\nmetrics_token = "let me in"')
    async with in_process(write_config(tmp_path, text)) as server:
        assert (await server.send("GET", "/metrics")).status == 401
        headers = {"authorization": "Bearer let me in"}
        assert (await server.send("GET", "/metrics", headers=headers)).status == 200


async def test_head_answers_like_get(server: TestServer) -> None:
    answered = await server.send("HEAD", "/healthz")
    assert answered.status == 200


async def test_plain_http_is_refused_where_https_is_required(
    tmp_path: Path, anyio_backend: str
) -> None:
    text = CONFIG.replace("[server]", "[server]\nrequire_https = true")
    async with in_process(write_config(tmp_path, text)) as server:
        refused = await server.send("GET", "/healthz")
        assert refused.status == 403
        tracked = await server.track({"sessionId": "s1", "event": "click"})
        assert tracked.status == 403
        secure = await server.http.get("https://test/healthz")
        assert secure.status_code == 200
        assert secure.headers["strict-transport-security"] == "max-age=31536000"


async def test_a_widget_s_configuration_has_the_seed_s_fields(server: TestServer) -> None:
    answered = await server.send("GET", CONFIG_PATH)
    config = answered.json["config"]
    assert answered.json["success"] is True
    assert config["name"] == "Dev"
    assert config["assistantId"] == "asst_dev"
    assert config["widget"]["primaryColor"] == "#2563EB"
    assert config["widget"]["position"] == "bottom-right"
    assert config["branding"] == {"logo": None}
    assert config["consent"] == "implicit"
    assert answered.headers["cache-control"].startswith("public, max-age=60")
    # Token and Origin choose the site: a shared cache keeps their answers apart.
    assert answered.headers["vary"] == "Authorization, Origin"


async def test_a_known_configuration_is_a_304(server: TestServer) -> None:
    etag = (await server.send("GET", CONFIG_PATH)).headers["etag"]
    same = await server.send("GET", CONFIG_PATH, headers={"if-none-match": f'W/"x", {etag}'})
    assert (same.status, same.body) == (304, b"")
    other = await server.send("GET", CONFIG_PATH, headers={"if-none-match": '"other"'})
    assert other.status == 200


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        (CONFIG_PATH, {}, 200),
        (CONFIG_PATH, WIDGET, 200),
        (CONFIG_PATH, {"origin": ORIGIN}, 200),
        (CONFIG_PATH, {"origin": "https://strict.example"}, 200),
        (CONFIG_PATH, {**WIDGET, "origin": "https://strict.example"}, 403),
        (CONFIG_PATH, {"origin": "https://other.example"}, 403),
        (CONFIG_PATH, {"authorization": "Bearer wk_wrong"}, 401),
        (CONFIG_PATH, {"authorization": "Bearer wk_other"}, 401),
        ("/api/widgets/nobody/config", {}, 404),
    ],
)
async def test_the_configuration_is_public_but_for_wrong_tokens_and_origins(
    server: TestServer, path: str, headers: dict, status: int
) -> None:
    answered = await server.send("GET", path, headers=headers)
    assert answered.status == status
    assert answered.json["success"] is (status == 200)
    echoed = "access-control-allow-origin" in answered.headers
    assert echoed is (status == 200 and "origin" in headers)


async def test_an_unexpected_failure_tells_nothing_of_its_cause(
    server: TestServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: object) -> None:
        message = "the secret cause"
        raise RuntimeError(message)

    monkeypatch.setattr(server.parts.app.services, "health", fail)
    answered = await server.send("GET", "/readyz", headers={"x-request-id": "req-7"})
    assert answered.status == 500
    assert answered.json["error"]["code"] == "INTERNAL_ERROR"
    assert b"secret" not in answered.body
    assert answered.headers["x-should-retry"] == "true"
    assert caplog.records[-1].request_id == "req-7"
