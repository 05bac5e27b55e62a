"""A cart that Segment's and PostHog's clients fill: from the wire to the rule that reads `cart.total`."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.server.running import (
    AC_PAGE,
    PLATFORM,
    RULES,
    TestServer,
    in_process,
    write_config,
)

pytestmark = pytest.mark.anyio
CART = RULES.replace(
    'rule ac_help "AC repair help" {', "attribute cart.total: money default $0\n\nrule ac_help {"
).replace("time_on_page >= 45s", "cart.total >= $75")


@pytest.fixture
async def server(tmp_path: Path, anyio_backend: str) -> AsyncIterator[TestServer]:
    """A server past whose first 30 s a visitor looks at the page, told by Segment's client."""
    async with in_process(write_config(tmp_path, rules=CART)) as running:
        page = {"type": "page", "properties": {"url": AC_PAGE}}
        await batch(running, page)
        await running.pass_time(31_000)
        yield running


async def batch(server: TestServer, *items: dict) -> None:
    whole = [{"anonymousId": "v1", **item} for item in items]
    body = {"writeKey": "wk_dev", "batch": whole}
    answered = await server.send("POST", "/v1/batch", body)
    assert (answered.status, answered.json) == (200, {"success": True})


def track(event: str, **properties: object) -> dict:
    return {"type": "track", "event": event, "properties": properties}


async def sent(server: TestServer) -> list[dict]:
    answered = await server.send("GET", "/v1/decisions?outcome=sent", headers=PLATFORM)
    return answered.json["data"]


async def test_the_second_product_fires_the_rule_by_itself(server: TestServer) -> None:
    await batch(server, track("Product Added", price=39.99, quantity=1))
    assert await sent(server) == []
    await batch(server, track("Product Added", price="17.51", quantity=2))
    (row,) = await sent(server)
    assert row["at_ms"] == server.clock.now_ms()
    # The rule reads no time, whoever told the page.
    assert "estimated" not in row


async def test_a_cart_that_is_looked_at_is_worth_what_is_in_it(server: TestServer) -> None:
    products = [{"price": 30, "quantity": 2}, {"price": 15}]
    await batch(server, track("Cart Viewed", products=products))
    assert len(await sent(server)) == 1


async def test_an_order_empties_the_cart(server: TestServer) -> None:
    await batch(
        server,
        track("Product Added", price=74),
        track("Order Completed", total=74),
        track("Product Added", price=74),
    )
    assert await sent(server) == []


async def test_posthog_s_client_fills_the_same_cart(server: TestServer) -> None:
    for price in (39.99, 35.01):
        event = {
            "event": "Product Added",
            "distinct_id": "v1",
            "properties": {"token": "wk_dev", "price": price},
        }
        answered = await server.send("POST", "/capture/", event)
        assert (answered.status, answered.json) == (200, {"status": 1})
    assert len(await sent(server)) == 1
