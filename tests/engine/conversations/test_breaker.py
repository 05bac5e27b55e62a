"""A model that fails again and again is left in peace, then tried by one question."""

from engine.conversations.breaker import FAILURES_MAX, PEACE_MS, PEACE_MS_MAX, Breaker
from engine.testing.manual_clock import ManualClock


def broken() -> tuple[Breaker, ManualClock]:
    clock = ManualClock()
    breaker = Breaker(clock)
    for _ in range(FAILURES_MAX):
        assert breaker.lets_through()
        breaker.failed()
    return breaker, clock


def test_after_so_many_failures_it_is_left_in_peace() -> None:
    breaker, clock = broken()
    assert not breaker.lets_through()
    clock.advance(PEACE_MS - 1)
    assert not breaker.lets_through()
    clock.advance(1)
    assert breaker.lets_through()


def test_one_question_tries_whether_it_is_back() -> None:
    breaker, clock = broken()
    clock.advance(PEACE_MS)
    assert [breaker.lets_through() for _ in range(3)] == [True, False, False]
    breaker.succeeded()
    assert [breaker.lets_through() for _ in range(3)] == [True, True, True]


def test_a_try_that_fails_begins_the_pause_anew() -> None:
    breaker, clock = broken()
    clock.advance(PEACE_MS)
    assert breaker.lets_through()
    clock.advance(100)
    breaker.failed()
    clock.advance(PEACE_MS - 1)
    assert not breaker.lets_through()
    clock.advance(1)
    assert breaker.lets_through()


def test_an_answer_between_failures_forgives_them() -> None:
    breaker = Breaker(ManualClock())
    for _ in range(3):
        for _ in range(FAILURES_MAX - 1):
            breaker.failed()
        breaker.succeeded()
    assert breaker.lets_through()


def test_a_server_that_asks_for_peace_gets_some() -> None:
    clock = ManualClock()
    breaker = Breaker(clock)
    breaker.failed(retry_after_ms=5_000)
    assert not breaker.lets_through()
    clock.advance(5_000)
    assert breaker.lets_through()
    breaker.failed(retry_after_ms=PEACE_MS_MAX * 100)
    clock.advance(PEACE_MS_MAX)
    assert breaker.lets_through()
