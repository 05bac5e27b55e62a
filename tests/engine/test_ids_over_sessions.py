"""One event id has one effect per visitor, also when its session has ended and it comes again in the next."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.events import Event
from engine.identity import link_user
from engine.runtime_types import ClientContext
from engine.stores.base import SessionRef
from engine.stores.codec import decode_profile
from tests.engine.world import HELP, World, world
from tests.faults.server import Single

pytestmark = pytest.mark.anyio

IDLE_MS = 1_800_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


@pytest.fixture(params=["memory:", "sqlite", "redis"])
async def visit(
    request: pytest.FixtureRequest, tmp_path: Path, anyio_backend: str
) -> AsyncIterator[World]:
    url: str = request.param
    if url == "sqlite":
        url = f"sqlite:///{tmp_path}/opportune.db"
    if url == "redis":
        server: Single = request.getfixturevalue("valkey")
        server.flush()
        url = server.url
    async with world(HELP, url) as running:
        if running.store.is_shared:
            await running.runtime.ownership.beat()
        yield running


async def sent(visit: World, *numbers: int, visitor: str | None = None) -> tuple[SessionRef, int]:
    """Send events of one page load; returns their session and how many were repeats."""
    ref = await visit.session("browser-1", visitor)
    at_ms = visit.clock.now_ms()
    events = [Event(f"pageload-{number}", "click", at_ms, sequence=number) for number in numbers]
    tracked = await visit.runtime.track(ref, "site", events, ClientContext())
    return ref, tracked.duplicates


async def sweep(visit: World) -> None:
    while (await visit.store.sweep(visit.clock.now_ms())).more:
        pass


async def test_events_that_come_again_after_their_session_has_ended_count_once(
    visit: World,
) -> None:
    first, _ = await sent(visit, 1, 2, 3)
    await visit.wait(IDLE_MS)
    second, repeats = await sent(visit, 2, 3, 4)
    assert (second == first, repeats) == (False, 2)
    assert (await sent(visit, 1, 3, 4, 5))[1] == 3
    await visit.wait(IDLE_MS)
    third, repeats = await sent(visit, 1, 2, 3, 4, 5, 6)
    assert (third == second, repeats) == (False, 5)


async def test_a_session_that_nobody_has_closed_yet_is_closed_before_the_next_begins(
    visit: World,
) -> None:
    first, _ = await sent(visit, 1, 2)
    visit.clock.advance(IDLE_MS)
    second, repeats = await sent(visit, 1, 2, 3)
    assert (second == first, repeats) == (False, 2)
    assert (await visit.store.load(first)).closed


async def test_what_was_swept_is_remembered_for_a_day(visit: World) -> None:
    await sent(visit, 1)
    await visit.wait(IDLE_MS + 2 * HOUR_MS)
    await sweep(visit)
    visitor = (await visit.session()).visitor
    assert (await sent(visit, 1, 2, visitor=visitor))[1] == 1
    await visit.wait(IDLE_MS + DAY_MS)
    await sent(visit, 3)
    await visit.wait(IDLE_MS)
    record = await visit.store.visitor("w", visitor)
    assert record is not None
    assert decode_profile(record.profile).loads["pageload"].ranges == (3, 3)


async def test_the_known_visitor_s_session_knows_what_the_browser_s_had(visit: World) -> None:
    first, _ = await sent(visit, 1, 2, visitor="browser")
    await link_user(visit.store, "w", "u1", "known", "browser")
    await sent(visit, 3)
    visit.clock.advance(IDLE_MS)
    second, repeats = await sent(visit, 1, 2, 3, 4, visitor="browser")
    assert (first.visitor, second.visitor, repeats) == ("browser", "known", 3)


async def test_a_closed_session_leaves_what_it_had_to_the_next(visit: World) -> None:
    first, _ = await sent(visit, 1, 2)
    await visit.runtime.close_session(first, "api")
    second, repeats = await sent(visit, 2, 3)
    assert (second == first, repeats) == (False, 1)


@pytest.mark.parametrize("load", ["pageload", "loadpage"])
async def test_what_came_to_an_ended_session_beside_its_next_one_counts_once(
    visit: World, load: str
) -> None:
    first, _ = await sent(visit, 1, 2)
    await visit.runtime.close_session(first, "api")
    second, _ = await sent(visit, 3)
    late = Event(f"{load}-9", "click", visit.clock.now_ms(), sequence=9)
    for ref, repeats in ((first, 0), (second, 1), (first, 1)):
        tracked = await visit.runtime.track(ref, "site", [late], ClientContext())
        assert tracked.duplicates == repeats
