"""`/v1/rules`: what is listed, checked, tested and published, and who wins when two publish."""

import asyncio
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
BROKEN = RULES.replace("45s", "45")
QUICK = RULES.replace("45s", "35s")
FAILING = (
    RULES
    + '\ntest "too soon" {\n  at 0s view "/services/ac-repair"\n  at 5s expect message from ac_help\n}\n'
)
PASSING = (
    RULES
    + '\ntest "in time" {\n  at 0s view "/services/ac-repair"\n  at 45s expect message from ac_help\n}\n'
)
LATE = '\nrule late "L" {\n  on page "/z"\n  when time_on_page >= 2m\n  say "Hi"\n}\n'
OTHER = {
    "authorization": "Bearer dev_key_other_012345678",
    "x-workspace-id": "ws_other",
}
MAIN = "/v1/rules/main"


async def ask(server: TestServer, path: str, **headers: str) -> Answered:
    return await server.send("GET", path, None, {**PLATFORM, **headers})


async def post(server: TestServer, path: str, body: object, **headers: str) -> Answered:
    return await server.send("POST", path, body, {**PLATFORM, **headers})


async def publish(
    server: TestServer, text: str, etag: str | None = None, note: str = "because"
) -> Answered:
    """Publish one file on top of `etag`, of what is live when left out."""
    if etag is None:
        etag = (await ask(server, MAIN)).headers["etag"]
    body = {"files": {"main.rules": text}, "note": note}
    return await post(server, f"{MAIN}/publish", body, **{"if-match": etag})


def details(answered: Answered) -> dict:
    return answered.json["error"]["details"]


# ---- looking


async def test_the_sets_of_a_workspace_are_listed(server: TestServer) -> None:
    answered = await ask(server, "/v1/rules")
    (row,) = answered.json["data"]
    assert answered.json["meta"]["has_more"] is False
    assert row["set"] == "main"
    assert row["source_ids"] == ["site_dev", "site_strict"]
    assert (row["version"], row["rules"], row["goals"]) == (1, 1, 0)
    assert row["published_by"] == "folder"
    assert row["published_at"].endswith("Z")


async def test_a_workspace_without_a_folder_has_an_empty_set(server: TestServer) -> None:
    (row,) = (await server.send("GET", "/v1/rules", None, OTHER)).json["data"]
    assert (row["set"], row["version"], row["published_at"]) == ("main", 0, None)
    data = (await server.send("GET", MAIN, None, OTHER)).json["data"]
    assert data["files"] == {}
    assert data["etag"].startswith('"0-')


async def test_a_set_comes_with_its_files_and_its_etag(server: TestServer) -> None:
    answered = await ask(server, MAIN)
    data = answered.json["data"]
    assert data["files"] == {"main.rules": RULES}
    assert answered.headers["etag"] == data["etag"]
    assert data["etag"].startswith('"1-')
    assert len(data["etag"]) == len('"1-"') + 16


async def test_an_old_version_is_kept_as_it_was(server: TestServer) -> None:
    assert (await publish(server, QUICK)).status == 200
    old = (await ask(server, f"{MAIN}?version=1")).json["data"]
    assert (old["version"], old["files"]) == (1, {"main.rules": RULES})
    assert (await ask(server, f"{MAIN}?version=0")).json["data"]["files"] == {}
    answered = await ask(server, f"{MAIN}?version=3")
    assert (answered.status, details(answered)["reason"]) == (404, "version_not_found")


async def test_an_unknown_set_and_one_of_another_workspace_answer_alike(
    tmp_path: Path, anyio_backend: str
) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "main.rules").write_text(RULES)
    config = CONFIG.replace(
        'source_id = "site_other"', 'source_id = "site_other"\n  rules = "shop"'
    )
    async with in_process(write_config(tmp_path, config)) as server:
        own = await server.send("GET", "/v1/rules/site_other", None, OTHER)
        assert own.json["data"]["files"] == {"main.rules": RULES}
        answers = [await ask(server, f"/v1/rules/{name}") for name in ("site_other", "nothing")]
        errors = [(each.status, each.json["error"]) for each in answers]
        assert errors[0] == errors[1]
        assert details(answers[0])["reason"] == "rule_set_not_found"


async def test_a_key_needs_the_scope(server: TestServer) -> None:
    reader = {"authorization": "Bearer dev_key_reader_0123456"}
    answered = await ask(server, "/v1/rules", **reader)
    assert (answered.status, details(answered)["scope"]) == (403, "rules:read")
    answered = await post(server, f"{MAIN}/publish", {}, **reader)
    assert (answered.status, details(answered)["scope"]) == (403, "rules:write")


# ---- checking


async def test_a_bad_rule_is_a_finding_and_not_a_failed_call(server: TestServer) -> None:
    answered = await post(server, "/v1/rules/check", {"files": {"main.rules": BROKEN}})
    data = answered.json["data"]
    assert answered.status == 200
    assert (data["ok"], data["errors"], data["score_range"]) == (False, 1, None)
    (found,) = data["diagnostics"]
    assert list(found) == [
        "code",
        "severity",
        "message",
        "help",
        "file",
        "start",
        "end",
        "related",
        "fix",
    ]
    assert (found["code"], found["severity"], found["file"]) == ("OP101", "error", "main.rules")
    assert found["start"] == {"line": 8, "column": 24}


async def test_a_good_set_says_what_rules_may_name(server: TestServer) -> None:
    text = 'attribute visitor.plan: one_of ["free", "paid"] default "free"\nevent plan_toggle {\n  to: text\n}\n'
    files = {
        "main.rules": RULES + "score {\n  start 5\n  +10 when seen plan_toggle\n}\n",
        "a.rules": text,
    }
    data = (await post(server, "/v1/rules/check", {"files": files})).json["data"]
    assert data["ok"], data["diagnostics"]
    assert data["score_range"] == [5, 15]
    plan = next(each for each in data["attributes"] if each["name"] == "visitor.plan")
    assert (plan["options"], plan["built_in"]) == (["free", "paid"], False)
    toggle = next(each for each in data["events"] if each["name"] == "plan_toggle")
    assert toggle["fields"] == [{"name": "to", "type": "text"}]


async def test_hints_are_shown_when_they_are_asked_for(server: TestServer) -> None:
    files = {"files": {"main.rules": RULES + "event never_used {}\n"}}
    plain = (await post(server, "/v1/rules/check", files)).json["data"]["diagnostics"]
    more = (await post(server, "/v1/rules/check?hints=true", files)).json["data"]["diagnostics"]
    assert not any(each["severity"] == "info" for each in plain)
    assert any(each["severity"] == "info" for each in more)
    answered = await post(server, "/v1/rules/check?hints=perhaps", files)
    assert (answered.status, details(answered)["field"]) == (400, "hints")


async def test_files_are_laid_out(server: TestServer) -> None:
    files = {"main.rules": RULES.replace("  when", "      when")}
    answered = await post(server, "/v1/rules/format", {"files": files})
    text = answered.json["data"]["files"]["main.rules"]
    assert "\n  when time_on_page >= 45s\n" in text
    broken = await post(server, "/v1/rules/format", {"files": {"main.rules": "rule {"}})
    assert (broken.status, details(broken)["reason"]) == (400, "check_failed")
    assert details(broken)["diagnostics"]


async def test_test_blocks_are_run(server: TestServer) -> None:
    passed = await post(server, "/v1/rules/test", {"files": {"main.rules": PASSING}})
    assert passed.json["data"]["passed"] == 1
    assert passed.json["data"]["coverage"] == {
        "conditions": 1,
        "conditions_seen": 1,
        "rules": 1,
        "rules_spoken": 1,
        "unseen": [],
    }
    failed = (await post(server, "/v1/rules/test", {"files": {"main.rules": FAILING}})).json["data"]
    assert (failed["passed"], failed["failed"]) == (0, 1)
    (test,) = failed["tests"]
    assert (test["name"], test["file"], test["passed"]) == ("too soon", "main.rules", False)
    assert test["message"]
    broken = await post(server, "/v1/rules/test", {"files": {"main.rules": BROKEN}})
    assert details(broken)["reason"] == "check_failed"


@pytest.mark.parametrize(
    "name",
    [
        "main.txt",
        "../a.rules",
        "/a.rules",
        "a//b.rules",
        "a/./b.rules",
        "ü.rules",
        ".rules",
        "a" * 121 + ".rules",
    ],
)
async def test_a_file_s_name_is_checked(server: TestServer, name: str) -> None:
    answered = await post(server, "/v1/rules/check", {"files": {name: RULES}})
    assert (answered.status, details(answered)["reason"]) == (400, "invalid_file_name")
    assert details(answered)["field"] == "files"


async def test_files_are_bounded_in_number_and_in_size(server: TestServer) -> None:
    many = {f"r{number}.rules": "" for number in range(101)}
    answered = await post(server, "/v1/rules/check", {"files": many})
    assert (answered.status, details(answered)["reason"]) == (400, "too_many")
    long = {"main.rules": "# " + "x" * 1_048_576}
    answered = await post(server, "/v1/rules/check", {"files": long})
    assert (answered.status, details(answered)["reason"]) == (400, "too_long")
    body = {f"r{number}.rules": "#" * 999_999 for number in range(3)}
    answered = await post(server, "/v1/rules/check", {"files": body})
    assert (answered.status, details(answered)["reason"]) == (413, "body_too_large")


# ---- publishing


async def test_a_publication_is_a_new_version(server: TestServer) -> None:
    etag = (await ask(server, MAIN)).headers["etag"]
    answered = await publish(server, QUICK, etag)
    data = answered.json["data"]
    assert answered.status == 200, answered.body
    assert (data["set"], data["version"], data["reloaded"]) == ("main", 2, True)
    now = await ask(server, MAIN)
    assert now.headers["etag"] == data["etag"] == answered.headers["etag"] != etag
    assert now.json["data"]["files"] == {"main.rules": QUICK}


async def test_a_publication_takes_effect_for_a_live_session_at_once(server: TestServer) -> None:
    view = {"sessionId": "s1", "event": "page_view", "page": {"url": AC_PAGE}}
    assert (await server.track(view)).status == 200
    await server.pass_time(40_000)
    poll = {"sessionId": "s1", "event": "active", "deliver": True}
    assert (await server.track(poll)).json["messages"] == []
    assert (await publish(server, QUICK)).status == 200
    (message,) = (await server.track(poll)).json["messages"]
    assert message["text"] == "Need help with your AC?"


async def test_equal_files_make_a_new_version_too(server: TestServer) -> None:
    data = (await publish(server, RULES)).json["data"]
    assert data["version"] == 2


async def test_what_is_stale_is_refused_with_what_is_live(server: TestServer) -> None:
    etag = (await ask(server, MAIN)).headers["etag"]
    live = (await publish(server, QUICK, etag)).json["data"]["etag"]
    answered = await publish(server, RULES, etag)
    assert answered.status == 412
    assert answered.json["error"]["code"] == "PRECONDITION_FAILED"
    assert details(answered)["reason"] == "etag_mismatch"
    assert details(answered)["current"] == live
    assert (await ask(server, MAIN)).headers["etag"] == live


async def test_of_two_publishers_one_wins(server: TestServer) -> None:
    etag = (await ask(server, MAIN)).headers["etag"]
    answers = await asyncio.gather(
        *(publish(server, RULES.replace("45s", f"{40 + at}s"), etag) for at in range(4))
    )
    assert sorted(each.status for each in answers) == [200, 412, 412, 412]
    (won,) = [each for each in answers if each.status == 200]
    assert (await ask(server, MAIN)).headers["etag"] == won.json["data"]["etag"]
    assert won.json["data"]["version"] == 2


async def test_a_publisher_says_what_it_knew(server: TestServer) -> None:
    body = {"files": {"main.rules": QUICK}, "note": "because"}
    answered = await post(server, f"{MAIN}/publish", body)
    assert (answered.status, details(answered)) == (
        400,
        {"field": "If-Match", "reason": "required"},
    )


async def test_a_tag_without_quotes_and_a_weak_one_are_understood(server: TestServer) -> None:
    etag = (await ask(server, MAIN)).headers["etag"]
    assert (await publish(server, QUICK, etag.strip('"'))).status == 200
    etag = (await ask(server, MAIN)).headers["etag"]
    assert (await publish(server, RULES, f"W/{etag}")).status == 200
    assert (await publish(server, QUICK, "*")).status == 200


@pytest.mark.parametrize(
    ("text", "reason", "more"),
    [(BROKEN, "check_failed", "diagnostics"), (FAILING, "tests_failed", "tests")],
)
async def test_broken_rules_and_failing_tests_change_nothing(
    server: TestServer, text: str, reason: str, more: str
) -> None:
    before = await ask(server, MAIN)
    answered = await publish(server, text)
    assert (answered.status, details(answered)["reason"]) == (400, reason)
    assert details(answered)[more]
    assert (await ask(server, MAIN)).body.split(b'"meta"')[0] == before.body.split(b'"meta"')[0]


async def test_a_note_is_wanted(server: TestServer) -> None:
    for note, reason in (("", "too_short"), ("x" * 501, "too_long")):
        answered = await publish(server, QUICK, note=note)
        assert (answered.status, details(answered)) == (400, {"field": "note", "reason": reason})


async def test_a_rollback_is_a_new_version_with_the_old_files(server: TestServer) -> None:
    etag = (await publish(server, QUICK)).json["data"]["etag"]
    body = {"version": 1, "note": "too many messages"}
    answered = await post(server, f"{MAIN}/rollback", body, **{"if-match": etag})
    assert answered.json["data"]["version"] == 3
    assert (await ask(server, MAIN)).json["data"]["files"] == {"main.rules": RULES}
    missing = await post(server, f"{MAIN}/rollback", {**body, "version": 9}, **{"if-match": "*"})
    assert (missing.status, details(missing)["reason"]) == (404, "version_not_found")
    stale = await post(server, f"{MAIN}/rollback", body, **{"if-match": etag})
    assert stale.status == 412


async def test_the_history_says_who_and_why_in_pages(server: TestServer) -> None:
    await publish(server, QUICK + LATE, note="more")
    await publish(server, QUICK, note="less")
    first = (await ask(server, f"{MAIN}/history?limit=2")).json
    assert [row["version"] for row in first["data"]] == [3, 2]
    assert first["data"][0] | {"published_at": "", "etag": ""} == {
        "version": 3,
        "etag": "",
        "note": "less",
        "origin": "api",
        "author": "dev",
        "published_at": "",
        "added": [],
        "removed": ["late"],
    }
    assert first["data"][1]["added"] == ["late"]
    cursor = first["meta"]["next_cursor"]
    rest = (await ask(server, f"{MAIN}/history?limit=2&cursor={cursor}")).json
    assert [(row["version"], row["origin"]) for row in rest["data"]] == [(1, "folder")]
    assert rest["meta"]["has_more"] is False


async def test_a_repeated_publication_happens_once(server: TestServer) -> None:
    etag = (await ask(server, MAIN)).headers["etag"]
    body = {"files": {"main.rules": QUICK}, "note": "because"}
    headers = {"if-match": etag, "idempotency-key": "publish-1"}
    first = await post(server, f"{MAIN}/publish", body, **headers)
    again = await post(server, f"{MAIN}/publish", body, **headers)
    assert (first.status, again.status) == (200, 200)
    assert again.json["data"] == first.json["data"]
    assert len((await ask(server, f"{MAIN}/history")).json["data"]) == 2
