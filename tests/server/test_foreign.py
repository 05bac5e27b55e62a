"""The frame of foreign endpoints: paths, preflights, keys and errors, whatever the protocol."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.routes.foreign import Endpoint, ForeignPaths, Incoming, sender_of
from server.routes.foreign_table import PATHS
from server.wire.envelope import Answer
from tests.server.running import API_KEY, ORIGIN, TestServer

READER_KEY = "dev_key_reader_0123456"


async def nothing(incoming: Incoming) -> Answer:
    return Answer(200)


def endpoint(path: str, method: str = "POST", *, slash: bool = False) -> Endpoint:
    assert method in ("GET", "POST")
    return Endpoint(method, path, nothing, "segment", is_slash_optional=slash)  # type: ignore[arg-type]


TABLE = ForeignPaths(
    [
        endpoint("/v1/batch"),
        endpoint("/e/", slash=True),
        endpoint("/pixel", "GET"),
        endpoint("/pixel"),
        endpoint("/v1/projects/{key}/settings", "GET"),
    ]
)


@pytest.mark.parametrize(
    ("path", "methods", "key"),
    [
        ("/v1/batch", {"POST"}, ""),
        ("/e", {"POST"}, ""),
        ("/e/", {"POST"}, ""),
        ("/pixel", {"GET", "POST"}, ""),
        ("/v1/projects/wk_1/settings", {"GET"}, "wk_1"),
    ],
)
def test_a_path_of_the_table_is_found(path: str, methods: set[str], key: str) -> None:
    found = TABLE.find(path)
    assert found is not None
    assert (set(found[0]), found[1]) == (methods, key)


@given(st.text(max_size=30))
def test_every_other_path_is_left_to_others(tail: str) -> None:
    assert TABLE.find("/v1/other" + tail) is None
    found = TABLE.find(f"/v1/projects/{tail}/settings")
    assert (found is None) == (not tail or "/" in tail)


def test_no_path_of_the_table_is_one_of_the_api() -> None:
    for path in (
        "/v1/events",
        "/v1/sessions/chat_1",
        "/api/widgets/w/track",
        "/widget.js",
        "/docs",
    ):
        assert PATHS.find(path) is None


# ---- who sends


def incoming(server: TestServer, origin: str | None = None, **headers: str) -> Incoming:
    return Incoming(
        services=server.parts.app.services,
        method="POST",
        path="/v1/batch",
        params={},
        query={},
        headers={key.replace("_", "-").encode(): text.encode() for key, text in headers.items()},
        body=b"",
        now_ms=server.clock.now_ms(),
        request_id="req_1",
        origin=origin,
    )


@pytest.mark.anyio
async def test_a_widget_token_is_a_write_key_of_its_site(server: TestServer) -> None:
    sender = sender_of(incoming(server, ORIGIN), "wk_dev")
    assert (sender.access.site.source_id, sender.gpc, sender.vouches) == ("site_dev", False, False)


@pytest.mark.anyio
async def test_a_key_of_the_platform_vouches_for_users(server: TestServer) -> None:
    sender = sender_of(incoming(server), API_KEY)
    assert (sender.access.workspace.id, sender.gpc, sender.vouches) == ("ws_dev", None, True)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("key", "origin", "reason"),
    [
        ("", None, "missing_credentials"),
        ("wk_nobody", None, "invalid_credentials"),
        (READER_KEY, None, "invalid_credentials"),
        (API_KEY, ORIGIN, "invalid_credentials"),
        ("dev_key_expired_0123456", None, "expired_credentials"),
        ("wk_dev", "https://evil.example", "origin_not_allowed"),
        ("wk_strict", None, "origin_not_allowed"),
        ("wk_\udce4", None, "invalid_credentials"),
    ],
)
async def test_a_wrong_key_is_refused(
    server: TestServer, key: str, origin: str | None, reason: str
) -> None:
    with pytest.raises(Exception) as refused:  # noqa: PT011  # the reason is compared below
        sender_of(incoming(server, origin), key)
    assert getattr(refused.value, "reason", "") == reason


@pytest.mark.anyio
async def test_only_a_browser_says_something_of_privacy(server: TestServer) -> None:
    assert sender_of(incoming(server), "wk_dev").gpc is None
    assert sender_of(incoming(server, ORIGIN), "wk_dev").gpc is False
    assert sender_of(incoming(server, ORIGIN, sec_gpc="1"), "wk_dev").gpc is True
    # A pixel is loaded without an Origin.
    assert sender_of(incoming(server, None, sec_gpc="1"), "wk_dev").gpc is True


# ---- over HTTP


@pytest.mark.anyio
async def test_a_preflight_of_a_site_is_allowed_and_of_others_refused(server: TestServer) -> None:
    asked = {"origin": ORIGIN, "access-control-request-method": "POST"}
    allowed = await server.send("OPTIONS", "/v1/batch", None, asked)
    assert allowed.status == 204
    assert allowed.headers["access-control-allow-origin"] == ORIGIN
    assert "authorization" in allowed.headers["access-control-allow-headers"]
    refused = await server.send("OPTIONS", "/v1/batch", None, {"origin": "https://evil.example"})
    assert refused.status == 403
    assert "access-control-allow-origin" not in refused.headers


@pytest.mark.anyio
async def test_another_method_is_told_which_ones_there_are(server: TestServer) -> None:
    answered = await server.send("DELETE", "/v1/batch")
    assert (answered.status, answered.headers["allow"]) == (405, "OPTIONS, POST")
    assert answered.json["reason"] == "method_not_allowed"


@pytest.mark.anyio
async def test_an_error_is_in_the_family_s_envelope_with_its_request_id(server: TestServer) -> None:
    answered = await server.send("POST", "/v1/batch", {"batch": []}, {"x-request-id": "mine"})
    assert answered.status == 401
    assert answered.headers["x-request-id"] == "mine"
    text = "The write key is missing: it is the token of the site's snippet"
    assert msgspec.json.decode(answered.body) == {
        "success": False,
        "error": text,
        "code": "AUTHENTICATION_FAILED",
        "reason": "missing_credentials",
        "message": text,
    }


@pytest.mark.anyio
async def test_a_server_that_ends_asks_to_come_again(server: TestServer) -> None:
    server.parts.app.services.is_stopping = True
    answered = await server.send("POST", "/v1/batch", {"batch": []})
    assert (answered.status, answered.headers["retry-after"]) == (503, "1")
