"""A merge and an erasure at once: whichever comes first, nothing of who was erased is left with anybody."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import cast

import pytest

from engine.conversations.agent_sessions import AgentSessions
from engine.conversations.bookings import Bookings
from engine.conversations.desk import Desk
from engine.conversations.voice import Voice
from engine.custody import Custody
from engine.errors import StoreUnavailable
from engine.identity import carry_spend, link_user
from engine.profile import Profile
from engine.stores.base import Store
from engine.stores.codec import decode_profile, encode_profile
from tests.engine.world import HELP, SECRET, World, world
from tests.faults.server import Single

pytestmark = pytest.mark.anyio

BROWSER, KNOWN = "vis_browser", "vis_known"
CANARY = "canary@example.test"
ROUNDS_MAX = 100


@pytest.fixture(params=["memory:", "sqlite", "redis"])
async def shop(
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
        yield running


class Interrupted:
    """A store during whose call of a number something else is done, from its beginning to its end."""

    def __init__(self, store: Store, number: int, other: Callable[[], Awaitable[object]]) -> None:
        self._store = store
        self._number = number
        self._other = other
        self.calls = 0

    def __getattr__(self, name: str) -> object:
        known: object = getattr(self._store, name)
        if name not in ("visitor", "put_profile", "get_doc", "put_doc", "erase"):
            return known
        call = cast("Callable[..., Awaitable[object]]", known)

        async def interrupted(*args: object, **given: object) -> object:
            self.calls += 1
            if self.calls == self._number:
                await self._other()
            return await call(*args, **given)

        return interrupted


def custody_of(shop: World, store: Store) -> Custody:
    runtime, clock = shop.runtime, shop.clock
    return Custody(
        store=store,
        runtime=runtime,
        clock=clock,
        secret=SECRET,
        bookings=Bookings(store, runtime, clock, SECRET, {}),
        voice=Voice(store, clock, {}),
        desk=Desk(store, runtime, clock, {}),
        agent_sessions=AgentSessions(store),
    )


async def begin(shop: World, workspace: str) -> None:
    """Let a browser and a known visitor be there, each with something of their own."""
    for visitor in (BROWSER, KNOWN):
        profile = Profile(visitor, contact={"email": f"{visitor} {CANARY}"})
        await shop.store.put_profile(workspace, visitor, encode_profile(profile), 0)


async def link(store: Store, workspace: str) -> bool:
    return await link_user(store, workspace, "u1", KNOWN, BROWSER)


async def is_forgotten(shop: World, workspace: str, erased: str) -> None:
    """See that nobody's profile has anything of who was erased."""
    other = BROWSER if erased == KNOWN else KNOWN
    assert await shop.store.visitor(workspace, erased) is None
    record = await shop.store.visitor(workspace, other)
    if record is not None:
        assert erased.encode() not in record.profile
        assert not decode_profile(record.profile).is_sealed


@pytest.mark.parametrize("erased", [BROWSER, KNOWN])
async def test_an_erasure_at_any_instant_of_a_merge_leaves_nothing(
    shop: World, erased: str
) -> None:
    for number in count(1):
        workspace = f"w{number}"
        await begin(shop, workspace)

        async def erase(workspace: str = workspace) -> None:
            assert await custody_of(shop, shop.store).erase(workspace, erased) is not None

        interrupted = Interrupted(shop.store, number, erase)
        is_linked = await link(cast("Store", interrupted), workspace)
        if interrupted.calls < number:
            break
        assert not is_linked
        await is_forgotten(shop, workspace, erased)
    assert 5 < number < ROUNDS_MAX


@pytest.mark.parametrize("erased", [BROWSER, KNOWN])
async def test_a_merge_at_any_instant_of_an_erasure_leaves_nothing(
    shop: World, erased: str
) -> None:
    for number in count(1):
        workspace = f"w{number}"
        await begin(shop, workspace)

        async def merge(workspace: str = workspace) -> None:
            await link(shop.store, workspace)

        interrupted = Interrupted(shop.store, number, merge)
        custody = custody_of(shop, cast("Store", interrupted))
        assert await custody.erase(workspace, erased) is not None
        if interrupted.calls < number:
            break
        await is_forgotten(shop, workspace, erased)
    assert 5 < number < ROUNDS_MAX


async def _fail() -> None:
    raise StoreUnavailable("unknown", 1)


async def test_a_merge_that_broke_off_is_found_by_an_erasure(shop: World) -> None:
    for number in count(1):
        workspace = f"w{number}"
        await begin(shop, workspace)
        interrupted = Interrupted(shop.store, number, _fail)
        try:
            await link(cast("Store", interrupted), workspace)
            break
        except StoreUnavailable:
            await custody_of(shop, shop.store).erase(workspace, BROWSER)
            await is_forgotten(shop, workspace, BROWSER)
    assert 5 < number < ROUNDS_MAX


async def _erase_twice(shop: World, workspace: str, number: int, last: int) -> tuple[bool, bool]:
    """Erase a browser; at one call it is linked, and erased by another that breaks off at its `last` call.

    Returns:
        Whether either had so many calls.
    """
    await begin(shop, workspace)
    other = Interrupted(shop.store, last, _fail)

    async def link_and_erase() -> None:
        await link(shop.store, workspace)
        with suppress(StoreUnavailable):
            await custody_of(shop, cast("Store", other)).erase(workspace, BROWSER)

    one = Interrupted(shop.store, number, link_and_erase)
    custody = custody_of(shop, cast("Store", one))
    if await custody.erase(workspace, BROWSER) is None:
        await custody.tidy([workspace])
    await is_forgotten(shop, workspace, BROWSER)
    return one.calls >= number, other.calls >= last


async def test_of_two_erasures_at_once_either_takes_all_that_the_other_found() -> None:
    async with world(HELP) as shop:
        for number in count(1):
            for last in count(1):
                is_met, breaks = await _erase_twice(shop, f"w{number}-{last}", number, last)
                if not breaks:
                    break
            if not is_met:
                break
        assert 5 < number < ROUNDS_MAX


async def test_a_spend_that_is_carried_while_its_person_is_erased_brings_nothing_back(
    shop: World,
) -> None:
    for number in count(1):
        workspace = f"w{number}"
        await begin(shop, workspace)
        assert await link(shop.store, workspace)

        async def erase(workspace: str = workspace) -> None:
            await custody_of(shop, shop.store).erase(workspace, BROWSER)

        interrupted = Interrupted(shop.store, number, erase)
        await carry_spend(cast("Store", interrupted), workspace, BROWSER)
        if interrupted.calls < number:
            break
        for visitor in (BROWSER, KNOWN):
            assert await shop.store.visitor(workspace, visitor) is None
    assert 2 < number < ROUNDS_MAX


async def test_who_was_erased_is_not_linked_and_nobody_is_kept_for_a_day(shop: World) -> None:
    await begin(shop, "w")
    custody = custody_of(shop, shop.store)
    assert await custody.erase("w", KNOWN) is not None
    assert not await link(shop.store, "w")
    await is_forgotten(shop, "w", KNOWN)
    assert await custody.erase("w", BROWSER) is not None
    assert not await link(shop.store, "w")
    await is_forgotten(shop, "w", BROWSER)
