"""Which events of a page load were taken in a visitor's earlier sessions: ids of our own widget, kept as ranges.

A page outlives the session that it began in, and a queue of events that could not be sent may come when its
session has ended. What a session knew goes to the profile when it ends (STORES.md 3, "Duplicates").
"""

from collections.abc import Mapping, Sequence

from engine.limits import LOAD_RANGES_MAX, LOADS_MAX, SEEN_KEPT_MS
from engine.profile import PastLoad

PastLoads = Mapping[str, PastLoad]


def was_taken(past: PastLoads, load: str, number: int) -> bool:
    """Tell whether an earlier session of the visitor had this event."""
    known = past.get(load)
    return known is not None and is_within(known.ranges, number)


def is_within(ranges: Sequence[int], number: int) -> bool:
    """Tell whether one of the ranges [first, last, first, last, ...] holds a number."""
    return any(low <= number <= high for low, high in zip(ranges[::2], ranges[1::2], strict=True))


def with_session(
    past: PastLoads, loads: Mapping[str, Sequence[int]], now_ms: int
) -> dict[str, PastLoad]:
    """Add what a session that ends now has taken; what ended a day ago is forgotten."""
    ended = {load: PastLoad(now_ms, tuple(ranges)) for load, ranges in loads.items()}
    kept = {load: one for load, one in past.items() if one.ended_ms > now_ms - SEEN_KEPT_MS}
    return joined_loads(kept, ended)


def joined_loads(one: PastLoads, other: PastLoads) -> dict[str, PastLoad]:
    """Put two accounts together, in any order the same; of more than the limit the newest stay."""
    joined = dict(one)
    for load, known in other.items():
        before = joined.get(load)
        joined[load] = known if before is None else _joined(before, known)
    newest = sorted(joined, key=lambda load: (joined[load].ended_ms, load))[-LOADS_MAX:]
    return {load: joined[load] for load in newest}


def _joined(one: PastLoad, other: PastLoad) -> PastLoad:
    pairs = sorted(
        pair
        for past in (one, other)
        for pair in zip(past.ranges[::2], past.ranges[1::2], strict=True)
    )
    ranges: list[int] = []
    for low, high in pairs:
        if ranges and low <= ranges[-1] + 1:
            ranges[-1] = max(ranges[-1], high)
        else:
            ranges += (low, high)
    return PastLoad(max(one.ended_ms, other.ended_ms), tuple(ranges[-2 * LOAD_RANGES_MAX :]))
