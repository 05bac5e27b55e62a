"""Consent and privacy signals at the edge: what is kept, and what is told to the engine."""

import pytest

from engine.events import Event
from engine.runtime_types import ClientContext
from server.ingest.consent import with_consent
from server.workspace_settings import Site
from tests.server.running import AC_PAGE, WIDGET, TestServer

IMPLICIT = Site("s", ())
REQUIRED = Site("s", (), consent="required")
CLICK = Event("", "click", 1)
GRANT = Event("", "consent", 1, properties={"state": "granted"})
DENY = Event("", "consent", 1, properties={"state": "denied"})


@pytest.mark.parametrize(
    ("site", "client", "events", "expected"),
    [
        (IMPLICIT, ClientContext(), [CLICK], [CLICK]),
        (IMPLICIT, ClientContext(consent="granted"), [CLICK], [GRANT, CLICK]),
        (IMPLICIT, ClientContext(gpc=True), [CLICK], [DENY, CLICK]),
        (IMPLICIT, ClientContext(gpc=True, consent="granted"), [CLICK], [GRANT, CLICK]),
        (IMPLICIT, ClientContext(gpc=True), [GRANT, CLICK], [GRANT, CLICK]),
        (REQUIRED, ClientContext(), [CLICK], []),
        (REQUIRED, ClientContext(consent="granted"), [CLICK], [GRANT, CLICK]),
        (REQUIRED, ClientContext(), [GRANT, CLICK], [GRANT, CLICK]),
        (REQUIRED, ClientContext(), [DENY, CLICK], [DENY]),
        (REQUIRED, ClientContext(consent="denied"), [CLICK], [DENY]),
    ],
)
def test_consent_comes_before_the_events_it_covers(
    site: Site, client: ClientContext, events: list[Event], expected: list[Event]
) -> None:
    assert with_consent(site, client, events, 1) == expected


@pytest.mark.anyio
async def test_a_visitor_with_a_privacy_signal_is_not_spoken_to(server: TestServer) -> None:
    private = {**WIDGET, "sec-gpc": "1"}
    view = {"sessionId": "s1", "event": "page_view", "page": {"url": AC_PAGE}}
    assert (await server.track(view, private)).status == 200
    await server.pass_time(60_000)
    poll = {"sessionId": "s1", "event": "active", "deliver": True}
    assert (await server.track(poll, private)).json["messages"] == []
    granted = {**poll, "consent": "granted"}
    assert len((await server.track(granted, private)).json["messages"]) == 1
