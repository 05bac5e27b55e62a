"""Which session a client means, before and after its visitor turned out to be a known one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.identity import link_user
from tests.engine.world import HELP, World, world

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["memory:", "sqlite"])
async def visit(
    request: pytest.FixtureRequest, tmp_path: Path, anyio_backend: str
) -> AsyncIterator[World]:
    url = "memory:" if request.param == "memory:" else f"sqlite:///{tmp_path}/opportune.db"
    async with world(HELP, url) as running:
        yield running


async def test_a_merged_visitor_s_next_session_is_the_known_one_s(visit: World) -> None:
    running = await visit.session("s1", "browser")
    await visit.view(running, "/pricing")
    await link_user(visit.store, "w", "u1", "known", "browser")
    assert await visit.session("s1", "browser") == running
    fresh = await visit.session("s2", "browser")
    assert fresh.visitor == "known"
    await visit.wait(1_800_000)
    assert (await visit.session("s1")).visitor == "known"


async def test_the_latest_session_is_found_whichever_id_it_is_kept_under(visit: World) -> None:
    running = await visit.session("s1", "browser")
    await visit.view(running, "/pricing")
    await link_user(visit.store, "w", "u1", "known", "browser")
    for visitor in ("browser", "known"):
        assert await visit.runtime.latest_session("w", visitor) == running
    fresh = await visit.session("s2", "browser")
    await visit.view(fresh, "/pricing")
    for visitor in ("browser", "known"):
        assert await visit.runtime.latest_session("w", visitor) == fresh


async def test_a_live_session_is_found_behind_one_that_was_merged_in_and_ended(
    visit: World,
) -> None:
    old = await visit.session("s1", "browser")
    await visit.view(old, "/pricing")
    await visit.wait(1_700_000)
    live = await visit.session("s2", "known")
    await visit.view(live, "/pricing")
    await visit.wait(200_000)
    await link_user(visit.store, "w", "u1", "known", "browser")
    assert await visit.runtime.latest_session("w", "known") == live


async def test_an_id_of_the_client_and_one_of_the_server_find_the_same_session(
    visit: World,
) -> None:
    ref = await visit.session("s1", "browser")
    await visit.view(ref, "/pricing")
    assert await visit.runtime.find("w", "s1") == ref
    assert await visit.runtime.find("w", ref.session) == ref
    assert await visit.runtime.find("other", ref.session) is None
    assert await visit.runtime.find("w", "unknown") is None


async def test_an_ended_session_is_found_until_its_id_stands_for_a_new_one(visit: World) -> None:
    ended = await visit.session("s1", "browser")
    await visit.view(ended, "/pricing")
    await visit.wait(1_800_000)
    assert await visit.runtime.find("w", "s1") == ended
    fresh = await visit.session("s1", "browser")
    await visit.view(fresh, "/pricing")
    assert await visit.runtime.find("w", "s1") == fresh
    assert await visit.runtime.find("w", ended.session) == ended
