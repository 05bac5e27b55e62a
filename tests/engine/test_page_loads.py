"""What ended sessions had of a page load: kept as ranges, bounded, and the same however accounts meet."""

from hypothesis import given
from hypothesis import strategies as st

from engine.events import Event
from engine.intake import admit_events
from engine.limits import LOAD_RANGES_MAX, LOADS_MAX, SEEN_KEPT_MS
from engine.page_loads import PastLoads, joined_loads, was_taken, with_session
from engine.profile import PastLoad
from engine.session import Session, new_session

NOW_MS = 1_750_000_000_000
LOADS = ("pageload", "loadpage")
numbers = st.lists(st.integers(0, 2 * LOAD_RANGES_MAX - 1), max_size=30)
sessions = st.dictionaries(st.sampled_from(LOADS), numbers.filter(bool))


def session() -> Session:
    return new_session("w", "v", "chat_1", "s", NOW_MS)


def past_of(made: dict[str, list[int]], at_ms: int = NOW_MS) -> dict[str, PastLoad]:
    """Let a session take these numbers, and end."""
    running = session()
    for load, taken in made.items():
        for number in taken:
            admit_events(running, [Event(f"{load}-{number}", "click", NOW_MS)], NOW_MS)
    return with_session({}, running.loads, at_ms)


@given(sessions, sessions, numbers)
def test_what_any_session_had_is_a_repeat_and_nothing_else(
    one: dict[str, list[int]], other: dict[str, list[int]], asked: list[int]
) -> None:
    past = joined_loads(past_of(one), past_of(other, NOW_MS + 1))
    later, had = session(), {load: {*one.get(load, ()), *other.get(load, ())} for load in LOADS}
    for number in asked:
        for load in LOADS:
            event = Event(f"{load}-{number}", "click", NOW_MS)
            admitted = admit_events(later, [event], NOW_MS, past=past)
            assert len(admitted.events) == (number not in had[load])
            had[load].add(number)


@given(st.lists(sessions, min_size=2, max_size=3))
def test_the_order_in_which_accounts_meet_says_nothing(made: list[dict[str, list[int]]]) -> None:
    pasts: list[PastLoads] = [past_of(one, NOW_MS + at) for at, one in enumerate(made)]
    forth = joined_loads(joined_loads(pasts[0], pasts[-1]), pasts[1])
    back = joined_loads(pasts[1], joined_loads(pasts[-1], pasts[0]))
    assert forth == back == joined_loads(forth, pasts[0])


def test_the_newest_page_loads_and_ranges_stay() -> None:
    past: PastLoads = {}
    for load in range(LOADS_MAX + 1):
        past = joined_loads(past, past_of({f"load{load:04}": [1]}, NOW_MS + load))
    assert len(past) == LOADS_MAX
    assert not was_taken(past, "load0000", 1)
    assert was_taken(past, f"load{LOADS_MAX:04}", 1)
    odd = past_of({"pageload": [2 * n for n in range(LOAD_RANGES_MAX)]})
    more = past_of({"pageload": [2 * n + 100 for n in range(LOAD_RANGES_MAX)]})
    assert joined_loads(odd, more) == more


def test_a_day_after_a_session_ended_its_page_loads_are_forgotten_with_the_next_end() -> None:
    past = past_of({"pageload": [1]})
    kept = with_session(past, {"loadpage": [1, 1]}, NOW_MS + SEEN_KEPT_MS - 1)
    assert set(kept) == {"pageload", "loadpage"}
    assert set(with_session(past, {"loadpage": [1, 1]}, NOW_MS + SEEN_KEPT_MS)) == {"loadpage"}
