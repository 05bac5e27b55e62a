"""What arrives, made ready for the fold: duplicates out, future times to now, in the order of arrival.

One event id has one effect per visitor for 24 h (STORES.md 3). Ids of our own widget,
`<8 characters of the page load>-<number>`, are kept as ranges in the session, and those of ended sessions in
the profile; any other id is hashed to 63 bits and checked by the store inside the commit.
"""

from collections.abc import Sequence
from hashlib import blake2b
from struct import unpack

import msgspec

from engine.events import Event
from engine.limits import EVENT_AGE_MS_MAX, LOAD_RANGES_MAX, LOADS_MAX
from engine.page_loads import PastLoads, is_within, was_taken
from engine.session import Session

_LOAD_CHARS = 8
_WIDGET_ID_CHARS_MAX = 2 * _LOAD_CHARS + 1
_NO_NUMBER = ("", 0)
_HASH_MASK = (1 << 63) - 1
_NONE: PastLoads = {}


class Admission(msgspec.Struct, frozen=True):
    """Events to fold, how many were repeats, and the foreign ids that the commit has to check."""

    events: tuple[Event, ...]
    duplicates: int
    seen: tuple[int, ...]


def admit_events(
    session: Session,
    events: Sequence[Event],
    now_ms: int,
    repeated: frozenset[int] = frozenset(),
    past: PastLoads = _NONE,
) -> Admission:
    """Drop repeats and bring times into [now - 24 h, now]. Widget ids are noted in the session.

    Args:
        repeated: hashes of foreign ids that the store has answered as seen before.
        past: what earlier sessions of the visitor had of our own widget's page loads.
    """
    is_sure = not past and not session.closed
    if is_sure and len(events) == 1 and _is_next(session, events[0], now_ms):
        return Admission(tuple(events), 0, ())
    marks = _new_foreign(session, events, now_ms, repeated)
    if marks is not None:
        return Admission(tuple(events), 0, marks)
    unsure = frozenset[str]() if is_sure else _unsure_loads(session, events, past)
    fresh: list[Event] = []
    seen: list[int] = []
    known: set[int | None] = set(repeated)
    duplicates = 0
    earliest_ms = now_ms - EVENT_AGE_MS_MAX
    for event in events:
        own = event.id
        load, number = _NO_NUMBER if len(own) > _WIDGET_ID_CHARS_MAX else widget_number(own)
        is_checked = load in unsure if load else own
        mark = id_hash(session.workspace, session.visitor, own) if is_checked else None
        is_repeat = mark in known or (load and was_taken(past, load, number))
        if is_repeat or (load and not note_number(session, load, number)):
            duplicates += 1
            continue
        if mark is not None:
            known.add(mark)
            seen.append(mark)
        fresh.append(event if earliest_ms <= event.at_ms <= now_ms else _in_time(event, now_ms))
    return Admission(tuple(fresh), duplicates, tuple(seen))


def _new_foreign(
    session: Session, events: Sequence[Event], now_ms: int, repeated: frozenset[int]
) -> tuple[int, ...] | None:
    """Hash the ids of events that are all foreign, in time and new, as most are; None: not all of them are."""
    if not events or len(events[0].id) <= _WIDGET_ID_CHARS_MAX:
        # Our own widget's batches are told apart by their first event already.
        return None
    ids = [event.id for event in events]
    if min(map(len, ids)) <= _WIDGET_ID_CHARS_MAX:
        return None
    times = [event.at_ms for event in events]
    if min(times) < now_ms - EVENT_AGE_MS_MAX or max(times) > now_ms:
        return None
    marks = _hashes(session.workspace, session.visitor, ids)
    is_new = len(set(marks)) == len(marks) and repeated.isdisjoint(marks)
    return tuple(marks) if is_new else None


def _unsure_loads(session: Session, events: Sequence[Event], past: PastLoads) -> frozenset[str]:
    """Name the page loads whose events the store checks too: those that may be in two sessions at once.

    A worker that has not heard of a session's end brings events to it while its next one runs elsewhere.
    """
    loads = {widget_number(event.id)[0] for event in events}
    if session.closed:
        return frozenset(loads)
    return frozenset(load for load in loads if load in past or load not in session.loads)


def first_new_ms(session: Session | None, events: Sequence[Event]) -> int | None:
    """Return the time of the earliest event that is no known repeat; None when all are."""
    times: list[int] = []
    for event in events:
        load, number = widget_number(event.id)
        ranges = session.loads.get(load, []) if session is not None and load else []
        if not is_within(ranges, number):
            times.append(event.at_ms)
    return min(times, default=None)


def widget_number(event_id: str) -> tuple[str, int]:
    """Split an id of our own widget into page load and number; ("", 0) for any other id."""
    if len(event_id) <= _LOAD_CHARS + 1 or event_id[_LOAD_CHARS] != "-":
        return "", 0
    digits = event_id[_LOAD_CHARS + 1 :]
    if not (digits.isascii() and digits.isdigit()) or len(digits) > _LOAD_CHARS:
        return "", 0
    return event_id[:_LOAD_CHARS], int(digits)


def note_number(session: Session, load: str, number: int) -> bool:
    """Note an event number of a page load; False when it was noted before.

    Beyond the limits the oldest page load, or the lowest range, is forgotten: a repeat of it counts as new.
    """
    ranges = session.loads.get(load)
    if ranges is None:
        if len(session.loads) >= LOADS_MAX:
            del session.loads[next(iter(session.loads))]
        session.loads[load] = [number, number]
        return True
    if number == ranges[-1] + 1:
        ranges[-1] = number
        return True
    return _insert_number(ranges, number)


def _is_next(session: Session, event: Event, now_ms: int) -> bool:
    """Note an event that is the next of its page load, in time: the usual one, told apart quickly."""
    if not 0 <= now_ms - event.at_ms <= EVENT_AGE_MS_MAX:
        return False
    ranges = session.loads.get(event.id[:_LOAD_CHARS])
    if ranges is None or event.id[_LOAD_CHARS:] != f"-{ranges[-1] + 1}":
        return False
    ranges[-1] += 1
    return True


def _insert_number(ranges: list[int], number: int) -> bool:
    place = 0
    while place < len(ranges) and ranges[place + 1] < number:
        place += 2
    if place < len(ranges) and ranges[place] <= number:
        return False
    ranges[place:place] = [number, number]
    if place + 2 < len(ranges) and ranges[place + 2] == number + 1:
        del ranges[place + 1 : place + 3]
    if place and ranges[place - 1] == number - 1:
        del ranges[place - 1 : place + 1]
    if len(ranges) > 2 * LOAD_RANGES_MAX:
        del ranges[:2]
    return True


def id_hash(workspace: str, visitor: str, event_id: str) -> int:
    """Hash a foreign event id of a visitor to 63 bits."""
    return _hashes(workspace, visitor, (event_id,))[0]


def _hashes(workspace: str, visitor: str, ids: Sequence[str]) -> list[int]:
    """Hash ids of one visitor; what is the same in all is hashed once."""
    copy = blake2b(f"{workspace}\x1f{visitor}\x1f".encode(), digest_size=8).copy
    digests: list[bytes] = []
    for one in ids:
        whole = copy()
        whole.update(one.encode())
        digests.append(whole.digest())
    # Numbers are read out of all of them at once: one by one they cost as much as the hashing.
    return [number & _HASH_MASK for number in unpack(f">{len(ids)}Q", b"".join(digests))]


def _in_time(event: Event, now_ms: int) -> Event:
    """Bring the time of an event that is too old, or of the future, into range."""
    at_ms = min(max(event.at_ms, now_ms - EVENT_AGE_MS_MAX), now_ms)
    return msgspec.structs.replace(event, at_ms=at_ms)
