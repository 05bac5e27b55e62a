"""The demo: its pages, who may see them, and its visitors."""

import asyncio
from collections.abc import AsyncIterator

import httpx2
import msgspec
import pytest
from websockets.asyncio.client import connect

from server.assembly import More
from server.cli.demo import demo_config
from server.demo.pages import PAGES, demo_operations
from server.demo.shoppers import BUSY_LAG_MS, EVENTS_A_SECOND_MAX, Pace
from tests.server.running import ListeningServer, TestServer, listening
from tests.simulation.loop import VirtualLoop

pytestmark = pytest.mark.anyio


@pytest.fixture
async def demo(anyio_backend: str) -> AsyncIterator[ListeningServer]:
    more = More(demo_operations())
    async with listening(demo_config("memory:", 8700), more=more) as server:
        yield server


async def get(demo: ListeningServer, path: str, host: str = "127.0.0.1:8700") -> httpx2.Response:
    return await demo.server.http.get(path, headers={"host": host}, follow_redirects=False)


async def test_every_page_of_the_shop_is_there_with_the_real_snippet(demo: ListeningServer) -> None:
    for name in PAGES:
        answered = await get(demo, f"/demo/shop/{name}")
        assert answered.status_code == 200
        assert '<script async src="/widget.js" data-widget="ws_shop"' in answered.text


async def test_pages_name_what_is_there(demo: ListeningServer) -> None:
    """Whatever a page loads or leads to is answered."""
    for name in PAGES:
        page = (await get(demo, f"/demo/shop/{name}")).text
        for part in page.split('"'):
            if part.startswith("/demo/files/"):
                assert (await get(demo, part)).status_code == 200, part


async def test_pages_allow_no_script_but_the_servers_own(demo: ListeningServer) -> None:
    policy = (await get(demo, "/demo/shop/home")).headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "trusted-types 'none'" in policy


async def test_a_page_that_is_not_there_is_no_page(demo: ListeningServer) -> None:
    for path in ("/demo/shop/basement", "/demo/files/frame.html", "/demo/files/..%2Fpages.py"):
        assert (await get(demo, path)).status_code == 404


async def test_a_name_that_only_leads_to_this_machine_is_not_served(demo: ListeningServer) -> None:
    for path in ("/demo", "/demo/view", "/demo/shop/home"):
        assert (await get(demo, path, host="shop.attacker.example")).status_code == 404


async def test_whoever_enters_is_signed_in_by_the_fragment(demo: ListeningServer) -> None:
    answered = await get(demo, "/demo")
    place, _, token = answered.headers["location"].partition("#token=")
    assert (answered.status_code, place) == (302, "/demo/view")
    async with connect(f"ws://127.0.0.1:{demo.port}/api/ws/tenant") as socket:
        await socket.send(msgspec.json.encode({"type": "auth", "token": token}).decode())
        greeted = msgspec.json.decode(await socket.recv())
    assert (greeted["type"], greeted["data"]["workspace_id"]) == ("auth:ok", "ws_shop")


async def test_serve_has_no_demo(server: TestServer) -> None:
    assert (await server.send("GET", "/demo")).status == 404


def test_shoppers_send_twenty_events_a_second_at_most() -> None:
    async def hurry() -> float:
        pace, loop = Pace(lambda: 0.0), asyncio.get_running_loop()
        await asyncio.gather(*(pace.wait() for _ in range(3 * EVENTS_A_SECOND_MAX + 1)))
        return loop.time()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert round(runner.run(hurry()), 6) >= 3.0


def test_shoppers_stand_still_while_the_machine_is_busy() -> None:
    lag_ms = [BUSY_LAG_MS + 1.0]

    async def wait() -> float:
        loop = asyncio.get_running_loop()
        loop.call_later(7.0, lag_ms.__setitem__, 0, 0.0)
        await Pace(lambda: lag_ms[0]).wait()
        return loop.time()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert runner.run(wait()) >= 7.0
