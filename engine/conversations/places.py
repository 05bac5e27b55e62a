"""Places at an assistant as a value: who is served, who waits in which order, and how long it may take. Pure."""

import statistics

import msgspec

WAITING_LEN_MAX = 1_000
"""Sessions in one line; a further one is queued without a place in it and joins when it is heard of again.
test_a_full_line_keeps_its_order_and_forgets_nobody_in_it"""

DURATIONS_LEN_MAX = 50
"""Latest handling times that an estimate is made of; the oldest leave. test_an_estimate_is_the_mean_of_late"""

DEFAULT_HANDLING_MS = 120_000
"""What one conversation takes, until the first has ended."""


class Guest(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A session at an assistant; `since_ms` is when it came, then when it was seated."""

    session: str
    visitor: str
    since_ms: int


class Places(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One assistant's places: who is seated, who waits, first come first; handling times, latest last."""

    seated: tuple[Guest, ...] = ()
    waiting: tuple[Guest, ...] = ()
    durations_ms: tuple[int, ...] = ()


class Seat(msgspec.Struct, frozen=True, gc=False):
    """What a session gets: a place now, or a wait of about so many seconds."""

    queued: bool
    estimated_wait_s: int


def enter(places: Places, guest: Guest, count: int) -> tuple[Places, Seat]:
    """Seat a session at one of `count` places, or put it at the end of the line; again changes nothing."""
    if any(known.session == guest.session for known in places.seated):
        return places, Seat(queued=False, estimated_wait_s=0)
    position = position_of(places, guest.session)
    if position is None and not places.waiting and len(places.seated) < count:
        seated = (*places.seated, guest)
        return msgspec.structs.replace(places, seated=seated), Seat(False, 0)
    if position is None:
        position = len(places.waiting)
        if position < WAITING_LEN_MAX:
            places = msgspec.structs.replace(places, waiting=(*places.waiting, guest))
    return places, Seat(True, wait_s(places, position, count))


def leave(
    places: Places, sessions: frozenset[str], count: int, now_ms: int
) -> tuple[Places, tuple[Guest, ...]]:
    """Take sessions away and seat those who waited longest in their place; answer who was seated."""
    gone = [guest for guest in places.seated if guest.session in sessions]
    seated = tuple(guest for guest in places.seated if guest.session not in sessions)
    waiting = tuple(guest for guest in places.waiting if guest.session not in sessions)
    free = max(0, count - len(seated))
    called = tuple(msgspec.structs.replace(g, since_ms=now_ms) for g in waiting[:free])
    took = tuple(max(0, now_ms - guest.since_ms) for guest in gone)
    durations = (*places.durations_ms, *took)[-DURATIONS_LEN_MAX:]
    return Places((*seated, *called), waiting[free:], durations), called


def position_of(places: Places, session: str) -> int | None:
    """Return how many wait before a session; None when it is not in the line."""
    order = (index for index, guest in enumerate(places.waiting) if guest.session == session)
    return next(order, None)


def wait_s(places: Places, position: int, count: int) -> int:
    """Estimate a wait: `count` places become free one after the other in the mean handling time."""
    each_ms = DEFAULT_HANDLING_MS
    if places.durations_ms:
        each_ms = int(statistics.fmean(places.durations_ms))
    return max(1, -(-each_ms * (position + 1) // (max(1, count) * 1_000)))
