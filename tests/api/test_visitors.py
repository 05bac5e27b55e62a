"""`GET /v1/visitors`, `GET /v1/visitors/{visitor_id}`, `GET /v1/workspace`."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.identity import link_user
from tests.server.running import (
    AC_PAGE,
    CONFIG,
    PLATFORM,
    RULES,
    Answered,
    TestServer,
    in_process,
    write_config,
)

pytestmark = pytest.mark.anyio
PATH = "/v1/visitors"
OTHER = {"authorization": "Bearer dev_key_other_012345678", "x-workspace-id": "ws_other"}
CAPS = (
    RULES
    + """
policy {
  first message after 1s
  at most 1 per session unless engaged
  at most 2 per 7d
}
"""
)
MESSAGE = {"message": "Hi", "trigger": {"time_on_page": 60}}


@pytest.fixture
async def capped(tmp_path: Path, anyio_backend: str) -> AsyncIterator[TestServer]:
    """A server whose policy has a cap a session and one a week."""
    async with in_process(write_config(tmp_path, rules=CAPS)) as running:
        yield running


async def get(server: TestServer, rest: str = "", headers: dict | None = None) -> Answered:
    return await server.send("GET", PATH + rest, headers=headers or PLATFORM)


async def test_visitors_are_listed_once_at_their_newest_session(server: TestServer) -> None:
    await server.open_session(id="visitor_1")
    await server.open_session(id="visitor_2", page_url=AC_PAGE)
    body = {"source_id": "site_strict", "visitor": {"id": "visitor_1"}}
    newest = await server.send("POST", "/v1/live-chat/sessions", body, PLATFORM)
    rows = (await get(server)).json["data"]
    assert [row["visitor_id"] for row in rows] == ["visitor_1", "visitor_2"]
    assert rows[0]["session_id"] == newest.json["data"]["session_id"]
    assert rows[1] == {
        "visitor_id": "visitor_2",
        "status": "online",
        "engagement_score": rows[1]["engagement_score"],
        "page_url": AC_PAGE,
        "session_id": rows[1]["session_id"],
        "last_seen_at": "2025-06-15T15:06:40Z",
    }


async def test_visitors_are_listed_in_pages_without_repeats(server: TestServer) -> None:
    for number in (1, 2, 3, 1):
        body = {
            "source_id": "site_strict" if number == 1 else "site_dev",
            "visitor": {"id": f"visitor_{number}"},
        }
        await server.send("POST", "/v1/live-chat/sessions", body, PLATFORM)
    found, query = [], "?limit=1"
    while query:
        page = (await get(server, query)).json
        found += [row["visitor_id"] for row in page["data"]]
        cursor = page["meta"]["next_cursor"]
        query = f"?limit=1&cursor={cursor}" if cursor else ""
    assert sorted(found) == ["visitor_1", "visitor_2", "visitor_3"]


async def test_visitors_are_listed_by_status(server: TestServer) -> None:
    await server.open_session(id="gone", page_url=AC_PAGE)
    server.clock.advance(120_000)
    await server.open_session(id="here", page_url=AC_PAGE)
    online = (await get(server, "?status=online")).json["data"]
    offline = (await get(server, "?status=offline")).json["data"]
    assert [row["visitor_id"] for row in online] == ["here"]
    assert [row["visitor_id"] for row in offline] == ["gone"]
    refused = await get(server, "?status=away")
    assert refused.json["error"]["details"] == {"field": "status", "reason": "invalid_value"}


async def test_a_visitor_is_shown_with_all_that_is_known(server: TestServer) -> None:
    made = await server.open_session(id="visitor_1", page_url=AC_PAGE, first_name="Sarah")
    shown = (await get(server, "/visitor_1")).json["data"]
    assert shown == {
        "visitor_id": "visitor_1",
        "status": "online",
        "engagement_score": shown["engagement_score"],
        "page_url": AC_PAGE,
        "session_id": made["session_id"],
        "last_seen_at": "2025-06-15T15:06:40Z",
        "attributes": {"visitor.first_name": "Sarah"},
        "identities": {"user_id": None, "merged": []},
        "visits": 1,
        "consent": "granted",
        "sessions": [
            {
                "session_id": made["session_id"],
                "source_id": "site_dev",
                "status": "active",
                "engagement_score": shown["engagement_score"],
                "created_at": "2025-06-15T15:06:40Z",
                "last_activity_at": "2025-06-15T15:06:40Z",
                "closed_at": None,
            }
        ],
        "caps": [{"scope": "session", "used": 0, "limit": 1, "window_s": None, "opens_at": None}],
    }


async def test_caps_tell_what_is_used_and_when_they_open(capped: TestServer) -> None:
    for source in ("site_dev", "site_strict"):
        body = {"source_id": source, "visitor": {"id": "visitor_1", "page_url": AC_PAGE}}
        made = (await capped.send("POST", "/v1/live-chat/sessions", body, PLATFORM)).json["data"]
        draft = {
            **MESSAGE,
            "session_id": made["session_id"],
            "options": {"override_policy": ["cooldown"]},
        }
        sent = await capped.send("POST", "/v1/outbound/live-chat/message", draft, PLATFORM)
        assert sent.status == 200, sent.body
        capped.clock.advance(1_000)
    session, week = (await get(capped, "/visitor_1")).json["data"]["caps"]
    assert session == {
        "scope": "session",
        "used": 1,
        "limit": 1,
        "window_s": None,
        "opens_at": None,
    }
    assert (week["scope"], week["used"], week["limit"], week["window_s"]) == (
        "visitor",
        2,
        2,
        604_800,
    )
    assert week["opens_at"] == "2025-06-22T15:06:40Z"


async def test_sessions_of_a_visitor_are_newest_first(server: TestServer) -> None:
    first = await server.open_session(id="visitor_1")
    path = f"/v1/live-chat/sessions/{first['session_id']}/close"
    await server.send("POST", path, None, PLATFORM)
    second = await server.open_session(id="visitor_1")
    rows = (await get(server, "/visitor_1")).json["data"]["sessions"]
    assert [row["session_id"] for row in rows] == [second["session_id"], first["session_id"]]
    assert [row["status"] for row in rows] == ["active", "closed"]


async def test_a_person_is_one_visitor_after_they_proved_who_they_are(server: TestServer) -> None:
    made = await server.open_session(id="anonymous", page_url=AC_PAGE)
    await link_user(server.parts.store, "ws_dev", "user-7", "vis_known", "anonymous")
    rows = (await get(server)).json["data"]
    assert [(row["visitor_id"], row["session_id"]) for row in rows] == [
        ("vis_known", made["session_id"])
    ]
    for name in ("vis_known", "anonymous"):
        shown = (await get(server, f"/{name}")).json["data"]
        assert shown["visitor_id"] == "vis_known"
        assert shown["identities"] == {"user_id": "user-7", "merged": ["anonymous"]}
        assert [row["session_id"] for row in shown["sessions"]] == [made["session_id"]]


async def test_another_workspace_sees_no_visitor(server: TestServer) -> None:
    await server.open_session(id="visitor_1")
    assert (await get(server, headers=OTHER)).json["data"] == []
    foreign, unknown = await get(server, "/visitor_1", OTHER), await get(server, "/nobody", OTHER)
    assert (foreign.status, foreign.json["error"]) == (404, unknown.json["error"])
    assert foreign.json["error"]["details"]["reason"] == "visitor_not_found"


# ---- the workspace


async def test_any_key_may_see_its_workspace(server: TestServer) -> None:
    reader = {**PLATFORM, "authorization": "Bearer dev_key_reader_0123456"}
    answered = await server.send("GET", "/v1/workspace", headers=reader)
    assert answered.status == 200
    shown = answered.json["data"]
    assert list(shown) == [
        "workspace_id",
        "name",
        "timezone",
        "sites",
        "assistants",
        "calendars",
        "limits",
    ]
    assert (shown["workspace_id"], shown["timezone"]) == ("ws_dev", "America/Chicago")
    assert [site["source_id"] for site in shown["sites"]] == ["site_dev", "site_strict"]
    assert shown["assistants"] == [
        {
            "assistant_id": "asst_dev",
            "agent_id": None,
            "name": "Helper",
            "kind": "answers",
            "primary": True,
        }
    ]
    assert shown["limits"]["key_per_minute"] == 1_000


async def test_a_workspace_s_own_limits_and_calendars_are_shown(tmp_path: Path) -> None:
    more = """
  [workspaces.limits]
  key_per_minute = 7
  [[workspaces.calendars]]
  id = "main"
  hours = { mon = ["08:00-18:00"] }
"""
    text = CONFIG.replace(
        '\n[[workspaces]]\nid = "ws_other"', more + '\n[[workspaces]]\nid = "ws_other"'
    )
    async with in_process(write_config(tmp_path, text)) as server:
        shown = (await server.send("GET", "/v1/workspace", headers=PLATFORM)).json["data"]
    assert shown["limits"]["key_per_minute"] == 7
    assert shown["limits"]["workspace_per_hour"] == 10_000
    assert shown["calendars"] == [
        {"calendar_id": "main", "name": "main", "timezone": "America/Chicago"}
    ]


async def test_no_secret_of_a_workspace_is_shown(server: TestServer) -> None:
    answered = await server.send("GET", "/v1/workspace", headers=PLATFORM)
    assert b"dev_key" not in answered.body
    assert b"wk_dev" not in answered.body
