"""Consent and privacy signals at the edge: what is kept, and what is told to the engine."""

from pathlib import Path

import pytest

from engine.events import Event
from engine.runtime_types import ClientContext
from server.ingest.consent import is_guarded, kept_of, may_talk, says_granted, with_consent
from server.workspace_settings import Site
from tests.server.running import AC_PAGE, CONFIG, WIDGET, TestServer, in_process, write_config

IMPLICIT = Site("s", ())
REQUIRED = Site("s", (), consent="required")
CLICK = Event("", "click", 1)
GRANT = Event("", "consent", 1, properties={"state": "granted"})
DENY = Event("", "consent", 1, properties={"state": "denied"})
PRIVATE = {**WIDGET, "sec-gpc": "1"}
VIEW = {"sessionId": "s1", "event": "page_view", "page": {"url": AC_PAGE}}
REQUIRED_CONFIG = CONFIG.replace(
    'origins = ["https://shop.example"]',
    'origins = ["https://shop.example"]\n  consent = "required"',
    1,
)


@pytest.mark.parametrize(
    ("client", "events", "expected"),
    [
        (ClientContext(), [CLICK], [CLICK]),
        (ClientContext(gpc=True), [CLICK], [CLICK]),
        (ClientContext(consent="granted"), [CLICK], [GRANT, CLICK]),
        (ClientContext(consent="granted"), [], []),
        (ClientContext(consent="denied"), [], [DENY]),
    ],
)
def test_what_a_request_says_of_consent_comes_before_its_events(
    client: ClientContext, events: list[Event], expected: list[Event]
) -> None:
    assert with_consent(client, events, 1) == expected


@pytest.mark.parametrize(
    ("site", "client", "expected"),
    [
        (IMPLICIT, ClientContext(), False),
        (IMPLICIT, ClientContext(gpc=True), True),
        (REQUIRED, ClientContext(), True),
    ],
)
def test_a_privacy_signal_guards_like_a_site_that_requires_consent(
    site: Site, client: ClientContext, expected: bool
) -> None:
    assert is_guarded(site, client) is expected


def test_a_request_grants_by_its_field_or_by_an_event() -> None:
    assert says_granted(ClientContext(consent="granted"), [])
    assert says_granted(ClientContext(), [CLICK, GRANT])
    assert not says_granted(ClientContext(consent="pending"), [CLICK, DENY])


@pytest.mark.parametrize(
    ("events", "stored", "expected"),
    [
        ([CLICK, DENY], None, []),
        ([CLICK], "", []),
        ([CLICK], "denied", []),
        ([CLICK], "granted", [CLICK]),
        ([DENY, CLICK], "granted", [DENY]),
        ([DENY, CLICK], "", [DENY]),
    ],
)
def test_a_guarded_request_is_kept_as_far_as_its_visitor_agreed_before(
    events: list[Event], stored: str | None, expected: list[Event]
) -> None:
    assert kept_of(events, stored) == expected


@pytest.mark.parametrize(
    ("site", "client", "stored", "expected"),
    [
        (IMPLICIT, ClientContext(), "", True),
        (IMPLICIT, ClientContext(), "denied", False),
        (IMPLICIT, ClientContext(consent="granted"), "denied", True),
        (IMPLICIT, ClientContext(gpc=True), "", False),
        (IMPLICIT, ClientContext(gpc=True), "granted", True),
        (REQUIRED, ClientContext(), "pending", False),
        (REQUIRED, ClientContext(), "granted", True),
        (REQUIRED, ClientContext(consent="denied"), "granted", False),
    ],
)
def test_words_are_kept_where_the_visitor_agreed_or_nobody_has_to_ask(
    site: Site, client: ClientContext, stored: str, expected: bool
) -> None:
    assert may_talk(site, client, stored) is expected


# ---- through the running server


async def kept_sessions(server: TestServer) -> int:
    return len(await server.parts.store.list_sessions("ws_dev", None, 10))


@pytest.mark.anyio
async def test_nothing_is_kept_of_a_visitor_with_a_privacy_signal(server: TestServer) -> None:
    answered = await server.track({**VIEW, "visitorId": "v1"}, PRIVATE)
    assert (answered.status, answered.json) == (200, {"success": True})
    denied = {**VIEW, "visitorId": "v1", "consent": "denied"}
    assert (await server.track(denied, PRIVATE)).status == 200
    batch = {"sessionId": "s1", "visitorId": "v1", "batch": [{"event": "click"}], "deliver": True}
    answered = await server.track(batch, PRIVATE)
    assert answered.json["accepted"] == 0
    assert answered.json["messages"] == []
    assert await kept_sessions(server) == 0
    assert await server.parts.store.find_alias("ws_dev", "s1") is None
    assert await server.parts.store.visitor("ws_dev", "v1") is None


@pytest.mark.anyio
async def test_a_visitor_with_a_privacy_signal_is_spoken_to_once_they_agree(
    server: TestServer,
) -> None:
    assert (await server.track({**VIEW, "consent": "granted"}, PRIVATE)).status == 200
    await server.pass_time(45_000)
    poll = {"sessionId": "s1", "event": "active", "deliver": True}
    # The grant holds for the requests after it, which say nothing of consent.
    assert len((await server.track(poll, PRIVATE)).json["messages"]) == 1


@pytest.mark.anyio
async def test_a_denial_after_a_grant_is_kept_and_ends_what_is_kept(server: TestServer) -> None:
    await server.track({**VIEW, "consent": "granted"}, PRIVATE)
    await server.track({**VIEW, "consent": "denied"}, PRIVATE)
    await server.pass_time(60_000)
    poll = {"sessionId": "s1", "event": "active", "deliver": True}
    assert (await server.track(poll, PRIVATE)).json["messages"] == []


@pytest.mark.anyio
async def test_a_site_that_requires_consent_keeps_nothing_before_it(
    tmp_path: Path, anyio_backend: str
) -> None:
    async with in_process(write_config(tmp_path, REQUIRED_CONFIG)) as server:
        assert (await server.track(VIEW)).status == 200
        assert (await server.track({**VIEW, "consent": "denied"})).status == 200
        assert await kept_sessions(server) == 0
        await server.track(
            {"sessionId": "s1", "event": "consent", "metadata": {"state": "granted"}}
        )
        await server.track(VIEW)
        await server.pass_time(45_000)
        poll = {"sessionId": "s1", "event": "active", "deliver": True}
        assert len((await server.track(poll)).json["messages"]) == 1
