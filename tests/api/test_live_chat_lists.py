"""`GET /v1/live-chat/sessions` and `GET …/{session_id}`: filters, pages, the fields of a session."""

import pytest

from engine import listings
from engine.listings import list_newest, sessions_of_workspace
from engine.stores.base import SessionRef
from tests.server.running import AC_PAGE, PLATFORM, Answered, TestServer

pytestmark = pytest.mark.anyio
PATH = "/v1/live-chat/sessions"
OTHER = {"authorization": "Bearer dev_key_other_012345678", "x-workspace-id": "ws_other"}


async def get(server: TestServer, rest: str = "", headers: dict | None = None) -> Answered:
    return await server.send("GET", PATH + rest, headers=headers or PLATFORM)


async def ids(server: TestServer, rest: str) -> list[str]:
    return [row["session_id"] for row in (await get(server, rest)).json["data"]]


async def test_a_session_is_shown_with_all_its_fields(server: TestServer) -> None:
    made = await server.open_session(
        id="visitor_1",
        page_url=AC_PAGE,
        first_name="Sarah",
        email="sarah@example.com",
    )
    answered = await get(server, "/" + made["session_id"])
    shown = answered.json["data"]
    assert answered.status == 200
    assert shown == {
        "session_id": made["session_id"],
        "assistant_id": "asst_dev",
        "status": "active",
        "websocket_url": made["websocket_url"],
        "widget_config": made["widget_config"],
        "estimated_wait": 0,
        "visitor_id": "visitor_1",
        "conversation_id": made["conversation_id"],
        "source_id": "site_dev",
        "visitor": {
            "id": "visitor_1",
            "status": "online",
            "engagement_score": shown["visitor"]["engagement_score"],
            "page_url": AC_PAGE,
            "attributes": {
                "visitor.first_name": "Sarah",
                "visitor.email": "sarah@example.com",
            },
        },
        "engaged": False,
        "engagement_epoch": 0,
        "created_at": shown["created_at"],
        "last_activity_at": shown["created_at"],
        "closed_at": None,
        "custom_fields": {},
        "qualified": True,
        "paused": False,
        "agent_name": None,
    }


async def test_custom_fields_are_shown_as_they_were_given(server: TestServer) -> None:
    fields = {"lead_source": "Google Ads", "visits": 3, "vip": True}
    body = {"source_id": "site_dev", "visitor": {}, "custom_fields": fields}
    made = (await server.send("POST", PATH, body, PLATFORM)).json["data"]
    assert (await get(server, "/" + made["session_id"])).json["data"]["custom_fields"] == fields


async def test_a_client_s_own_session_id_names_the_session(server: TestServer) -> None:
    await server.track({"sessionId": "own-1", "event": "page_view", "page": {"url": AC_PAGE}})
    shown = (await get(server, "/own-1")).json["data"]
    assert shown["session_id"].startswith("chat_")
    assert shown["visitor"]["page_url"] == AC_PAGE


async def test_sessions_are_listed_newest_first_in_pages(server: TestServer) -> None:
    made = [(await server.open_session())["session_id"] for _ in range(5)]
    made.reverse()
    first = await get(server, "?limit=2")
    assert [row["session_id"] for row in first.json["data"]] == made[:2]
    assert first.json["meta"]["has_more"] is True
    assert 'rel="next"' in first.headers["link"]
    second = await get(server, f"?limit=2&cursor={first.json['meta']['next_cursor']}")
    third = await get(server, f"?limit=2&cursor={second.json['meta']['next_cursor']}")
    rows = [*second.json["data"], *third.json["data"]]
    assert [row["session_id"] for row in rows] == made[2:]
    assert (third.json["meta"]["has_more"], third.json["meta"]["next_cursor"]) == (False, None)


async def test_sessions_are_listed_by_status_visitor_and_site(server: TestServer) -> None:
    one = (await server.open_session(id="visitor_1"))["session_id"]
    body = {"source_id": "site_strict", "visitor": {"id": "visitor_1"}}
    made = await server.send("POST", PATH, body, PLATFORM)
    two = made.json["data"]["session_id"]
    three = (await server.open_session(id="visitor_2"))["session_id"]
    await server.send("POST", f"{PATH}/{one}/close", None, PLATFORM)
    assert await ids(server, "?status=closed") == [one]
    assert await ids(server, "?status=active") == [three, two]
    assert await ids(server, "?visitor_id=visitor_1") == [two, one]
    assert await ids(server, "?visitor_id=visitor_1&source_id=site_dev") == [one]
    assert await ids(server, "?source_id=site_strict") == [two]
    assert await ids(server, "?visitor_id=nobody") == []
    assert await ids(server, "?status=queued") == []


@pytest.mark.parametrize(
    ("query", "field", "reason"),
    [
        ("limit=0", "limit", "out_of_range"),
        ("limit=101", "limit", "out_of_range"),
        ("limit=many", "limit", "out_of_range"),
        ("status=open", "status", "invalid_value"),
        ("cursor=forged", "cursor", "invalid_cursor"),
        ("visitor_id=%00", "visitor_id", "invalid_id"),
    ],
)
async def test_a_wrong_parameter_is_named(
    server: TestServer, query: str, field: str, reason: str
) -> None:
    answered = await get(server, "?" + query)
    details = answered.json["error"]["details"]
    assert (answered.status, details["field"], details["reason"]) == (400, field, reason)


async def test_another_workspace_sees_none_of_them(server: TestServer) -> None:
    made = await server.open_session(id="visitor_1")
    assert (await get(server, headers=OTHER)).json["data"] == []
    assert (await get(server, "?visitor_id=visitor_1", OTHER)).json["data"] == []
    foreign = await get(server, "/" + made["session_id"], OTHER)
    unknown = await get(server, "/chat_none", OTHER)
    assert (foreign.status, unknown.status) == (404, 404)
    assert foreign.json["error"] == unknown.json["error"]
    assert foreign.json["error"]["details"]["reason"] == "session_not_found"


async def test_a_look_reads_a_bounded_number_of_sessions(
    server: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listings, "LOOKS_MAX", 3)
    made = [(await server.open_session())["session_id"] for _ in range(5)]
    await server.send("POST", f"{PATH}/{made[0]}/close", None, PLATFORM)
    short = await get(server, "?status=closed")
    assert short.json["data"] == []
    assert short.json["meta"]["has_more"] is True
    rest = await get(server, f"?status=closed&cursor={short.json['meta']['next_cursor']}")
    assert [row["session_id"] for row in rest.json["data"]] == [made[0]]
    assert rest.json["meta"]["has_more"] is False


async def test_no_session_is_read_once_a_page_is_full(server: TestServer) -> None:
    for _ in range(4):
        await server.open_session()
    looked: list[SessionRef] = []

    async def show(ref: SessionRef) -> SessionRef:
        looked.append(ref)
        return ref

    source = sessions_of_workspace(server.parts.store, "ws_dev")
    listed = await list_newest(source, show, None, 2)
    assert listed.rows == tuple(looked)
    assert len(looked) == 2
