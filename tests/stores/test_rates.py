"""What every store promises of rates: exact counts in fixed windows, refused calls in none."""

import asyncio

import pytest

from engine.errors import StoreUnavailable
from engine.stores import rates
from engine.stores.base import RateAnswer, RateAsk, RateState, Store
from engine.stores.rates import Rates
from tests.stores.steps import START_MS, SteppedClock

pytestmark = pytest.mark.anyio
MINUTE_MS = 60_000
HOUR_MS = 3_600_000


async def test_of_more_calls_than_the_limit_exactly_the_limit_passes(store: Store) -> None:
    ask = RateAsk("key", 1_000, MINUTE_MS)
    answers = await asyncio.gather(*[store.rate([ask]) for _ in range(1_200)])
    assert [answer.refused for answer in answers] == [None] * 1_000 + [0] * 200
    assert [answer.states[0].remaining for answer in answers[998:1_001]] == [1, 0, 0]


async def test_the_answer_says_limit_what_is_left_and_when_the_window_ends(store: Store) -> None:
    asks = [RateAsk("key", 5, MINUTE_MS), RateAsk("ws", 9, HOUR_MS)]
    # START_MS is the first instant of a minute and of an hour.
    assert await store.rate(asks) == RateAnswer(
        None, (RateState(5, 4, START_MS + MINUTE_MS), RateState(9, 8, START_MS + HOUR_MS))
    )


async def test_a_call_that_one_window_refuses_counts_in_none(store: Store) -> None:
    first, second = RateAsk("key", 9, MINUTE_MS), RateAsk("ws", 1, HOUR_MS)
    await store.rate([first, second])
    for _ in range(3):
        answer = await store.rate([first, second])
        assert answer.refused == 1
        assert [state.remaining for state in answer.states] == [8, 0]


async def test_a_window_begins_anew_at_its_multiple(store: Store, clock: SteppedClock) -> None:
    ask = RateAsk("key", 1, MINUTE_MS)
    clock.now_ms = START_MS + MINUTE_MS - 1
    assert (await store.rate([ask])).refused is None
    assert (await store.rate([ask])).refused == 0
    clock.now_ms += 1
    assert await store.rate([ask]) == RateAnswer(None, (RateState(1, 0, START_MS + 2 * MINUTE_MS),))


async def test_buckets_and_lengths_are_counted_apart(store: Store) -> None:
    for ask in (RateAsk("a", 1, MINUTE_MS), RateAsk("b", 1, MINUTE_MS), RateAsk("a", 1, HOUR_MS)):
        assert (await store.rate([ask])).refused is None


async def test_a_limit_of_nothing_refuses_everything(store: Store) -> None:
    assert (await store.rate([RateAsk("key", 0, MINUTE_MS)])).refused == 0


async def test_no_window_is_no_limit(store: Store) -> None:
    assert await store.rate([]) == RateAnswer(None, ())


async def test_a_lowered_limit_leaves_nothing_and_never_less(store: Store) -> None:
    for _ in range(3):
        await store.rate([RateAsk("key", 5, MINUTE_MS)])
    answer = await store.rate([RateAsk("key", 2, MINUTE_MS)])
    assert (answer.refused, answer.states[0].remaining) == (0, 0)


async def test_a_closed_store_counts_nothing(store: Store) -> None:
    await store.close()
    with pytest.raises(StoreUnavailable):
        await store.rate([RateAsk("key", 5, MINUTE_MS)])


def test_more_buckets_than_are_counted_begin_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "RATE_BUCKETS_MAX", 2)
    counted = Rates()
    for bucket in ("a", "b", "a", "c"):
        counted.count([RateAsk(bucket, 9, MINUTE_MS)], START_MS)
    left = {name: counted.count([RateAsk(name, 9, MINUTE_MS)], START_MS) for name in ("c", "b")}
    assert {name: answer.states[0].remaining for name, answer in left.items()} == {"c": 7, "b": 7}
    assert counted.count([RateAsk("a", 9, MINUTE_MS)], START_MS).states[0].remaining == 8


def test_windows_that_are_over_leave() -> None:
    counted = Rates()
    counted.count([RateAsk("a", 9, MINUTE_MS), RateAsk("a", 9, HOUR_MS)], START_MS)
    counted.sweep(START_MS + MINUTE_MS)
    assert list(counted._windows) == [HOUR_MS]
    counted.count([RateAsk("b", 9, HOUR_MS)], START_MS + HOUR_MS)
    assert list(counted._windows[HOUR_MS].calls) == ["b"]
