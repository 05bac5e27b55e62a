"""What only Redis has to bear of calls: answers that were lost, windows in several places, full partitions."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from engine.errors import StoreUnavailable
from engine.limits import LOCKS_LEN_MAX
from engine.stores.base import Begun, DocConflict, InProgress, RateAsk
from engine.stores.partitions import PARTITIONS_MAX
from engine.stores.redis import guards as redis_guards
from engine.stores.redis.guards import LOCKS_LEN_MIN, locks_len_max
from engine.stores.redis.store import RedisStore
from tests.faults.server import Single
from tests.stores.redis.everything import all_keys
from tests.stores.steps import REF, SteppedClock

pytestmark = pytest.mark.anyio
MINUTE_MS = 60_000


@pytest.fixture
async def store(valkey: Single, clock: SteppedClock) -> AsyncIterator[RedisStore]:
    valkey.flush()
    opened = await RedisStore.open(valkey.url, clock=clock, partitions=64)
    yield opened
    await opened.close()


async def test_a_call_whose_answer_was_lost_is_answered_as_the_first_time(
    store: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is sent again is sent with the same name of its attempt.
    monkeypatch.setattr(store, "_attempt", lambda: "attempt")
    for _ in range(2):
        assert await store.put_doc("ws_a", "kind", "d", b"one", 0) == 1
        assert await store.put_profile("ws_a", REF.visitor, b"profile", 0) == 1
        assert await store.idem_begin(b"key", b"hash") == Begun()
    assert await store.changes(["ws_a"]) == {("ws_a", "kind"): 1}
    monkeypatch.setattr(store, "_attempt", lambda: "another")
    assert isinstance(await store.put_doc("ws_a", "kind", "d", b"one", 0), DocConflict)
    assert await store.idem_begin(b"key", b"hash") == InProgress()


async def test_every_attempt_has_a_name_of_its_own(store: RedisStore) -> None:
    assert len({store._attempt() for _ in range(100)}) == 100


async def test_a_workspace_s_window_counts_the_calls_of_all_its_keys(store: RedisStore) -> None:
    wide = RateAsk("ws|ws_a", 60, MINUTE_MS)
    for number in range(60):
        answer = await store.rate([RateAsk(f"key|{number}", 9, MINUTE_MS), wide])
        assert answer.refused is None
        assert answer.states[1].remaining == 59 - number
    assert (await store.rate([RateAsk("key|new", 9, MINUTE_MS), wide])).refused == 1


async def test_a_look_finds_the_windows_that_calls_were_counted_in(store: RedisStore) -> None:
    asks = [RateAsk("key|k", 9, MINUTE_MS), RateAsk("ws|ws_a", 60, MINUTE_MS)]
    await store.rate(asks)
    look = await store.rate([*asks, RateAsk("look", 0, MINUTE_MS)])
    assert [state.remaining for state in look.states] == [8, 59, 0]


async def test_a_session_s_window_is_found_alone_and_among_its_workspace_s(
    store: RedisStore,
) -> None:
    own, shared = RateAsk("chat|ws_a|s|chat_1", 9, MINUTE_MS), RateAsk("chat|ws_a", 60, MINUTE_MS)
    await store.rate([own])
    answer = await store.rate([own, shared])
    assert [state.remaining for state in answer.states] == [7, 59]


async def test_windows_leave_the_server_when_they_are_over(
    store: RedisStore, valkey: Single
) -> None:
    await store.rate([RateAsk("key|k", 9, MINUTE_MS)])
    (key,) = [key for key in all_keys(valkey) if b":rl:" in key]
    left_ms = valkey.node.ask("PTTL", key)
    assert isinstance(left_ms, int)
    assert 0 < left_ms <= 2 * MINUTE_MS


async def test_a_partition_refuses_more_keys_in_use_than_it_has_room_for(
    store: RedisStore, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_guards, "LOCKS_LEN_MAX", 2)
    monkeypatch.setattr(redis_guards, "LOCKS_LEN_MIN", 2)
    calls = [store.idem_begin(b"key %d" % number, b"hash", lock_ms=1_000) for number in range(300)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    refused = [one for one in answers if isinstance(one, StoreUnavailable)]
    assert {one.outcome for one in refused} == {"none"}
    assert 300 > len(refused) >= 300 - 2 * store.partitions
    assert answers.count(Begun()) + len(refused) == 300
    clock.now_ms += 1_000
    assert await store.idem_begin(b"key 299", b"hash") == Begun()


def test_every_partition_has_room_for_some_keys_in_use() -> None:
    assert locks_len_max(1) == LOCKS_LEN_MAX
    assert locks_len_max(PARTITIONS_MAX) == LOCKS_LEN_MIN
