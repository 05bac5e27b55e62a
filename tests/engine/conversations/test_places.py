"""Places at an assistant: first come, first served, and how long it may take."""

from hypothesis import given
from hypothesis import strategies as st

from engine.conversations.places import (
    DEFAULT_HANDLING_MS,
    DURATIONS_LEN_MAX,
    WAITING_LEN_MAX,
    Guest,
    Places,
    Seat,
    enter,
    leave,
    position_of,
)


def guest(name: object, now_ms: int = 0) -> Guest:
    return Guest(f"chat_{name}", f"vis_{name}", now_ms)


def filled(*names: object, count: int = 1) -> Places:
    places = Places()
    for name in names:
        places, _ = enter(places, guest(name), count)
    return places


def gone(
    places: Places, *names: object, count: int = 1, now_ms: int = 0
) -> tuple[Places, list[str]]:
    sessions = frozenset(f"chat_{name}" for name in names)
    places, called = leave(places, sessions, count, now_ms)
    return places, [one.session for one in called]


def test_there_is_a_place_until_all_are_taken() -> None:
    places, seat = enter(filled("a", count=2), guest("b"), 2)
    assert seat == Seat(queued=False, estimated_wait_s=0)
    _, seat = enter(places, guest("c"), 2)
    assert seat.queued


def test_asking_again_changes_nothing() -> None:
    places = filled("a", "b", "c")
    for name, queued in (("a", False), ("b", True), ("c", True)):
        again, seat = enter(places, guest(name), 1)
        assert (again, seat.queued) == (places, queued)


def test_who_came_first_is_next() -> None:
    places, called = gone(filled("a", "b", "c"), "a")
    assert called == ["chat_b"]
    assert [one.session for one in places.waiting] == ["chat_c"]
    assert gone(places, "b")[1] == ["chat_c"]


def test_nobody_slips_in_before_those_who_wait() -> None:
    """A place that has just become free belongs to the line, also when its first does not know yet."""
    places = Places(seated=(), waiting=(guest("a"),))
    _, seat = enter(places, guest("b"), 1)
    assert seat.queued


def test_who_leaves_the_line_calls_nobody() -> None:
    places, called = gone(filled("a", "b", "c"), "b")
    assert called == []
    assert position_of(places, "chat_c") == 0


def test_more_places_call_more_and_fewer_drive_nobody_out() -> None:
    places = filled("a", "b", "c", "d")
    assert gone(places, count=3)[1] == ["chat_b", "chat_c"]
    wide = filled("a", "b", "c", count=3)
    places, called = gone(wide, "a", count=1)
    assert called == []
    assert len(places.seated) == 2


def test_the_first_estimate_is_the_usual_time_by_place_in_line() -> None:
    places = filled("a", "b", count=2)
    for position in (1, 2, 3):
        places, seat = enter(places, guest(position), 2)
        assert seat.estimated_wait_s == DEFAULT_HANDLING_MS // 1_000 * position // 2


def test_an_estimate_is_the_mean_of_late() -> None:
    places = filled("a")
    for number in range(DURATIONS_LEN_MAX + 5):
        took_ms = 1_000_000 if number < 5 else 60_000 + number
        places = Places((guest("a", 0),), (), places.durations_ms)
        places, _ = gone(places, "a", now_ms=took_ms)
    assert len(places.durations_ms) == DURATIONS_LEN_MAX
    assert max(places.durations_ms) < 1_000_000
    _, seat = enter(Places((guest("a"),), (), places.durations_ms), guest("b"), 1)
    assert seat.estimated_wait_s == 61


def test_a_full_line_keeps_its_order_and_forgets_nobody_in_it() -> None:
    line = tuple(guest(number) for number in range(WAITING_LEN_MAX))
    places = Places((guest("seated"),), line)
    after, seat = enter(places, guest("late"), 1)
    assert after == places
    assert seat.queued
    assert position_of(after, "chat_late") is None
    shorter, _ = gone(places, "seated")
    joined, _ = enter(shorter, guest("late"), 1)
    assert position_of(joined, "chat_late") == WAITING_LEN_MAX - 1


@given(st.integers(1, 4), st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=60))
def test_places_are_never_more_than_there_are_and_the_line_waits_for_one(
    count: int, steps: list[tuple[int, bool]]
) -> None:
    places, came = Places(), []
    for name, is_leaving in steps:
        session = f"chat_{name}"
        if is_leaving:
            places, called = leave(places, frozenset({session}), count, 0)
            came = [one for one in came if one != session]
            waited = [one.session for one in called]
            assert waited == [one for one in came if one in waited]
        else:
            places, _ = enter(places, guest(name), count)
            came = came if session in came else [*came, session]
        seated = [one.session for one in places.seated]
        waiting = [one.session for one in places.waiting]
        assert len(seated) <= count
        assert len(seated) == count or not waiting
        assert sorted(seated + waiting) == sorted(came)
        assert waiting == [one for one in came if one in waiting]
