"""`POST /v1/events`: each item by itself, sessions found or made, duplicates, what is rejected and why."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.events import Event
from engine.runtime_types import ClientContext
from engine.session import Session
from engine.stores.base import SessionRef
from server.routes import server_events
from tests.server.running import (
    AC_PAGE,
    CONFIG,
    PLATFORM,
    Answered,
    TestServer,
    in_process,
    write_config,
)

pytestmark = pytest.mark.anyio
PATH = "/v1/events"
CONSENT = CONFIG.replace(
    'origins = ["https://strict.example"]',
    'origins = ["https://strict.example"]\n  consent = "required"',
)


@pytest.fixture
async def careful(tmp_path: Path, anyio_backend: str) -> AsyncIterator[TestServer]:
    """A server whose second site keeps nothing without consent."""
    async with in_process(write_config(tmp_path, CONSENT)) as running:
        yield running


async def post(server: TestServer, *events: object) -> Answered:
    return await server.send("POST", PATH, {"events": list(events)}, PLATFORM)


def event(name: str = "spring_sale_seen", visitor: str = "visitor_1", **more: object) -> dict:
    return {"event": name, "visitor_id": visitor, **more}


async def session_of(server: TestServer, visitor: str = "visitor_1") -> tuple[SessionRef, Session]:
    runtime = server.parts.runtime
    ref = await runtime.latest_session("ws_dev", visitor)
    assert ref is not None
    read = await runtime.read(ref)
    assert read is not None
    return ref, read[0]


async def test_events_reach_the_visitor_s_newest_session(server: TestServer) -> None:
    made = await server.open_session(id="visitor_1", page_url=AC_PAGE)
    answered = await post(server, event(), event("order_completed", properties={"total": 120}))
    assert answered.status == 200, answered.body
    assert answered.json["data"] == {"accepted": 2, "duplicates": 0, "rejected": []}
    ref, session = await session_of(server)
    assert ref.session == made["session_id"]
    assert session.state.last_event == "purchase"


async def test_a_visitor_without_a_session_gets_one_on_the_named_or_the_primary_site(
    server: TestServer,
) -> None:
    await post(server, event(), event(visitor="visitor_2", source_id="site_strict"))
    assert (await session_of(server))[1].source == "site_dev"
    assert (await session_of(server, "visitor_2"))[1].source == "site_strict"


async def test_events_of_one_new_visitor_make_one_session(server: TestServer) -> None:
    await post(server, event(), event("page_view"), event(source_id="site_dev"))
    listed = await server.send("GET", "/v1/live-chat/sessions", headers=PLATFORM)
    (row,) = listed.json["data"]
    assert row["visitor_id"] == "visitor_1"


async def test_a_server_s_page_view_does_not_move_the_visitor(server: TestServer) -> None:
    await server.open_session(id="visitor_1", page_url=AC_PAGE)
    await post(server, event("page_view", page={"url": "https://shop.example/careers"}))
    _, session = await session_of(server)
    assert session.state.attrs["page.url"] == AC_PAGE
    assert session.state.last_event == "view"


async def test_server_events_are_never_activity(server: TestServer) -> None:
    await post(server, event("click", message_id="abcdefgh-1"))
    ref, session = await session_of(server)
    assert session.active_ms < 0
    view = await server.parts.runtime.view(ref)
    assert view is not None
    assert view.visitor_status == "idle"


async def test_a_privacy_signal_of_the_browser_stays_as_it_is(server: TestServer) -> None:
    made = await server.open_session(id="visitor_1")
    ref = SessionRef("ws_dev", "visitor_1", made["session_id"])
    click = Event("m-1", "click", server.clock.now_ms())
    await server.parts.runtime.track(ref, "site_dev", [click], ClientContext(gpc=True))
    assert (await session_of(server))[1].has_opted_out
    assert (await post(server, event())).json["data"]["accepted"] == 1
    assert (await session_of(server))[1].has_opted_out


async def test_a_message_id_counts_once_for_its_visitor(server: TestServer) -> None:
    first = await post(server, event(message_id="m-1"), event(message_id="m-1"))
    assert first.json["data"] == {"accepted": 1, "duplicates": 1, "rejected": []}
    again = await post(server, event(message_id="m-1"), event(visitor="v2", message_id="m-1"))
    assert again.json["data"] == {"accepted": 1, "duplicates": 1, "rejected": []}


async def test_attributes_come_with_the_event(server: TestServer) -> None:
    await post(server, event("set", attributes={"visitor.email": "a@b.example"}))
    shown = await server.send("GET", "/v1/visitors/visitor_1", headers=PLATFORM)
    assert shown.json["data"]["attributes"]["visitor.email"] == "a@b.example"


async def test_an_event_of_the_past_keeps_its_time(server: TestServer) -> None:
    await post(server, event(timestamp="2025-06-15T10:06:38.250-05:00"))
    _, session = await session_of(server)
    assert session.state.event_ms == server.clock.now_ms() - 1_750


BAD = [
    ("no object", "", "not_an_object"),
    ({"visitor_id": "v"}, "event", "required"),
    ({"event": "x"}, "visitor_id", "required"),
    (event(""), "event", "too_short"),
    (event("x" * 129), "event", "too_long"),
    (event(visitor=""), "visitor_id", "required"),
    (event(visitor="x" * 257), "visitor_id", "too_long"),
    (event(visitor="a\u0000"), "visitor_id", "invalid_id"),
    (event(visitor=5), "visitor_id", "invalid_type"),
    (event(session_id="chat_none"), "session_id", "session_not_found"),
    (event(session_id=""), "session_id", "required"),
    (event(source_id="nowhere"), "source_id", "source_not_found"),
    (event(source_id="site_other"), "source_id", "source_not_found"),
    (event(timestamp="yesterday"), "timestamp", "invalid_timestamp"),
    (event(message_id="x" * 257), "message_id", "too_long"),
    (event(properties={"a": "x" * 33_000}), "properties", "too_long"),
    (event(properties={"a": 10**40}), "properties.a", "out_of_range"),
    (event("visibility", properties={"visible": "no"}), "properties.visible", "invalid_type"),
    (event(attributes={"a": "x" * 501}), "attributes", "too_long"),
    (event(attributes={str(n): n for n in range(51)}), "attributes", "too_many"),
    (event(page={"url": 5}), "page.url", "invalid_type"),
]


@pytest.mark.parametrize(("item", "field", "reason"), BAD)
async def test_a_bad_event_is_named_and_harms_no_other(
    server: TestServer, item: object, field: str, reason: str
) -> None:
    answered = await post(server, event(visitor="good"), item)
    data = answered.json["data"]
    assert (answered.status, data["accepted"]) == (200, 1)
    (rejected,) = data["rejected"]
    assert (rejected["index"], rejected["reason"]) == (1, reason)
    assert (rejected["field"] or "").startswith(field)


async def test_events_of_which_none_is_accepted_are_refused(server: TestServer) -> None:
    answered = await post(server, {"event": "x"}, event("", visitor="v"))
    error = answered.json["error"]
    assert answered.status == 400
    assert error["details"] == {
        "field": "events",
        "reason": "invalid_events",
        "rejected": [
            {"index": 0, "field": "visitor_id", "reason": "required"},
            {"index": 1, "field": "event", "reason": "too_short"},
        ],
    }


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ({}, "events", "required"),
        ({"events": []}, "events", "too_short"),
        ({"events": {}}, "events", "invalid_type"),
        ({"events": [event()] * 501}, "events", "batch_too_long"),
    ],
)
async def test_a_wrong_batch_is_named(
    server: TestServer, body: dict, field: str, reason: str
) -> None:
    answered = await server.send("POST", PATH, body, PLATFORM)
    details = answered.json["error"]["details"]
    assert (answered.status, details["field"], details["reason"]) == (400, field, reason)


async def test_five_hundred_events_are_taken(server: TestServer) -> None:
    answered = await post(server, *([event()] * 500))
    assert answered.json["data"]["accepted"] == 500


async def test_a_body_over_512_kb_is_refused(server: TestServer) -> None:
    body = b'{"events":[' + b" " * 524_288 + b"]}"
    answered = await server.send("POST", PATH, body, PLATFORM)
    assert (answered.status, answered.json["error"]["code"]) == (413, "PAYLOAD_TOO_LARGE")


async def test_more_visitors_than_are_taken_at_once_are_all_taken(server: TestServer) -> None:
    count = server_events.VISITORS_AT_ONCE_MAX + 8
    answered = await post(server, *(event(visitor=f"v{n}") for n in range(count)))
    assert answered.json["data"]["accepted"] == count
    listed = await server.send("GET", "/v1/visitors?limit=100", headers=PLATFORM)
    assert len(listed.json["data"]) == count


async def test_a_session_of_another_visitor_or_workspace_takes_no_event(
    server: TestServer,
) -> None:
    mine = await server.open_session(id="somebody")
    other = {"authorization": "Bearer dev_key_other_012345678", "x-workspace-id": "ws_other"}
    body = {"source_id": "site_other", "visitor": {"id": "visitor_1"}}
    made = await server.send("POST", "/v1/live-chat/sessions", body, other)
    foreign = made.json["data"]["session_id"]
    answered = await post(
        server,
        event(session_id=mine["session_id"]),
        event(session_id=foreign),
        event(session_id="chat_none"),
    )
    rows = answered.json["error"]["details"]["rejected"]
    reasons = ["visitor_mismatch", "session_not_found", "session_not_found"]
    assert [row["reason"] for row in rows] == reasons


async def test_a_closed_session_takes_no_event(server: TestServer) -> None:
    made = await server.open_session(id="visitor_1")
    path = f"/v1/live-chat/sessions/{made['session_id']}/close"
    await server.send("POST", path, None, PLATFORM)
    answered = await post(server, event(session_id=made["session_id"]))
    (row,) = answered.json["error"]["details"]["rejected"]
    assert row["reason"] == "session_closed"


async def test_unknown_fields_of_events_are_named_up_to_a_limit(server: TestServer) -> None:
    answered = await post(server, *([event(nmae=1)] * (server_events.WARNINGS_MAX + 5)))
    warnings = answered.json["meta"]["warnings"]
    assert warnings[0]["field"] == "events[0].nmae"
    assert len(warnings) == server_events.WARNINGS_MAX


async def test_a_site_that_requires_consent_keeps_no_event_before_it(careful: TestServer) -> None:
    one = event(source_id="site_strict")
    refused = await post(careful, one)
    (row,) = refused.json["error"]["details"]["rejected"]
    assert (row["field"], row["reason"]) == ("visitor_id", "no_consent")
    assert await careful.parts.store.visitor("ws_dev", "visitor_1") is None
    agreed = await post(careful, {**one, "event": "consent", "properties": {"state": "granted"}})
    assert agreed.json["data"]["accepted"] == 1
    assert (await post(careful, one)).json["data"]["accepted"] == 1
