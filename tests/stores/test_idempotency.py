"""What every store promises of an Idempotency-Key: one run at a time, one answer for a day."""

import asyncio

import pytest

from engine.errors import StoreUnavailable
from engine.limits import ANSWER_BYTES_MAX, IDEMPOTENCY_KEPT_MS
from engine.stores import locks
from engine.stores.base import Begun, InProgress, KeyReused, Replayed, Store
from engine.stores.memory import answers as memory_answers
from engine.stores.memory.store import MemoryStore
from tests.stores.steps import SteppedClock

pytestmark = pytest.mark.anyio
KEY, BODY, OTHER_BODY = b"key", b"hash", b"other hash"


async def test_of_many_at_once_one_begins_and_the_others_wait(store: Store) -> None:
    answers = await asyncio.gather(*[store.idem_begin(KEY, BODY) for _ in range(50)])
    assert answers.count(Begun()) == 1
    assert answers.count(InProgress()) == 49


async def test_the_answer_that_was_given_is_given_again(store: Store) -> None:
    await store.idem_begin(KEY, BODY)
    await store.idem_end(KEY, BODY, (201, b"answer"))
    answers = await asyncio.gather(*[store.idem_begin(KEY, BODY) for _ in range(50)])
    assert answers == [Replayed(201, b"answer")] * 50


async def test_another_body_under_the_key_is_refused_while_it_runs_and_after(store: Store) -> None:
    await store.idem_begin(KEY, BODY)
    assert await store.idem_begin(KEY, OTHER_BODY) == KeyReused()
    await store.idem_end(KEY, BODY, (200, b"answer"))
    assert await store.idem_begin(KEY, OTHER_BODY) == KeyReused()
    assert await store.idem_begin(KEY, BODY) == Replayed(200, b"answer")


async def test_a_key_that_is_released_unused_is_new_again(store: Store) -> None:
    await store.idem_begin(KEY, BODY)
    await store.idem_end(KEY, BODY, None)
    assert await store.idem_begin(KEY, OTHER_BODY) == Begun()


async def test_a_lock_that_expired_may_be_taken_again(store: Store, clock: SteppedClock) -> None:
    await store.idem_begin(KEY, BODY, lock_ms=1_000)
    clock.now_ms += 999
    assert await store.idem_begin(KEY, BODY) == InProgress()
    clock.now_ms += 1
    assert await store.idem_begin(KEY, BODY) == Begun()
    assert await store.idem_begin(KEY, BODY) == InProgress()


async def test_a_late_end_does_not_release_the_run_of_another_body(
    store: Store, clock: SteppedClock
) -> None:
    await store.idem_begin(KEY, BODY, lock_ms=1_000)
    clock.now_ms += 1_000
    await store.idem_begin(KEY, OTHER_BODY)
    await store.idem_end(KEY, BODY, None)
    assert await store.idem_begin(KEY, OTHER_BODY) == InProgress()


async def test_the_first_answer_stays(store: Store) -> None:
    await store.idem_end(KEY, BODY, (200, b"first"))
    await store.idem_end(KEY, BODY, (200, b"second"))
    assert await store.idem_begin(KEY, BODY) == Replayed(200, b"first")


async def test_an_answer_is_kept_for_a_day_also_without_a_sweep(
    store: Store, clock: SteppedClock
) -> None:
    await store.idem_end(KEY, BODY, (200, b"answer"))
    clock.now_ms += IDEMPOTENCY_KEPT_MS - 1
    assert await store.idem_begin(KEY, BODY) == Replayed(200, b"answer")
    clock.now_ms += 1
    assert await store.idem_begin(KEY, BODY) == Begun()
    await store.idem_end(KEY, BODY, (200, b"next"))
    assert await store.idem_begin(KEY, BODY) == Replayed(200, b"next")


async def test_an_answer_over_its_limit_is_not_kept(store: Store) -> None:
    await store.idem_begin(KEY, BODY)
    await store.idem_end(KEY, BODY, (200, bytes(ANSWER_BYTES_MAX + 1)))
    assert await store.idem_begin(KEY, BODY) == Begun()
    await store.idem_end(KEY, BODY, (200, bytes(ANSWER_BYTES_MAX)))
    assert await store.idem_begin(KEY, BODY) == Replayed(200, bytes(ANSWER_BYTES_MAX))


async def test_keys_are_answered_apart(store: Store) -> None:
    await store.idem_end(KEY, BODY, (200, b"answer"))
    assert await store.idem_begin(b"another", BODY) == Begun()


async def test_more_keys_in_use_than_can_be_held_are_refused(
    embedded: Store, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "LOCKS_LEN_MAX", 2)
    store = embedded
    for key in (b"one", b"two"):
        assert await store.idem_begin(key, BODY, lock_ms=1_000) == Begun()
    with pytest.raises(StoreUnavailable) as caught:
        await store.idem_begin(b"three", BODY)
    assert caught.value.outcome == "none"
    clock.now_ms += 1_000
    assert await store.idem_begin(b"three", BODY) == Begun()


async def test_the_memory_store_forgets_its_oldest_answers(
    clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_answers, "MEMORY_ANSWERS_BYTES_MAX", 10)
    store = MemoryStore(clock)
    for key in (b"one", b"two", b"three"):
        await store.idem_end(key, BODY, (200, b"12345"))
    assert await store.idem_begin(b"one", BODY) == Begun()
    assert await store.idem_begin(b"three", BODY) == Replayed(200, b"12345")
