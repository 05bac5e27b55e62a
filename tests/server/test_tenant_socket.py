"""The tenant socket over a real connection: a dashboard sees its workspace, in order, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from engine.clock import SystemClock
from engine.outbox.contents import VisitorUpdated
from engine.testing.manual_clock import ManualClock
from server.sockets import connection, tenants
from tests.server.dashboards import (
    QUIET,
    dashboard_config,
    dashboards,
    frames,
    signed_in,
    tenant,
    token,
    types,
)
from tests.server.running import (
    AC_PAGE,
    API_KEY,
    ORIGIN,
    ListeningServer,
    authenticated,
    close_code,
    in_process,
    listening,
    next_frame,
    say,
    write_config,
)

pytestmark = pytest.mark.anyio

STORY = [
    "conversation:new",
    "decision:new",
    "conversation:updated",
    "message:new assistant",
    "conversation:updated",
    "message:new visitor",
    "message:new assistant",
    "conversation:updated",
    "conversation:updated",
    "message:new visitor",
    "message:new assistant",
    "conversation:qualified",
]
"""A session is opened, a message comes and is displayed, its reply is clicked, words, an e-mail."""


@pytest.fixture
async def live(tmp_path: Path, anyio_backend: str) -> AsyncIterator[ListeningServer]:
    async with dashboards(tmp_path) as running:
        yield running


async def converse(live: ListeningServer) -> str:
    """Let a visitor live through the story; returns the session's id."""
    session = await live.server.open_session(id="vis_1", page_url=AC_PAGE)
    async with live.socket(session["session_id"]) as chat:
        await authenticated(chat)
        await live.server.pass_time(45_000)
        message = await next_frame(chat, "message")
        await say(chat, type="displayed", message_id=message["id"])
        await say(chat, type="reply_clicked", message_id=message["id"], value="quote_request")
        await next_frame(chat, "message")
        await say(chat, type="message", text="It is a heat pump")
        await next_frame(chat, "message")
    await live.server.open_session(id="vis_1", email="ada@example.com")
    return session["session_id"]


# ---- what is seen


async def test_a_dashboard_sees_a_whole_conversation_in_order(live: ListeningServer) -> None:
    async with tenant(live) as board:
        before = await signed_in(board, token(live), topics=QUIET)
        session_id = await converse(live)
        async with asyncio.timeout(5):
            seen = await frames(board, len(STORY))
    assert types(seen) == STORY
    first = before["offset"] + 1
    assert [frame["offset"] for frame in seen] == list(range(first, first + len(STORY)))
    assert {frame["data"]["session_id"] for frame in seen} == {session_id}
    conversation = seen[0]["data"]["id"]
    assert seen[0]["data"]["channel"] == "chat"
    assert seen[0]["data"]["contact_data"]["visitor_id"] == "vis_1"
    assert all(frame["timestamp"].endswith("Z") for frame in seen)
    assert seen[3]["data"]["kind"] == "proactive"
    assert seen[5]["data"]["text"] == "Get a Quote"
    assert seen[5]["data"]["quick_reply_clicked"] == {"value": "quote_request", "action": "quote"}
    assert seen[-1]["data"]["id"] == conversation
    assert seen[-1]["data"]["reason"] == "contact"


async def test_after_a_reconnect_the_rest_follows_and_nothing_twice(live: ListeningServer) -> None:
    async with tenant(live) as board:
        place = await signed_in(board, token(live), topics=QUIET)
        conversation = asyncio.create_task(converse(live))
        async with asyncio.timeout(5):
            seen = await frames(board, 4)
    async with asyncio.timeout(5):
        await conversation
    resume = {"epoch": place["epoch"], "offset": seen[-1]["offset"]}
    async with tenant(live) as board:
        await signed_in(board, token(live), topics=QUIET, resume=resume)
        async with asyncio.timeout(5):
            seen += await frames(board, len(STORY) - 4)
    assert types(seen) == STORY
    offsets = [frame["offset"] for frame in seen]
    assert offsets == list(range(offsets[0], offsets[0] + len(STORY)))


async def test_without_resume_only_what_comes_is_told(live: ListeningServer) -> None:
    await live.server.open_session(id="vis_1")
    async with tenant(live) as board:
        await signed_in(board, token(live), topics=["conversation:*"])
        await live.server.open_session(id="vis_2")
        async with asyncio.timeout(5):
            [frame] = await frames(board, 1)
    assert frame["data"]["contact_data"]["visitor_id"] == "vis_2"


async def test_nothing_of_another_workspace_crosses(live: ListeningServer) -> None:
    async with tenant(live) as ours, tenant(live) as theirs:
        await signed_in(ours, token(live), topics=QUIET)
        await signed_in(theirs, token(live, "ws_other"), topics=QUIET)
        body = {"source_id": "site_other", "visitor": {"id": "vis_theirs"}}
        headers = {
            "authorization": "Bearer dev_key_other_012345678",
            "x-workspace-id": "ws_other",
        }
        await converse(live)
        answered = await live.server.send("POST", "/v1/live-chat/sessions", body, headers)
        assert answered.status == 200
        async with asyncio.timeout(5):
            [their_frame] = await frames(theirs, 1)
            our_frames = await frames(ours, len(STORY))
        assert their_frame["data"]["contact_data"]["visitor_id"] == "vis_theirs"
        assert types(our_frames) == STORY


async def test_a_resume_from_another_workspaces_place_shows_only_the_own_feed(
    live: ListeningServer,
) -> None:
    await converse(live)
    async with tenant(live) as theirs:
        place = await signed_in(theirs, token(live, "ws_other"), topics=QUIET)
        resume = {"epoch": place["epoch"], "offset": 0}
    async with tenant(live) as theirs:
        await signed_in(theirs, token(live, "ws_other"), topics=["conversation:*"], resume=resume)
        await say(theirs, type="ping", id="done")
        async with asyncio.timeout(5):
            assert await frames(theirs, 1) == [{"type": "pong", "id": "done"}]


async def test_a_place_of_before_a_restart_is_told_to_load_again(live: ListeningServer) -> None:
    async with tenant(live) as board:
        resume = {"epoch": "of another start", "offset": 1}
        place = await signed_in(board, token(live), topics=["conversation:*"], resume=resume)
        await live.server.open_session(id="vis_1")
        async with asyncio.timeout(5):
            first, second = await frames(board, 2)
    assert first == {"type": "resync", "epoch": place["epoch"], "offset": place["offset"]}
    assert second["type"] == "conversation:new"


async def test_a_place_too_far_back_is_told_to_load_again(live: ListeningServer) -> None:
    store = live.server.parts.store
    async with tenant(live) as board:
        place = await signed_in(board, token(live))
    for number in range(1_001):
        await store.feed_add("ws_dev", f"evt_{number}", b'{"type":"x","at_ms":0,"data":{}}')
    resume = {"epoch": place["epoch"], "offset": place["offset"]}
    async with tenant(live) as board:
        newest = await signed_in(board, token(live), topics=["x"], resume=resume)
        async with asyncio.timeout(5):
            [frame] = await frames(board, 1)
    assert frame == {"type": "resync", "epoch": newest["epoch"], "offset": newest["offset"]}


async def test_what_a_crash_left_untold_is_told_after_the_restart(
    tmp_path: Path, anyio_backend: str
) -> None:
    text = dashboard_config().replace('"memory:"', f'"sqlite:///{tmp_path}/test.db"')
    config = write_config(tmp_path, text)
    # Without its lifespan the application commits and tells nobody, as in a crash right after.
    async with in_process(config, ManualClock()) as server:
        session = await server.open_session(id="vis_1")
    async with listening(config) as live, tenant(live) as board:
        place = await signed_in(board, token(live))
        resume = {"epoch": place["epoch"], "offset": 0}
        async with tenant(live) as again:
            await signed_in(again, token(live), topics=["conversation:*"], resume=resume)
            async with asyncio.timeout(5):
                [frame] = await frames(again, 1)
    assert frame["type"] == "conversation:new"
    assert frame["data"]["session_id"] == session["session_id"]


# ---- topics and filters


async def test_topics_and_filters_choose_what_is_told(live: ListeningServer) -> None:
    one = await live.server.open_session(id="vis_1")
    two = await live.server.open_session(id="vis_2")
    async with tenant(live) as board:
        await signed_in(board, token(live), topics=["decision:new"])
        wanted = {"session_id": two["session_id"]}
        await say(board, type="subscribe", topics=["message:*"], filter=wanted)
        async with asyncio.timeout(5):
            [answer] = await frames(board, 1)
        assert answer["data"] == {
            "topics": ["message:*"],
            "filter": {"source_id": None, "session_id": two["session_id"]},
        }
        for session in (one, two):
            async with live.socket(session["session_id"]) as chat:
                await authenticated(chat)
                await say(chat, type="message", text="Hello")
                await next_frame(chat, "message_ack")
        async with asyncio.timeout(5):
            [frame] = await frames(board, 1)
        assert frame["data"]["session_id"] == two["session_id"]


async def test_a_filter_with_the_authentication_holds_for_what_was_missed(
    live: ListeningServer,
) -> None:
    async with tenant(live) as board:
        place = await signed_in(board, token(live))
    await live.server.open_session(id="vis_1")
    two = await live.server.open_session(id="vis_2")
    async with tenant(live) as board:
        await signed_in(
            board,
            token(live),
            resume={"epoch": place["epoch"], "offset": place["offset"]},
            topics=["conversation:*"],
            filter={"session_id": two["session_id"]},
        )
        async with asyncio.timeout(5):
            [frame] = await frames(board, 1)
    assert frame["data"]["session_id"] == two["session_id"]


@pytest.mark.parametrize(
    ("frame", "field", "reason"),
    [
        ({"topics": []}, "topics", "too_short"),
        ({"topics": ["x"] * 33}, "topics", "too_many"),
        ({"topics": ["x" * 65]}, "topics[0]", "too_long"),
        ({"topics": [3]}, "topics[0]", "invalid_type"),
        ({}, "topics", "required"),
        ({"topics": ["*"], "filter": {"session_id": ""}}, "filter.session_id", "too_short"),
        ({"topics": ["*"], "filter": "site_dev"}, "filter", "invalid_type"),
    ],
)
async def test_a_wrong_subscription_is_an_error_and_changes_nothing(
    live: ListeningServer, frame: dict, field: str, reason: str
) -> None:
    async with tenant(live) as board:
        await signed_in(board, token(live), topics=["conversation:*"])
        await say(board, type="subscribe", **frame)
        async with asyncio.timeout(5):
            [error] = await frames(board, 1)
        assert (error["type"], error["code"]) == ("error", "INVALID_REQUEST")
        assert error["details"]["field"] == field
        assert error["details"]["reason"] == reason
        await live.server.open_session(id="vis_1")
        async with asyncio.timeout(5):
            [told] = await frames(board, 1)
        assert told["type"] == "conversation:new"


# ---- what passes


async def test_a_visitor_and_the_figures_are_shown_while_a_dashboard_looks(
    live: ListeningServer,
) -> None:
    async with tenant(live) as board:
        await signed_in(board, token(live), topics=["visitor:*", "stats:*"])
        async with asyncio.timeout(5):
            figures = await next_frame(board, "stats:tick")
        assert figures["data"]["visitors_online"] == 0
        await live.server.track({"sessionId": "s1", "visitorId": "vis_1", "event": "page_view"})
        async with asyncio.timeout(5):
            shown = await next_frame(board, "visitor:updated")
    assert shown["data"]["status"] == "online"
    assert shown["offset"] == figures["offset"]


async def test_figures_and_visitors_of_another_workspace_are_not_shown(
    live: ListeningServer,
) -> None:
    services = live.server.parts.app.services
    async with tenant(live) as board:
        await signed_in(board, token(live, "ws_other"), topics=["visitor:*"])
        content = VisitorUpdated("vis_1", "online")
        services.feed.show("ws_dev", "visitor:updated", "vis_1", content, 0)
        await live.server.track({"sessionId": "s1", "event": "page_view"})
        await services.present.tick()
        await say(board, type="ping")
        async with asyncio.timeout(5):
            assert await frames(board, 1) == [{"type": "pong"}]


# ---- who may listen


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ("{", 4400),
        ("[]", 4400),
        (b"\x00", 4400),
        ('{"type":"auth","token":"x","resume":{"epoch":1,"offset":1}}', 4400),
        ('{"type":"auth","token":"x","topics":"all"}', 4400),
        ('{"type":"ping"}', 4401),
        ('{"type":"auth"}', 4401),
        ('{"type":"auth","token":7}', 4401),
        ('{"type":"auth","token":"wk_dev"}', 4401),
        (f'{{"type":"auth","token":"{API_KEY}"}}', 4401),
        ('{"type":"auth","token":"a.b.c"}', 4401),
        (f'{{"type":"auth","token":"{"x" * 9_000}"}}', 4401),
    ],
)
async def test_who_does_not_authenticate_is_closed(
    live: ListeningServer, first: str | bytes, code: int
) -> None:
    async with tenant(live) as board:
        await board.send(first)
        assert await close_code(board) == code


async def test_a_token_signed_by_another_workspaces_secret_is_refused(
    live: ListeningServer,
) -> None:
    theirs = token(live, "ws_other").split(".")
    ours = token(live).split(".")
    async with tenant(live) as board:
        await say(board, type="auth", token=".".join([ours[0], ours[1], theirs[2]]))
        assert await close_code(board) == 4401


async def test_who_says_nothing_is_closed_4401(
    live: ListeningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "AUTH_WAIT_S", 0.05)
    async with tenant(live) as board:
        assert await close_code(board) == 4401


@pytest.mark.parametrize("origin", [None, ORIGIN, "http://127.0.0.1:8700"])
async def test_own_origins_and_clients_without_one_are_upgraded(
    live: ListeningServer, origin: str | None
) -> None:
    own = live.server.parts.app.services.config.server.public_url
    headers = {} if origin is None else {"Origin": own if "127" in origin else origin}
    async with tenant(live, additional_headers=headers) as board:
        assert (await signed_in(board, token(live)))["workspace_id"] == "ws_dev"


@pytest.mark.parametrize("origin", ["https://evil.example", "null", ORIGIN + ".evil.example"])
async def test_a_foreign_origin_is_refused_before_the_upgrade(
    live: ListeningServer, origin: str
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with tenant(live, additional_headers={"Origin": origin}):
            pass
    assert refused.value.response.status_code == 403


async def test_the_path_of_old_is_reserved(live: ListeningServer) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with connect(f"ws://127.0.0.1:{live.port}/ws/chat"):
            pass
    assert refused.value.response.status_code == 404
    assert (await live.server.send("GET", "/ws/chat")).status == 404


# ---- how long


async def test_the_socket_ends_with_its_token(tmp_path: Path, anyio_backend: str) -> None:
    async with dashboards(tmp_path, SystemClock()) as live, tenant(live) as board:
        await signed_in(board, token(live, valid_ms=2_000), topics=QUIET)
        assert await close_code(board) == 4401


async def test_nothing_is_answered_or_told_after_the_end_of_a_token(live: ListeningServer) -> None:
    async with tenant(live) as asking, tenant(live) as hearing:
        await signed_in(asking, token(live, valid_ms=60_000), topics=QUIET)
        await signed_in(hearing, token(live, valid_ms=60_000), topics=QUIET)
        live.server.clock.advance(60_000)
        await say(asking, type="ping")
        await live.server.open_session(id="vis_1")
        assert await close_code(asking) == 4401
        assert await close_code(hearing) == 4401


async def test_a_token_that_comes_within_the_leeway_has_the_rest_of_it(
    live: ListeningServer,
) -> None:
    text = token(live, valid_ms=1_000)
    live.server.clock.advance(11_000)
    async with tenant(live) as board:
        await signed_in(board, text, topics=["x"])
        live.server.clock.advance(19_000)
        await say(board, type="ping", id=1)
        async with asyncio.timeout(5):
            assert await frames(board, 1) == [{"type": "pong", "id": 1}]
        live.server.clock.advance(1_000)
        await say(board, type="ping", id=2)
        assert await close_code(board) == 4401


async def test_a_new_token_prolongs_the_socket_and_may_change_the_role(
    live: ListeningServer,
) -> None:
    runtime = live.server.parts.runtime
    async with tenant(live) as board:
        await signed_in(board, token(live, valid_ms=60_000), topics=["conversation:*"])
        assert runtime.agents_online("ws_dev") == 0
        renewed = await signed_in(board, token(live, role="editor"))
        assert renewed["role"] == "editor"
        assert runtime.agents_online("ws_dev") == 1
        live.server.clock.advance(60_000)
        await say(board, type="ping", id=1)
        async with asyncio.timeout(5):
            assert await frames(board, 1) == [{"type": "pong", "id": 1}]
        await live.server.open_session(id="vis_1")
        async with asyncio.timeout(5):
            assert types(await frames(board, 1)) == ["conversation:new"]


@pytest.mark.parametrize("who", ["another person", "another workspace", "nobody"])
async def test_another_token_does_not_prolong_the_socket(live: ListeningServer, who: str) -> None:
    text = {
        "another person": token(live, sub="otto"),
        "another workspace": token(live, "ws_other"),
        "nobody": "a.b.c",
    }[who]
    async with tenant(live) as board:
        await signed_in(board, token(live))
        await say(board, type="auth", token=text)
        async with asyncio.timeout(5):
            await board.wait_closed()
        assert board.close_code == 4401


async def test_people_who_may_act_are_counted_once_each(live: ListeningServer) -> None:
    agents = live.server.parts.runtime.agents_online
    async with (
        tenant(live) as one,
        tenant(live) as two,
        tenant(live) as three,
        tenant(live) as four,
    ):
        await signed_in(one, token(live, sub="maria", role="editor"))
        await signed_in(two, token(live, sub="maria", role="editor"))
        await signed_in(three, token(live, sub="otto", role="admin"))
        await signed_in(four, token(live, sub="vera", role="viewer"))
        assert (agents("ws_dev"), agents("ws_other")) == (2, 0)
    async with asyncio.timeout(5):
        while agents("ws_dev"):  # noqa: ASYNC110  # nothing tells of it
            await asyncio.sleep(0.01)


# ---- frames and bounds


@pytest.mark.parametrize("raw", ["{", "3", "[]", '{"type":7}', b"\x00"])
async def test_a_malformed_frame_closes_4400(live: ListeningServer, raw: str | bytes) -> None:
    async with tenant(live) as board:
        await signed_in(board, token(live))
        await board.send(raw)
        assert await close_code(board) == 4400


@pytest.mark.parametrize("size", [65_537, 200_000])
async def test_a_frame_over_64_kb_ends_the_socket(live: ListeningServer, size: int) -> None:
    async with tenant(live) as board:
        await signed_in(board, token(live))
        await board.send("x" * size)
        # 1009 where the protocol below reads no more of it.
        assert await close_code(board) in (4400, 1009)


async def test_unknown_types_are_ignored(live: ListeningServer) -> None:
    async with tenant(live) as board:
        await signed_in(board, token(live), topics=["x"])
        await say(board, type="message", text="not here")
        await say(board, type="typing", state=True)
        await say(board, type="ping", id="p")
        async with asyncio.timeout(5):
            assert await frames(board, 1) == [{"type": "pong", "id": "p"}]


async def test_one_socket_too_many_closes_the_oldest_4409(
    live: ListeningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tenants, "SOCKETS_PER_WORKSPACE_MAX", 2)
    async with tenant(live) as other, tenant(live) as one, tenant(live) as two:
        await signed_in(other, token(live, "ws_other"), topics=["x"])
        await signed_in(one, token(live))
        await signed_in(two, token(live), topics=["x"])
        async with tenant(live) as three:
            await signed_in(three, token(live), topics=["x"])
            assert await close_code(one) == 4409
            for socket in (other, two, three):
                await say(socket, type="ping")
                async with asyncio.timeout(5):
                    assert await frames(socket, 1) == [{"type": "pong"}]


def test_a_workspace_has_room_for_fifty() -> None:
    assert tenants.SOCKETS_PER_WORKSPACE_MAX == 50


async def test_a_stop_of_the_server_closes_1012(tmp_path: Path, anyio_backend: str) -> None:
    async with dashboards(tmp_path) as live:
        board = await tenant(live)
        await signed_in(board, token(live))
    assert await close_code(board) == 1012
