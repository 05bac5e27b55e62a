"""What Segment's and RudderStack's real clients sent once, sent to us: all of it is taken, in our words."""

import base64
import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from tests.server.running import CONFIG, ORIGIN, PLATFORM, TestServer, in_process, write_config

pytestmark = pytest.mark.anyio
RECORDED = Path(__file__).parents[1] / "clients" / "recorded"
SERVERS = ("segment_python", "segment_node", "rudder_python", "rudder_node")
BROWSERS = ("segment_browser", "segment_batches", "rudder_browser", "rudder_beacons")
RULES = """
site "shop" timezone "UTC"

attribute visitor.first_name: text optional
attribute visitor.company: text optional
attribute visitor.user_id: text optional

rule sizes "Sizes" {
  on any page
  when seen view
  say "Which size are you unsure about?"
}
"""


@pytest.fixture
async def shop(tmp_path: Path, anyio_backend: str) -> AsyncIterator[TestServer]:
    config = CONFIG.replace("wk_dev", "wk_shop")
    async with in_process(write_config(tmp_path, config, RULES)) as running:
        yield running


def recorded(client: str) -> list[tuple[str, str, dict[str, str], bytes]]:
    """Read a client's requests: method, target, headers, body. A browser's come from a page of the site."""
    requests = msgspec.json.decode((RECORDED / f"{client}.json").read_bytes())
    origin = {"origin": ORIGIN} if client in BROWSERS else {}
    return [
        (
            one["method"],
            one["target"],
            {**one["headers"], **origin},
            base64.b64decode(one["body_base64"]) if "body_base64" in one else one["body"].encode(),
        )
        for one in requests
    ]


def items_of(body: bytes) -> list[dict]:
    """Return the messages of a body as the client wrote them."""
    plain = gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body
    written = msgspec.json.decode(plain)
    return written.get("batch", [written])


async def visit(server: TestServer, client: str) -> list[dict]:
    """Send all of a client's visit; returns its messages."""
    told: list[dict] = []
    for method, target, headers, body in recorded(client):
        answered = await server.send(method, target, body or None, headers)
        if method == "POST":
            assert (answered.status, answered.body) == (200, b'{"success":true}'), target
            told += items_of(body)
        else:
            assert answered.status in (200, 204), (method, target, answered.body)
    return told


def visitor_of(told: list[dict]) -> str:
    """Return under which id the visitor came last: that of the joined ids which stays."""
    return told[-1].get("anonymousId") or told[-1]["userId"]


async def stored_ids(server: TestServer, visitor: str) -> list[str]:
    """Return the ids of a visitor's events, sorted; a doubled one stands there twice."""
    answered = await server.send("GET", f"/v1/visitors/{visitor}/export", None, PLATFORM)
    assert answered.status == 200
    lines = [msgspec.json.decode(line) for line in answered.body.splitlines()]
    of_clients = (one for one in lines if one.get("kind") == "event" and one["origin"] != "engine")
    return sorted(one["event_id"] for one in of_clients)


@pytest.mark.parametrize("client", [*SERVERS, *BROWSERS])
async def test_all_that_a_client_sent_is_kept_and_sent_again_it_is_kept_once(
    shop: TestServer, client: str
) -> None:
    told = await visit(shop, client)
    sent = sorted(one["messageId"] for one in told)
    assert sent
    assert await stored_ids(shop, visitor_of(told)) == sent
    await visit(shop, client)
    assert await stored_ids(shop, visitor_of(told)) == sent


@pytest.mark.parametrize("client", [*SERVERS, *BROWSERS])
async def test_a_client_s_visit_triggers_a_rule_in_its_one_session(
    shop: TestServer, client: str
) -> None:
    told = await visit(shop, client)
    await shop.pass_time(60_000)
    names = {one.get(name) for one in told for name in ("anonymousId", "userId")} - {None, ""}
    sessions: set[str] = set()
    for visitor in names:
        path = f"/v1/live-chat/sessions?visitor_id={visitor}"
        rows = (await shop.send("GET", path, None, PLATFORM)).json["data"]
        sessions |= {row["session_id"] for row in rows}
    (session,) = sessions
    path = f"/v1/live-chat/sessions/{session}/messages"
    rows = (await shop.send("GET", path, None, PLATFORM)).json["data"]
    assert [row["text"] for row in rows] == ["Which size are you unsure about?"]


@pytest.mark.parametrize("client", ["segment_browser", "rudder_browser", *SERVERS])
async def test_a_client_s_identify_is_known(shop: TestServer, client: str) -> None:
    told = await visit(shop, client)
    runtime = shop.parts.app.services.runtime
    ref = await runtime.latest_session("ws_dev", visitor_of(told))
    assert ref is not None
    read = await runtime.read(ref)
    assert read is not None
    known = read[0].state.attrs
    assert (known["visitor.first_name"], known["visitor.user_id"]) == ("Ada", "user-1")
    assert known["visitor.identified"] is True
