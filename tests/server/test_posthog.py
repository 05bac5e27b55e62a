"""PostHog's clients at the door: each path and what it answers, and what becomes of their events."""

import base64
import gzip
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest

from engine.session import Session
from server import admission
from server.ingest.posthog_bodies import Capture
from server.routes import posthog
from server.widget_visits import visitor_profile
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

CAPTURES = ["/e/", "/i/v0/e/", "/capture/", "/batch/", "/track/"]
FLAGS = ["/flags/", "/decide/"]
TAKEN = b'{"status":1}'
VISIT = "01a1ffff-6693-7719-a02e-5edec26e5930"
SHOP_RULES = f"""
{RULES}
attribute visitor.plan: text optional
attribute visitor.seen_first: text optional
attribute visitor.company: text optional
attribute company.size: number optional
attribute visitor.user_id: text optional

event posthog_exception {{}}

rule basket "Basket" {{
  on any page
  when seen add_to_cart(price >= $50)
  say "Shall we hold it for you?"
}}

rule error "Error" {{
  on any page
  when seen posthog_exception
  say "Did something break?"
}}
"""


@pytest.fixture
async def shop(tmp_path: Path, anyio_backend: str) -> AsyncIterator[TestServer]:
    async with in_process(write_config(tmp_path, rules=SHOP_RULES)) as running:
        yield running


def event(name: str = "$pageview", visitor: str = "v1", **more: object) -> dict:
    """Make an event; properties of the client are given as `_name` for `$name`, others as they are."""
    fields = {name: more.pop(name) for name in ("uuid", "timestamp", "offset") if name in more}
    properties = {f"${key[1:]}" if key[0] == "_" else key: value for key, value in more.items()}
    if name == "$pageview":
        properties.setdefault("$current_url", AC_PAGE)
    return {"event": name, "distinct_id": visitor, "properties": properties, **fields}


async def post(server: TestServer, *events: dict, **around: object) -> Answered:
    body = {"api_key": "wk_dev", "batch": list(events), **around}
    return await server.send("POST", "/batch/", body)


async def taken(server: TestServer, *events: dict, **around: object) -> None:
    answered = await post(server, *events, **around)
    assert (answered.status, answered.body) == (200, TAKEN)


async def session_of(server: TestServer, visitor: str) -> Session:
    runtime = server.parts.runtime
    ref = await runtime.latest_session("ws_dev", visitor)
    assert ref is not None
    read = await runtime.read(ref)
    assert read is not None
    return read[0]


async def texts(server: TestServer, visitor: str) -> list[str]:
    """Read what a visitor was told, as a caller of the platform API does."""
    session = await session_of(server, visitor)
    path = f"/v1/live-chat/sessions/{session.id}/messages"
    answered = await server.send("GET", path, headers=PLATFORM)
    return [message["text"] for message in answered.json["data"]]


async def attributes(server: TestServer, visitor: str) -> dict[str, object]:
    return dict((await session_of(server, visitor)).state.attrs)


def events_seen(server: TestServer) -> int:
    return server.parts.app.services.metrics.events_accepted


# ---- paths


@pytest.mark.parametrize("slash", [True, False])
@pytest.mark.parametrize("path", CAPTURES)
async def test_events_come_in_on_every_path(server: TestServer, path: str, slash: bool) -> None:
    body = {"api_key": "wk_dev", **event(uuid="u1")}
    answered = await server.send("POST", path if slash else path.rstrip("/"), body)
    assert (answered.status, answered.body) == (200, TAKEN)
    assert events_seen(server) == 1


@pytest.mark.parametrize(
    ("query", "body", "headers"),
    [
        ("", {"api_key": "wk_dev", "batch": [event()]}, {}),
        ("", [event(token="wk_dev")], {}),
        ("?token=wk_dev", [event()], {}),
        ("?compression=gzip-js&ver=1.449", gzip.compress(msgspec.json.encode([event(token="wk_dev")])),
         {"content-type": "text/plain"}),
        ("?compression=base64", b"data=" + quote(base64.b64encode(
            msgspec.json.encode(event(token="wk_dev"))), safe="").encode(),
         {"content-type": "application/x-www-form-urlencoded"}),
    ],
)  # fmt: skip
async def test_events_come_in_in_every_form(
    server: TestServer, query: str, body: object, headers: dict
) -> None:
    answered = await server.send("POST", f"/e/{query}", body, headers)
    assert (answered.status, answered.body) == (200, TAKEN)
    assert (await session_of(server, "v1")).state.attrs["page.url"] == AC_PAGE


@pytest.mark.parametrize("path", FLAGS)
async def test_there_are_no_feature_flags(server: TestServer, path: str) -> None:
    body = {"token": "wk_dev", "distinct_id": "v1", "groups": {}}
    answered = await server.send("POST", f"{path}?v=2&config=true", body)
    request_id = answered.headers["x-request-id"]
    assert (answered.status, answered.json) == (
        200,
        {
            "flags": {},
            "featureFlags": {},
            "featureFlagPayloads": {},
            "errorsWhileComputingFlags": False,
            "quotaLimited": [],
            "sessionRecording": False,
            "supportedCompression": ["gzip", "gzip-js", "base64"],
            "requestId": request_id,
        },
    )
    packed = gzip.compress(msgspec.json.encode(body))
    assert (await server.send("POST", path, packed)).status == 200
    assert (await server.send("POST", path, {"token": "wk_no"})).status == 401


async def test_a_page_s_client_is_told_to_send_events_and_nothing_else(server: TestServer) -> None:
    answered = await server.send("GET", "/array/wk_dev/config", headers={"origin": ORIGIN})
    config = answered.json
    assert answered.headers["access-control-allow-origin"] == ORIGIN
    for name in (
        "sessionRecording",
        "heatmaps",
        "hasFeatureFlags",
        "capturePerformance",
    ):
        assert config[name] is False
    assert config["autocapture_opt_out"] is True
    assert "surveys" not in config
    assert config["supportedCompression"] == ["gzip", "gzip-js"]
    script = await server.send("GET", "/array/wk_dev/config.js")
    assert script.headers["content-type"] == "text/javascript"
    start, end = b'all["wk_dev"]={config:', b",siteApps:[]}})"
    inside = script.body.partition(start)[2].partition(end)[0]
    assert msgspec.json.decode(inside) == config


@pytest.mark.parametrize("key", ["wk_no", API_KEY, "%22"])
@pytest.mark.parametrize("name", ["config", "config.js"])
async def test_there_is_a_configuration_for_widget_tokens_alone(
    server: TestServer, key: str, name: str
) -> None:
    assert (await server.send("GET", f"/array/{key}/{name}")).status == 401


async def test_recordings_are_accepted_and_dropped(server: TestServer) -> None:
    for path in ("/s/", "/s?compression=gzip-js"):
        answered = await server.send("POST", path, b"\x1f\x8banything")
        assert (answered.status, answered.body) == (200, TAKEN)
    assert events_seen(server) == 0


# ---- what is refused


@pytest.mark.parametrize(
    ("body", "headers", "status", "reason"),
    [
        ([], {}, 401, "missing_credentials"),
        ({"api_key": "wk_no", "batch": [event()]}, {}, 401, "invalid_credentials"),
        ({"api_key": "wk_no", "batch": [event(token="wk_dev")]}, {}, 401, "invalid_credentials"),
        ({"api_key": "wk_dev", **event()}, {"origin": "https://evil.example"}, 403,
         "origin_not_allowed"),
        ({"api_key": "wk_strict", **event()}, {}, 403, "origin_not_allowed"),
        (b"{", {}, 400, "malformed_json"),
        (b"", {}, 400, "malformed_json"),
        (b"7", {}, 400, "malformed_json"),
        ({"api_key": "wk_dev", "batch": {}}, {}, 400, "invalid_type"),
        (b"x", {"content-encoding": "br"}, 400, "unsupported_encoding"),
        ({"api_key": "wk_dev", "batch": [{}, 7]}, {}, 400, "invalid_events"),
        ({"api_key": "wk_dev", "event": "Seen"}, {}, 400, "invalid_events"),
        ({"api_key": "wk_dev", "batch": [{}] * 2_501}, {}, 413, "body_too_large"),
    ],
)  # fmt: skip
async def test_what_cannot_be_taken_is_refused_with_its_reason(
    server: TestServer, body: object, headers: dict, status: int, reason: str
) -> None:
    answered = await server.send("POST", "/batch/", body, headers)
    assert (answered.status, answered.json["reason"]) == (status, reason)
    assert answered.json["success"] is False
    assert events_seen(server) == 0


@pytest.mark.parametrize(
    "body",
    [
        {"batch": [{"event": {"a": []}, "distinct_id": 1.5, "properties": [[]]}]},
        {"batch": [{"event": "$identify", "distinct_id": "v", "properties": {"$set": {"a": {}}}}]},
        {"batch": [{"event": "x", "distinct_id": "\U0010ffff" * 200, "timestamp": "9999-12-31"}]},
        {"batch": [{"event": "\u6771\u4eac", "distinct_id": "v", "properties": {"": 10**40}}]},
        {"event": "consent", "distinct_id": "v", "properties": {"state": {"granted": 1}}},
        {"event": "$set", "distinct_id": "v", "$set": {"email": 7, "": "x", "\x00": "y"}},
        {"event": "$pageview", "distinct_id": "v", "properties": {"$current_url": "http://[::1"}},
        {"event": "Order Completed", "distinct_id": "v", "properties": {"products": [{"price": 1e300}]}},
        {"event": "Seen", "distinct_id": "v", "sent_at": -1, "offset": -5, "timestamp": 10**17},
        {"sent_at": [], "batch": [None, 1, "x", [], {}]},
    ],
)  # fmt: skip
async def test_no_body_is_answered_with_a_server_error(server: TestServer, body: dict) -> None:
    for path in (*CAPTURES, *FLAGS, "/s/"):
        answered = await server.send("POST", path, {"api_key": "wk_dev", **body})
        assert answered.status in (200, 400)


async def test_a_refusal_says_what_is_missing(server: TestServer) -> None:
    answered = await post(server, {"event": "Seen"})
    assert answered.json["error"] == (
        "No event could be taken. Event 0: distinct_id is missing: whose event is it?"
    )


async def test_a_bad_event_is_left_out_of_its_batch(server: TestServer) -> None:
    await taken(server, event(uuid="u1"), {"event": "Seen"}, 7, event("Seen", uuid="u2"))  # type: ignore[arg-type]
    assert events_seen(server) == 2


async def test_an_empty_batch_is_nothing_to_do(server: TestServer) -> None:
    await taken(server)


async def test_a_body_over_its_limit_is_refused(
    server: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posthog, "SHORT_BYTES_MAX", 100)
    monkeypatch.setattr(posthog, "DECODED_BYTES_MAX", 1_000)
    for path in ("/e/", "/flags/"):
        answered = await server.send("POST", path, gzip.compress(b" " * 1_001))
        assert (answered.status, answered.json["reason"]) == (413, "body_too_large")


async def test_a_large_body_is_read_beside_the_loop(
    server: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside: list[object] = []
    side_work = server.parts.app.services.side_work
    run = side_work.run

    async def note(work: Callable[[], Capture]) -> Capture:
        beside.append(work)
        return await run(work)

    monkeypatch.setattr(type(side_work), "run", lambda _, work: note(work))
    await taken(server, event(uuid="u1"))
    assert beside == []
    await taken(server, event(uuid="u2", _much="x" * posthog.SHORT_BYTES_MAX))
    assert (len(beside), events_seen(server)) == (1, 2)


async def test_more_events_of_a_visitor_than_one_commit_takes_are_all_taken(
    server: TestServer,
) -> None:
    large = [event("Seen", uuid=f"l{number}", text="x" * 30_000) for number in range(30)]
    small = [event("Seen", uuid=f"s{number}") for number in range(2_500)]
    for events in (large, small):
        await taken(server, *events)
        await taken(server, *events)
    assert events_seen(server) == 2_530


async def test_what_does_not_fit_now_may_be_sent_again(
    server: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(admission, "EVENTS_WAITING_MAX", 1)
        answered = await post(server, event(uuid="u1"), event("Seen", uuid="u2"))
        assert (answered.status, answered.json["reason"]) == (503, "queue_full")
        assert answered.headers["retry-after"] == "1"
    await taken(server, event(uuid="u1"), event("Seen", uuid="u2"))
    assert events_seen(server) == 2


async def test_a_page_may_ask_before_it_sends(server: TestServer) -> None:
    headers = {"origin": ORIGIN, "access-control-request-method": "POST"}
    for path in ("/e/", "/flags/", "/s/", "/array/wk_dev/config"):
        answered = await server.send("OPTIONS", path, headers=headers)
        assert answered.status == 204
        assert answered.headers["access-control-allow-origin"] == ORIGIN


# ---- what becomes of events


async def test_a_stream_of_a_page_s_client_triggers_a_rule(server: TestServer) -> None:
    await taken(server, event(visitor="v1", _session_id="s1", _lib="web"))
    await server.pass_time(44_999)
    assert await texts(server, "v1") == []
    await server.pass_time(1)
    assert await texts(server, "v1") == ["Need help with your AC?"]


async def test_a_shop_event_of_a_server_triggers_a_rule(shop: TestServer) -> None:
    added = event("Product Added", price=129.9, _lib="posthog-python", _is_server=True)
    await taken(shop, event(), added)
    await shop.pass_time(30_000)
    assert await texts(shop, "v1") == ["Shall we hold it for you?"]


async def test_an_event_of_the_client_itself_can_be_named_in_a_rule(shop: TestServer) -> None:
    await taken(shop, event("$exception", _exception_list=[{"type": "TypeError"}]))
    await shop.pass_time(30_000)
    assert await texts(shop, "v1") == ["Did something break?"]


async def test_leaving_a_page_ends_its_visible_time(server: TestServer) -> None:
    await taken(server, event())
    await server.pass_time(30_000)
    left = {"_prev_pageview_duration": 12.5, "_prev_pageview_max_scroll_percentage": 0.75}
    await taken(server, event("$pageleave", **left))
    state = (await session_of(server, "v1")).state
    assert (state.page_seen_ms, state.scroll) == (12_500, 75.0)
    await server.pass_time(60_000)
    assert await texts(server, "v1") == []


@pytest.mark.parametrize("name", ["uuid", "_insert_id"])
async def test_an_event_that_is_sent_again_counts_once(server: TestServer, name: str) -> None:
    events = [event(**{name: "i1"}), event("Seen", **{name: "i2"})]
    await taken(server, *events)
    await taken(server, *events)
    told = (await session_of(server, "v1")).state.events
    await taken(server, event("Seen", **{name: "i3"}), events[1])
    assert events_seen(server) == 3
    assert (await session_of(server, "v1")).state.events == told + 1


async def test_times_are_corrected_by_when_they_were_sent(server: TestServer) -> None:
    now_ms = server.clock.now_ms()
    sent_ms = now_ms + 3_600_000
    await taken(server, event(timestamp=sent_ms - 7_000), sent_at=sent_ms)
    assert (await session_of(server, "v1")).state.page_ms == now_ms - 7_000


async def test_a_wait_before_sending_is_taken_off(server: TestServer) -> None:
    body = [event(token="wk_dev", offset=7_000)]
    await server.send("POST", f"/e/?_={server.clock.now_ms() - 99_000}", body)
    assert (await session_of(server, "v1")).state.page_ms == server.clock.now_ms() - 7_000


async def test_a_visit_of_the_client_is_a_session(server: TestServer) -> None:
    await taken(server, event(_session_id="s1"), event(_session_id="s2"))
    profile = await visitor_profile(server.parts.app.services, "ws_dev", "v1")
    assert profile.visits == 2


async def test_the_surroundings_are_the_browser_s(server: TestServer) -> None:
    phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Mobile/15E148 Safari/604.1"
    told = {"_raw_user_agent": phone, "_timezone": "Europe/Berlin", "_browser_language": "de-AT"}
    await taken(server, event(**told))
    session = await session_of(server, "v1")
    assert (session.timezone, session.state.attrs["device"]) == ("Europe/Berlin", "mobile")
    assert session.state.attrs["language"] == "de"


async def test_the_campaign_of_a_visit_is_known_on_every_page(server: TestServer) -> None:
    landing = event(_current_url=f"{AC_PAGE}?utm_source=news", utm_source="news")
    await taken(server, landing, event(utm_source="news"))
    assert (await attributes(server, "v1"))["utm.source"] == "news"
    await taken(server, event(visitor="v2", utm_source="post"))
    assert (await attributes(server, "v2"))["utm.source"] == "post"


# ---- people


async def test_what_is_set_is_known_to_rules(shop: TestServer) -> None:
    named = event("$set")
    named["$set"] = {"plan": "pro", "email": "ada@shop.example"}
    group = event(
        "$groupidentify", _group_type="company", _group_key="acme", _group_set={"size": 7}
    )
    await taken(shop, event(), named, group)
    known = await attributes(shop, "v1")
    assert (known["visitor.plan"], known["visitor.company"], known["company.size"]) == (
        "pro",
        "acme",
        7,
    )
    assert known["visitor.email"] == "ada@shop.example"


async def test_what_is_set_once_stays_as_it_was_first(shop: TestServer) -> None:
    def once(value: str) -> dict:
        return {**event("$set_once"), "$set_once": {"seen_first": value}}

    await taken(shop, event(), once("first"), once("second"))
    assert (await attributes(shop, "v1"))["visitor.seen_first"] == "first"
    await taken(shop, once("third"))
    assert (await attributes(shop, "v1"))["visitor.seen_first"] == "first"
    overwritten = {**event("$set"), "$set": {"seen_first": "set"}}
    await taken(shop, overwritten, once("fourth"))
    assert (await attributes(shop, "v1"))["visitor.seen_first"] == "set"
    await taken(shop, {**event("$identify", "u1", _anon_distinct_id="v1"),
                       "$set_once": {"seen_first": "fifth"}})  # fmt: skip
    assert (await attributes(shop, "u1"))["visitor.seen_first"] == "set"


async def test_identify_joins_visitors_and_the_session_goes_on(shop: TestServer) -> None:
    await taken(shop, event(visitor="anon", _session_id="s1"))
    before = await session_of(shop, "anon")
    await taken(shop, event("$identify", "u1", _anon_distinct_id="anon", _session_id="s1"))
    added = event("Product Added", "u1", price=99, _session_id="s1", _user_id="u1")
    await taken(shop, added)
    after = await session_of(shop, "u1")
    assert after.id == before.id
    assert after.state.attrs["visitor.user_id"] == "u1"
    assert after.state.attrs["visitor.identified"] is True
    await shop.pass_time(30_000)
    assert await texts(shop, "u1") == ["Shall we hold it for you?"]


async def test_identify_resets_no_cap(tmp_path: Path, anyio_backend: str) -> None:
    rules = f"{RULES}\npolicy {{ at most 1 per 7d }}\n"
    async with in_process(write_config(tmp_path, rules=rules)) as server:
        await taken(server, event(visitor="anon", _session_id="s1"))
        await server.pass_time(45_000)
        (message,) = (await session_of(server, "anon")).messages
        ref = await server.parts.runtime.latest_session("ws_dev", "anon")
        assert ref is not None
        displayed = {"sessionId": ref.session, "event": "message_displayed",
                     "metadata": {"messageId": message.id}}  # fmt: skip
        assert (await server.track(displayed)).status == 200
        await taken(server, event("$identify", "u1", _anon_distinct_id="anon", _session_id="s1"))
        await taken(server, event(visitor="u1", _session_id="s2"))
        await server.pass_time(60_000)
        assert await texts(server, "u1") == []
        await taken(server, event(visitor="new", _session_id="s3"))
        await server.pass_time(45_000)
        assert await texts(server, "new") == ["Need help with your AC?"]


@pytest.mark.parametrize("is_late", [False, True])
async def test_a_visit_is_one_session_whenever_identify_arrives(
    shop: TestServer, is_late: bool
) -> None:
    # A page's client sends `$identify` at once, and what came before it a moment later; or, where that
    # failed, `$identify` again after all that came later.
    now_ms = shop.clock.now_ms()
    seen = event(visitor="anon", _session_id=VISIT, timestamp=now_ms - 40)
    identify = event("$identify", "u1", _anon_distinct_id="anon", _session_id=VISIT)
    added = event("Product Added", "u1", price=99, _session_id=VISIT, timestamp=now_ms)
    requests = [[identify], [seen, added]]
    for events in reversed(requests) if is_late else requests:
        await taken(shop, *events, sent_at=now_ms)
    session = await session_of(shop, "u1")
    assert session.state.attrs["page.url"] == AC_PAGE
    assert (await visitor_profile(shop.parts.app.services, "ws_dev", "u1")).visits == 1
    await shop.pass_time(30_000)
    assert await texts(shop, "u1") == ["Shall we hold it for you?"]


async def test_a_known_visitor_s_privacy_signal_is_honoured(shop: TestServer) -> None:
    body = {"api_key": "wk_dev", "batch": [event("Product Added", price=99)]}
    answered = await shop.send("POST", "/e/", body, {"origin": ORIGIN, "sec-gpc": "1"})
    assert (answered.status, answered.body) == (200, TAKEN)
    assert await shop.parts.runtime.latest_session("ws_dev", "v1") is None


async def test_a_site_that_requires_consent_keeps_nothing_unasked(
    tmp_path: Path, anyio_backend: str
) -> None:
    asking = CONFIG.replace(
        'source_id = "site_dev"', 'source_id = "site_dev"\n  consent = "required"'
    )
    async with in_process(write_config(tmp_path, asking)) as server:
        await taken(server, event())
        assert await server.parts.runtime.latest_session("ws_dev", "v1") is None
        await taken(server, event("consent", state="granted"), event())
        assert (await session_of(server, "v1")).state.attrs["page.url"] == AC_PAGE
