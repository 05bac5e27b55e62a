"""Who is refused while much is waiting, and that nothing is refused while little is."""

import pytest

from engine.events import Event
from server import admission
from server.admission import BYTES_WAITING_MAX, Admission, Place, Rank, rank_of
from server.errors import ApiError

TICK_S = 0.5


def refused(room: Admission, rank: Rank, events: int = 1, size_bytes: int = 100) -> int | None:
    """Try one write; returns the seconds after which it may come back, None when it is taken."""
    try:
        room.leave(room.enter(rank, events, size_bytes, f"session-{rank}"))
    except ApiError as error:
        return error.retry_after_s
    return None


def slow(waiting: int, done_a_tick: int) -> tuple[Admission, list[Place]]:
    """Make a worker that was busy for two seconds, and had so many writes waiting all the time."""
    room = Admission()
    places = [room.enter(Rank.ENGAGEMENT, 1, 100) for _ in range(waiting)]
    for _ in range(4):
        for _ in range(done_a_tick):
            room.leave(places.pop(0))
            places.append(room.enter(Rank.ENGAGEMENT, 1, 100))
        room.tick(TICK_S)
    return room, places


def test_an_idle_worker_refuses_nothing() -> None:
    room = Admission()
    for _ in range(6):
        room.tick(TICK_S)
        assert [refused(room, rank) for rank in Rank] == [None] * len(Rank)


def test_a_burst_that_is_committed_at_once_refuses_nothing() -> None:
    room = Admission()
    for _ in range(4):
        places = [room.enter(Rank.EVENT, 1, 100) for _ in range(2_000)]
        assert refused(room, Rank.HEARTBEAT) is None
        for place in places:
            room.leave(place)
        room.tick(TICK_S)
    assert room.wait_s == 0


def test_many_waiting_writes_of_a_fast_worker_refuse_nothing() -> None:
    room, _ = slow(waiting=200, done_a_tick=150)
    assert room.wait_s < 1
    assert refused(room, Rank.HEARTBEAT) is None


@pytest.mark.parametrize(
    ("waiting", "refused_ranks"),
    [
        (95, []),
        (110, [Rank.HEARTBEAT]),
        (130, [Rank.HEARTBEAT, Rank.UNHEARD]),
        (160, [Rank.HEARTBEAT, Rank.UNHEARD, Rank.EVENT]),
        (400, [Rank.HEARTBEAT, Rank.UNHEARD, Rank.EVENT, Rank.WORDS]),
    ],
)
def test_what_would_wait_over_a_second_is_refused_in_order(
    waiting: int, refused_ranks: list[Rank]
) -> None:
    room, _ = slow(waiting, done_a_tick=50)
    assert [rank for rank in Rank if refused(room, rank) is not None] == refused_ranks
    assert sum(room.refused.values()) == len(refused_ranks)


def test_who_is_refused_may_come_back_after_one_to_five_seconds_not_all_at_once() -> None:
    room, _ = slow(400, done_a_tick=50)
    seconds = set()
    for number in range(100):
        with pytest.raises(ApiError) as error:
            room.enter(Rank.EVENT, 1, 100, f"session-{number}")
        seconds.add(error.value.retry_after_s)
    assert seconds == {1, 2, 3, 4, 5}


def test_a_store_that_commits_nothing_refuses_new_events_after_a_second() -> None:
    room, _ = slow(waiting=2, done_a_tick=0)
    assert refused(room, Rank.EVENT) is not None
    assert refused(room, Rank.ENGAGEMENT) is None


def test_a_worker_recovers_by_itself_when_the_store_answers_again() -> None:
    room, places = slow(waiting=50, done_a_tick=0)
    assert refused(room, Rank.WORDS) is not None
    for place in places:
        room.leave(place)
    assert refused(room, Rank.HEARTBEAT) is None
    room.tick(TICK_S)
    assert (room.events, room.size_bytes, room.writes, room.wait_s) == (0, 0, 0, 0)


def test_more_events_than_may_wait_are_refused_but_for_words_and_engagement(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(admission, "EVENTS_WAITING_MAX", 10)
    monkeypatch.setattr(admission, "EVENTS_RESERVED", 2)
    room = Admission()
    place = room.enter(Rank.EVENT, 10, 100)
    assert refused(room, Rank.EVENT) == 1
    assert refused(room, Rank.HEARTBEAT) == 1
    assert refused(room, Rank.WORDS) is None
    assert refused(room, Rank.ENGAGEMENT, events=2) is None
    assert refused(room, Rank.ENGAGEMENT, events=3) == 1
    room.leave(place)
    assert refused(room, Rank.EVENT, events=10) is None


def test_more_bytes_than_may_wait_are_refused_whatever_they_say() -> None:
    room = Admission()
    room.enter(Rank.EVENT, 1, BYTES_WAITING_MAX - 10)
    assert refused(room, Rank.ENGAGEMENT, size_bytes=11) == 1
    assert refused(room, Rank.EVENT, size_bytes=10) is None


def test_more_handshakes_than_a_second_may_have_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(admission, "HANDSHAKES_PER_S", 8)
    room = Admission()
    for _ in range(4):
        room.open_socket()
    with pytest.raises(ApiError) as error:
        room.open_socket()
    assert error.value.status == 503
    room.tick(TICK_S)
    room.open_socket()


@pytest.mark.parametrize(
    ("names", "rank"),
    [
        (["heartbeat"], Rank.HEARTBEAT),
        (["activity", "heartbeat"], Rank.HEARTBEAT),
        (["activity", "click"], Rank.EVENT),
        (["view"], Rank.EVENT),
        (["click", "visitor_message"], Rank.WORDS),
        (["visitor_message", "reply_clicked"], Rank.ENGAGEMENT),
        (["message_dismissed"], Rank.ENGAGEMENT),
    ],
)
def test_events_rank_by_the_most_important_of_them(names: list[str], rank: Rank) -> None:
    assert rank_of([Event(id="", name=name, at_ms=0, tab="") for name in names]) is rank
