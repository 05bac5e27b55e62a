"""What is read to explain a session: whole journals within their limits, and the programs of their time."""

import pytest

from server.rulebook.past_programs import PastPrograms
from server.rulebook.retelling import read_past
from tests.server.running import AC_PAGE, PLATFORM, RULES, TestServer

pytestmark = pytest.mark.anyio


async def visit(server: TestServer, alias: str, visitor: str = "v1") -> str:
    view = {"event": "page_view", "page": {"url": AC_PAGE}}
    body = {"sessionId": alias, "visitorId": visitor, **view}
    assert (await server.track(body)).status == 200
    await server.pass_time(46_000)
    rows = (await server.send("GET", "/v1/decisions", None, PLATFORM)).json["data"]
    await server.pass_time(7_200_000)
    return rows[0]["decision_id"]


async def trace(server: TestServer, decision: str) -> dict:
    answered = await server.send("GET", f"/v1/decisions/{decision}", None, PLATFORM)
    assert answered.status == 200, answered.body
    return answered.json["data"]["trace"]


async def test_without_its_journal_a_decision_keeps_its_sentence(
    server: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    decision = await visit(server, "s1")
    whole = await trace(server, decision)
    monkeypatch.setattr("server.rulebook.retelling.ENTRIES_MAX", 1)
    bare = await trace(server, decision)
    assert (bare["clauses"], bare["earliest_ms"]) == ([], None)
    for name in ("rule", "at_ms", "outcome", "reason", "summary"):
        assert bare[name] == whole[name]
    answered = await server.send("GET", "/v1/live-chat/sessions/s1/why", None, PLATFORM)
    assert answered.status == 404
    assert "no longer kept" in answered.json["error"]["message"]


async def test_only_the_newest_earlier_sessions_are_told_too(
    server: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        await visit(server, f"s{number}")
    ref = await server.parts.runtime.find("ws_dev", "s2")
    assert ref is not None
    past = await read_past(server.parts.store, ref)
    assert past is not None
    assert len({one.ref for one in past.recorded}) == 3
    assert [one.ref for one in past.recorded][-1] == ref
    monkeypatch.setattr("server.rulebook.retelling.EARLIER_SESSIONS_MAX", 1)
    past = await read_past(server.parts.store, ref)
    assert past is not None
    assert len({one.ref for one in past.recorded}) == 2
    assert len(past.profile.spent) == 1


async def test_programs_are_compiled_once_and_the_oldest_leave(
    server: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.rulebook.past_programs.PROGRAMS_MAX", 1)
    monkeypatch.setattr("server.rulebook.past_programs.NUMBERS_MAX", 1)
    services = server.parts.app.services
    programs = PastPrograms(services.rules)
    first = services.rules.live("ws_dev", "main").program
    headers = {**PLATFORM, "if-match": "*"}
    body = {"files": {"main.rules": RULES.replace("45s", "50s")}, "note": "later"}
    await server.send("POST", "/v1/rules/main/publish", body, headers)
    second = services.rules.live("ws_dev", "main").program
    run = services.side_work.run
    gathered = await programs.gather("ws_dev", [("site_dev", second)], run)
    again = await programs.gather("ws_dev", [("site_dev", second)], run)
    assert gathered("site_dev", second) is again("site_dev", second)
    assert gathered("site_dev", second) is not server.parts.workspaces.program("ws_dev", "site_dev")
    both = await programs.gather("ws_dev", [("site_dev", first), ("site_dev", second)], run)
    assert both("site_dev", first).version == first
    assert both("site_dev", second).version == second
    assert both("site_dev", "unheard of").version == second
    for program, number in ((first, 1), (second, 2), (first, 1), ("unheard of", None)):
        assert await programs.number("ws_dev", program) == number
    assert await programs.number("ws_other", first) is None


async def test_a_site_that_is_gone_is_told_under_the_main_set(server: TestServer) -> None:
    services = server.parts.app.services
    live = services.rules.live("ws_dev", "main").program
    gathered = await services.past_programs.gather(
        "ws_dev", [("site_gone", live)], services.side_work.run
    )
    assert gathered("site_gone", live).version == live
