"""Segment's and RudderStack's clients at the door: each path, each key, each answer (API.md 8.1)."""

import base64
import gzip
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from server import admission
from server.wire.segment import BODY_BYTES_MAX, EVENT_BYTES_MAX
from tests.server.running import (
    AC_PAGE,
    API_KEY,
    CONFIG,
    ORIGIN,
    PLATFORM,
    RULES,
    Answered,
    TestServer,
    in_process,
    write_config,
)

pytestmark = pytest.mark.anyio
SUCCESS = b'{"success":true}'
PAGE = {
    "type": "page",
    "anonymousId": "a-1",
    "messageId": "m-1",
    "context": {"page": {"url": AC_PAGE}},
}
KINDS = {"track": "t", "page": "p", "identify": "i", "group": "g", "alias": "a", "screen": "s"}
SHOP_RULES = f"""
{RULES}
attribute visitor.plan: text optional
attribute visitor.company: text optional
attribute company.size: number optional
attribute visitor.user_id: text optional
attribute cart.total: money default $0

rule basket "Basket" {{
  on any page
  when seen add_to_cart(price >= $50)
  say "Shall we hold it for you?"
}}

rule campaign "Campaign" {{
  on any page
  when utm.source = "news"
  say "Did you come for the offer?"
}}
"""


@pytest.fixture
async def shop(tmp_path: Path, anyio_backend: str) -> AsyncIterator[TestServer]:
    async with in_process(write_config(tmp_path, rules=SHOP_RULES)) as running:
        yield running


def basic(text: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(text.encode()).decode()}


KEY = basic("wk_dev:")


def track(event: str, **more: object) -> dict:
    return {"type": "track", "event": event, "anonymousId": "a-1", **more}


async def post(server: TestServer, *items: object, **around: object) -> Answered:
    return await server.send("POST", "/v1/batch", {"batch": list(items), **around}, KEY)


async def taken(server: TestServer, *items: object, **around: object) -> None:
    answered = await post(server, *items, **around)
    assert (answered.status, answered.body) == (200, SUCCESS)


async def sessions_of(server: TestServer, visitor: str) -> list[dict]:
    path = f"/v1/live-chat/sessions?visitor_id={visitor}"
    return (await server.send("GET", path, None, PLATFORM)).json["data"]


async def events_of(server: TestServer, visitor: str) -> list[dict]:
    answered = await server.send("GET", f"/v1/visitors/{visitor}/export", None, PLATFORM)
    lines = [msgspec.json.decode(line) for line in answered.body.splitlines()]
    # What the engine itself notes, like the session's start, is no event of the client.
    return [line for line in lines if line.get("kind") == "event" and line["origin"] != "engine"]


async def attributes_of(server: TestServer, visitor: str) -> dict[str, object]:
    runtime = server.parts.app.services.runtime
    ref = await runtime.latest_session("ws_dev", visitor)
    assert ref is not None
    read = await runtime.read(ref)
    assert read is not None
    return read[0].state.attrs


async def names_of(server: TestServer, visitor: str) -> list[str]:
    return [event["name"] for event in await events_of(server, visitor)]


async def said(server: TestServer, visitor: str) -> list[str]:
    """Return the proactive messages of a visitor's sessions."""
    texts = []
    for session in await sessions_of(server, visitor):
        path = f"/v1/live-chat/sessions/{session['session_id']}/messages"
        rows = (await server.send("GET", path, None, PLATFORM)).json["data"]
        texts += [row["text"] for row in rows if row["kind"] == "proactive"]
    return texts


# ---- paths


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/b"])
async def test_a_batch_is_taken(server: TestServer, path: str) -> None:
    answered = await server.send("POST", path, {"batch": [PAGE, track("x")]}, KEY)
    assert (answered.status, answered.body) == (200, SUCCESS)
    assert answered.headers["content-type"] == "application/json"
    assert await names_of(server, "a-1") == ["view", "x"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("is_short", [False, True])
async def test_a_message_has_the_type_of_its_path(
    server: TestServer, kind: str, is_short: bool
) -> None:
    body = {"anonymousId": "a-1", "userId": "u-1", "event": "x", "previousId": "a-1"}
    path = f"/v1/{KINDS[kind] if is_short else kind}"
    answered = await server.send("POST", path, body, KEY)
    assert (answered.status, answered.body) == (200, SUCCESS)
    names = {"track": "x", "page": "view", "screen": "view"}
    who = "u-1" if kind == "alias" else "a-1"
    assert names.get(kind, kind) in await names_of(server, who)


async def test_a_message_s_own_type_wins_over_its_path_s(server: TestServer) -> None:
    assert (await server.send("POST", "/v1/track", PAGE, KEY)).body == SUCCESS
    assert await names_of(server, "a-1") == ["view"]


@pytest.mark.parametrize("path", ["/v1/merge", "/v1/m"])
async def test_measurements_and_merges_are_accepted_and_dropped_whosever_they_are(
    server: TestServer, path: str
) -> None:
    answered = await server.send("POST", path, {"series": [{"metric": "analytics_js.invoke"}]})
    assert (answered.status, answered.body) == (200, SUCCESS)


async def test_a_beacon_has_its_key_in_its_address(server: TestServer) -> None:
    body = msgspec.json.encode({"batch": [PAGE]})
    headers = {"content-type": "text/plain", "origin": ORIGIN}
    answered = await server.send("POST", "/beacon/v1/batch?writeKey=wk_dev", body, headers)
    assert (answered.status, answered.body) == (200, SUCCESS)
    assert answered.headers["access-control-allow-origin"] == ORIGIN
    assert await names_of(server, "a-1") == ["view"]


@pytest.mark.parametrize(("path", "name"), [("track", "mail_opened"), ("page", "view")])
async def test_a_pixel_is_an_image_and_an_event(server: TestServer, path: str, name: str) -> None:
    query = (
        "writeKey=wk_dev&anonymousId=a-1&event=Mail%20Opened&context.page.url=https://a.example/"
    )
    query += '&properties.plan=pro&properties={"plan":"free"}&context={"locale":"de"}'
    answered = await server.send("GET", f"/pixel/v1/{path}?{query}")
    assert answered.status == 200
    assert answered.body.startswith(b"GIF89a")
    assert answered.headers["content-type"] == "image/gif"
    assert answered.headers["cache-control"] == "no-store"
    (event,) = await events_of(server, "a-1")
    assert (event["name"], event["origin"]) == (name, "rudder")
    assert event["page"]["url"] == "https://a.example/"
    assert event["properties"]["plan"] == "pro"


async def test_a_pixel_is_an_image_whatever_is_wrong_with_its_event(server: TestServer) -> None:
    for query in ("writeKey=wk_dev", "writeKey=wk_dev&properties.a.b.c.d=1&properties.a=2"):
        answered = await server.send("GET", f"/pixel/v1/track?{query}")
        assert (answered.status, answered.body[:6]) == (200, b"GIF89a")
    assert (await server.send("GET", "/pixel/v1/track?anonymousId=a")).status == 401


async def test_segment_s_browser_client_is_told_to_send_here_and_to_measure_nothing(
    server: TestServer,
) -> None:
    headers = {"origin": ORIGIN}
    answered = await server.send("GET", "/v1/projects/wk_dev/settings", None, headers)
    host = server.parts.app.services.config.server.public_url.removeprefix("http://")
    assert answered.json == {
        "integrations": {
            "Segment.io": {"apiKey": "wk_dev", "apiHost": f"{host}/v1", "protocol": "http"}
        },
        "plan": {},
        "edgeFunction": {},
        "metrics": {"sampleRate": 0},
    }
    assert answered.headers["access-control-allow-origin"] == ORIGIN


@pytest.mark.parametrize("key", ["wk_nobody", API_KEY])
async def test_settings_of_an_unknown_key_are_not_found(server: TestServer, key: str) -> None:
    answered = await server.send("GET", f"/v1/projects/{key}/settings")
    assert (answered.status, answered.json["reason"]) == (404, "source_not_found")


async def test_settings_are_told_to_the_site_s_own_pages(server: TestServer) -> None:
    headers = {"origin": "https://strict.example"}
    for path in ("/v1/projects/wk_dev/settings", "/sourceConfig?writeKey=wk_dev"):
        answered = await server.send("GET", path, None, headers)
        assert (answered.status, answered.json["reason"]) == (403, "origin_not_allowed")
        assert "access-control-allow-origin" not in answered.headers


@pytest.mark.parametrize("path", ["/sourceConfig", "/sourceConfig/"])
@pytest.mark.parametrize("is_basic", [False, True])
async def test_rudderstack_s_client_finds_its_source(
    server: TestServer, path: str, is_basic: bool
) -> None:
    where, headers = (path, KEY) if is_basic else (f"{path}?p=npm&v=3&writeKey=wk_dev", None)
    answered = await server.send("GET", where, None, headers)
    assert answered.status == 200
    source = answered.json["source"]
    assert (source["id"], source["writeKey"], source["enabled"]) == ("site_dev", "wk_dev", True)
    assert (source["config"], source["destinations"], source["dataplanes"]) == ({}, [], {})
    assert answered.json["updatedAt"].endswith("Z")


async def test_the_source_of_an_unknown_key_is_refused(server: TestServer) -> None:
    answered = await server.send("GET", "/sourceConfig?writeKey=wk_no")
    assert (answered.status, answered.json["reason"]) == (401, "invalid_credentials")
    answered = await server.send("GET", "/sourceConfig")
    assert (answered.status, answered.json["reason"]) == (401, "missing_credentials")


# ---- keys


@pytest.mark.parametrize(
    ("headers", "body", "query"),
    [
        (basic("wk_dev:"), {}, ""),
        (basic("wk_dev"), {}, ""),
        ({"authorization": basic("wk_dev:")["authorization"].rstrip("=")}, {}, ""),
        ({"authorization": "Bearer wk_dev"}, {}, ""),
        ({}, {"writeKey": "wk_dev"}, ""),
        ({}, {}, "?writeKey=wk_dev"),
        (KEY, {"writeKey": "wk_no"}, "?writeKey=wk_no"),
        ({}, {"writeKey": "wk_dev"}, "?writeKey=wk_no"),
        (basic(":"), {"writeKey": "wk_dev"}, ""),
        ({}, {"writeKey": None}, "?writeKey=wk_dev"),
        ({"authorization": f"Bearer {API_KEY}"}, {}, ""),
    ],
)
@pytest.mark.parametrize("path", ["/v1/batch", "/v1/page"])
async def test_the_first_key_that_is_found_counts(
    server: TestServer, headers: dict[str, str], body: dict, query: str, path: str
) -> None:
    message = {"batch": [PAGE]} if path == "/v1/batch" else PAGE
    answered = await server.send("POST", path + query, {**message, **body}, headers)
    assert (answered.status, answered.body) == (200, SUCCESS)


@pytest.mark.parametrize(
    ("headers", "body", "reason"),
    [
        ({}, {}, "missing_credentials"),
        (basic("wk_no:"), {"writeKey": "wk_dev"}, "invalid_credentials"),
        ({"authorization": "Bearer wk_no"}, {}, "invalid_credentials"),
        ({"authorization": "Basic !!!"}, {}, "missing_credentials"),
        ({}, {"writeKey": 5}, "missing_credentials"),
        ({}, {"writeKey": "\u0661"}, "invalid_credentials"),
    ],
)
async def test_an_unknown_key_is_refused_and_nothing_is_kept(
    server: TestServer, headers: dict[str, str], body: dict, reason: str
) -> None:
    for path, message in (("/v1/batch", {"batch": [PAGE]}), ("/v1/page", PAGE)):
        answered = await server.send("POST", path, {**message, **body}, headers)
        assert (answered.status, answered.json["reason"]) == (401, reason)
    assert await sessions_of(server, "a-1") == []


async def test_another_s_page_is_refused(server: TestServer) -> None:
    headers = {**KEY, "origin": "https://elsewhere.example"}
    answered = await server.send("POST", "/v1/batch", {"batch": [PAGE]}, headers)
    assert (answered.status, answered.json["reason"]) == (403, "origin_not_allowed")


# ---- bodies


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/json;charset=UTF-8"]
)
async def test_json_is_read_whatever_the_content_type_says(server: TestServer, kind: str) -> None:
    headers = {**KEY, "content-type": kind}
    answered = await server.send("POST", "/v1/batch", {"batch": [PAGE]}, headers)
    assert answered.body == SUCCESS


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("", gzip.compress), ("gzip", bytes)],
)
async def test_a_body_may_be_compressed(server: TestServer, encoding: str, pack: object) -> None:
    assert callable(pack)
    body = pack(msgspec.json.encode({"batch": [PAGE]}))
    headers = {**KEY, "content-encoding": encoding} if encoding else KEY
    assert (await server.send("POST", "/v1/batch", body, headers)).body == SUCCESS


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        ("/v1/batch", b"", "malformed_json"),
        ("/v1/batch", b"{", "malformed_json"),
        ("/v1/batch", b"[]", "not_an_object"),
        ("/v1/batch", b'{"batch":[{"a":}]}', "malformed_json"),
        ("/v1/batch", b'{"batch":[{"price":NaN}]}', "malformed_json"),
        ("/v1/batch", b'{"batch":' + b"[" * 20_000, "malformed_json"),
        ("/v1/batch", b"{}", "required"),
        ("/v1/batch", b'{"batch":{}}', "invalid_type"),
        ("/v1/batch", b'{"batch":null}', "invalid_type"),
        ("/v1/track", b"", "malformed_json"),
        ("/v1/track", b"{", "malformed_json"),
        ("/v1/track", b"3", "not_an_object"),
    ],
)
async def test_a_body_that_cannot_be_read_is_refused_for_good(
    server: TestServer, path: str, body: bytes, reason: str
) -> None:
    answered = await server.send("POST", path, body, KEY)
    assert (answered.status, answered.json["reason"]) == (400, reason)
    assert answered.json["success"] is False
    assert answered.headers["x-should-retry"] == "false"


async def test_a_body_over_its_limit_is_refused(server: TestServer) -> None:
    wide = b'{"batch":[],"x":"' + b"y" * BODY_BYTES_MAX + b'"}'
    for body in (wide, gzip.compress(wide)):
        answered = await server.send("POST", "/v1/batch", body, KEY)
        assert (answered.status, answered.json["reason"]) == (413, "body_too_large")


async def test_a_batch_without_items_is_no_mistake(server: TestServer) -> None:
    await taken(server)


async def test_a_batch_with_text_that_was_cut_in_a_character_is_taken(server: TestServer) -> None:
    body = b'{"batch":[{"type":"track","event":"a","anonymousId":"a-1","x":"\\ud83d"}],"z":"\xff"}'
    assert (await server.send("POST", "/v1/batch", body, KEY)).body == SUCCESS
    assert await names_of(server, "a-1") == ["a"]


async def test_bad_items_are_listed_and_the_others_taken(server: TestServer) -> None:
    answered = await post(server, PAGE, {"type": "x", "messageId": "m-2"}, PAGE, 3)
    assert answered.status == 200
    assert answered.json == {
        "success": True,
        "accepted": 1,
        "duplicates": 1,
        "rejected": [
            {"index": 1, "messageId": "m-2", "reason": "unknown_type"},
            {"index": 3, "messageId": None, "reason": "not_an_object"},
        ],
    }


async def test_a_bad_message_is_answered_as_a_batch_of_one(server: TestServer) -> None:
    answered = await server.send("POST", "/v1/track", {"anonymousId": "a-1"}, KEY)
    assert (answered.status, answered.json["success"]) == (200, True)
    assert answered.json["rejected"] == [{"index": 0, "messageId": None, "reason": "required"}]


async def test_a_long_message_is_rejected(server: TestServer) -> None:
    long = track("x", properties={"a": "y" * EVENT_BYTES_MAX})
    answered = await server.send("POST", "/v1/track", long, KEY)
    assert answered.json["rejected"][0]["reason"] == "event_too_large"


async def test_a_batch_sent_again_counts_once(server: TestServer) -> None:
    items = [PAGE, track("x", messageId="m-2")]
    await taken(server, *items)
    await taken(server, *items)
    assert await names_of(server, "a-1") == ["view", "x"]


async def test_too_much_at_once_is_put_off_and_never_429(
    server: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "EVENTS_WAITING_MAX", 1)
    monkeypatch.setattr(admission, "EVENTS_RESERVED", 0)
    answered = await post(server, PAGE, track("x"))
    assert (answered.status, answered.json["reason"]) == (503, "queue_full")
    assert int(answered.headers["retry-after"]) >= 1
    assert answered.headers["x-should-retry"] == "true"


# ---- preflights


async def test_a_preflight_allows_what_the_clients_send(server: TestServer) -> None:
    for path in ("/v1/batch", "/v1/t", "/beacon/v1/batch", "/sourceConfig/"):
        answered = await server.send("OPTIONS", path, None, {"origin": ORIGIN})
        assert answered.status == 204
        assert answered.headers["access-control-allow-origin"] == ORIGIN
        allowed = answered.headers["access-control-allow-headers"]
        for header in ("authorization", "content-type", "x-retry-count", "anonymousid", "sentat"):
            assert header in allowed


# ---- what becomes of it


async def test_a_page_that_is_read_for_a_while_is_spoken_to(shop: TestServer) -> None:
    await taken(shop, PAGE)
    await shop.pass_time(45_000)
    assert await said(shop, "a-1") == ["Need help with your AC?"]


async def test_a_batch_streams_a_session_in_and_a_message_follows(shop: TestServer) -> None:
    sent_ms = 946_684_800_000
    items = [
        {**PAGE, "timestamp": "1999-12-31T23:59:00Z"},
        track("Product Viewed", messageId="m-2", timestamp="1999-12-31T23:59:30Z"),
        track("Product Added", messageId="m-3", properties={"product_id": "b", "price": 60}),
    ]
    await taken(shop, *items, sentAt=sent_ms)
    assert await names_of(shop, "a-1") == ["view", "product_view", "add_to_cart"]
    await shop.pass_time(60_000)
    assert "Shall we hold it for you?" in await said(shop, "a-1")


async def test_a_campaign_of_the_context_is_the_session_s(shop: TestServer) -> None:
    context = {"campaign": {"source": "news"}, "page": {"url": "https://shop.example/"}}
    await taken(shop, {**PAGE, "context": context})
    await shop.pass_time(60_000)
    assert await said(shop, "a-1") == ["Did you come for the offer?"]


async def test_the_cart_s_total_follows_what_goes_in_and_is_bought(shop: TestServer) -> None:
    boots = {"product_id": "b", "price": "40.00", "quantity": 2}
    await taken(shop, PAGE, track("Product Added", properties=boots))
    assert (await attributes_of(shop, "a-1"))["cart.total"] == 8_000
    cart = {"products": [boots, {"sku": "s", "price": 4.5}]}
    await taken(shop, track("Cart Viewed", properties=cart))
    assert (await attributes_of(shop, "a-1"))["cart.total"] == 8_450
    await taken(shop, track("Order Completed", properties=cart))
    assert (await attributes_of(shop, "a-1"))["cart.total"] == 0


async def test_identify_and_group_tell_who_the_visitor_is(shop: TestServer) -> None:
    await taken(
        shop,
        PAGE,
        {"type": "identify", "anonymousId": "a-1", "userId": "u-1", "traits": {"plan": "pro"}},
        {"type": "group", "anonymousId": "a-1", "groupId": "g-1", "traits": {"size": 12}},
    )
    told = await attributes_of(shop, "a-1")
    assert told["visitor.plan"] == "pro"
    assert told["visitor.company"] == "g-1"
    assert told["company.size"] == 12
    assert told["visitor.user_id"] == "u-1"


async def test_an_alias_goes_on_with_the_session(shop: TestServer) -> None:
    await taken(shop, PAGE)
    await taken(shop, {"type": "alias", "previousId": "a-1", "userId": "u-1"})
    await taken(shop, {"type": "track", "event": "x", "userId": "u-1"})
    (session,) = await sessions_of(shop, "a-1")
    assert await names_of(shop, "a-1") == ["view", "alias", "x"]
    assert session["visitor"]["id"] == "a-1"


async def test_a_header_names_the_visitor_of_items_that_do_not(server: TestServer) -> None:
    who = base64.b64encode(b"h-1").decode()
    item = {"type": "track", "event": "x"}
    headers = {**KEY, "anonymousid": who, "origin": ORIGIN}
    answered = await server.send("POST", "/v1/batch", {"batch": [item]}, headers)
    assert answered.body == SUCCESS
    assert await names_of(server, "h-1") == ["x"]
    for odd in ("!", base64.b64encode(b"\xff").decode(), base64.b64encode(b"a\nb").decode()):
        answered = await server.send("POST", "/v1/track", item, {**headers, "anonymousid": odd})
        assert answered.json["rejected"][0]["reason"] == "missing_identity"


async def test_a_browser_that_asks_for_privacy_is_not_kept(shop: TestServer) -> None:
    headers = {**KEY, "origin": ORIGIN, "sec-gpc": "1"}
    answered = await shop.send("POST", "/v1/batch", {"batch": [PAGE]}, headers)
    assert answered.body == SUCCESS
    assert await sessions_of(shop, "a-1") == []


async def test_a_consent_tool_s_event_is_the_visitor_s_word(tmp_path: Path) -> None:
    text = CONFIG.replace(
        'source_id = "site_dev"', 'source_id = "site_dev"\n  consent = "required"'
    )
    async with in_process(write_config(tmp_path, text)) as server:
        await taken(server, PAGE)
        assert await sessions_of(server, "a-1") == []
        await taken(server, track("consent", properties={"state": "granted"}), PAGE)
        assert await names_of(server, "a-1") == ["consent", "view"]
