"""How the Redis store puts the lists of its partitions together: whole, in order, each row once."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.limits import FAN_OUT_MAX
from engine.stores.records import (
    Committed,
    DecisionFilter,
    DecisionLine,
    SessionRef,
)
from engine.stores.redis.merge import SLICE_LEN_MAX, Row, merged
from engine.stores.redis.reads import first_slice
from engine.stores.redis.store import RedisStore
from tests.faults.server import Single
from tests.stores.steps import START_MS, SteppedClock, step

pytestmark = pytest.mark.anyio
PARTS = st.lists(st.lists(st.integers(0, 40), max_size=12, unique=True), min_size=1, max_size=4)


@pytest.fixture
async def store(valkey: Single, clock: SteppedClock) -> AsyncIterator[RedisStore]:
    valkey.flush()
    opened = await RedisStore.open(valkey.url, clock=clock)
    yield opened
    await opened.close()


@given(parts=PARTS, first_len=st.integers(1, 5), is_down=st.booleans())
def test_partitions_are_merged_in_order_and_each_row_comes_once(
    parts: list[list[int]], first_len: int, is_down: bool
) -> None:
    rows = [
        sorted((Row(score % 7, b"%02d" % score, place) for score in of_one), reverse=is_down)
        for place, of_one in enumerate(parts)
    ]
    asked: list[int] = []

    async def fetch(partition: int, last: Row | None, count: int) -> Sequence[Row]:
        asked.append(count)
        begin = 0 if last is None else rows[partition].index(last) + 1
        return rows[partition][begin : begin + count]

    async def collect() -> list[Row]:
        stream = merged(range(len(parts)), fetch, first_len=first_len, is_down=is_down)
        return [row async for row in stream]

    wanted = sorted((row for of_one in rows for row in of_one), reverse=is_down)
    assert asyncio.run(collect()) == wanted
    assert max(asked) <= SLICE_LEN_MAX


def test_a_page_asks_each_partition_for_little_more_than_its_share() -> None:
    assert first_slice(50, 1) == 50
    assert first_slice(50, 256) == 4
    assert first_slice(500, 16) == 66


async def test_a_default_deployment_has_256_partitions(store: RedisStore) -> None:
    assert store.partitions == 256
    refs = [SessionRef("ws_a", f"visitor_{n}", f"chat_{n:03}") for n in range(300)]
    answers = await asyncio.gather(*(store.commit(step(0, ref)) for ref in refs))
    assert {type(answer) for answer in answers} == {Committed}
    assert len({store.partition_of("ws_a", ref.visitor) for ref in refs}) > 150
    assert await store.list_sessions("ws_a", None, 300) == tuple(reversed(refs))
    assert await store.list_sessions("ws_a", "chat_100", 100) == tuple(reversed(refs[:100]))
    shown = [ref async for ref, _ in store.scan("ws_a", 0, 2**60)]
    assert shown == refs


async def test_many_lists_at_once_leave_room_for_commits(store: RedisStore) -> None:
    ref = SessionRef("ws_a", "visitor_1", "chat_1")
    assert isinstance(await store.commit(step(0, ref)), Committed)
    most = 0

    async def watch() -> None:
        nonlocal most
        while True:
            most = max(most, store._client.waiting)
            await asyncio.sleep(0)

    watching = asyncio.create_task(watch())
    lists = [store.list_sessions("ws_a", None, 10) for _ in range(40)]
    *found, committed = await asyncio.gather(*lists, store.commit(step(1, ref)))
    watching.cancel()
    assert found == [(ref,)] * 40
    assert isinstance(committed, Committed)
    assert FAN_OUT_MAX / 2 < most <= FAN_OUT_MAX + 8


async def test_decisions_of_one_instant_are_paged_without_loss(store: RedisStore) -> None:
    for number in range(6):
        ref = SessionRef("ws_a", f"visitor_{number % 3}", f"chat_{number}")
        lines = tuple(
            DecisionLine(f"dec_{number}_{n:03}", START_MS + n % 2, "rule", "sent", b"why")
            for n in range(40)
        )
        await store.commit(step(0, ref, decisions=lines))
    found: list[str] = []
    cursor = None
    while True:
        page = await store.decisions("ws_a", DecisionFilter(), cursor, 7)
        found += [decision.line.id for decision in page.decisions]
        cursor = page.cursor
        if cursor is None:
            break
    assert len(found) == len(set(found)) == 240
    of_one = await store.decisions("ws_a", DecisionFilter(visitor="visitor_1"), None, 500)
    assert len(of_one.decisions) == 80


async def test_pages_within_a_time_are_whole(store: RedisStore) -> None:
    for number in range(20):
        ref = SessionRef("ws_a", f"visitor_{number}", f"chat_{number}")
        line = DecisionLine(f"dec_{number:02}", START_MS + number, "rule", "sent", b"why")
        await store.commit(step(0, ref, decisions=(line,)))
    wanted = DecisionFilter(since_ms=START_MS + 3, until_ms=START_MS + 15)
    first = await store.decisions("ws_a", wanted, None, 5)
    second = await store.decisions("ws_a", wanted, first.cursor, 50)
    found = [decision.line.id for page in (first, second) for decision in page.decisions]
    assert found == [f"dec_{number:02}" for number in range(14, 2, -1)]


async def test_a_journal_is_read_whole_while_it_grows_and_is_trimmed(
    store: RedisStore, valkey: Single
) -> None:
    ref = SessionRef("ws_a", "visitor_1", "chat_1")
    for expect in range(200):
        await store.commit(step(expect, ref))
    key = store._keys.of_session("j", ref)
    is_over = False

    async def disturb() -> None:
        expect = 200
        while not is_over:
            await store.commit(step(expect, ref))
            valkey.node.ask("LTRIM", key, 1, -1)
            expect += 1

    disturbing = asyncio.create_task(disturb())
    try:
        for _ in range(50):
            numbers = [entry.number for entry in await store.journal(ref, limit=150)]
            assert len(numbers) > 100
            assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    finally:
        is_over = True
        await disturbing
