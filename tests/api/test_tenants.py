"""Nothing crosses between workspaces: every operation and frame, every credential, another one's ids."""

import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from websockets.asyncio.client import connect

from server.access.jwt_tokens import make_dashboard_token
from server.contract.openapi_headers import path_names
from server.contract.operation import Operation
from server.contract.operations import OPERATIONS
from server.contract.operator_operations import OPERATOR_OPERATIONS
from server.contract.service_operations import TRACK
from server.wire.paging import PageQuery
from tests.api.whole import A, B, Tenant, whole_config
from tests.faults.receiver import SECRET
from tests.server.running import (
    RULES,
    Answered,
    ListeningServer,
    close_code,
    listening,
    next_frame,
    say,
    write_config,
)

pytestmark = pytest.mark.anyio

MARK = "only for B's eyes"
FAMILIES = ("platform", "agent", "widget")
ROWS = [
    row for row in (*OPERATIONS, TRACK) if row.family in FAMILIES and row not in OPERATOR_OPERATIONS
]
CREDENTIALS = ("key", "jwt", "widget", "visitor", "none")
NOBODY = {
    "session_id": "chat_00000000000000000000000000",
    "agent_session_id": "987654",
    "visitor_id": "visitor_of_nobody",
    "message_id": "msg_00000000000000000000000000",
    "appointment_id": "appt_00000000000000000000000000",
    "decision_id": "dec_00000000000000000000000000",
    "conversation_id": "conversation_of_nobody",
    "calendar_id": "cal_nobody",
    "source_id": "site_of_nobody",
    "assistant_id": "asst_of_nobody",
    "agent_id": "654321",
    "set": "site_of_nobody",
    "visitor_token": "vt1.e30.e30",
    "campaign_id": "campaign_of_nobody",
    "webhook_id": "whk_00000000000000000000000000",
    "delivery_id": "dlv_00000000000000000000000000",
}
HOOK = {"url": "https://hooks.invalid/", "events": ["chat.started"], "description": MARK}
LASTING = frozenset(
    {"close_session", "delete_webhook", "publish_rules", "rollback_rules", "send_message"}
)
_MADE = re.compile(r"\b(req|chat|vis|conv|msg|dec|appt|evt|whk|dlv)_[0-9A-HJKMNP-TV-Z]{26}\b")
_TOKEN = re.compile(r"vt1\.[\w.-]+")
_NUMBER = re.compile(
    r'"agent_session":\d+|(?<="kind":"agent_session","visitor_id":")[^"]*","id":"\d+","value":{"number":\d+'
)

Ids = Mapping[str, str]


def _files(_: Ids) -> object:
    return {"files": {"main.rules": RULES}}


def _published(_: Ids) -> object:
    return {"files": {"main.rules": RULES}, "note": "a change"}


BODIES: Mapping[str, Callable[[Ids], object]] = {
    "create_session": lambda ids: {
        "source_id": ids["source_id"],
        "visitor": {"id": ids["visitor_id"]},
        "assistant_id": ids["assistant_id"],
    },
    "close_session": lambda _: {},
    "post_message": lambda _: {"text": "hello", "from": "visitor"},
    "send_message": lambda ids: {"session_id": ids["session_id"], "message": "hello"},
    "book_appointment": lambda ids: {
        "appointment_slot": "2024-01-22T14:00:00Z",
        "customer": {"name": "John Doe"},
        "calendar_id": ids["calendar_id"],
        "session_id": ids["session_id"],
    },
    "cancel_appointment": lambda _: {},
    "post_events": lambda ids: {
        "events": [
            {
                "event": "click",
                "visitor_id": ids["visitor_id"],
                "session_id": ids["session_id"],
                "source_id": ids["source_id"],
            }
        ]
    },
    "post_integration_event": lambda ids: {
        "event": "call.completed",
        "session_id": ids["session_id"],
        "visitor_id": ids["visitor_id"],
        "data": {},
    },
    "create_webhook": lambda _: {**HOOK, "description": "", "secret": SECRET},
    "change_webhook": lambda _: {"description": "changed"},
    "replay_deliveries": lambda _: {"since": "2020-01-01T00:00:00Z"},
    "check_rules": _files,
    "format_rules": _files,
    "test_rules": _files,
    "replay_rules": lambda _: {"since": "2020-01-01T00:00:00Z"},
    "publish_rules": _published,
    "rollback_rules": lambda _: {"version": 1, "note": "back"},
    "create_agent_session": lambda ids: {
        "agent_id": int(ids["agent_id"]),
        "metadata": {"visitor_id": ids["visitor_id"]},
    },
    "send_agent_message": lambda _: {"message": "hello"},
    "end_agent_session": lambda _: {},
    "widget_chat": lambda ids: {
        "sessionId": ids["session_id"],
        "message": "hello",
        "assistantId": ids["assistant_id"],
        "conversationId": ids["conversation_id"],
        "visitorId": ids["visitor_id"],
    },
    "widget_session": lambda ids: {
        "sessionId": ids["session_id"],
        "visitorId": ids["visitor_id"],
        "visitorToken": ids["visitor_token"],
    },
    "widget_ack": lambda ids: {
        "sessionId": ids["session_id"],
        "messageId": ids["message_id"],
        "visitorToken": ids["visitor_token"],
        "state": "read",
    },
    "start_voice": lambda ids: {
        "sessionId": ids["session_id"],
        "assistantId": ids["assistant_id"],
    },
    "track": lambda ids: {
        "sessionId": ids["session_id"],
        "visitorId": ids["visitor_id"],
        "event": "click",
        "deliver": True,
    },
}


@dataclass(frozen=True, slots=True)
class Two:
    """A server with two workspaces: what `B` holds, and the credentials of `A`."""

    live: ListeningServer
    ids: Ids
    credentials: Mapping[str, Mapping[str, str]]
    session_of_a: Mapping[str, str]

    async def request(
        self, row: Operation, credential: str, ids: Ids, *, query: str = ""
    ) -> Answered:
        """Make the request of a row with ids that are not A's, after all that came of those before it.

        What is told and not settled yet stands in an export as a cause, and later as what came of it.
        """
        await self.live.server.parts.app.services.outbox.drain()
        path = row.path.replace("{widget_id}", A.workspace)
        for name in path_names(row.path):
            wanted = "agent_session_id" if row.family == "agent" else name
            path = path.replace(f"{{{name}}}", ids.get(wanted, ""))
        headers = dict(self.credentials[credential])
        if row.family == "platform":
            headers["x-workspace-id"] = A.workspace
        if row.family == "agent" and credential == "key":
            headers = A.agent_key
        if row.name in ("publish_rules", "rollback_rules"):
            headers["if-match"] = '"1-0000000000000000"'
        if row.family == "widget":
            headers["x-visitor-token"] = ids["visitor_token"]
        make = BODIES.get(row.name)
        body = None if make is None else make(ids)
        return await self.live.server.send(row.method, f"{path}?{query}", body, headers)

    async def state_of_b(self) -> list[object]:
        """Read everything of B that an answer could change."""
        session, visitor = self.ids["session_id"], self.ids["visitor_id"]
        paths = [
            f"/v1/live-chat/sessions/{session}",
            f"/v1/live-chat/sessions/{session}/messages",
            "/v1/live-chat/sessions",
            "/v1/visitors",
            f"/v1/visitors/{visitor}",
            "/v1/appointments",
            "/v1/decisions",
            "/v1/rules",
            "/v1/webhooks",
            f"/v1/webhooks/{self.ids['webhook_id']}/deliveries",
            f"/api/v1/sessions/{self.ids['agent_session_id']}",
        ]
        found = []
        for path in paths:
            answered = await self.live.server.send("GET", path, headers=B.headers)
            assert answered.status == 200, (path, answered.body)
            shown = answered.json
            shown.pop("meta", None)
            found.append(shown)
        return found


@pytest.fixture
async def two(tmp_path: Path, anyio_backend: str) -> AsyncIterator[Two]:
    site = f'source_id = "{B.site}"\n'
    text = whole_config().replace(site, site + '  rules = "rules"\n', 1)
    async with listening(write_config(tmp_path, text)) as live:
        ids = await things_of(B, live)
        mine = await live.server.send(
            "POST", "/v1/live-chat/sessions", {"source_id": A.site, "visitor": {}}, A.headers
        )
        session = mine.json["data"]
        credentials: dict[str, dict[str, str]] = {
            "key": {"authorization": f"Bearer {A.key}"},
            "jwt": {"authorization": f"Bearer {dashboard(live, A)}"},
            "widget": A.widget,
            "visitor": {"authorization": f"Bearer {session['visitor_token']}"},
            "none": {},
        }
        yield Two(live, ids, credentials, session)


def dashboard(live: ListeningServer, tenant: Tenant) -> str:
    """Make an administrator's token."""
    services = live.server.parts.app.services
    workspace = services.config.workspace(tenant.workspace)
    now_ms = services.clock.now_ms()
    return make_dashboard_token(workspace, "maria", "admin", now_ms=now_ms, valid_ms=3_600_000)


async def things_of(tenant: Tenant, live: ListeningServer) -> dict[str, str]:
    """Make one of everything, with a mark in every text."""

    async def post(path: str, body: object, headers: Mapping[str, str] = tenant.headers) -> dict:
        answered = await live.server.send("POST", path, body, headers)
        assert answered.status == 200, answered.body
        return answered.json

    visitor = {"id": "visitor_of_b", "name": MARK, "page_url": "https://other.example/"}
    opening = {"source_id": tenant.site, "visitor": visitor, "custom_fields": {"note": MARK}}
    session = (await post("/v1/live-chat/sessions", opening))["data"]
    offer = {
        "session_id": session["session_id"],
        "message": MARK,
        "options": {"campaign_id": "campaign_of_b"},
    }
    message = (await post("/v1/outbound/live-chat/message", offer))["data"]
    words = {"text": MARK, "from": "visitor"}
    said = await post(f"/v1/live-chat/sessions/{session['session_id']}/messages", words)
    path = "/v1/appointments/availability"
    free = await live.server.send("GET", path, headers=tenant.headers)
    wish = {
        "appointment_slot": free.json["data"]["slots"][0]["appointment_slot"],
        "customer": {"name": MARK},
        "session_id": session["session_id"],
    }
    booked = (await post("/v1/appointments", wish))["data"]
    agent = {"agent_id": tenant.agent, "metadata": {"note": MARK}}
    for _ in range(3):
        begun = await post("/api/v1/sessions", agent, tenant.agent_key)
    hook = (await post("/v1/webhooks", HOOK))["data"]["webhook_id"]
    tested = (await post(f"/v1/webhooks/{hook}/test", {}))["data"]
    return {
        "webhook_id": hook,
        "delivery_id": tested["delivery_id"],
        "session_id": session["session_id"],
        "agent_session_id": str(begun["session"]["session_id"]),
        "visitor_id": "visitor_of_b",
        "message_id": message["message_id"],
        "appointment_id": booked["appointment_id"],
        "decision_id": message["decision_id"],
        "conversation_id": said["data"]["conversation_id"],
        "calendar_id": f"cal_{tenant.name}",
        "source_id": tenant.site,
        "assistant_id": tenant.assistant,
        "agent_id": str(tenant.agent),
        "set": tenant.site,
        "visitor_token": session["visitor_token"],
        "campaign_id": "campaign_of_b",
    }


def plain(answered: Answered, ids: Ids) -> str:
    """Write an answer without what was made for it alone, and without the ids it was asked with."""
    text = answered.body.decode()
    for name, value in sorted(ids.items()):
        if len(value) > 6:  # a number may stand anywhere
            text = text.replace(value, f"<{name}>")
    text = _NUMBER.sub("<number>", _TOKEN.sub("<token>", _MADE.sub("<made>", text)))
    return f"{answered.status} {text}"


def test_every_operation_that_reads_a_body_is_tried_with_one() -> None:
    assert {row.name for row in ROWS if row.body is not None} == set(BODIES)


async def test_the_ids_are_of_things_that_are_there(two: Two) -> None:
    tried = 0
    for row in ROWS:
        if row.method == "GET" and path_names(row.path) and row.family == "platform":
            path = re.sub(r"\{(\w+)\}", lambda found: two.ids[found[1]], row.path)
            answered = await two.live.server.send("GET", path, headers=B.headers)
            assert answered.status == 200, path
            tried += 1
    assert tried >= 8


@pytest.mark.parametrize("credential", CREDENTIALS)
async def test_another_workspace_s_ids_answer_like_ids_of_nobody(two: Two, credential: str) -> None:
    before = await two.state_of_b()
    for row in ROWS:
        foreign = await two.request(row, credential, two.ids)
        unknown = await two.request(row, credential, NOBODY)
        assert plain(foreign, two.ids) == plain(unknown, NOBODY), row.name
        assert MARK not in foreign.body.decode(), row.name
        assert foreign.status < 500
    assert await two.state_of_b() == before


@pytest.mark.parametrize("name", sorted(NOBODY))
async def test_one_foreign_id_alone_answers_like_an_id_of_nobody(two: Two, name: str) -> None:
    """All other ids are A's own or left to A, so that this one is what is looked at."""
    hook = {**HOOK, "description": ""}
    made = await two.live.server.send("POST", "/v1/webhooks", hook, A.headers)
    own = {
        **NOBODY,
        "session_id": two.session_of_a["session_id"],
        "visitor_id": two.session_of_a["visitor_id"],
        "visitor_token": two.session_of_a["visitor_token"],
        "source_id": A.site,
        "assistant_id": A.assistant,
        "agent_id": str(A.agent),
        "calendar_id": f"cal_{A.name}",
        "set": "main",
        "webhook_id": made.json["data"]["webhook_id"],
    }
    for row in ROWS:
        if row.name in LASTING:
            continue  # what they do once cannot be compared with a second time
        for credential in ("key", "widget"):
            foreign = await two.request(row, credential, {**own, name: two.ids[name]})
            unknown = await two.request(row, credential, {**own, name: NOBODY[name]})
            assert MARK not in foreign.body.decode(), row.name
            if name in path_names(row.path) or foreign.status >= 400:
                left = plain(foreign, {name: two.ids[name]})
                assert left == plain(unknown, {name: NOBODY[name]}), row.name


async def test_filters_by_another_workspace_s_ids_find_nothing(two: Two) -> None:
    for row in ROWS:
        if row.query is None or row.family != "platform":
            continue
        for field in msgspec.structs.fields(row.query):
            name = field.encode_name
            if name not in two.ids:
                continue
            foreign, unknown = [
                await two.request(row, "key", ids, query=f"{name}={ids[name]}")
                for ids in (two.ids, NOBODY)
            ]
            assert plain(foreign, two.ids) == plain(unknown, NOBODY), (row.name, name)


async def test_lists_show_nothing_of_another_workspace(two: Two) -> None:
    for row in ROWS:
        if row.method != "GET" or row.family != "platform" or path_names(row.path):
            continue
        for credential in ("key", "jwt"):
            answered = await two.request(row, credential, NOBODY)
            shown = answered.body.decode()
            assert MARK not in shown
            for name in ("session_id", "visitor_id", "message_id", "appointment_id", "source_id"):
                assert two.ids[name] not in shown, (row.name, name)


async def test_a_cursor_of_another_workspace_is_no_cursor(two: Two) -> None:
    lists = [row for row in ROWS if row.query and issubclass(row.query, PageQuery)]
    tried = 0
    for row in lists:
        if path_names(row.path):
            continue
        listed = await two.live.server.send("GET", f"{row.path}?limit=1", headers=B.headers)
        cursor = listed.json["meta"]["next_cursor"]
        if cursor is None:
            continue
        foreign = await two.request(row, "key", NOBODY, query=f"cursor={cursor}")
        unknown = await two.request(row, "key", NOBODY, query="cursor=bm90aGluZw.bm90aGluZw")
        assert plain(foreign, {}) == plain(unknown, {})
        assert foreign.json["error"]["details"]["reason"] == "invalid_cursor"
        tried += 1
    assert tried >= 2


async def test_naming_another_workspace_is_refused_like_one_that_does_not_exist(two: Two) -> None:
    for row in ROWS:
        if row.family == "widget":
            continue
        path = re.sub(r"\{\w+\}", "x", row.path)
        key = A.agent_key if row.family == "agent" else {"authorization": f"Bearer {A.key}"}
        foreign, unknown = [
            await two.live.server.send(row.method, path, None, {**key, "x-workspace-id": named})
            for named in (B.workspace, "ws_nobody")
        ]
        assert foreign.status == 403
        assert plain(foreign, {}) == plain(unknown, {})


async def test_a_widget_s_token_opens_no_other_widget(two: Two) -> None:
    for row in ROWS:
        if row.family != "widget":
            continue
        path = row.path.replace("{widget_id}", B.workspace)
        make = BODIES.get(row.name)
        body = None if make is None else make(two.ids)
        answered = await two.live.server.send(row.method, path, body, A.widget)
        assert answered.status == 401
        assert MARK not in answered.body.decode()


# ---- frames


@pytest.mark.parametrize("credential", ["key", "jwt", "widget", "visitor"])
async def test_no_credential_opens_another_workspace_s_socket(two: Two, credential: str) -> None:
    token = two.credentials[credential]["authorization"].removeprefix("Bearer ")
    codes = []
    for session in (two.ids["session_id"], NOBODY["session_id"]):
        async with two.live.socket(session) as socket:
            await say(socket, type="auth", token=token)
            codes.append(await close_code(socket))
    assert codes[0] == codes[1]
    assert codes[0] in (4401, 4403, 4404)


async def test_frames_about_another_workspace_s_things_do_what_they_do_for_nobody_s(
    two: Two,
) -> None:
    before = await two.state_of_b()
    heard = []
    for ids in (two.ids, NOBODY):
        about = {"message_id": ids["message_id"]}
        frames = [
            *({"type": kind, **about} for kind in ("displayed", "read", "dismissed")),
            {"type": "reply_clicked", **about, "value": "yes"},
            {
                "type": "book",
                "appointment_slot": "2024-01-22T14:00:00Z",
                "customer": {"name": "John Doe"},
                "calendar_id": ids["calendar_id"],
                "session_id": ids["session_id"],
            },
        ]
        async with two.live.socket(two.session_of_a["session_id"]) as socket:
            await say(socket, type="auth", token="wk_a")
            await next_frame(socket, "hello")
            for frame in frames:
                await say(socket, **frame)
            await say(socket, type="ping")
            answers = []
            while True:
                text = await socket.recv()
                answers.append(text)
                if '"pong"' in str(text):
                    break
            heard.append([_MADE.sub("<made>", str(text)) for text in answers])
    assert heard[0] == heard[1]
    assert await two.state_of_b() == before


async def test_a_dashboard_hears_nothing_of_another_workspace(two: Two) -> None:
    address = f"ws://127.0.0.1:{two.live.port}/api/ws/tenant"
    topics = [{"topics": ["*"], "filter": {"session_id": two.ids["session_id"]}}]
    topics.append({"topics": ["*"], "filter": {"source_id": B.site}})
    topics.append({"topics": ["conversation:*", "message:*", "decision:*", "visitor:*"]})
    async with connect(address) as socket:
        await say(socket, type="auth", token=dashboard(two.live, A), topics=["conversation:*"])
        await next_frame(socket, "auth:ok")
        for wanted in topics:
            await say(socket, type="subscribe", **wanted)
            await next_frame(socket, "subscribe:ok")
            await things_of(B, two.live)
        await say(socket, type="ping")
        while True:
            text = str(await socket.recv())
            assert MARK not in text
            assert two.ids["session_id"] not in text
            frame = msgspec.json.decode(text)
            if frame["type"] == "pong":
                break


async def test_a_place_in_another_workspace_s_feed_is_no_place(two: Two) -> None:
    address = f"ws://127.0.0.1:{two.live.port}/api/ws/tenant"
    async with connect(address) as socket:
        await say(socket, type="auth", token=dashboard(two.live, B))
        place = (await next_frame(socket, "auth:ok"))["data"]
    async with connect(address) as socket:
        resume = {"epoch": place["epoch"], "offset": 0}
        await say(socket, type="auth", token=dashboard(two.live, A), resume=resume)
        await next_frame(socket, "auth:ok")
        await say(socket, type="ping")
        while True:
            text = str(await socket.recv())
            assert MARK not in text
            if msgspec.json.decode(text)["type"] == "pong":
                break
