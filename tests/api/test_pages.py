"""Lists in pages, as every list of the platform gives them (API.md 10.3)."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from server.pagination import CURSOR_MS
from tests.api.credentialed import OTHER, write_credentialed
from tests.server.running import PLATFORM, TestServer, in_process

pytestmark = pytest.mark.anyio
PATH = "/v1/live-chat/sessions"


@pytest.fixture
async def server(tmp_path: Path, anyio_backend: str) -> AsyncIterator[TestServer]:
    async with in_process(write_credentialed(tmp_path)) as running:
        for number in range(5):
            await running.open_session(id=f"vis_{number}")
            running.clock.advance(1_000)
        yield running


async def test_following_the_link_gives_every_row_once_and_keeps_the_query(
    server: TestServer,
) -> None:
    seen: list[str] = []
    path = f"{PATH}?limit=2&source_id=site_dev"
    while path:
        page = await server.send("GET", path, headers=PLATFORM)
        meta = page.json["meta"]
        seen += [row["session_id"] for row in page.json["data"]]
        assert meta["has_more"] is (meta["next_cursor"] is not None)
        link = page.headers.get("link", "")
        assert (link != "") is meta["has_more"]
        address = urlsplit(link.partition("<")[2].partition(">")[0])
        path = f"{address.path}?{address.query}" if link else ""
        if link:
            assert link.endswith('; rel="next"')
            assert "source_id=site_dev" in address.query
            assert server.parts.app.services.config.server.public_url in link
    assert len(seen) == len(set(seen)) == 5
    assert seen == sorted(seen, reverse=True)


async def test_a_cursor_is_of_its_workspace_and_path_and_ends_after_a_day(
    server: TestServer,
) -> None:
    first = await server.send("GET", f"{PATH}?limit=2", headers=PLATFORM)
    cursor = first.json["meta"]["next_cursor"]

    async def refusal(path: str, headers: dict[str, str]) -> tuple[int, str, str]:
        answered = await server.send("GET", f"{path}?cursor={cursor}", headers=headers)
        details = answered.json["error"]["details"]
        return answered.status, details["reason"], details["field"]

    assert await refusal(PATH, OTHER) == (400, "invalid_cursor", "cursor")
    assert await refusal("/v1/visitors", PLATFORM) == (400, "invalid_cursor", "cursor")
    server.clock.advance(CURSOR_MS)
    assert await refusal(PATH, PLATFORM) == (400, "invalid_cursor", "cursor")


@pytest.mark.parametrize("limit", ["0", "101", "ten", "-1"])
async def test_a_limit_is_1_to_100(server: TestServer, limit: str) -> None:
    answered = await server.send("GET", f"{PATH}?limit={limit}", headers=PLATFORM)
    details = answered.json["error"]["details"]
    assert (answered.status, details) == (400, {"field": "limit", "reason": "out_of_range"})


async def test_a_parameter_that_nobody_knows_is_a_warning(server: TestServer) -> None:
    answered = await server.send("GET", f"{PATH}?page=2", headers=PLATFORM)
    assert answered.status == 200
    (warning,) = answered.json["meta"]["warnings"]
    assert (warning["field"], warning["reason"]) == ("page", "unknown_field")
