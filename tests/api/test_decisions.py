"""`/v1/decisions` and `why`: what was decided is listed, streamed and explained, for its workspace alone."""

from datetime import UTC, datetime

import msgspec
import pytest

from engine.events import Event
from engine.runtime_types import ClientContext
from tests.server.running import AC_PAGE, PLATFORM, RULES, Answered, TestServer

pytestmark = pytest.mark.anyio
OTHER = {
    "authorization": "Bearer dev_key_other_012345678",
    "x-workspace-id": "ws_other",
}
ELSEWHERE = "https://shop.example/about"


async def ask(server: TestServer, path: str, headers: dict[str, str] = PLATFORM) -> Answered:
    return await server.send("GET", path, None, headers)


def details(answered: Answered) -> dict:
    return answered.json["error"]["details"]


def instant(at_ms: int) -> str:
    """Write an instant to the millisecond, as a query takes it."""
    return datetime.fromtimestamp(at_ms / 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


async def visit(server: TestServer, alias: str, wait_ms: int = 50_000) -> None:
    view = {"sessionId": alias, "event": "page_view", "page": {"url": AC_PAGE}}
    assert (await server.track(view)).status == 200
    await server.pass_time(45_000)
    await server.pass_time(wait_ms - 45_000)


async def decisions(server: TestServer, query: str = "") -> list[dict]:
    answered = await ask(server, f"/v1/decisions{query}")
    assert answered.status == 200, answered.body
    return answered.json["data"]


async def test_a_decision_is_listed(server: TestServer) -> None:
    began_ms = server.clock.now_ms()
    await visit(server, "s1")
    (row,) = await decisions(server)
    assert list(row) == [
        "decision_id",
        "at_ms",
        "session_id",
        "visitor_id",
        "rule",
        "rule_version",
        "variant",
        "kind",
        "outcome",
        "reason",
        "score",
        "message_id",
    ]
    assert (row["rule"], row["rule_version"], row["kind"]) == ("ac_help", 1, "rule")
    assert (row["outcome"], row["reason"]) == ("sent", "fired")
    assert row["at_ms"] == began_ms + 45_000
    assert row["message_id"].startswith("msg_")


async def test_a_decision_on_time_that_nobody_measured_says_so(server: TestServer) -> None:
    await visit(server, "s1")
    (measured,) = await decisions(server)
    assert "estimated" not in measured
    runtime = server.parts.runtime
    ref = await runtime.resolve("ws_dev", "site_dev", "s2", None)
    view = Event("e_1", "view", server.clock.now_ms(), url=AC_PAGE, origin="segment")
    await runtime.track(ref, "site_dev", [view], ClientContext())
    await server.pass_time(45_000)
    row, _ = await decisions(server)
    assert row["estimated"] is True
    traced = await ask(server, f"/v1/decisions/{row['decision_id']}")
    assert traced.json["data"]["estimated"] is True
    assert traced.json["data"]["trace"]["estimated"] is True
    why = await ask(server, f"/v1/live-chat/sessions/{ref.session}/why?rule=ac_help")
    assert why.json["data"]["estimated"] is True
    first, *_ = (await ask(server, "/v1/decisions.ndjson")).body.splitlines()
    assert msgspec.json.decode(first)["estimated"] is True


async def test_decisions_are_filtered(server: TestServer) -> None:
    await visit(server, "s1")
    between_ms = server.clock.now_ms()
    await visit(server, "s2")
    second, first = await decisions(server)
    assert await decisions(server, "?session_id=s1") == [first]
    assert await decisions(server, f"?session_id={second['session_id']}") == [second]
    assert await decisions(server, f"?visitor_id={first['visitor_id']}") == [first]
    assert await decisions(server, "?rule=ac_help&outcome=sent") == [second, first]
    assert await decisions(server, "?rule=other") == []
    assert await decisions(server, "?outcome=held") == []
    assert await decisions(server, f"?since={instant(between_ms)}") == [second]
    assert await decisions(server, f"?until={instant(between_ms)}") == [first]


@pytest.mark.parametrize(
    ("query", "field", "reason"),
    [
        ("outcome=perhaps", "outcome", "invalid_value"),
        ("since=yesterday", "since", "invalid_timestamp"),
        ("until=2026-01-01T00:00:00", "until", "invalid_timestamp"),
        ("limit=0", "limit", "out_of_range"),
        ("cursor=x", "cursor", "invalid_cursor"),
    ],
)
async def test_a_filter_that_says_nothing_is_refused(
    server: TestServer, query: str, field: str, reason: str
) -> None:
    answered = await ask(server, f"/v1/decisions?{query}")
    assert (answered.status, details(answered)) == (400, {"field": field, "reason": reason})


async def test_pages_continue_where_they_ended(server: TestServer) -> None:
    for number in range(3):
        await visit(server, f"s{number}")
    every = await decisions(server)
    first = (await ask(server, "/v1/decisions?limit=2")).json
    assert first["data"] == every[:2]
    assert first["meta"]["has_more"] is True
    rest = (await ask(server, f"/v1/decisions?limit=2&cursor={first['meta']['next_cursor']}")).json
    assert (rest["data"], rest["meta"]["next_cursor"]) == (every[2:], None)


async def test_a_decision_is_explained_as_it_was_taken(server: TestServer) -> None:
    await visit(server, "s1", wait_ms=120_000)
    (row,) = await decisions(server)
    data = (await ask(server, f"/v1/decisions/{row['decision_id']}")).json["data"]
    trace = data.pop("trace")
    assert data == row
    assert (trace["rule"], trace["at_ms"]) == ("ac_help", row["at_ms"])
    assert (trace["outcome"], trace["reason"]) == ("sent", "fired")
    assert [(each["text"], each["value"]) for each in trace["clauses"]] == [
        ("on page ac_repair", "true"),
        ("when time_on_page >= 45s", "true"),
    ]
    assert trace["clauses"][1]["line"] == 8
    assert all(gate["open"] for gate in trace["gates"])


async def test_a_decision_of_another_workspace_is_unknown(server: TestServer) -> None:
    await visit(server, "s1")
    (row,) = await decisions(server)
    answers = [
        await ask(server, f"/v1/decisions/{name}", OTHER) for name in (row["decision_id"], "dec_x")
    ]
    assert [details(each) for each in answers] == [
        {"field": "decision_id", "reason": "decision_not_found"}
    ] * 2
    assert [each.status for each in answers] == [404, 404]
    assert (await ask(server, "/v1/decisions", OTHER)).json["data"] == []


async def test_an_id_of_something_else_is_no_decision(server: TestServer) -> None:
    await visit(server, "s1")
    (row,) = await decisions(server)
    assert (await ask(server, f"/v1/decisions/{row['message_id']}")).status == 404


async def test_the_stream_ends_with_its_count(server: TestServer) -> None:
    for number in range(3):
        await visit(server, f"s{number}")
    answered = await ask(server, "/v1/decisions.ndjson")
    assert answered.headers["content-type"] == "application/x-ndjson"
    lines = [msgspec.json.decode(line) for line in answered.body.splitlines()]
    assert lines[:-1] == await decisions(server)
    assert lines[-1] == {"end": True, "count": 3}
    assert answered.headers["x-request-id"]


async def test_a_stream_reads_page_after_page(
    server: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.routes.decisions.STREAM_ROWS", 1)
    await visit(server, "s1")
    middle_ms = server.clock.now_ms()
    await visit(server, "s2")
    answered = await ask(server, "/v1/decisions.ndjson")
    assert len(answered.body.splitlines()) == 3
    answered = await ask(server, f"/v1/decisions.ndjson?since={instant(middle_ms)}")
    assert answered.body.splitlines()[-1] == b'{"end":true,"count":1}'


# ---- why


async def test_why_says_what_kept_a_rule_silent(server: TestServer) -> None:
    began_ms = server.clock.now_ms()
    await visit(server, "s1")
    path = f"/v1/live-chat/sessions/s1/why?rule=ac_help&at={instant(began_ms + 40_000)}"
    record = (await ask(server, path)).json["data"]
    assert list(record) == [
        "rule",
        "at_ms",
        "outcome",
        "reason",
        "summary",
        "clauses",
        "gates",
        "earliest_ms",
    ]
    assert (record["outcome"], record["reason"]) == ("none", "when")
    assert (record["at_ms"], record["earliest_ms"]) == (began_ms + 40_000, began_ms + 45_000)
    assert record["clauses"][1]["value"] == "false"


async def test_why_is_the_decision_at_its_instant(server: TestServer) -> None:
    await visit(server, "s1")
    (row,) = await decisions(server)
    trace = (await ask(server, f"/v1/decisions/{row['decision_id']}")).json["data"]["trace"]
    path = f"/v1/live-chat/sessions/{row['session_id']}/why"
    at = instant(row["at_ms"])
    assert (await ask(server, f"{path}?rule=ac_help&at={at}")).json["data"] == trace
    assert (await ask(server, f"{path}?at={at}")).json["data"] == [trace]


async def test_why_without_an_instant_is_now(server: TestServer) -> None:
    await visit(server, "s1")
    record = (await ask(server, "/v1/live-chat/sessions/s1/why?rule=ac_help")).json["data"]
    assert record["at_ms"] == server.clock.now_ms()
    assert record["reason"] == "cooldown"


async def test_why_of_an_ended_session_is_its_end(server: TestServer) -> None:
    began_ms = server.clock.now_ms()
    await visit(server, "s1")
    (row,) = await decisions(server)
    await server.pass_time(7_200_000)
    path = f"/v1/live-chat/sessions/{row['session_id']}/why"
    answered = await ask(server, f"{path}?rule=ac_help")
    assert answered.status == 200, answered.body
    assert began_ms < answered.json["data"]["at_ms"] < server.clock.now_ms() - 3_600_000
    answered = await ask(server, f"{path}?at={instant(server.clock.now_ms())}")
    assert (answered.status, details(answered)["field"]) == (400, "at")


async def test_why_refuses_what_it_cannot_explain(server: TestServer) -> None:
    began_ms = server.clock.now_ms()
    await visit(server, "s1")
    path = "/v1/live-chat/sessions/s1/why"
    answered = await ask(server, f"{path}?rule=nobody")
    assert (answered.status, details(answered)["reason"]) == (404, "rule_not_found")
    for at_ms in (began_ms - 1, server.clock.now_ms() + 1):
        answered = await ask(server, f"{path}?at={instant(at_ms)}")
        assert (answered.status, details(answered)["reason"]) == (400, "out_of_range")
    for name, headers in (("s2", PLATFORM), ("s1", OTHER)):
        answered = await ask(server, f"/v1/live-chat/sessions/{name}/why", headers)
        assert (answered.status, details(answered)["reason"]) == (404, "session_not_found")


async def test_why_is_told_by_the_rules_that_decided(server: TestServer) -> None:
    """The rules change after the decision; its record stays what it was."""
    await visit(server, "s1")
    (row,) = await decisions(server)
    before = (await ask(server, f"/v1/decisions/{row['decision_id']}")).json["data"]
    etag = (await ask(server, "/v1/rules/main")).headers["etag"]
    body = {"files": {"main.rules": RULES.replace("45s", "90s")}, "note": "later"}
    headers = {**PLATFORM, "if-match": etag}
    published = await server.send("POST", "/v1/rules/main/publish", body, headers)
    assert published.status == 200
    assert (await ask(server, f"/v1/decisions/{row['decision_id']}")).json["data"] == before
    view = {"sessionId": "s1", "event": "page_view", "page": {"url": AC_PAGE}}
    assert (await server.track(view)).status == 200
    record = (await ask(server, "/v1/live-chat/sessions/s1/why?rule=ac_help")).json["data"]
    assert record["clauses"][1]["text"] == "when time_on_page >= 90s"


async def test_a_session_in_which_nothing_was_said_names_the_nearest_rule(
    server: TestServer,
) -> None:
    view = {"sessionId": "s1", "event": "page_view", "page": {"url": AC_PAGE}}
    assert (await server.track(view)).status == 200
    await server.pass_time(20_000)
    away = {"sessionId": "s1", "event": "visibility", "metadata": {"visible": False}}
    assert (await server.track(away)).status == 200
    await server.pass_time(7_200_000)
    (row,) = await decisions(server, "?outcome=none")
    assert (row["rule"], row["reason"], row["message_id"]) == ("ac_help", "when", None)
    trace = (await ask(server, f"/v1/decisions/{row['decision_id']}")).json["data"]["trace"]
    assert (trace["outcome"], trace["reason"]) == ("none", "when")
    assert trace["clauses"][1]["value"] == "false"
    assert not next(gate for gate in trace["gates"] if gate["name"] == "hidden")["open"]


async def test_a_message_over_the_api_is_a_decision_too(server: TestServer) -> None:
    session = await server.open_session(id="v1")
    view = {"sessionId": "s1", "visitorId": "v1", "event": "page_view", "page": {"url": AC_PAGE}}
    assert (await server.track(view)).status == 200
    body = {"session_id": session["session_id"], "message": "Look at this"}
    path = "/v1/outbound/live-chat/message"
    await server.pass_time(31_000)
    sent = await server.send("POST", path, body, PLATFORM)
    rows = [row for row in await decisions(server) if row["kind"] == "api"]
    assert rows, sent.body
    for row in rows:
        trace = (await ask(server, f"/v1/decisions/{row['decision_id']}")).json["data"]["trace"]
        assert (trace["outcome"], trace["reason"]) == (row["outcome"], row["reason"])
        assert trace["clauses"] == []
