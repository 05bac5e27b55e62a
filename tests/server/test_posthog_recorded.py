"""What PostHog's real clients sent once, sent to us: each request is answered, each event has its place."""

import base64
import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from engine.session import Session
from server.widget_visits import visitor_profile
from tests.server.running import CONFIG, PLATFORM, TestServer, in_process, write_config

pytestmark = pytest.mark.anyio
RECORDED = Path(__file__).parents[1] / "clients" / "recorded"
CLIENTS = ("python", "node", "browser")
RULES = """
site "shop" timezone "UTC"

attribute visitor.first_name: text optional
attribute visitor.first_seen_on: text optional
attribute visitor.company: text optional
attribute visitor.user_id: text optional
attribute company.plan: text optional

rule sizes "Sizes" {
  on page "/tents"
  when seen product_view and seen add_to_cart(price >= $100)
  say "Which size are you unsure about?"
}
"""


@pytest.fixture
async def shop(tmp_path: Path, anyio_backend: str) -> AsyncIterator[TestServer]:
    config = CONFIG.replace("wk_dev", "wk_shop")
    async with in_process(write_config(tmp_path, config, RULES)) as running:
        yield running


def recorded(client: str) -> list[tuple[str, str, dict[str, str], bytes]]:
    """Read a client's requests: method, target, headers, body."""
    requests = msgspec.json.decode((RECORDED / f"posthog_{client}.json").read_bytes())
    return [
        (
            one["method"],
            one["target"],
            one["headers"],
            base64.b64decode(one["body_base64"]) if "body_base64" in one else one["body"].encode(),
        )
        for one in requests
    ]


async def visit(server: TestServer, client: str) -> None:
    """Send all of a client's visit."""
    for method, target, headers, body in recorded(client):
        answered = await server.send(method, target, body or None, headers)
        assert answered.status == 200, (target, answered.body)
        if target.startswith(("/batch", "/e")):
            assert answered.body == b'{"status":1}'


async def session_of(server: TestServer, visitor: str) -> Session:
    ref = await server.parts.runtime.latest_session("ws_dev", visitor)
    assert ref is not None
    read = await server.parts.runtime.read(ref)
    assert read is not None
    return read[0]


def sent_events(client: str) -> list[str]:
    """Name the events of a client's visit that are a visitor's doing, in the order of arrival."""
    names: list[str] = []
    for _, target, _, body in recorded(client):
        plain = gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body
        if target.startswith(("/batch", "/e")):
            names += [event["event"] for event in msgspec.json.decode(plain)["batch"]]
    return [name for name in names if name not in ("$feature_flag_called", "$web_vitals")]


@pytest.mark.parametrize("client", CLIENTS)
async def test_no_event_of_a_client_is_lost(shop: TestServer, client: str) -> None:
    await visit(shop, client)
    assert shop.parts.app.services.metrics.events_accepted == len(sent_events(client)) > 0


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_visit_that_is_sent_again_counts_once(shop: TestServer, client: str) -> None:
    await visit(shop, client)
    before = (await session_of(shop, "user-1")).state.events
    await visit(shop, client)
    assert (await session_of(shop, "user-1")).state.events == before
    assert shop.parts.app.services.metrics.events_accepted == len(sent_events(client))


@pytest.mark.parametrize("client", CLIENTS)
async def test_the_visitor_of_a_client_s_visit_is_known(shop: TestServer, client: str) -> None:
    await visit(shop, client)
    attrs = (await session_of(shop, "user-1")).state.attrs
    assert attrs["visitor.first_name"] == "Ada"
    assert attrs["visitor.user_id"] == "user-1"
    assert attrs["visitor.identified"] is True
    assert str(attrs["page.url"]).partition("?")[0].endswith("/tents")


@pytest.mark.parametrize("client", ["python", "node"])
async def test_the_company_of_a_server_s_visitor_is_known(shop: TestServer, client: str) -> None:
    await visit(shop, client)
    attrs = (await session_of(shop, "user-1")).state.attrs
    assert (attrs["visitor.company"], attrs["company.plan"]) == ("fernwood", "pro")


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_client_s_visit_is_one_session_and_triggers_a_rule(
    shop: TestServer, client: str
) -> None:
    await visit(shop, client)
    assert (await visitor_profile(shop.parts.app.services, "ws_dev", "user-1")).visits == 1
    await shop.pass_time(30_000)
    session = await session_of(shop, "user-1")
    path = f"/v1/live-chat/sessions/{session.id}/messages"
    answered = await shop.send("GET", path, headers=PLATFORM)
    assert [message["text"] for message in answered.json["data"]] == [
        "Which size are you unsure about?"
    ]
