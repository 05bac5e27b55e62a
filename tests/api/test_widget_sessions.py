"""`POST …/session`: a session with its visitor token, and known users who prove who they are."""

from collections.abc import AsyncIterator
from pathlib import Path

import jwt
import pytest

from engine.causes import VisitorIdentified
from engine.identity import carry_spend, known_visitor
from engine.profile import Profile
from engine.stores.base import SessionRef
from engine.stores.codec import decode_profile
from tests.api.widget_shop import IDENTITY_SECRET, SHOP, chat, meet_card, proof, shop, start
from tests.server.running import AC_PAGE, ORIGIN, SECRET, WIDGET, TestServer

pytestmark = pytest.mark.anyio
KNOWN = known_visitor(SECRET.encode(), "ws_dev", "u1")


@pytest.fixture
async def server(tmp_path: Path, anyio_backend: str) -> AsyncIterator[TestServer]:
    strict = "require_origin = true\n"
    text = SHOP.replace(strict, strict + '  consent = "required"\n')
    async with shop(tmp_path, text) as running:
        yield running


async def profile_of(server: TestServer, visitor: str) -> Profile:
    record = await server.parts.store.visitor("ws_dev", visitor)
    assert record is not None
    return decode_profile(record.profile)


async def ref_of(server: TestServer, session_id: str = "s1") -> SessionRef:
    ref = await server.parts.runtime.find("ws_dev", session_id)
    assert ref is not None
    return ref


async def test_a_session_is_begun_with_a_token_for_its_socket(server: TestServer) -> None:
    answered = await start(server, sessionId="s1", visitorId="v1", page={"url": AC_PAGE})
    assert answered.status == 200
    body = answered.json
    ref = await ref_of(server)
    assert set(body) == {
        "success", "sessionId", "chatSessionId", "visitorId", "visitorToken", "expiresAt", "wsUrl", "config"
    }  # fmt: skip
    assert (body["sessionId"], body["visitorId"]) == ("s1", "v1")
    assert body["chatSessionId"] == ref.session
    assert body["wsUrl"].endswith(f"/v1/sessions/{ref.session}")
    view = await server.parts.runtime.view(ref)
    assert view is not None
    assert (view.page_url, view.widget_made, view.conversation) == (AC_PAGE, True, "")


@pytest.mark.parametrize(
    ("given", "locale"),
    [
        ({}, "en"),
        ({"context": {"locale": "fr-CA"}}, "fr-CA"),
        ({"context": {"locale": "fr-CA"}, "locale": "de"}, "de"),
        ({"context": {"locale": "tlh"}, "locale": "xx"}, "en"),
    ],
)
async def test_a_session_is_spoken_to_in_the_language_of_its_page_or_its_visitor(
    server: TestServer, given: dict[str, object], locale: str
) -> None:
    answered = await start(server, sessionId="s1", **given)
    assert answered.json["config"]["language"]["locale"] == locale


async def test_the_configuration_is_had_in_another_language(server: TestServer) -> None:
    answered = await server.send("GET", "/api/widgets/ws_dev/config?locale=he", headers=WIDGET)
    language = answered.json["config"]["language"]
    assert (language["direction"], language["words"]["close"]) == ("rtl", "סגירה")
    refused = await server.send(
        "GET", f"/api/widgets/ws_dev/config?locale={'x' * 65}", headers=WIDGET
    )
    assert (refused.status, refused.json["field"]) == (400, "locale")


@pytest.mark.parametrize("token", ["wk_dev", "wk_strict"])
async def test_a_session_begins_with_the_configuration_of_its_site(
    server: TestServer, token: str
) -> None:
    origin = {"wk_dev": ORIGIN, "wk_strict": "https://strict.example"}[token]
    headers = {"authorization": f"Bearer {token}", "origin": origin}
    asked = await server.send("GET", "/api/widgets/ws_dev/config", headers=headers)
    begun = await start(server, headers, consent="granted")
    assert begun.json["config"] == asked.json["config"]
    assert begun.json["config"]["consent"] == ("required" if token == "wk_strict" else "implicit")


async def test_without_ids_the_server_makes_them_and_the_chat_goes_on_under_them(
    server: TestServer,
) -> None:
    body = (await start(server)).json
    assert body["sessionId"] == body["chatSessionId"]
    assert body["visitorId"].startswith("vis_")
    await chat(server, sessionId=body["sessionId"])
    ref = await ref_of(server, body["chatSessionId"])
    assert len(await server.parts.runtime.messages(ref, 0, 10)) == 2


async def test_a_session_that_goes_on_is_the_same_and_sees_its_page_once(
    server: TestServer,
) -> None:
    first = await start(server, sessionId="s1", page={"url": AC_PAGE})
    server.clock.advance(60_000)
    again = await start(server, sessionId="s1", page={"url": AC_PAGE})
    assert again.json["chatSessionId"] == first.json["chatSessionId"]
    read = await server.parts.runtime.read(await ref_of(server))
    assert read is not None
    assert read[0].state.page_ms == server.clock.now_ms() - 60_000


@pytest.mark.parametrize(
    ("change", "status", "field", "reason"),
    [
        ({"sessionId": ""}, 400, "sessionId", "too_short"),
        ({"sessionId": "a\n"}, 400, "sessionId", "invalid_id"),
        ({"visitorId": ""}, 400, "visitorId", "required"),
        ({"consent": "yes"}, 400, "consent", "invalid_value"),
        ({"identity": "u1"}, 400, "identity", "invalid_type"),
        ({"identity": {}}, 401, "identity", "invalid_identity"),
        ({"identity": {"userId": "u1"}}, 401, "identity", "invalid_identity"),
        ({"identity": {"userId": "u1", "hash": "0" * 64}}, 401, "identity", "invalid_identity"),
        ({"identity": {**proof("u1"), "userId": "u2"}}, 401, "identity", "invalid_identity"),
        ({"identity": {"jwt": "a.b.c"}}, 401, "identity", "invalid_identity"),
        ({"visitorToken": "vt1.a.b"}, 401, "X-Visitor-Token", "invalid_credentials"),
    ],
)
async def test_what_does_not_fit_is_refused_and_nothing_is_stored(
    server: TestServer, change: dict, status: int, field: str, reason: str
) -> None:
    answered = await start(server, **{"sessionId": "s1", **change})
    assert answered.status == status
    assert (answered.json["field"], answered.json["reason"]) == (field, reason)
    assert await server.parts.store.list_sessions("ws_dev", None, 10) == ()


async def test_identity_cannot_be_proven_in_a_workspace_without_a_secret(
    server: TestServer,
) -> None:
    path, token = "/api/widgets/ws_other/session", {"authorization": "Bearer wk_other"}
    answered = await server.send("POST", path, {"identity": proof("u1")}, token)
    assert (answered.status, answered.json["reason"]) == (401, "invalid_identity")


async def test_the_widget_and_its_token_come_first(server: TestServer) -> None:
    assert (await server.send("POST", "/api/widgets/nobody/session", {}, WIDGET)).status == 404
    assert (await start(server, {"authorization": "Bearer wk_no"})).status == 401
    assert (await start(server, {**WIDGET, "origin": "https://evil.example"})).status == 403


# ---- known users


async def test_a_running_session_goes_on_and_its_visitor_is_known(server: TestServer) -> None:
    told = []
    server.parts.runtime.on_cause(told.append)
    first = await start(server, sessionId="s1", visitorId="v1")
    again = await start(server, sessionId="s1", identity=proof("u1"))
    assert again.json["chatSessionId"] == first.json["chatSessionId"]
    ref = await ref_of(server)
    view = await server.parts.runtime.view(ref)
    assert view is not None
    assert view.verified
    assert (await profile_of(server, "v1")).merged_into == KNOWN
    known = await profile_of(server, KNOWN)
    assert (known.user, known.identities, known.sessions) == ("u1", ["v1"], [ref.session])
    read = await server.parts.runtime.read(ref)
    assert read is not None
    assert read[1].attrs["visitor.user_id"] == "u1"
    causes = [cause for cause in told if isinstance(cause.body, VisitorIdentified)]
    assert [(c.visitor, c.session, c.body.user) for c in causes] == [(KNOWN, ref.session, "u1")]


async def test_identifying_twice_tells_once(server: TestServer) -> None:
    for _ in range(2):
        assert (await start(server, sessionId="s1", identity=proof("u1"))).status == 200
    kept = await server.parts.store.take_causes()
    assert sum(b"visitor_identified" in cause.body for cause in kept) == 1


async def test_a_token_of_the_identity_provider_proves_the_same_user(server: TestServer) -> None:
    now_s = server.clock.now_ms() // 1000
    key = IDENTITY_SECRET.encode().ljust(32, b"\0")
    token = jwt.encode({"sub": "u1", "exp": now_s + 60}, key, algorithm="HS256")
    answered = await start(server, sessionId="s1", identity={"jwt": token})
    assert answered.status == 200
    assert (await ref_of(server)).visitor == KNOWN


async def test_a_known_user_s_first_session_is_theirs_from_the_start(server: TestServer) -> None:
    body = (await start(server, sessionId="s1", visitorId="v1", identity=proof("u1"))).json
    assert body["visitorId"] == KNOWN
    assert (await profile_of(server, "v1")).merged_into == KNOWN


async def test_later_sessions_of_the_browser_are_the_known_user_s(server: TestServer) -> None:
    await start(server, sessionId="s1", visitorId="v1")
    await start(server, sessionId="s1", identity=proof("u1"))
    for session_id in ("s2", "s3"):
        view = {"sessionId": session_id, "visitorId": "v1", "event": "click"}
        await server.track(view)
        assert (await ref_of(server, session_id)).visitor == KNOWN
    await server.pass_time(1_800_000)
    await server.track({"sessionId": "s1", "event": "click"})
    assert (await ref_of(server, "s1")).visitor == KNOWN


async def test_the_latest_session_of_a_visitor_is_found_by_either_id(server: TestServer) -> None:
    await start(server, sessionId="s1", visitorId="v1")
    await start(server, sessionId="s1", identity=proof("u1"))
    runtime = server.parts.runtime
    for visitor in ("v1", KNOWN):
        assert await runtime.latest_session("ws_dev", visitor) == await ref_of(server, "s1")
    await server.track({"sessionId": "s2", "visitorId": "v1", "event": "click"})
    for visitor in ("v1", KNOWN):
        assert await runtime.latest_session("ws_dev", visitor) == await ref_of(server, "s2")


async def test_a_session_over_the_api_is_the_known_user_s_too(server: TestServer) -> None:
    await start(server, sessionId="s1", visitorId="v1", identity=proof("u1"))
    running = await server.open_session(id="v1")
    assert await ref_of(server, running["session_id"]) == await ref_of(server, "s1")
    await server.pass_time(1_800_000)
    fresh = await server.open_session(id="v1")
    assert fresh["session_id"] != running["session_id"]
    assert (await ref_of(server, fresh["session_id"])).visitor == KNOWN


async def test_identifying_resets_no_cap(server: TestServer) -> None:
    # At most two in seven days: one on the phone, one at the desk, and none after they are one visitor.
    await meet_card(server, sessionId="desk", visitorId="v-desk")
    await start(server, sessionId="desk", identity=proof("u1"))
    await meet_card(server, sessionId="phone", visitorId="v-phone")
    await start(server, sessionId="phone", identity=proof("u1"))
    assert len((await profile_of(server, KNOWN)).grants) == 2
    view = {"sessionId": "new", "visitorId": "v-phone", "event": "page_view"}
    await server.track({**view, "page": {"url": AC_PAGE}})
    await server.pass_time(45_000)
    poll = {"sessionId": "new", "event": "active", "deliver": True}
    assert (await server.track(poll)).json["messages"] == []


async def test_what_a_running_session_spends_later_counts_for_the_known_user(
    server: TestServer,
) -> None:
    await start(server, sessionId="s1", visitorId="v1")
    await start(server, sessionId="s1", identity=proof("u1"))
    await meet_card(server, sessionId="s1")
    kept = await server.parts.store.take_causes()
    assert any(b"spend" in cause.body for cause in kept)
    await carry_spend(server.parts.store, "ws_dev", "v1")
    assert len((await profile_of(server, KNOWN)).grants) == 1


async def test_a_known_user_s_session_is_not_opened_by_its_id_alone(server: TestServer) -> None:
    body = (await start(server, sessionId="s1", identity=proof("u1"))).json
    refused = await start(server, sessionId="s1")
    assert (refused.status, refused.json["reason"]) == (401, "missing_credentials")
    token = body["visitorToken"]
    assert (await start(server, sessionId="s1", visitorToken=token)).status == 200
    header = {**WIDGET, "x-visitor-token": token}
    assert (await start(server, header, sessionId="s1")).status == 200
    other = (await start(server, sessionId="s9")).json["visitorToken"]
    assert (await start(server, sessionId="s1", visitorToken=other)).status == 401


async def test_a_session_of_one_user_does_not_become_another_s(server: TestServer) -> None:
    await start(server, sessionId="s1", visitorId="v1")
    await start(server, sessionId="s1", identity=proof("u1"))
    refused = await start(server, sessionId="s1", identity=proof("u2"))
    assert (refused.status, refused.json["reason"]) == (401, "invalid_identity")
    assert refused.json["field"] == "sessionId"
    # On a shared computer the next user begins a session of their own.
    answered = await start(server, sessionId="s2", visitorId="v1", identity=proof("u2"))
    other = known_visitor(SECRET.encode(), "ws_dev", "u2")
    assert (answered.status, answered.json["visitorId"]) == (200, other)
    assert (await profile_of(server, "v1")).merged_into == KNOWN


async def test_a_claimed_user_id_changes_the_anonymous_profile_only(server: TestServer) -> None:
    await server.track({"sessionId": "s1", "visitorId": "v1", "event": "click", "userId": "u1"})
    assert (await profile_of(server, "v1")).attrs["visitor.user_id"] == "u1"
    assert await server.parts.store.visitor("ws_dev", KNOWN) is None
    await start(server, sessionId="s1", identity=proof("u1"))
    for body in (
        {"event": "click", "userId": "u2"},
        {"batch": [{"event": "click"}], "userId": "u3"},
    ):
        assert (await server.track({"sessionId": "s1", **body})).status == 200
    await chat(server, userId="u4")
    claim = {"sessionId": "s2", "visitorId": "v1", "userId": "u5", "event": "click"}
    assert (await server.track(claim)).status == 200
    assert (await profile_of(server, KNOWN)).attrs["visitor.user_id"] == "u1"
    read = await server.parts.runtime.read(await ref_of(server))
    assert read is not None
    assert read[1].attrs["visitor.user_id"] == "u1"


async def test_a_running_session_sees_what_is_known_of_the_user(server: TestServer) -> None:
    known = {"visitor.plan": "pro"}
    await start(server, sessionId="s0", identity=proof("u1"))
    await server.track({"sessionId": "s0", "event": "set", "attributes": known})
    await start(server, sessionId="s1", visitorId="v1")
    await start(server, sessionId="s1", identity=proof("u1"))
    read = await server.parts.runtime.read(await ref_of(server))
    assert read is not None
    assert read[0].state.attrs["visitor.plan"] == "pro"
    assert read[0].state.attrs["visitor.identified"] is True


async def test_a_known_user_who_denied_consent_denied_it_for_every_browser(
    server: TestServer,
) -> None:
    await start(server, sessionId="s1", identity=proof("u1"))
    await server.track({"sessionId": "s1", "event": "click", "consent": "denied"})
    refused = await start(server, sessionId="s2", visitorId="v2", identity=proof("u1"))
    assert (refused.status, refused.json["reason"]) == (403, "no_consent")
    assert await server.parts.store.visitor("ws_dev", "v2") is None
    again = {"sessionId": "s2", "visitorId": "v2", "identity": proof("u1"), "consent": "granted"}
    assert (await start(server, **again)).status == 200
    assert (await chat(server, sessionId="s2")).status == 200
