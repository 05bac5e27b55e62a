"""Telephone numbers lent to sessions: one's own again, a free one, or the one lent longest ago."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.conversations.voice import Lease, Leases, Pool, Voice, give_back, lend, live
from engine.stores.base import SessionRef
from engine.stores.open import open_store
from engine.testing.manual_clock import ManualClock

HOLD_MS = 600_000
POOL = Pool(("+14165550000", "+14165550001", "+14165550002"), HOLD_MS)
TEN = Pool(tuple(f"+1416555{number:04}" for number in range(10)), HOLD_MS)


def ref(name: object) -> SessionRef:
    return SessionRef("w", f"vis_{name}", f"chat_{name}")


def lent(leases: Leases, name: object, now_ms: int) -> tuple[Leases, str]:
    leases, lease = lend(leases, POOL, ref(name), now_ms)
    return leases, lease.number


def test_each_session_gets_a_number_of_its_own_while_there_are_any() -> None:
    leases, numbers = Leases(), []
    for name in range(3):
        leases, number = lent(leases, name, name)
        numbers.append(number)
    assert sorted(numbers) == sorted(POOL.numbers)


def test_asking_again_gives_the_same_number_and_holds_it_longer() -> None:
    leases, first = lend(Leases(), POOL, ref("a"), 0)
    leases, again = lend(leases, POOL, ref("a"), HOLD_MS - 1)
    assert (again.number, again.since_ms, again.lent_ms) == (first.number, 0, HOLD_MS - 1)
    assert live(leases, POOL, HOLD_MS) == (again,)


def test_when_all_are_lent_the_one_lent_longest_ago_is_taken() -> None:
    leases, first = lent(Leases(), "a", 0)
    leases, _ = lent(leases, "b", 1)
    leases, _ = lent(leases, "c", 2)
    leases, number = lent(leases, "d", 3)
    assert number == first
    assert {row.session for row in live(leases, POOL, 3)} == {"chat_b", "chat_c", "chat_d"}


def test_a_number_rests_as_long_as_others_are_free() -> None:
    leases, first = lent(Leases(), "a", 0)
    leases = give_back(leases, "chat_a")
    leases, second = lent(leases, "b", 1)
    leases, third = lent(leases, "c", 2)
    leases, again = lent(leases, "d", 3)
    assert len({first, second, third}) == 3
    assert again == first


def test_a_lease_ends_after_its_hold() -> None:
    leases, _ = lent(Leases(), "a", 0)
    assert len(live(leases, POOL, HOLD_MS - 1)) == 1
    assert live(leases, POOL, HOLD_MS) == ()


def test_a_number_that_left_the_pool_is_lent_no_more() -> None:
    leases, number = lent(Leases(), "a", 0)
    smaller = Pool(tuple(one for one in POOL.numbers if one != number), HOLD_MS)
    leases, lease = lend(leases, smaller, ref("a"), 1)
    assert lease.number != number
    assert [row.number for row in live(leases, smaller, 1)] == [lease.number]


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, HOLD_MS), st.booleans()), max_size=40))
def test_no_number_has_two_sessions_and_no_session_two_numbers(
    steps: list[tuple[int, int, bool]],
) -> None:
    leases, now_ms = Leases(), 0
    for name, pause_ms, is_over in steps:
        now_ms += pause_ms
        before = {row.number for row in live(leases, POOL, now_ms)}
        if is_over:
            leases = give_back(leases, f"chat_{name}")
        else:
            leases, lease = lend(leases, POOL, ref(name), now_ms)
            holds = live(leases, POOL, now_ms)
            assert lease in holds
            is_new = lease.since_ms == now_ms and lease.number in before
            assert not is_new or len(before) == len(POOL.numbers) or pause_ms == 0
        rows = live(leases, POOL, now_ms)
        assert len({row.number for row in rows}) == len(rows)
        assert len({row.session for row in rows}) == len(rows)


# ---- the shell

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def voice(
    url: str = "memory:", pool: Pool | None = TEN
) -> AsyncIterator[tuple[Voice, ManualClock]]:
    clock = ManualClock()
    store = await open_store(url, clock=clock.now_ms)
    try:
        yield Voice(store, clock, {"w": pool} if pool else {}), clock
    finally:
        await store.close()


@pytest.mark.parametrize("store", ["memory:", "sqlite:"])
async def test_fifty_at_once_on_a_pool_of_ten_all_get_a_number(store: str, tmp_path: Path) -> None:
    url = store if store == "memory:" else f"sqlite:///{tmp_path}/voice.db"
    async with voice(url) as (lender, clock):
        leases = await asyncio.gather(*(lender.lend(ref(number)) for number in range(50)))
        given_out = [lease for lease in leases if lease is not None]
        assert len(given_out) == 50
        assert {lease.number for lease in given_out} == set(TEN.numbers)
        for number in TEN.numbers:
            newest = [lease for lease in given_out if lease.number == number][-1]
            holder = await lender.holder("w", number)
            assert holder is not None
            assert holder.session == newest.session
        assert len(await lender.lent("w")) == 10
        clock.advance(HOLD_MS)
        assert await lender.lent("w") == ()


async def test_a_returned_number_is_free_and_returning_it_twice_is_nothing() -> None:
    async with voice() as (lender, _):
        lease = await lender.lend(ref("a"))
        assert isinstance(lease, Lease)
        await lender.returned(ref("a"))
        await lender.returned(ref("a"))
        assert await lender.lent("w") == ()
        assert await lender.holder("w", lease.number) is None


async def test_without_numbers_nothing_is_lent() -> None:
    async with voice(pool=None) as (lender, _):
        assert await lender.lend(ref("a")) is None
        await lender.returned(ref("a"))
        assert await lender.lent("w") == ()


async def test_who_has_a_number_is_known_after_a_restart(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/voice.db"
    async with voice(url) as (lender, _):
        lease = await lender.lend(ref("a"))
        assert lease is not None
    async with voice(url) as (lender, _):
        assert await lender.holder("w", lease.number) == ref("a")
        assert await lender.lend(ref("a")) == lease


async def test_workspaces_do_not_share_their_numbers() -> None:
    async with voice() as (lender, _):
        lease = await lender.lend(ref("a"))
        assert lease is not None
        assert await lender.holder("other", lease.number) is None
        assert await lender.lend(SessionRef("other", "v", "s")) is None
