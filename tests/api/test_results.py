"""`GET /v1/results`: what messages achieved, for whom and over which days."""

from pathlib import Path

import pytest

from tests.server.running import (
    AC_PAGE,
    PLATFORM,
    RULES,
    Answered,
    TestServer,
    in_process,
    write_config,
)

pytestmark = pytest.mark.anyio
OTHER = {
    "authorization": "Bearer dev_key_other_012345678",
    "x-workspace-id": "ws_other",
}
GOAL = RULES + "\ngoal booked = add_to_cart\n"


async def ask(server: TestServer, query: str = "", headers: dict[str, str] = PLATFORM) -> Answered:
    return await server.send("GET", f"/v1/results{query}", None, headers)


async def send_one(server: TestServer, alias: str = "s1") -> None:
    """Let a visitor get the message of `ac_help`, see it and buy."""
    view = {"sessionId": alias, "event": "page_view", "page": {"url": AC_PAGE}}
    assert (await server.track(view)).status == 200
    await server.pass_time(45_000)
    polled = await server.track({"sessionId": alias, "event": "active", "deliver": True})
    (message,) = polled.json["messages"]
    shown = {"message_id": message["id"]}
    await server.track({"sessionId": alias, "event": "message_displayed", "metadata": shown})
    assert (await server.track({"sessionId": alias, "event": "add_to_cart"})).status == 200


async def test_a_rule_s_messages_are_counted(tmp_path: Path, anyio_backend: str) -> None:
    async with in_process(write_config(tmp_path, rules=GOAL)) as server:
        await send_one(server)
        answered = await ask(server)
        assert answered.status == 200, answered.body
        (row,) = answered.json["data"]
        assert (row["rule"], row["campaign_id"]) == ("ac_help", None)
        counted = ("eligible", "sent", "held_out", "delivered", "displayed", "converted")
        assert [row[name] for name in counted] == [1, 1, 0, 1, 1, 1]
        assert (row["lift"], row["verdict"]) == (None, "too_few")
        rate = row["conversion_rate"]
        assert rate["value"] == 1.0
        assert 0 < rate["low"] < rate["high"] <= 1
        (campaign,) = (await ask(server, "?campaign_id=ac_help")).json["data"]
        assert (campaign["campaign_id"], campaign["rule"], campaign["sent"]) == ("ac_help", "", 1)


async def test_results_are_of_one_rule_one_workspace_and_some_days(server: TestServer) -> None:
    await send_one(server)
    assert (await ask(server, "?rule=ac_help")).json["data"]
    assert (await ask(server, "?rule=ac_hel")).json["data"] == []
    assert (await ask(server, "?campaign_id=nothing")).json["data"] == []
    assert (await ask(server, "", OTHER)).json["data"] == []
    assert (await ask(server, "?from=2001-01-01&to=2001-02-01")).json["data"] == []


@pytest.mark.parametrize(
    ("query", "field", "reason"),
    [
        ("from=soon", "from", "invalid_value"),
        ("from=2026-02-30", "from", "invalid_timestamp"),
        ("to=2026-02-03T10:00:00", "to", "invalid_timestamp"),
        ("from=2026-02-03&to=2026-02-01", "from", "out_of_range"),
        ("from=2020-01-01&to=2026-02-01", "from", "out_of_range"),
        ("to=0001-01-01&from=0001-01-02", "from", "out_of_range"),
        ("rule=a&campaign_id=b", "campaign_id", "invalid_value"),
    ],
)
async def test_days_that_are_none_are_refused(
    server: TestServer, query: str, field: str, reason: str
) -> None:
    answered = await ask(server, f"?{query}")
    assert (answered.status, answered.json["error"]["details"]) == (
        400,
        {"field": field, "reason": reason},
    )


@pytest.mark.parametrize("query", ["to=0001-01-01", "from=2026-01-01T23:00:00-05:00&to=2026-01-02"])
async def test_the_first_day_and_an_instant_are_days(server: TestServer, query: str) -> None:
    assert (await ask(server, f"?{query}")).status == 200
