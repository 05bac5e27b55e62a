"""Each row of the policy's table of API.md 3.2 as a caller meets it, with and without `now_or_fail`."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

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
PATH = "/v1/outbound/live-chat/message"
SESSIONS = "/v1/live-chat/sessions"
CONSENT = CONFIG.replace(
    'origins = ["https://strict.example"]',
    'origins = ["https://strict.example"]\n  consent = "required"',
)
OFTEN = "at most 9 per session\n  wait 0s after message"
Under = Callable[[str], AbstractAsyncContextManager[TestServer]]


@pytest.fixture
def under(tmp_path: Path, anyio_backend: str) -> Under:
    """Make servers under a policy."""

    @asynccontextmanager
    async def serve(policy: str) -> AsyncIterator[TestServer]:
        rules = RULES + "policy {\n  " + policy + "\n}\n"
        async with in_process(write_config(tmp_path, CONSENT, rules)) as running:
            yield running

    return serve


async def send(server: TestServer, now_or_fail: bool = False, **change: object) -> Answered:
    body = {"visitor_id": "visitor_1", "message": "Hello", **change}
    if now_or_fail:
        options = body.get("options", {})
        assert isinstance(options, dict)
        body["options"] = {**options, "deliver": "now_or_fail"}
    return await server.send("POST", PATH, body, PLATFORM)


async def browse(
    server: TestServer, page: str = AC_PAGE, seconds: int = 31, **visitor: object
) -> str:
    made = await server.open_session(id="visitor_1", page_url=page, **visitor)
    server.clock.advance(seconds * 1_000)
    return made["session_id"]


def details(answered: Answered) -> dict:
    return answered.json["error"]["details"]


EITHER = pytest.mark.parametrize("now_or_fail", [False, True])


@EITHER
async def test_row_1_without_the_consent_that_a_site_requires(
    under: Under, now_or_fail: bool
) -> None:
    async with under("at most 1 per session") as server:
        visitor = {"id": "visitor_1", "consent": "pending"}
        body = {"source_id": "site_strict", "visitor": visitor}
        await server.send("POST", SESSIONS, body, PLATFORM)
        refused = await send(server, now_or_fail)
        assert (refused.status, refused.json["error"]["code"]) == (403, "PERMISSION_DENIED")
        assert details(refused) == {"reason": "no_consent"}
        body = {"source_id": "site_strict", "visitor": {"id": "visitor_2"}}
        await server.send("POST", SESSIONS, body, PLATFORM)
        assert (await send(server, visitor_id="visitor_2")).status == 200


@EITHER
async def test_row_1_a_denied_consent(server: TestServer, now_or_fail: bool) -> None:
    await browse(server, consent="denied")
    refused = await send(server, now_or_fail)
    assert (refused.status, details(refused)["reason"]) == (403, "no_consent")


@EITHER
async def test_row_2_who_engaged_gets_an_ordinary_message_whatever_the_policy(
    under: Under, now_or_fail: bool
) -> None:
    async with under(
        'never on page "/services/**"\n  quiet hours 10:00 to 11:00 in site time'
    ) as server:
        session = await browse(server, seconds=1)
        said = {"from": "visitor", "text": "Hello"}
        await server.send("POST", f"{SESSIONS}/{session}/messages", said, PLATFORM)
        for _ in range(2):
            sent = await send(server, now_or_fail, trigger={"page_url": "https://shop.example/x"})
            assert (sent.status, sent.json["data"]["deliver_after"]) == (200, None)
            assert sent.json["data"]["expires_at"] is None


@EITHER
async def test_row_3_an_excluded_page(under: Under, now_or_fail: bool) -> None:
    async with under('never on page "/careers"') as server:
        await browse(server, "https://shop.example/careers")
        refused = await send(server, now_or_fail)
        assert refused.status == 400
        assert details(refused) == {
            "reason": "excluded_page",
            "current_page": "https://shop.example/careers",
        }


@EITHER
async def test_row_4_an_unrelated_page(server: TestServer, now_or_fail: bool) -> None:
    await browse(server, "https://shop.example/careers")
    refused = await send(server, now_or_fail, trigger={"page_url": AC_PAGE})
    assert refused.status == 400
    assert details(refused) == {
        "field": "trigger.page_url",
        "reason": "page_mismatch",
        "current_page": "https://shop.example/careers",
    }


@EITHER
async def test_row_5_a_message_was_sent_in_this_session(
    server: TestServer, now_or_fail: bool
) -> None:
    await browse(server)
    assert (await send(server)).status == 200
    refused = await send(server, now_or_fail)
    assert (refused.status, refused.json["error"]["code"]) == (429, "RATE_LIMIT_EXCEEDED")
    assert details(refused) == {"reason": "frequency_cap", "scope": "session", "limit": 1}
    assert "retry-after" not in refused.headers
    assert refused.headers["x-should-retry"] == "false"


@EITHER
async def test_row_6_a_wider_cap_is_full(under: Under, now_or_fail: bool) -> None:
    async with under("at most 9 per session\n  at most 1 per 7d") as server:
        await browse(server)
        assert (await send(server)).status == 200
        server.clock.advance(1_000)
        refused = await send(server, now_or_fail)
        assert refused.status == 429
        assert details(refused) == {"reason": "frequency_cap", "scope": "visitor"}
        assert refused.headers["retry-after"] == str(7 * 86_400 - 1)
        assert refused.headers["x-should-retry"] == "false"


@EITHER
async def test_row_7_a_pause_runs(under: Under, now_or_fail: bool) -> None:
    async with under("at most 9 per session\n  wait 60s after message") as server:
        await browse(server)
        assert (await send(server)).status == 200
        server.clock.advance(10_000)
        refused = await send(server, now_or_fail)
        assert (refused.status, details(refused)) == (429, {"reason": "cooldown"})
        assert refused.headers["retry-after"] == "50"
        assert refused.headers["x-should-retry"] == "false"


async def test_row_8_who_is_held_out_is_shown_nothing(under: Under) -> None:
    async with under('holdout 100% by visitor\n  allow OP231 because "all of them"') as server:
        session = await browse(server)
        sent = await send(server)
        data = sent.json["data"]
        assert (sent.status, data["status"], data["outcome"]) == (200, "sent", "held_out")
        rows = await server.send("GET", f"{SESSIONS}/{session}/messages", headers=PLATFORM)
        assert rows.json["data"] == []
        shown = await server.send("GET", f"{PATH}/{data['message_id']}", headers=PLATFORM)
        assert shown.json["data"]["outcome"] == "held_out"


async def test_row_9_too_early_is_held_or_fails(server: TestServer) -> None:
    await browse(server, seconds=10)
    refused = await send(server, True)
    assert details(refused) == {"reason": "too_early", "retry_after": 20}
    assert refused.headers["retry-after"] == "20"
    held = (await send(server)).json["data"]
    assert (held["status"], held["outcome"]) == ("sent", None)
    assert held["deliver_after"] == "2025-06-15T15:07:10Z"
    assert held["expires_at"] == "2025-06-15T15:09:10Z"


async def test_row_9_the_callers_time_on_page_counts(server: TestServer) -> None:
    await browse(server, seconds=0)
    sent = await send(server, True, trigger={"time_on_page": 30, "page_url": AC_PAGE})
    assert (sent.status, sent.json["data"]["deliver_after"]) == (200, None)


async def test_row_10_quiet_hours_hold_or_fail(under: Under) -> None:
    async with under("quiet hours 10:00 to 11:00 in site time") as server:
        await browse(server)
        refused = await send(server, True)
        assert refused.status == 400
        assert details(refused)["reason"] == "quiet_hours"
        assert details(refused)["retry_after"] == int(refused.headers["retry-after"]) > 3_000
        held = (await send(server)).json["data"]
        assert held["deliver_after"] == "2025-06-15T16:00:00Z"


async def test_row_11_an_offline_visitor_may_come_back_or_it_fails(server: TestServer) -> None:
    await browse(server, "https://shop.example/careers", seconds=120)
    refused = await send(server, True)
    assert (refused.status, details(refused)) == (400, {"reason": "visitor_offline"})
    sent = (await send(server)).json["data"]
    assert (sent["status"], sent["visitor_status"]) == ("sent", "offline")


@EITHER
async def test_row_12_nothing_stands_against_it(server: TestServer, now_or_fail: bool) -> None:
    await browse(server)
    sent = await send(server, now_or_fail)
    assert (sent.status, sent.json["data"]["status"]) == (200, "sent")
    assert sent.json["data"]["deliver_after"] is None
    assert sent.json["data"]["decision_id"].startswith("dec_")


# ---- what may be overridden

GATES = [
    ("first_message_delay", "first message after 60s", AC_PAGE, 0),
    ("frequency_cap", "at most 1 per session\n  wait 0s after message", AC_PAGE, 1),
    ("cooldown", "at most 9 per session\n  wait 1h after message", AC_PAGE, 1),
    ("quiet_hours", "quiet hours 10:00 to 11:00 in site time", AC_PAGE, 0),
    ("page_relevance", OFTEN, "https://shop.example/careers", 0),
    ("excluded_page", 'never on page "/services/**"', AC_PAGE, 0),
    ("holdout", 'holdout 100% by visitor\n  allow OP231 because "all"', AC_PAGE, 0),
]  # fmt: skip


@pytest.mark.parametrize(("gate", "policy", "page", "before"), GATES)
async def test_a_gate_may_be_overridden_by_name(
    under: Under, gate: str, policy: str, page: str, before: int
) -> None:
    async with under(policy) as server:
        outcomes = []
        for visitor, override in (("visitor_1", []), ("visitor_2", [gate])):
            await server.open_session(id=visitor, page_url=page)
            server.clock.advance(31_000)
            for _ in range(before):
                assert (await send(server, visitor_id=visitor)).status == 200
            options = {"override_policy": override}
            trigger = {"page_url": AC_PAGE}
            sent = await send(server, True, visitor_id=visitor, options=options, trigger=trigger)
            outcomes.append(sent.status == 200 and sent.json["data"]["outcome"] is None)
        assert outcomes == [False, True], sent.body


async def test_overriding_needs_its_scope(tmp_path: Path) -> None:
    row = """
  [[workspaces.api_keys]]
  name = "sender"
  key = "dev_key_sender_0123456"
  scopes = ["messages:send"]
"""
    site = '  [[workspaces.sites]]\n  source_id = "site_dev"'
    text = CONFIG.replace(site, row + site)
    async with in_process(write_config(tmp_path, text)) as server:
        headers = {**PLATFORM, "authorization": "Bearer dev_key_sender_0123456"}
        body = {"visitor_id": "v", "message": "Hi", "options": {"override_policy": ["holdout"]}}
        refused = await server.send("POST", PATH, body, headers)
        assert refused.status == 403
        assert details(refused) == {"reason": "missing_scope", "scope": "messages:override"}
        body["options"] = {}
        assert (await server.send("POST", PATH, body, headers)).status == 200
