"""A day's tokens: counted by commits, shared by workers, ended by the limit, begun anew at midnight UTC."""

from collections.abc import AsyncIterator

import pytest

from engine.conversations.orders import Post
from engine.conversations.token_budget import READ_EVERY_MS, TokenBudget
from engine.counts import tokens_count
from engine.stores.days import utc_day
from tests.engine.world import HELP, World, world

pytestmark = pytest.mark.anyio
DAY_MS = 86_400_000


@pytest.fixture
async def shop() -> AsyncIterator[World]:
    async with world(HELP) as made:
        yield made


def budget(shop: World, per_day: int = 100, assistant: str = "asst") -> TokenBudget:
    return TokenBudget(shop.store, shop.clock, "w", assistant, per_day=per_day)


async def answered(
    shop: World, tokens: int, post_id: str = "msg_1", assistant: str = "asst"
) -> None:
    ref = await shop.session()
    await shop.view(ref, "/")
    await shop.runtime.say(ref, "Hello")
    post = Post(post_id, "assistant", "Hi", model="m", tokens=tokens, assistant=assistant)
    await shop.runtime.post(ref, post)
    await shop.runtime.post(ref, post)


async def test_a_reply_s_commit_counts_what_it_cost_once(shop: World) -> None:
    await answered(shop, 60)
    await answered(shop, 20, "msg_2")
    await answered(shop, 500, "msg_3", "asst2")
    day = utc_day(shop.clock.now_ms())
    counts = await shop.store.counts("w", [day], tokens_count("asst"))
    assert counts == {tokens_count("asst"): 80, tokens_count("asst2"): 500}


async def test_the_answer_that_reaches_the_limit_is_the_last(shop: World) -> None:
    own = budget(shop)
    assert await own.take(30)
    own.settle(30, 99)
    assert await own.take(30)
    own.settle(30, 1)
    assert not await own.take(1)


async def test_what_is_under_way_counts_as_if_it_were_spent(shop: World) -> None:
    own = budget(shop)
    assert await own.take(100)
    assert not await own.take(100)
    own.settle(100, 10)
    assert await own.take(100)


async def test_what_other_workers_spent_is_seen_after_a_while(shop: World) -> None:
    own = budget(shop)
    assert await own.take(1)
    own.settle(1, 1)
    await answered(shop, 100)
    assert await own.take(0)
    shop.clock.advance(READ_EVERY_MS)
    assert not await own.take(0)
    assert await budget(shop, assistant="asst2").take(0)


async def test_what_was_spent_and_never_counted_is_not_forgotten(shop: World) -> None:
    own = budget(shop)
    assert await own.take(10)
    own.settle(10, 100)
    shop.clock.advance(READ_EVERY_MS)
    assert not await own.take(0)


async def test_a_new_day_begins_at_midnight_of_utc(shop: World) -> None:
    own = budget(shop)
    assert await own.take(10)
    own.settle(10, 100)
    now_ms = shop.clock.now_ms()
    shop.clock.set(now_ms // DAY_MS * DAY_MS + DAY_MS - 1)
    assert not await own.take(0)
    shop.clock.advance(1)
    assert await own.take(0)


async def test_without_a_limit_nothing_is_read(shop: World) -> None:
    own = budget(shop, 0)
    await shop.store.close()
    assert await own.take(10**9)
    own.settle(10**9, 10**9)
    assert await own.take(10**9)


async def test_a_store_that_does_not_answer_leaves_what_is_known(shop: World) -> None:
    own = budget(shop)
    assert await own.take(10)
    own.settle(10, 50)
    await shop.store.close()
    shop.clock.advance(READ_EVERY_MS)
    assert await own.take(50)
    assert not await own.take(1)
